"""`run`, `check` and `calibrate`: what the command line does, for Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from iris_core.association import Request, read_requests
from iris_core.batch import calibrate_files, is_skipped_product
from iris_core.errors import Problems, RecipeError, choices, did_you_mean
from iris_core.instruments import InstrumentMode
from iris_core.loading import load_plugins
from iris_core.model import Exposure
from iris_core.overrides import Overrides
from iris_core.plan import prepare
from iris_core.plugins import WATCH, Plugins
from iris_core.recipe import Recipe
from iris_core.report import ExposureResult, Report
from iris_core.runner import calibrate_exposure
from iris_core.session import Session, Survey, plan_outlines, start_session, survey
from iris_core.stages import stand_in

__all__ = ["calibrate", "check", "installed_modes", "read_exposure", "run"]

Files = str | Path


def installed_modes() -> dict[str, InstrumentMode]:
    """Return the installed instrument modes by name."""
    return load_plugins().modes()


def read_exposure(path: Files, *, pixels: bool = True, plugins: Plugins | None = None) -> Exposure:
    """Return the exposure in a file, read by the installed reader that knows it.

    Parameters
    ----------
    path
        The file.
    pixels
        Whether to read pixels; without, headers, unit and shape are true.
    plugins
        Whose readers are asked; by default what is installed.

    Raises
    ------
    InputError
        When nobody can read it.
    """
    return (plugins or load_plugins()).read_exposure(Path(path), pixels)


def check(
    recipe: Files | Recipe,
    *files: Files,
    backgrounds: Sequence[Files] = (),
    overrides: Overrides | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> Survey:
    """Do everything short of the first pixel.

    Parameters
    ----------
    recipe
        Name or path of a recipe.
    *files
        Exposures and association files; none to check the recipe alone.
    backgrounds
        Background exposures of those that are not in an association.
    overrides
        What to change of the recipe.
    plugins
        The plugins to use; by default what is installed.
    **options
        Fields of `Overrides`, in place of `overrides`.

    Returns
    -------
    Survey
        Plans, and all problems.

    Raises
    ------
    Problems
        When nothing of the recipe can be used.
    """
    said = _overrides(overrides, options)
    session = start_session(recipe, said, own_plugins(plugins))
    return _survey(session, files, backgrounds, said.allow_outside)


def _survey(session: Session, files: Sequence[Files], backgrounds: Sequence[Files], allow_outside: bool) -> Survey:
    use_others = session.recipe.backgrounds == "others"
    paths, background_paths = [Path(file) for file in files], [Path(file) for file in backgrounds]
    return survey(session, read_requests(paths, background_paths, use_others, allow_outside))


def run(
    recipe: Files | Recipe,
    *files: Files,
    backgrounds: Sequence[Files] = (),
    overrides: Overrides | None = None,
    plugins: Plugins | None = None,
    watch: object | None = None,
    on_result: Callable[[ExposureResult], None] | None = None,
    **options: Any,
) -> Report:
    """Calibrate files and write their products.

    Mistakes in the recipe stop the run before any pixel is read. An exposure that cannot be calibrated fails alone.

    Parameters
    ----------
    recipe
        Name or path of a recipe, or one that was read.
    *files
        Exposures and association files.
    backgrounds
        Background exposures of those that are not in an association.
    overrides
        What to change of the recipe.
    plugins
        The plugins to use; by default what is installed.
    watch
        An object with hook wrappers that acts around every stage in this process (progress, say).
    on_result
        Called with each exposure's result as soon as it is there.
    **options
        Fields of `Overrides`, in place of `overrides`: ``params={"flat_field.inverse": True}``, ``directory=...``.

    Returns
    -------
    Report
        One result for each exposure; look at ``report.failed``.

    Raises
    ------
    Problems
        When the recipe is wrong, or no exposure at all can be calibrated, with every reason.
    """
    said = _overrides(overrides, options)
    session = start_session(recipe, said, own_plugins(plugins))
    if watch is not None:
        session.plugins.add(WATCH, watch)
        session.plugins.active |= {WATCH}
    surveyed = _survey(session, files, backgrounds, said.allow_outside)
    if session.problems or not surveyed.plans:
        raise Problems(surveyed.everything() or (RecipeError("no exposure was given; name one or more files"),))
    finished = {
        request: ExposureResult(path=request.path, products={}, error="\n".join(map(str, found)))
        for request, found in surveyed.bad.items()
    }
    for result in finished.values():
        _tell(on_result, result)
    for request, result in calibrate_files(session, surveyed.plans):
        finished[request] = result
        _tell(on_result, result)
    results = tuple(finished[request] for request in dict.fromkeys(surveyed.requests))
    report = Report(recipe=session.recipe.name, results=results)
    session.plugins.run_finished(report)
    return report


def own_plugins(plugins: Plugins | None) -> Plugins:
    """Return plugins to which this call can add its own: the caller's stay as they are."""
    return load_plugins() if plugins is None else plugins.copy()


