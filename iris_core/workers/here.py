"""Exposures calibrated in this process: each is calibrated alone, and fails alone."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from iris_core.arrays import row_blocks
from iris_core.dq import DQ
from iris_core.errors import IrisError, one_line
from iris_core.exposure import Exposure
from iris_core.installed import DISTRIBUTION
from iris_core.keywords import text_card
from iris_core.meta import StageRecord
from iris_core.plan import Plan
from iris_core.prepare import Run
from iris_core.provenance import FORMAT
from iris_core.report import ExposureResult, Job
from iris_core.runner import calibrate_exposure
from iris_core.workers.identity import run_identity

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
    start = perf_counter()
    products: dict[str, Path] = {}
    history: tuple[StageRecord, ...] = ()
    try:
        plan, run = planned()
        read = run.plugins.read_exposure
        exposure = plan.prepare(read(plan.job.path), *plan.notes)
        _warn_of_unit(exposure)
        backgrounds = [plan.prepare(read(path)) for path in plan.job.backgrounds]
        identity = run_identity(plan)
        steps = calibrate_exposure(plan, exposure, backgrounds, run.plugins, run.references)
        del exposure, backgrounds
        for done, product in steps:
            history, path = product.history, done.output
            if path is not None:
                _warn_of_nothing(product, path)
                run.products.write(stamp_product(product, path, identity), path)
                products[done.step.save] = path
            del product  # the stages to come need the memory
    except Exception as error:
        return replace(failure(job.path, error, perf_counter() - start), products=products, history=history)
    seconds = perf_counter() - start
    return ExposureResult(path=job.path, mode=plan.mode.name, products=products, history=history, seconds=seconds)


def stamp_product(exposure: Exposure, path: Path, identity: str) -> Exposure:
    """Return a product whose primary header gives its name and level, and the software, recipe and run that made it."""
    header = exposure.header.copy()
    header["FILENAME"] = text_card(path.name, "name of this file")
    header["DATALVL"] = (2, "calibrated")
    header["DRSVER"] = (version(DISTRIBUTION), f"version of {DISTRIBUTION}")
    header["DRSFMT"] = (FORMAT, "version of the format of this product")
    header["RECIPE"] = text_card(str(exposure.provenance.get("recipe", "")), "recipe that made this product")
    header["RUNID"] = (identity, "equal in products made together")
    return exposure.replace(header=header)


def _warn_of_unit(exposure: Exposure) -> None:
    for note in exposure.notes:
        if note.startswith("no BUNIT"):
            log.warning("%s: %s", exposure.meta.path, note)


def _warn_of_nothing(product: Exposure, path: Path) -> None:
    if all((product.dq[block] & DQ.DO_NOT_USE).all() for block in row_blocks(product.dq.shape)):
        log.warning("%s: no valid pixels", path)


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
