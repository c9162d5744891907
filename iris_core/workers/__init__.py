"""Many exposures: calibrated one after the other in this process, or by an executor in others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from iris_core.plan import Plan
    from iris_core.plugins import Plugins
    from iris_core.prepare import Run
    from iris_core.recipe import Recipe
    from iris_core.report import ExposureResult, Job


@hookimpl
def read_jobs(
    files: Sequence[Path], backgrounds: Sequence[Path], recipe: Recipe, plugins: Plugins, allow_outside: bool
) -> list[Job]:
    """Take each file as an exposure, unless it is an association file."""
    from iris_core.workers.jobs import read_jobs

    stages = plugins.stages()
    consuming = [
        one
        for one in recipe.steps
        if one.stage in stages and stages[one.stage].consumes_backgrounds and not one.options.skip
    ]
    others = recipe.backgrounds == "others" and bool(consuming)
    return read_jobs(files, backgrounds, plugins, others, allow_outside)


@hookimpl
def calibrate_jobs(run: Run, plans: Mapping[Job, Plan]) -> Iterator[tuple[Job, ExposureResult]]:
    """Calibrate exposures in this process, or with the executor that the recipe names."""
    if run.recipe.executor.name == "serial":
        from iris_core.workers.here import calibrate_here

        return calibrate_here(run, plans)
    from iris_core.workers.elsewhere import calibrate_with_executor

    return calibrate_with_executor(run, plans)


@hookimpl
def executors() -> Mapping[str, Callable[[int], Executor]]:
    """Return the executor that starts processes on this machine."""
    return {"processes": start_processes}


def start_processes(workers: int) -> Executor:
    """Return an executor of `workers` fresh processes; they share nothing with this one, and end when it does."""
    from iris_core.workers.processes import executor_of

    return executor_of(workers)