def _overrides(overrides: Overrides | None, options: Mapping[str, Any]) -> Overrides:
    if overrides is not None and options:
        raise TypeError(f"give 'overrides' or options, not both; the options are: {choices(options)}")
    if overrides is not None:
        return overrides
    known = list(Overrides.__dataclass_fields__)
    for name in options:
        if name not in known:
            raise TypeError(f"no option '{name}'{did_you_mean(name, known)} Options: {choices(known)}")
    return Overrides(**options)


def _tell(on_result: Callable[[ExposureResult], None] | None, result: ExposureResult) -> None:
    if on_result is not None:
        on_result(result)


def calibrate(
    exposure: Exposure,
    recipe: Files | Recipe,
    *,
    backgrounds: Sequence[Exposure] = (),
    stages: Mapping[str, Callable[..., Exposure]] | None = None,
    overrides: Overrides | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> dict[str, Exposure]:
    """Calibrate an exposure in memory.

    Parameters
    ----------
    exposure
        The exposure; it is not changed.
    recipe
        Name or path of a recipe, or one that was read.
    backgrounds
        Its background exposures.
    stages
        Functions to use for stages, in place of the installed implementations.
    overrides
        What to change of the recipe.
    plugins
        The plugins to use; by default what is installed.
    **options
        Fields of `Overrides`, in place of `overrides`.

    Returns
    -------
    dict
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
    said, plugins = _overrides(overrides, options), own_plugins(plugins)
    for name, function in (stages or {}).items():
        said = replace(said, use={**said.use, name: add_given(name, function, plugins)})
    session = start_session(recipe, replace(said, overwrite=True), plugins)
    request = Request(exposure.meta.path, tuple(one.meta.path for one in backgrounds))
    try:
        plan = plan_outlines(session, request, exposure, backgrounds, session.provenance())
    except Problems as error:
        raise Problems([*session.problems, *error.problems]) from None
    if session.problems:
        raise Problems(session.problems)
    theirs = [prepare(one.mask_invalid(), plan.mode) for one in backgrounds]
    found = calibrate_exposure(plan, prepare(exposure.mask_invalid(), plan.mode), theirs, plugins)
    return {plan.steps[index].save: product for index, product in found if not is_skipped_product(plan, index, product)}


def add_given(name: str, function: Callable[..., Exposure], plugins: Plugins) -> str:
    """Add a plugin with one function as the implementation of a stage, and return its name.

    Raises
    ------
    Problems
        When there is no such stage, or the function is of another.
    """
    known, said = plugins.stages(), getattr(function, "iris_stage", None)
    if name not in known:
        raise Problems([RecipeError(f"no stage '{name}'{did_you_mean(name, known)} Stages: {choices(known)}")])
    if said is not None and said.stage != name:
        raise Problems([RecipeError(f"the function given for '{name}' is an implementation of '{said.stage}'")])
    plugins.add(f"given {name}", SimpleNamespace(**{name: stand_in(name, function)}))
    return f"given {name}"
