"""Exposures calibrated in memory, one or many: no file is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.api import File, Many
from iris_core.errors import Problems, RecipeError, choices, did_you_mean
from iris_core.exposure import Exposure
from iris_core.exposures import Exposures, Result
from iris_core.loading import load_plugins
from iris_core.plan import JobPlan, Plan
from iris_core.plugins import Plugins
from iris_core.prepare import Run, add_files, start_run
from iris_core.recipe import Overrides, Recipe
from iris_core.report import Job
from iris_core.runner import calibrate_exposure, follow
from iris_core.stages import as_plugin
from iris_core.workers.group_plan import GroupPart
from iris_core.workers.group_run import calibrate_group

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Calibrated", "calibrate"]


class Calibrated(dict[str, Exposure]):
    """What was made in memory: exposures by suffix.

    Attributes
    ----------
    tables
        Tables by suffix.
    each
        Where each of many exposures has a product: all of them, in order, by suffix.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, Table] = {}
        self.each: dict[str, list[Exposure]] = {}

    def add_result(self, made: Result[Exposure], suffix: str, is_one: bool = True) -> None:
        """Add what is to be kept after a step, of one exposure or of one of many: exposure, tables and images."""
        for name, image in {**({suffix: made.exposure} if suffix else {}), **made.images}.items():
            if is_one:
                self[name] = image
            else:
                self.each.setdefault(name, []).append(image)
        self.tables |= made.tables


def calibrate(
    exposure: Exposure | Sequence[Exposure],
    recipe: File | Recipe,
    *,
    backgrounds: Sequence[Exposure] = (),
    roles: Sequence[str] = (),
    stages: Mapping[str, Callable[..., Any]] | None = None,
    params: Mapping[str, Any] | None = None,
    use: Mapping[str, str] | None = None,
    references: Mapping[str, File] | None = None,
    skip: Mapping[str, str] | None = None,
    unskip: str | Sequence[str] = (),
    save: str | Sequence[str] = (),
    instrument: str = "",
    plugin_files: Many = (),
    plugins: Plugins | None = None,
) -> Calibrated:
    """Calibrate an exposure in memory, or many with a recipe that makes them into fewer.

    Parameters
    ----------
    exposure
        The exposure, for example from `read_exposure`; it is not changed. Several are told apart by ``meta.path``.
    recipe
        Name or path of a recipe, or one that was read.
    backgrounds
        Its background exposures.
    roles
        What each of many exposures is: ``flat``, ``flat_off`` ...; by default science exposures.
    stages
        Functions to use for stages, in place of the installed implementations.
    params, use, references, skip, unskip, save, instrument, plugin_files, plugins
        See `run`.

    Returns
    -------
    Calibrated
        The products by suffix: ``cal``, ``i2d`` ...

    Raises
    ------
    Problems
        Everything that is wrong before the first stage.

    Examples
    --------
    >>> def leave(exposure):
    ...     return exposure
    >>> cal = calibrate(exposure, "image2", stages={"flat_field": leave})["cal"]  # doctest: +SKIP
    """
    is_many = isinstance(exposure, Sequence) and not isinstance(exposure, str)
    members: list[Any] = list(exposure) if is_many else [exposure]  # type: ignore[arg-type]
    if not members or not all(isinstance(one, Exposure) for one in members):
        remedy = "iris_core.read_exposure(path) returns one, iris_core.run(recipe, path) calibrates files"
        raise TypeError(f"calibrate takes an Exposure, or several, not {exposure!r:.60}; {remedy}")
    options = Overrides.model_validate(locals())
    own = load_plugins() if plugins is None else plugins.copy()
    add_files(own, options.plugin_files)  # they may declare the stages that are given
    given = {name: _add_function(name, function, own) for name, function in (stages or {}).items()}
    changes = {"use": {**options.use, **given}, "overwrite": True, "plugin_files": ()}
    started = start_run(recipe, options.model_copy(update=changes), own)
    job = Job(members[0].meta.path, tuple(one.meta.path for one in backgrounds))
    try:
        if isinstance(exposure, Exposure):
            plan: JobPlan = started.plan_outlines(job, exposure, backgrounds)
        else:
            named = list(zip(roles or ["science"] * len(members), members, strict=True))
            plan = started.plan_many(job, named, backgrounds)
    except Problems as error:
        raise Problems([*started.problems, *error.problems]) from None
    if started.problems:
        raise Problems(started.problems)
    with closing(started.references) as files:
        files.expect(plan.references)
        if not isinstance(plan, Plan):
            return _calibrate_many(started, plan, members, backgrounds)
        theirs = [plan.prepare(one) for one in backgrounds] if plan.job.backgrounds else []
        found = calibrate_exposure(plan, plan.prepare(members[0], *plan.notes), theirs, own, files)
        made = Calibrated()
        for planned, result in found:
            made.add_result(result, planned.suffix)
        return made


def _add_function(name: str, function: Callable[..., Any], plugins: Plugins) -> str:
    """Add a plugin with one function as the implementation of a stage, and return its name."""
    known, declared = plugins.stages(), getattr(function, "iris_stage", None)
    if name not in known:
        raise Problems([RecipeError(f"no stage '{name}'{did_you_mean(name, known)} Stages: {choices(known)}")])
    if declared is not None and declared.stage != name:
        raise Problems([RecipeError(f"the function given for '{name}' is an implementation of '{declared.stage}'")])
    plugins.add(f"given {name}", as_plugin(name, function, f"given {name}"))
    return f"given {name}"


def _calibrate_many(run: Run, plan: Any, exposures: Sequence[Exposure], backgrounds: Sequence[Exposure]) -> Calibrated:
    """Calibrate many exposures, told apart by the path in their `meta`, and return the products by suffix."""
    by_path = {one.meta.path: one for one in exposures}
    ordered = Exposures.of([by_path[one.job.path] for one in plan.plans], plan.roles)
    line = _Line(run, backgrounds)
    calibrate_group(plan, ordered, line, run.plugins, run.references)
    return line.made


@dataclass(slots=True)
class _Line:
    """Takes exposures through the steps of their plans, and collects the products."""

    run: Run
    backgrounds: Sequence[Exposure] = ()
    made: Calibrated = field(default_factory=Calibrated)
    read_notes: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    def advance(self, plans: Sequence[Plan], exposures: Exposures) -> Exposures:
        """Return the exposures as the steps leave them."""
        each = zip(plans, exposures, strict=True)
        return Exposures.of([self._follow(plan, one, len(plans) == 1) for plan, one in each], exposures.roles)

    def _follow(self, plan: Plan, exposure: Exposure, is_one: bool) -> Exposure:
        theirs = [plan.prepare(one) for one in self.backgrounds] if plan.job.backgrounds else []
        first = plan.prepare(exposure, *plan.notes)
        self.read_notes.setdefault(plan.job.path, first.notes)
        steps = calibrate_exposure(plan, first, theirs, self.run.plugins, self.run.references)
        return follow(steps, lambda planned, result: self.made.add_result(result, planned.suffix, is_one))

    def keep(self, part: GroupPart, result: Result[Exposures | Exposure]) -> Result[Exposures | Exposure]:
        """Collect what a stage of many exposures has made."""
        made, suffix = result.exposure, part.planned.suffix
        if not isinstance(made, Exposure):
            for one in made if part.outputs else ():
                self.made.add_result(Result(exposure=one), part.planned.step.save, len(made) == 1)
            made, suffix = made.outlines[0], ""
        self.made.add_result(Result(exposure=made, tables=result.tables, images=result.images), suffix)
        return result
