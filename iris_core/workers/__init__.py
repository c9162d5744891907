"""Many exposures: calibrated one after the other in this process, or by an executor in others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from iris_core.exposure import Exposure
    from iris_core.plan import JobPlan, Plan
    from iris_core.plugins import Plugins
    from iris_core.prepare import Run
    from iris_core.recipe import Recipe
    from iris_core.report import ExposureResult, Job, Standing
    from iris_core.workers.group_plan import GroupPlan


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
    has_group = any(one.stage in stages and stages[one.stage].group for one in recipe.steps)
    roles = recipe.members or ({"science": (1, None), "background": (0, None)} if has_group else {})
    return read_jobs(files, backgrounds, plugins, others, allow_outside, roles, recipe)


@hookimpl
def compare_products(run: Run, plans: Mapping[Job, JobPlan]) -> Mapping[Job, Standing]:
    """Compare the keys of products with those that they would have now."""
    from iris_core.workers.resume import compare_products

    return compare_products(run, plans)


@hookimpl
def plan_group(
    run: Run, job: Job, members: Sequence[tuple[str, Exposure]], backgrounds: Sequence[Exposure]
) -> GroupPlan:
    """Plan what is made of many exposures."""
    from iris_core.workers.group_plan import make_group_plan

    return make_group_plan(run, job, members, backgrounds)


@hookimpl
def calibrate_jobs(run: Run, plans: Mapping[Job, Plan | GroupPlan]) -> Iterator[tuple[Job, ExposureResult]]:
    """Calibrate exposures in this process, or with the executor that the recipe names."""
    from iris_core.workers.group_plan import GroupPlan

    groups = {job: plan for job, plan in plans.items() if isinstance(plan, GroupPlan)}
    singles = {job: plan for job, plan in plans.items() if not isinstance(plan, GroupPlan)}
    if run.recipe.executor.name == "serial":
        from iris_core.workers.groups import calibrate_groups
        from iris_core.workers.here import calibrate_here

        return chain(calibrate_here(run, singles), calibrate_groups(run, groups))
    from iris_core.workers.elsewhere import calibrate_with_executor, groups_with_executor

    return chain(calibrate_with_executor(run, singles), groups_with_executor(run, groups))


@hookimpl
def executors() -> Mapping[str, Callable[..., Executor]]:
    """Return the executor that starts processes on this machine."""
    return {"processes": start_processes}


def start_processes(workers: int) -> Executor:
    """Return an executor of `workers` processes; they share nothing with this one, and end when it does."""
    from iris_core.workers.processes import executor_of

    return executor_of(workers)
