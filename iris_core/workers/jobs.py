"""From the files that are given to the exposures to calibrate, each with its background exposures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os.path import exists, isfile, realpath
from pathlib import Path

from iris_core.plugins import Plugins
from iris_core.recipe import Numbers, Recipe
from iris_core.report import Job


def read_jobs(
    files: Iterable[Path],
    backgrounds: Sequence[Path],
    plugins: Plugins,
    use_others: bool = False,
    allow_outside: bool = False,
    roles: Mapping[str, Numbers] | None = None,
    recipe: Recipe | None = None,
) -> list[Job]:
    """Return what to calibrate; a job with a `problem` fails alone.

    Parameters
    ----------
    files
        Exposures and association files.
    backgrounds
        Background exposures of every exposure that is not in an association.
    plugins
        They read association files.
    use_others
        Whether every exposure has the other ones as its background exposures.
    allow_outside
        Whether an association may name files outside its own folder.
    roles
        Of a recipe that makes many exposures into fewer: how many of them it takes, by role. All files that are no
        associations are then one group, each in the role that a plugin tells, by default in the first.
    recipe
        For the plugin that makes groups of the exposures in a folder.
    """
    jobs: list[Job] = []
    alone: list[Job] = []
    for path in files:
        if _is_no_file(path) and not path.is_dir():  # a reader might wait for ever
            jobs += [Job(path)]
            continue
        asked = {"path": path, "allow_outside": allow_outside, "recipe": recipe, "plugins": plugins}
        listed = plugins.ask_one("read_association", path, **asked)
        if roles and not path.is_dir() and (listed is None or _is_alone(listed, path)):
            alone += listed or [Job(path)]
        else:
            jobs += [Job(path, tuple(backgrounds))] if listed is None else listed
    if roles:
        own = [_together(alone, next(iter(roles)), backgrounds)] if alone else []
        return [_group(job, roles, plugins) for job in (*own, *jobs)]
    if use_others:
        jobs = [job if job.backgrounds else _with_others(job, jobs) for job in jobs]
    return [replace(job, problem=job.problem or _no_files(job) or _not_one(job) or _repeated(job)) for job in jobs]


def _is_alone(listed: Sequence[Job], path: Path) -> bool:
    """Whether what a plugin made of a file is the file itself, with its role."""
    return [(job.path, len(job.members)) for job in listed] == [(path, 1)]


def _together(alone: Sequence[Job], first: str, backgrounds: Sequence[Path]) -> Job:
    """Return files that were given beside each other as one group."""
    members = tuple(member for job in alone for member in job.members or ((first, job.path),))
    return Job(alone[0].path, tuple(backgrounds), members=members)


def _group(job: Job, roles: Mapping[str, Numbers], plugins: Plugins) -> Job:
    """Return a job of many exposures, with its background exposures and its own reference files apart."""
    members = job.members or (("science", job.path),)
    members = (*members, *(("background", path) for path in job.backgrounds))
    types = [name for name, one in plugins.reference_types().items() if one.kind != "image"]  # darks are members
    kept = tuple((role, path) for role, path in members if role != "background" and role not in types)
    whole = replace(
        job,
        path=kept[0][1] if kept else job.path,
        backgrounds=tuple(path for role, path in members if role == "background"),
        members=kept,
        references=tuple((role, path) for role, path in members if role in types),
    )
    return replace(
        whole, problem=job.problem or _no_files(whole) or _wrong_numbers(job, members, roles) or _repeated(whole)
    )


def _wrong_numbers(job: Job, members: Iterable[tuple[str, Path]], roles: Mapping[str, Numbers]) -> str:
    """Return what is wrong with the numbers of exposures of a job, by role."""
    counts = {**dict.fromkeys(roles, 0), **Counter(role for role, _ in members)}
    wrong = [f"{number} {role}" for role, number in counts.items() if not _fits(number, roles.get(role, (0, 0)))]
    takes = ", ".join(f"{role} ({_range(*numbers)})" for role, numbers in roles.items())
    return f"{job.name or job.path}: {', '.join(wrong)}; the recipe takes {takes}" if wrong else ""


def _fits(number: int, numbers: Numbers) -> bool:
    return numbers[0] <= number and (numbers[1] is None or number <= numbers[1])


def _range(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else f"{least}" if least == most else f"{least} to {most}"


def _not_one(job: Job) -> str:
    """Return what is wrong where a recipe of single exposures is given many."""
    if not job.members:
        return ""
    given = ", ".join(f"{path.name} ({role})" for role, path in job.members)
    return f"product '{job.name}': {given}; the recipe takes one science exposure, and background exposures"


def _no_files(job: Job) -> str:
    """Return what is wrong where an input is there and no regular file: to read a pipe or a device may never end."""
    wrong = ", ".join(str(path) for path in _paths(job) if _is_no_file(path))
    return f"{wrong}: a folder, a pipe or a device; an input has to be a regular file" if wrong else ""


def _paths(job: Job) -> tuple[Path, ...]:
    """Return every input of a job, the background exposures last."""
    first = [path for _, path in job.members] or [job.path]
    return (*first, *(path for _, path in job.references), *job.backgrounds)


def _is_no_file(path: Path) -> bool:
    return exists(path) and not isfile(path)


def _with_others(job: Job, jobs: Iterable[Job]) -> Job:
    others = tuple(one.path for one in jobs if one.path != job.path and not one.problem)
    alone = f"{job.path}: the recipe takes the other exposures as background exposures, and there is no other one"
    remedy = "give all exposures of the dither (4 or more), or background exposures with --background"
    return replace(job, backgrounds=others, problem=job.problem or ("" if others else f"{alone}; {remedy}"))


def _repeated(job: Job) -> str:
    """Return what is wrong where an exposure is its own background, or one is named twice."""
    real = [realpath(path) if isfile(path) else str(path) for path in _paths(job)]
    count = len(job.backgrounds)
    own = [path for path in real[: len(real) - count] if path in real[len(real) - count :]]
    if own:
        return f"{own[0]}: it is its own background; remove it from the background exposures"
    twice = [path for path in dict.fromkeys(real) if real.count(path) > 1]
    what = "background exposures" if set(twice) <= set(real[len(real) - count :]) else "exposures"
    return f"{job.path}: {what} named more than once: {', '.join(twice)}" if twice else ""
