"""Run one stage, or a recipe, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from iris_core.api import calibrate
from iris_core.contract import check_contract
from iris_core.instruments import InstrumentMode
from iris_core.loading import load_plugins
from iris_core.model import Exposure
from iris_core.references import Reference, References
from iris_core.stages import stand_in
from iris_core.testing._bench import compile_stage
from iris_core.testing._make import iris_mode

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
    """Run one stage on an exposure and check the result as the runner does.

    Parameters
    ----------
    plugin
        A module that implements the stage, or the function alone.
    exposure
        What to calibrate; NaN and DO_NOT_USE are brought together first, as the runner does.
    stage
        Which stage, where a module implements several, or a function was not declared with `iris_core.stage`.
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
    >>> from iris_core.testing import make_exposure, run_stage
    >>> @stage("flat_field")
    ... def halve(exposure):
    ...     return exposure.scale(0.5)
    >>> float(run_stage(halve, make_exposure(value=10.0)).data[0, 0])
    5.0
    """
    step = compile_stage(_as_plugin(plugin, stage), stage, params, needs)
    whole = exposure.mask_invalid()
    given = References({one.reftype: one for one in references})
    result = step.call(whole, given, [one.mask_invalid() for one in backgrounds], mode or iris_mode())
    return check_contract(step, whole, result)


def _as_plugin(plugin: Any, stage: str) -> Any:
    """Return a plugin that holds a function, if it is one."""
    if not callable(plugin) or hasattr(plugin, "iris_spec"):
        return plugin
    return SimpleNamespace(implementation=stand_in(stage, plugin), __name__=plugin.__name__)


def _named(plugins: Sequence[Any] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(plugins, Mapping):
        return plugins
    return {getattr(plugin, "__name__", f"plugin {number}"): plugin for number, plugin in enumerate(plugins)}


def run_recipe(
    recipe: Sequence[str | Mapping[str, Any]] | str | Path,
    exposure: Exposure,
    *,
    folder: Path,
    plugins: Sequence[Any] | Mapping[str, Any] = (),
    installed: Sequence[str] = (),
    references: Iterable[Reference] = (),
    **options: Any,
) -> dict[str, Exposure]:
    """Calibrate an exposure in memory with named plugins and no others.

    Parameters
    ----------
    recipe
        A list of steps as a recipe has them, ``["dark_current", {"flat_field": {"params": {...}}}]``, or the path
        or the name of a recipe.
    exposure
        What to calibrate.
    folder
        Where a recipe that is a list is written.
    plugins
        Modules to register, by their own names; or a mapping that names them, as recipes do with ``use``.
    installed
        Names of installed plugins to load.
    references
        Reference files.
    **options
        What `iris_core.calibrate` takes.

    Returns
    -------
    dict
        The products by suffix.
    """
    loaded = load_plugins(installed)
    for name, plugin in _named(plugins).items():
        loaded.add(name, plugin)
    if not isinstance(recipe, str | Path):
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump({"recipe": 1, "name": "test", "steps": list(recipe)}), encoding="utf-8")
        recipe = path
    if files := {one.reftype: one.path for one in references}:
        options["references"] = files
    return calibrate(exposure, recipe, plugins=loaded, **options)
