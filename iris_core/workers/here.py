"""Exposures calibrated in this process: each is calibrated alone, and fails alone."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from iris_core.errors import IrisError, one_line
from iris_core.exposure import Exposure
from iris_core.exposures import Exposures
from iris_core.io.hashing import HashedFiles
from iris_core.lockstep import Meeting
from iris_core.plan import Plan
from iris_core.prepare import Run
from iris_core.report import ExposureResult, Job
from iris_core.runner import calibrate_exposure
from iris_core.workers.by_rows import open_member
from iris_core.workers.identity import Unknown, identify
from iris_core.workers.written import Writer, Written

log = logging.getLogger(__name__)

Planned = Callable[[], tuple[Plan, Run]]


def calibrate_here(run: Run, plans: Mapping[Job, Plan]) -> Iterator[tuple[Job, ExposureResult]]:
    """Return the results of the exposures of a run, one after the other, as they come."""
    for plan in plans.values():
        run.references.expect(plan.references)
    planned = (partial(_planned, plan, run) for plan in plans.values())
    return zip(plans, map(calibrate_job, plans, planned), strict=False)


def _planned(plan: Plan, run: Run) -> tuple[Plan, Run]:
    return plan, run


def calibrate_job(job: Job, planned: Planned) -> ExposureResult:
    """Calibrate one exposure and write its products; whatever goes wrong is in the result.

    Parameters
    ----------
    job
        The exposure.
    planned
        Returns its plan and the run that carries it out.
    """
    start, written = perf_counter(), Written()
    try:
        plan, run = planned()
        members = members_of(plan)
        begin_hashes(run, members)
        exposure, backgrounds = read_inputs(plan, run)
        steps = calibrate_exposure(plan, exposure, backgrounds, run.plugins, run.references)
        del exposure, backgrounds  # the stages need the memory
        owner = Unknown(lambda: identify(plan, run, recorded(members, run.products.hashes)))
        with Writer(written, run, owner, run.products.hashes) as writer:
            for done, made in steps:
                writer.write(made, done.output, done.suffix, done.beside)
                del made  # the stages to come need the memory
        written.keep_hashes(run.products.hashes)
    except Exception as error:
        failed = failure(job.path, error, perf_counter() - start)
        return replace(failed, products=written.products, history=written.history)
    return ExposureResult(
        path=job.path,
        mode=plan.mode.name,
        products=written.products,
        hashes=written.hashes,
        history=written.history,
        seconds=perf_counter() - start,
    )


def members_of(plan: Plan) -> list[tuple[str, Path]]:
    """Return role and file of every exposure that is read."""
    return [("science", plan.job.path), *(("background", path) for path in plan.job.backgrounds)]


def begin_hashes(run: Run, members: Iterable[tuple[str, Path]]) -> None:
    """Begin to hash the files of exposures, given with their roles, beside the stages."""
    for _, path in members:
        run.products.hashes.hash(path)


def recorded(members: Iterable[tuple[str, Path]], files: HashedFiles) -> list[dict[str, str]]:
    """Return what the provenance keeps of the exposures that something is made of; waits for their hashes."""
    return [{"file": path.name, "role": role, "sha256": files.sha256(path)} for role, path in members]


def read_inputs(plan: Plan, run: Run) -> tuple[Exposure, Sequence[Exposure]]:
    """Return an exposure and its background exposures as the first step is given them.

    Several of these that go through no step are read some rows at a time, as they are needed. To hold one is faster,
    and for a cube, which is cut into pieces, they are needed again and again.
    """
    read, backgrounds = run.plugins.read_exposure, plan.job.backgrounds
    exposure = plan.prepare(read(plan.job.path), *plan.notes)
    _warn_of_unit(exposure)
    follow = any(planned.meeting is Meeting.FOLLOW for planned in plan.steps)
    if follow or exposure.is_integrations or len(backgrounds) < 2:
        return exposure, [plan.prepare(read(path)) for path in backgrounds]
    return exposure, Exposures(open_member(path, run.plugins, plan) for path in backgrounds)


def _warn_of_unit(exposure: Exposure) -> None:
    for note in exposure.notes:
        if note.startswith("no BUNIT"):
            log.warning("%s: %s", exposure.meta.path, note)


def failure(path: Path, error: Exception, seconds: float) -> ExposureResult:
    """Return the result of an exposure that failed."""
    words = str(error) if isinstance(error, IrisError) else one_line(error)
    words = words if path.name in words else f"{path}: {words}"
    return ExposureResult(
        path=path,
        products={},
        seconds=seconds,
        error=" ".join([words, *(f"({note})" for note in getattr(error, "__notes__", ()))]),
        traceback="".join(traceback.format_exception(error)),
    )
