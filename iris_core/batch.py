"""Many exposures: each is calibrated alone, here or in another process, and fails alone."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from iris_core.association import Request
from iris_core.errors import IrisError, RecipeError, choices, did_you_mean, one_line
from iris_core.executors import SerialExecutor
from iris_core.loading import load_plugins
from iris_core.meta import StageRecord
from iris_core.model import Exposure
from iris_core.overrides import Overrides
from iris_core.plan import Plan
from iris_core.plugins import Plugins
from iris_core.products import write_product
from iris_core.recipe import Recipe
from iris_core.report import ExposureResult
from iris_core.runner import calibrate_exposure, read_whole, stamp_product
from iris_core.session import Session, plan_request, start_session

__all__ = ["calibrate_file", "calibrate_files", "is_skipped_product", "start_executor"]

log = logging.getLogger(__name__)

WATCH = "watch"


def start_executor(session: Session) -> Executor | None:
    """Return the executor the recipe names; a name that is not known is put among the session's problems."""
    options = session.recipe.executor
    known = session.plugins.executors()
    if options.name not in known:
        session.problems.append(
            RecipeError(
                f"recipe {session.recipe.label}: no executor '{options.name}'{did_you_mean(options.name, known)} "
                f"Executors: {choices(known)}"
            )
        )
        return None
    return known[options.name](options.workers)


def calibrate_files(
    session: Session, plans: Mapping[Request, Plan], executor: Executor
) -> Iterator[tuple[Request, ExposureResult]]:
    """Yield results as they come; plans stay in this process, paths travel."""
    if isinstance(executor, SerialExecutor):
        for request, plan in plans.items():
            yield request, calibrate_file(request, partial(_planned_here, plan, session.plugins))
        return
    recipe = replace(session.recipe, plugins=tuple(name for name in session.recipe.plugins if name != WATCH))
    names = tuple(name for name in session.plugins.names() if name != WATCH)
    futures: dict[Future[ExposureResult], Request] = {
        executor.submit(calibrate_file, request, partial(_plan_elsewhere, request, recipe, names)): request
        for request in plans
    }
    for future in as_completed(futures):
        request = futures[future]
        try:
            result = future.result()
            _log(result)
            yield request, result
        except Exception as error:
            yield request, _failure(request.path, error, 0.0)


def _log(result: ExposureResult) -> None:
    """Log what another process did: its own log stays with it."""
    for record in result.history:
        words = "; ".join(record.notes)
        log.info(
            "%s: %s %s by %s %s in %.2f s %s",
            result.name,
            record.stage,
            record.status,
            record.plugin,
            record.version,
            record.seconds,
            words,
        )


def _planned_here(plan: Plan, plugins: Plugins) -> tuple[Plan, Plugins]:
    return plan, plugins


def _plan_elsewhere(request: Request, recipe: Recipe, names: tuple[str, ...]) -> tuple[Plan, Plugins]:
    """Plan a request in a process that has nothing yet."""
    session = start_session(recipe, Overrides(), load_plugins(names))
    return plan_request(session, request, session.provenance()), session.plugins


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
                write_product(stamp_product(product, path), path, plugins)
                products[plan.steps[index].save] = path
    except Exception as error:
        return replace(_failure(request.path, error, perf_counter() - start), products=products, history=history)
    return ExposureResult(
        path=request.path, mode=plan.mode.name, products=products, history=history, seconds=perf_counter() - start
    )


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
