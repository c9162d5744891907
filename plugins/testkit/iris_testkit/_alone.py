"""The plugin under test alone: what is installed on the machine plays no part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iris_core import (
    Exposure,
    Implementation,
    InstrumentMode,
    PluginError,
    Plugins,
    StageInputs,
    StageSpec,
    Step,
    check_step,
    choices,
    load_plugins,
    prepare_exposure,
)

__all__ = ["call_step", "compile_step", "find_stage", "load_only", "name_of", "prepare"]


def name_of(plugin: object) -> str:
    """Return the name under which a plugin is registered: that of the module, or of the class of another object."""
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def load_only(plugin: object, needs: Sequence[object] = ()) -> Plugins:
    """Return the framework's own plugins, those that `plugin` needs, and `plugin`."""
    plugins = load_plugins(only=())
    for one in (*needs, plugin):
        plugins.add(name_of(one), one)
    return plugins


def find_stage(plugins: Plugins, name: str, stage: str) -> tuple[StageSpec, Implementation]:
    """Return the one stage that a plugin implements, or `stage`, and its implementation.

    Raises
    ------
    PluginError
        When the plugin does not implement the stage, or several and none is named.
    """
    own = {spec.name: spec for spec in plugins.stages().values() if name in plugins.implementations(spec.name)}
    wanted = stage or (next(iter(own)) if len(own) == 1 else "")
    if wanted not in own:
        raise PluginError(f"{name} implements {choices(own) if own else 'no stage'}; name one with 'stage = ...'")
    return own[wanted], plugins.implementations(wanted)[name]


def compile_step(plugins: Plugins, name: str, stage: str, params: Mapping[str, Any]) -> Step:
    """Return the step of a plugin; see `find_stage`."""
    spec, implementation = find_stage(plugins, name, stage)
    return Step(
        spec=spec,
        implementation=implementation,
        params=implementation.declared.params(**params),
        hook=plugins.hook(spec.name, name),
    )


def prepare(exposure: Exposure, mode: InstrumentMode, plugins: Plugins) -> Exposure:
    """Return an exposure as the runner gives it to its first stage."""
    return prepare_exposure(exposure.mask_invalid(), mode, tuple(plugins.stages().values()))


def call_step(step: Step, inputs: StageInputs) -> Any:
    """Return what a stage makes of its inputs after its own check; the result is not checked."""
    check_step(step, inputs)
    with np.errstate(all="ignore"):
        return step.hook(params=step.params, **inputs.arguments())
