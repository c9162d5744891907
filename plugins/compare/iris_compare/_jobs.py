"""From what is asked to jobs that can run: one for each implementation, every mistake found before the first starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from iris_compare._runs import Job
from iris_core import InputError, IrisError, Overrides, Problems, RecipeError, check

__all__ = ["Prospect", "folder_name", "look_ahead", "make_jobs"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What is known of a job before it runs.

    Parameters
    ----------
    product
        Suffix of the product that is the result of the stage.
    skip
        Why the stage will say that it has nothing to do; ``""`` where it will not, or that is not known.
    files
        Every file that the job reads.
    """

    product: str
    skip: str
    files: tuple[Path, ...]


def folder_name(implementation: str) -> str:
    """Return the name of a plugin as the name of a folder: an entry point may be called almost anything."""
    return re.sub(r"[^\w.+-]", "_", implementation)


def make_jobs(
    recipe: str,
    path: Path,
    stage: str,
    use: Sequence[str],
    *,
    backgrounds: Sequence[Path],
    out: Path,
    overwrite: bool,
    params: Mapping[str, Any],
    references: Mapping[str, Path],
    **options: Any,
) -> tuple[Job, ...]:
    """Return one job for each implementation; they differ in nothing else, but for what was said for one of them.

    Raises
    ------
    InputError
        When there is nothing to compare, or `out` holds files that may not be replaced.
    """
    _refuse_names(use, stage)
    _refuse_folder(out, overwrite)
    _refuse_strangers("--set", params, use)
    _refuse_strangers("--reference", references, use)
    return tuple(
        Job(
            implementation=name,
            stage=stage,
            recipe=recipe,
            path=path,
            backgrounds=tuple(backgrounds),
            overrides=Overrides(
                use={stage: name},
                save=(stage,),
                params=_said_for(name, params),
                references=_said_for(name, references),
                directory=out / folder_name(name),
                format="fits",
                overwrite=overwrite,
                executor="serial",  # the job's process is to do the work itself: its memory is what is measured
                **options,
            ),
        )
        for name in use
    )


def _refuse_names(use: Sequence[str], stage: str) -> None:
    twice = sorted({name for name in use if use.count(name) > 1})
    if twice:
        raise InputError(f"--use {twice[0]} is given {use.count(twice[0])} times; name each implementation once")
    if len(use) < 2:
        raise InputError(
            f"two or more implementations of {stage} can be compared, not {len(use)} ({', '.join(use) or 'none'}); "
            f"name each with --use PLUGIN; 'iris show {stage}' lists them"
        )


def _refuse_folder(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is not a folder; --out names another")
    held = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if held and not overwrite:
        named = ", ".join(held[:3]) + (" ..." if held[3:] else "")
        raise InputError(f"{out} holds files already ({named}); --out names another folder, --overwrite writes into it")


def _refuse_strangers(option: str, said: Iterable[str], use: Sequence[str]) -> None:
    """Raise `InputError` where ``PLUGIN:KEY`` names an implementation that is not compared."""
    for key in said:
        name, colon, _ = key.rpartition(":")
        if colon and name not in use:
            nearest = get_close_matches(name, use, n=1)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else "."
            raise InputError(f"{option} {key}: no implementation '{name}' is compared{hint} Compared: {', '.join(use)}")


def _said_for(name: str, said: Mapping[str, Value]) -> dict[str, Value]:
    """Return what was said for all, and over it what was said for one implementation (``PLUGIN:KEY``)."""
    common = {key: value for key, value in said.items() if ":" not in key}
    own = {key.removeprefix(f"{name}:"): value for key, value in said.items() if key.startswith(f"{name}:")}
    return {**common, **own}


def look_ahead(jobs: Iterable[Job]) -> tuple[Prospect, ...]:
    """Do everything short of the first pixel for every job.

    Raises
    ------
    Problems
        Everything that is wrong with any of them, each mistake once; one that not all make says who does.
    """
    jobs = tuple(jobs)
    found: list[Prospect] = []
    problems: dict[str, list[str]] = {}
    for job in jobs:
        try:
            found.append(_look_ahead(job))
        except IrisError as error:
            for one in error.problems if isinstance(error, Problems) else (error,):
                problems.setdefault(str(one), []).append(job.implementation)
    if problems:
        named = (words if len(of) == len(jobs) else f"{', '.join(of)}: {words}" for words, of in problems.items())
        raise Problems(InputError(words) for words in named)
    if all(one.skip for one in found):
        raise InputError(f"no implementation has anything to do: {found[0].skip}")
    return tuple(found)


def _look_ahead(job: Job) -> Prospect:
    survey = check(job.recipe, job.path, backgrounds=job.backgrounds, overrides=job.overrides)
    if len(survey.requests) != 1:
        raise InputError(f"{job.path} has {len(survey.requests)} exposures; one can be compared at a time")
    if survey.everything():
        raise Problems(_in_our_words(survey.everything(), job.stage))
    (plan,) = survey.plans.values()
    steps = [(index, step) for index, step in enumerate(plan.steps) if step.stage == job.stage]
    if len(steps) != 1:
        raise InputError(
            f"the recipe has the stage {job.stage} {len(steps)} times; it can be compared where it is once"
        )
    (index, step), *_ = steps
    if step.skip:
        raise InputError(f"the recipe skips {job.stage} ({step.skip}); there is nothing to compare")
    references = (*plan.references, *(one for theirs in plan.background_references for one in theirs))
    paths = (reference.path for found in references for reference in found.values())
    files = dict.fromkeys((plan.request.path, *plan.request.backgrounds, *paths))
    return Prospect(product=step.save, skip=plan.skips.get(index, ""), files=tuple(files))


def _in_our_words(problems: Sequence[IrisError], stage: str) -> Sequence[IrisError]:
    """Say of a stage that the recipe has not what is wrong: here --stage names it, and the rest follows from it."""
    said = f"--use {stage}: the recipe has no step"
    missing = [str(one).replace("--use", "--stage", 1) for one in problems if str(one).startswith(said)]
    return [RecipeError(words) for words in missing] or problems
