"""Many exposures: each is calibrated alone, here or in another process, and fails alone."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, as_completed
from dataclasses import replace
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from time import perf_counter

from iris_core.association import Request
from iris_core.dq import DQ
from iris_core.errors import IrisError, PluginError, Problems, one_line
from iris_core.executors import SerialExecutor
from iris_core.loading import load_plugins
from iris_core.meta import StageRecord
from iris_core.model import Exposure, row_blocks
from iris_core.overrides import Overrides
from iris_core.plan import Plan
from iris_core.plugins import WATCH, Plugins
from iris_core.products import write_product
from iris_core.recipe import ExecutorOptions, Recipe
from iris_core.report import ExposureResult
from iris_core.runner import calibrate_exposure, read_whole, stamp_product
from iris_core.session import Session, plan_request, start_session

__all__ = ["calibrate_file", "calibrate_files", "is_skipped_product"]

log = logging.getLogger(__name__)


def calibrate_files(session: Session, plans: Mapping[Request, Plan]) -> Iterator[tuple[Request, ExposureResult]]:
    """Yield results as they come; plans stay in this process, paths travel."""
    start = session.plugins.executors()[session.recipe.executor.name]
    executor = start(session.recipe.executor.workers)
    if isinstance(executor, SerialExecutor):
        for request, plan in plans.items():
            yield request, calibrate_file(request, partial(_planned_here, plan, session.plugins))
        return
    names = tuple(name for name in session.plugins.names() if name != WATCH)
    files = tuple(file.path.absolute() for file in session.plugins.files.values())
    recipe = replace(session.recipe, executor=ExecutorOptions())
    lost: list[Request] = []
    for request, result in _calibrate_elsewhere(executor, plans, partial(_plan_elsewhere, recipe, names, files)):
        if result is None:
            lost.append(request)
        else:
            yield request, result
    # A process that dies takes all that wait for it along: each gets one more try, in a process of its own.
    recipe = replace(recipe, output=recipe.output.model_copy(update={"overwrite": True}))
    for request in lost:
        for _, result in _calibrate_elsewhere(start(1), [request], partial(_plan_elsewhere, recipe, names, files)):
            yield request, result or _failure(request.path, PluginError("its process died, twice"), 0.0)


def _calibrate_elsewhere(
    executor: Executor, requests: Iterable[Request], planned: Callable[[Request], tuple[Plan, Plugins]]
) -> Iterator[tuple[Request, ExposureResult | None]]:
    """Yield the results of other processes; None where the process died."""
    try:
        futures = {
            executor.submit(_calibrate_here, request, partial(planned, request)): request for request in requests
        }
        for future in as_completed(futures):
            request = futures[future]
            try:
                result, records = future.result()
            except BrokenExecutor:
                yield request, None
            except Exception as error:
                yield request, _failure(request.path, error, 0.0)
            else:
                for record in records:
                    logging.getLogger(record.name).handle(record)
                yield request, result
    finally:
        executor.shutdown(cancel_futures=True)


def _calibrate_here(
    request: Request, planned: Callable[[], tuple[Plan, Plugins]]
) -> tuple[ExposureResult, list[logging.LogRecord]]:
    """Calibrate in a process that has no log, and return what it would have said to one."""
    kept = _KeepRecords(logging.INFO)
    if parent_process() is not None:
        logging.basicConfig(level=logging.INFO, handlers=[kept], force=True)
    return calibrate_file(request, planned), kept.records


class _KeepRecords(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record in a form that can travel."""
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self.records.append(record)


def _planned_here(plan: Plan, plugins: Plugins) -> tuple[Plan, Plugins]:
    return plan, plugins


def _plan_elsewhere(
    recipe: Recipe, names: tuple[str, ...], files: tuple[Path, ...], request: Request
) -> tuple[Plan, Plugins]:
    """Plan a request in a process that has nothing yet."""
    session = start_session(recipe, Overrides(plugin_files=files), load_plugins(names))
    plan = plan_request(session, request, session.provenance())
    if session.problems:
        raise Problems(session.problems)
    return plan, session.plugins


def calibrate_file(request: Request, planned: Callable[[], tuple[Plan, Plugins]]) -> ExposureResult:
    """Calibrate one exposure and write its products; whatever goes wrong is in the result.

    Parameters
    ----------
    request
        The exposure.
    planned
        Gives its plan and the plugins that carry it out.
    """
    start = perf_counter()
    products: dict[str, Path] = {}
    history: tuple[StageRecord, ...] = ()
    try:
        plan, plugins = planned()
        exposure, backgrounds = read_whole(plan, plugins)
        steps = calibrate_exposure(plan, exposure, backgrounds, plugins)
        del exposure, backgrounds
        for index, product in steps:
            history = product.history
            if not is_skipped_product(plan, index, product):
                path = plan.outputs[index]
                _warn_of_nothing(product, path)
                write_product(stamp_product(product, path), path, plugins)
                products[plan.steps[index].save] = path
            del product  # the stages to come need the memory
    except Exception as error:
        return replace(_failure(request.path, error, perf_counter() - start), products=products, history=history)
    return ExposureResult(
        path=request.path, mode=plan.mode.name, products=products, history=history, seconds=perf_counter() - start
    )


def _warn_of_nothing(product: Exposure, path: Path) -> None:
    if all((product.dq[block] & DQ.DO_NOT_USE).all() for block in row_blocks(product.dq.shape)):
        log.warning("%s: not one pixel is valid", path)


def is_skipped_product(plan: Plan, index: int, product: Exposure) -> bool:
    """Whether a stage's own product would show nothing, because the stage said that it had nothing to do."""
    step = plan.steps[index]
    return step.save == step.spec.product and product.history[-1].status == "SKIPPED"


def _failure(path: Path, error: Exception, seconds: float) -> ExposureResult:
    words = str(error) if isinstance(error, IrisError) else one_line(error)
    words = words if path.name in words else f"{path}: {words}"
    return ExposureResult(
        path=path,
        products={},
        seconds=seconds,
        error=" ".join([words, *(f"({note})" for note in getattr(error, "__notes__", ()))]),
        traceback="".join(traceback.format_exception(error)),
    )
