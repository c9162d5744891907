"""Exposures calibrated in other processes: paths travel, exposures never do."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, as_completed
from dataclasses import replace
from functools import partial
from os.path import lexists
from pathlib import Path
from threading import current_thread

from iris_core.errors import IrisError, PluginError, Problems
from iris_core.exposure import Exposure
from iris_core.io.keys import KEY
from iris_core.loading import load_plugins
from iris_core.plan import Plan
from iris_core.plugins import STORE, WATCH
from iris_core.prepare import Run, start_run
from iris_core.recipe import ExecutorOptions, Overrides, Recipe, options_of
from iris_core.report import ExposureResult, Job
from iris_core.workers.group_plan import GroupPlan, plan_part
from iris_core.workers.groups import calibrate_groups
from iris_core.workers.here import begin_hashes, calibrate_job, failure, members_of, recorded
from iris_core.workers.identity import identify
from iris_core.workers.warned import logged, replay

__all__ = ["calibrate_with_executor", "groups_with_executor", "run_of_worker"]


def groups_with_executor(run: Run, plans: Mapping[Job, GroupPlan]) -> Iterator[tuple[Job, ExposureResult]]:
    """Yield the results of what is made of many exposures, which an executor works on."""
    if not plans:
        return
    executor = _start(run)
    try:
        yield from calibrate_groups(run, plans, executor, partial(_part_in_worker, *_needed(run)))
    finally:
        executor.shutdown(cancel_futures=True)


def _start(run: Run, workers: int = 0) -> Executor:
    """Return the executor of a run, with the number of workers that its recipe asks for, or another."""
    options = run.recipe.executor
    start = run.plugins.executors()[options.name]
    named = {*options_of(start), *(options.model_extra or ())}
    return start(workers or options.workers or 2, **{name: value for name, value in options if name in named})


def _needed(run: Run) -> tuple[Recipe, tuple[str, ...], tuple[Path, ...]]:
    """Return what a worker needs to make the run anew: its recipe, and its plugins by name and by file."""
    names = tuple(name for name in run.plugins.names() if name not in (WATCH, STORE))
    files = tuple(path.absolute() for path in run.plugins.files().values())
    return replace(run.recipe, executor=ExecutorOptions()), names, files


def calibrate_with_executor(run: Run, plans: Mapping[Job, Plan]) -> Iterator[tuple[Job, ExposureResult]]:
    """Yield the results of an executor; an exposure whose process died is tried once more, in one of its own."""
    if not plans:
        return
    recipe, names, files = _needed(run)
    lost: list[Job] = []
    for job, result in _submit(_start(run), plans, partial(_plan_in_worker, recipe, names, files)):
        if result is None:
            lost.append(job)
        else:
            yield job, result
    for job in lost:
        may = recipe.output.overwrite or _made_by_this_run(plans[job], run)
        again = replace(recipe, output=recipe.output.model_copy(update={"overwrite": may}))
        died: IrisError = PluginError("the worker process crashed twice (out of memory?)")
        result = None
        try:
            ((_, result),) = _submit(_start(run, 1), [job], partial(_plan_in_worker, again, names, files))
        except IrisError as error:  # there is no worker to be had any more
            died = error
        yield job, result or failure(job.path, died, 0.0)


def _made_by_this_run(plan: Plan, run: Run) -> bool:
    """Whether all that is there of the products of an exposure was written by the process that died."""
    try:
        found = [run.plugins.read_exposure(path, False) for path in plan.outputs if lexists(path)]
        begin_hashes(run, members_of(plan))
        key = identify(plan, run, recorded(members_of(plan), run.products.hashes)).key
    except IrisError:
        return False
    return all(one.header.get(KEY) == key for one in found)


def _submit(
    executor: Executor, jobs: Iterable[Job], planned: Callable[[Job], tuple[Plan, Run]]
) -> Iterator[tuple[Job, ExposureResult | None]]:
    """Yield the results of other processes; None where the process died."""
    try:
        futures = {executor.submit(logged, calibrate_job, job, partial(planned, job)): job for job in jobs}
        for future in as_completed(futures):
            job = futures[future]
            try:
                result, records = future.result()
            except BrokenExecutor:
                yield job, None
            except Exception as error:
                yield job, failure(job.path, error, 0.0)
            else:
                replay(records)
                yield job, result
    finally:
        executor.shutdown(cancel_futures=True)


def _plan_in_worker(recipe: Recipe, names: tuple[str, ...], files: tuple[Path, ...], job: Job) -> tuple[Plan, Run]:
    run = run_of_worker(recipe, names, files)
    return _ready(run, run.plan_one(job))


def run_of_worker(recipe: Recipe, names: tuple[str, ...], files: tuple[Path, ...]) -> Run:
    """Return the run that this worker keeps, with its plugins and what it has read of the reference files."""
    worker, asked = current_thread(), pickle.dumps((recipe, names, files))
    kept: tuple[bytes, Run] | None = getattr(worker, "iris_run", None)
    if kept is None or kept[0] != asked:
        kept = asked, start_run(recipe, Overrides(plugin_files=files), load_plugins(names))
        worker.iris_run = kept  # type: ignore[attr-defined]
    kept[1].outlines.clear()  # a worker outlives a run, and a file may be another in the next one
    return kept[1]


def _part_in_worker(
    recipe: Recipe, names: tuple[str, ...], files: tuple[Path, ...], job: Job, number: int, outline: Exposure
) -> tuple[Plan, Run]:
    run = run_of_worker(recipe, names, files)
    first = None if number else run.plugins.read_exposure(job.path, False)
    return _ready(run, plan_part(run, job, number, first or outline))


def _ready(run: Run, plan: Plan) -> tuple[Plan, Run]:
    if run.problems:
        raise Problems(run.problems)
    # Once more than they are used: the worker's next exposure most likely needs the same.
    for _ in range(2):
        run.references.expect(plan.references)
    return plan, run
