"""Exposures calibrated in other processes: paths travel, exposures never do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, as_completed
from dataclasses import replace
from functools import partial
from logging.handlers import QueueHandler
from multiprocessing import parent_process
from os.path import lexists
from pathlib import Path
from queue import SimpleQueue

from iris_core.errors import IrisError, PluginError, Problems
from iris_core.loading import load_plugins
from iris_core.plan import Plan
from iris_core.plugins import STORE, WATCH, Plugins
from iris_core.prepare import Run, start_run
from iris_core.recipe import ExecutorOptions, Overrides, Recipe
from iris_core.report import ExposureResult, Job
from iris_core.workers.here import Planned, calibrate_job, failure
from iris_core.workers.identity import run_identity
from iris_core.workers.warned import warnings_in_log

__all__ = ["calibrate_with_executor"]


def calibrate_with_executor(run: Run, plans: Mapping[Job, Plan]) -> Iterator[tuple[Job, ExposureResult]]:
    """Yield the results of an executor; an exposure whose process died is tried once more, in one of its own."""
    options = run.recipe.executor
    start = run.plugins.executors()[options.name]
    names = tuple(name for name in run.plugins.names() if name not in (WATCH, STORE))
    files = tuple(path.absolute() for path in run.plugins.files().values())
    recipe = replace(run.recipe, executor=ExecutorOptions())
    lost: list[Job] = []
    for job, result in _submit(start(options.workers or 2), plans, partial(_plan_in_worker, recipe, names, files)):
        if result is None:
            lost.append(job)
        else:
            yield job, result
    for job in lost:
        may = recipe.output.overwrite or _made_by_this_run(plans[job], run.plugins)
        again = replace(recipe, output=recipe.output.model_copy(update={"overwrite": may}))
        for _, result in _submit(start(1), [job], partial(_plan_in_worker, again, names, files)):
            died = PluginError("the worker process crashed twice (out of memory?)")
            yield job, result or failure(job.path, died, 0.0)


def _made_by_this_run(plan: Plan, plugins: Plugins) -> bool:
    """Whether all that is there of the products of an exposure was written by the process that died."""
    identity = run_identity(plan)
    try:
        found = [plugins.read_exposure(path, False) for path in plan.outputs if lexists(path)]
    except IrisError:
        return False
    return all(one.header.get("RUNID") == identity for one in found)


def _submit(
    executor: Executor, jobs: Iterable[Job], planned: Callable[[Job], tuple[Plan, Run]]
) -> Iterator[tuple[Job, ExposureResult | None]]:
    """Yield the results of other processes; None where the process died."""
    try:
        futures = {executor.submit(_calibrate_in_worker, job, partial(planned, job)): job for job in jobs}
        for future in as_completed(futures):
            job = futures[future]
            try:
                result, records = future.result()
            except BrokenExecutor:
                yield job, None
            except Exception as error:
                yield job, failure(job.path, error, 0.0)
            else:
                for record in records:
                    logging.getLogger(record.name).handle(record)
                yield job, result
    finally:
        executor.shutdown(cancel_futures=True)


def _calibrate_in_worker(job: Job, planned: Planned) -> tuple[ExposureResult, list[logging.LogRecord]]:
    """Calibrate in a process that has no log, and return the records for that of the run."""
    if parent_process() is None:
        return calibrate_job(job, planned), []
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    logging.basicConfig(level=logging.INFO, handlers=[QueueHandler(records)], format="%(message)s", force=True)
    with warnings_in_log():
        result = calibrate_job(job, planned)
    return result, [records.get() for _ in range(records.qsize())]


def _plan_in_worker(recipe: Recipe, names: tuple[str, ...], files: tuple[Path, ...], job: Job) -> tuple[Plan, Run]:
    run = start_run(recipe, Overrides(plugin_files=files), load_plugins(names))
    plan = run.plan(job)
    if run.problems:
        raise Problems(run.problems)
    run.references.expect(plan.references)
    return plan, run
