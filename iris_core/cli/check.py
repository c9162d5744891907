"""What `iris check` prints: each plan once, with the exposures that it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from iris_core.cli.tables import print_errors, print_json, say
from iris_core.errors import some_of
from iris_core.plan import JobPlan, PlannedStep
from iris_core.prepare import Check
from iris_core.report import Job, Standing
from iris_core.workers.alike import by_text, with_others

# What is shown of a plan and compared with others: labels and texts.
Lines = tuple[tuple[str, str], ...]


def print_check(recipe: str, checked: Check, as_json: bool) -> None:
    """Print what would be done with the exposures, and everything that is wrong."""
    plans = checked.plans.values()
    if as_json:
        print_json(
            {
                "problems": [str(error) for error in checked.errors],
                "exposures": [*map(_plain, plans)],
                "standing": [_plain_standing(job, one) for job, one in checked.standing.items()],
            }
        )
        return
    same: dict[Lines, list[JobPlan]] = {}
    for plan in plans:
        same.setdefault(tuple(_lines(plan)), []).append(plan)
    if same:
        _print_plans(same)
    notes = by_text(([plan.job.path], note) for plan in plans for note in plan.notes)
    _say_some([f"note: {note} ({some_of(names)})" for note, names in notes], 10, "yellow")
    _print_standing(checked)
    bad = ((_files_of(job), str(error)) for job, errors in checked.bad.items() for error in errors)
    general = dict.fromkeys(map(str, checked.problems))
    print_errors("\n".join(general))
    for message, names in by_text((paths, text) for paths, text in bad if text not in general):
        print_errors(with_others(message, names))
    say(f"{recipe}: {_possible(checked)}{_count(len(checked.errors), 'error')} found", "green" if checked else "red")


def _print_standing(checked: Check) -> None:
    """Print how many products are kept; why the others are made is told by warnings."""
    if checked.standing:
        kept = sum(one.kept is not None for one in checked.standing.values())
        say(f"{kept} of {_count(len(checked.standing), 'product')} kept, {len(checked.standing) - kept} to be made")


def _possible(checked: Check) -> str:
    """Return how many of the exposures can be calibrated, or of the products that are made of many."""
    number, members = len(checked.jobs), sum(len(job.members) for job in checked.jobs)
    if not members:
        return f"{len(checked.plans)} of {_count(number, 'exposure')} can be calibrated, " if number else ""
    return f"{len(checked.plans)} of {_count(number, 'product')} of {_count(members, 'member')} can be made, "


def _lines(plan: JobPlan) -> Iterator[tuple[str, str]]:
    yield "", f"{plan.mode.name}, {_members(plan)}{_count(len(plan.job.backgrounds), 'background exposure')}"
    for one in plan.steps:
        yield one.step.stage, f"skipped: {one.skip}" if one.skip else str(one.step.implementation)
        yield from ((f"  {name}", f"{used.path} ({used.provider})") for name, used in one.references.items())
        yield from (("    note", note) for note in one.notes)
    yield from plan.facts.items()


def _members(plan: JobPlan) -> str:
    """Return how many exposures of which role a product is made of."""
    counts = Counter(role for role, _ in plan.job.members)
    return "".join(f"{number} {role}, " for role, number in counts.items())


def _print_plans(same: Mapping[Lines, Sequence[JobPlan]]) -> None:
    """Print the first plan as it is, and of the others what is different."""
    (first, plans), *others = same.items()
    several = len(plans) > 1
    width = max(len(label) for label, _ in first)
    say(f"{_files(plans)}: {first[0][1]}", "bold")
    for label, text in first[1:]:
        say(f"  {label:{width}}  {text}")
    for path in plans[0].outputs:
        say(f"  -> {path}{' ...' if several else ''}", "green")
    like = plans[0].job.path.name
    _say_some([f"{_files(plans)}: as {like}, but {_difference(first, lines)}" for lines, plans in others], 30)
    say("")


def _files(plans: Sequence[JobPlan]) -> str:
    return some_of([plan.job.path.name for plan in plans])


def _say_some(lines: Sequence[str], most: int, style: str = "") -> None:
    for line in lines[:most]:
        say(line, style)
    if lines[most:]:
        say(f"... and {len(lines) - most} more; --json shows all", style)


def _difference(first: Lines, lines: Lines) -> str:
    changed = [f"{label.strip()}: {text}".removeprefix(": ") for label, text in lines if (label, text) not in first]
    gone = {label.strip() for label, _ in first} - {label.strip() for label, _ in lines}
    return ", ".join([*changed, *(f"no {label}" for label in sorted(gone))])


def _files_of(job: Job) -> list[Path]:
    return [path for _, path in job.members] or [job.path]


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _plain(plan: JobPlan) -> dict[str, Any]:
    facts = {"path": plan.job.path, "mode": plan.mode.name, "backgrounds": plan.job.backgrounds, "notes": plan.notes}
    facts |= {"facts": dict(plan.facts)} if plan.facts else {}
    return {**facts, "steps": [*map(_plain_step, plan.steps)]}


def _plain_standing(job: Job, standing: Standing) -> dict[str, Any]:
    return {"path": job.path, "kept": standing.kept is not None, "reasons": standing.reasons}


def _plain_step(planned: PlannedStep) -> dict[str, Any]:
    return {
        "stage": planned.step.stage,
        "plugin": planned.step.implementation.plugin,
        "version": planned.step.implementation.version,
        "skip": planned.skip,
        "params": planned.step.params.model_dump(mode="json"),
        "references": {name: one.path for name, one in planned.references.items()},
        "notes": planned.notes,
        "product": planned.output,
    }
