"""From the files that are given to the exposures to calibrate, each with its background exposures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from os.path import exists, isfile, realpath
from pathlib import Path

from iris_core.plugins import Plugins
from iris_core.report import Job


def read_jobs(
    files: Iterable[Path],
    backgrounds: Sequence[Path],
    plugins: Plugins,
    use_others: bool = False,
    allow_outside: bool = False,
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
    """
    jobs: list[Job] = []
    for path in files:
        if _is_no_file(path):  # a reader might wait for ever
            jobs += [Job(path)]
            continue
        listed = plugins.ask_one("read_association", path, path=path, allow_outside=allow_outside)
        jobs += [Job(path, tuple(backgrounds))] if listed is None else listed
    if use_others:
        jobs = [job if job.backgrounds else _with_others(job, jobs) for job in jobs]
    return [replace(job, problem=job.problem or _no_files(job) or _wrong_backgrounds(job)) for job in jobs]


def _no_files(job: Job) -> str:
    """Return what is wrong where an input is there and no regular file: to read a pipe or a device may never end."""
    wrong = ", ".join(str(path) for path in (job.path, *job.backgrounds) if _is_no_file(path))
    return f"{wrong}: a folder, a pipe or a device; an input has to be a regular file" if wrong else ""


def _is_no_file(path: Path) -> bool:
    return exists(path) and not isfile(path)


def _with_others(job: Job, jobs: Iterable[Job]) -> Job:
    others = tuple(one.path for one in jobs if one.path != job.path and not one.problem)
    alone = f"{job.path}: the recipe takes the other exposures as background exposures, and there is no other one"
    remedy = "give all exposures of the dither (4 or more), or background exposures with --background"
    return replace(job, backgrounds=others, problem=job.problem or ("" if others else f"{alone}; {remedy}"))


def _wrong_backgrounds(job: Job) -> str:
    """Return what is wrong where an exposure is its own background, or a background is named twice."""
    science, *backgrounds = (realpath(path) if isfile(path) else str(path) for path in (job.path, *job.backgrounds))
    if science in backgrounds:
        return f"{job.path}: it is its own background; remove it from the background exposures"
    twice = [path for path in dict.fromkeys(backgrounds) if backgrounds.count(path) > 1]
    return f"{job.path}: background exposures named more than once: {', '.join(twice)}" if twice else ""
