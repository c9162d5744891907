"""Run one stage, or a recipe, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from iris_core import (
    Exposure,
    InstrumentMode,
    PluginError,
    Reference,
    References,
    StageInputs,
    StageSkipped,
    as_plugin,
    calibrate,
    load_plugins,
    run_step,
)
from iris_testkit._alone import compile_step, load_only, name_of, prepare
from iris_testkit._make import iris_mode

__all__ = ["run_recipe", "run_stage"]


def run_stage(
    plugin: Any,
    exposure: Exposure,
    *,
    stage: str = "",
    references: Iterable[Reference] = (),
    backgrounds: Sequence[Exposure] = (),
    mode: InstrumentMode | None = None,
    needs: Sequence[Any] = (),
    **params: Any,
) -> Exposure:
    """Run one stage on an exposure as the runner does: prepared, after the stage's own check, the result checked.

    Parameters
    ----------
    plugin
        A module that implements the stage, or the function alone.
    exposure
        What to calibrate; NaN and DO_NOT_USE are brought together first.
    stage
        Which stage, where a module implements several, or a function is not declared with `iris_core.stage`.
    references
        Reference files, as `make_reference` returns them.
    backgrounds
        Background exposures.
    mode
        Instrument mode; by default the IRIS imager.
    needs
        Modules that declare the stage, where the plugin does not.
    **params
        Parameters of the stage.

    Raises
    ------
    StageContractError
        When the result breaks the contract of the stage.
    StageSkipped
        When the stage has nothing to do.

    Examples
    --------
    >>> from iris_core import stage
    >>> from iris_testkit import make_exposure, run_stage
    >>> @stage("flat_field")
    ... def halve(exposure):
    ...     return exposure.scale(0.5)
    >>> float(run_stage(halve, make_exposure(value=10.0)).data[0, 0])
    5.0
    """
    tried, mode = _as_plugin(plugin, stage), mode or iris_mode()
    plugins = load_only(tried, needs)
    step = compile_step(plugins, name_of(tried), stage, params)
    inputs = StageInputs(
        exposure=prepare(exposure, mode, plugins),
        references=References({one.reftype: one for one in references}),
        background_exposures=tuple(prepare(one, mode, plugins) for one in backgrounds),
        instrument=mode,
    )
    result, skipped = run_step(step, inputs, plugins)
    if skipped:
        raise StageSkipped(skipped)
    return result


def _as_plugin(plugin: Any, stage: str) -> Any:
    """Return a plugin that holds a function, if it is one."""
    if isinstance(plugin, ModuleType) or not callable(plugin):
        return plugin
    name = getattr(getattr(plugin, "iris_stage", None), "stage", stage)
    if not name:
        raise PluginError(f"{name_of(plugin)} is declared for no stage; name one with 'stage = ...'")
    return as_plugin(name, plugin, name_of(plugin))


def run_recipe(
    recipe: Sequence[str | Mapping[str, Any]] | str | Path,
    exposure: Exposure | Sequence[Exposure],
    *,
    folder: Path,
    plugins: Sequence[Any] | Mapping[str, Any] = (),
    installed: Sequence[str] = (),
    references: Iterable[Reference] = (),
    **options: Any,
) -> dict[str, Exposure]:
    """Calibrate an exposure, or many, in memory with the plugins that are named and no others.

    Parameters
    ----------
    recipe
        A list of steps as a recipe has them, ``["dark_current", {"flat_field": {"params": {...}}}]``, or the path
        or the name of a recipe.
    exposure
        What to calibrate; several for a recipe that makes them into fewer.
    folder
        Where a recipe that is a list is written.
    plugins
        Modules to register, by their own names; or a mapping that names them, as recipes do with ``use``.
    installed
        Names of installed plugins to load; ``iris-imager``, the mode of the default exposures, always is.
    references
        Reference files.
    **options
        What `iris_core.calibrate` takes.

    Returns
    -------
    dict
        The products by suffix.
    """
    loaded = load_plugins({"iris-imager", *installed})
    named = plugins if isinstance(plugins, Mapping) else {name_of(one): one for one in plugins}
    for name, plugin in named.items():
        loaded.add(name, plugin)
    if not isinstance(recipe, str | Path):
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump({"recipe": 1, "name": "test", "steps": list(recipe)}), encoding="utf-8")
        recipe = path
    if files := {one.reftype: one.path for one in references}:
        options["references"] = files
    return calibrate(exposure, recipe, plugins=loaded, **options)
