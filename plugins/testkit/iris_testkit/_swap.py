"""Functions in place of stages, for all runs of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iris_core import Exposure, Implementation, PluginError, Plugins, as_plugin, choices, did_you_mean, load_plugins

__all__ = ["swapping"]

Function = Callable[..., Exposure]


def swapping(patch: Callable[[type, str, Any], None]) -> Callable[[str, Function], None]:
    """Return a function that swaps a stage; `patch` replaces methods of `iris_core.Plugins` until the test ends."""
    swapped: dict[str, Function] = {}
    usual_choice, usual_executors = Plugins.choose, Plugins.executors

    def choose(plugins: Plugins, stage: str, use: str = "") -> Implementation:
        return _implement(plugins, stage, swapped[stage]) if stage in swapped else usual_choice(plugins, stage, use)

    def executors(plugins: Plugins) -> Any:
        # A run asks for them before it chooses. It refuses other processes where plugins are in this one only.
        for stage in swapped.keys() & plugins.stages().keys():
            _implement(plugins, stage, swapped[stage])
        return usual_executors(plugins)

    def swap(stage: str, function: Function) -> None:
        _implement(load_plugins(), stage, function)  # a mistake in the name fails here, not in a run
        swapped[stage] = function

    patch(Plugins, "choose", choose)
    patch(Plugins, "executors", executors)
    return swap


def _implement(plugins: Plugins, stage: str, function: Function) -> Implementation:
    """Return a function as the implementation of a stage, registered among the plugins of a run."""
    known, name = plugins.stages(), f"swapped {stage}"
    if stage not in known:
        raise PluginError(f"no stage '{stage}'{did_you_mean(stage, known)} Stages: {choices(known)}")
    if name not in plugins.names():
        plugins.add(name, as_plugin(stage, function, name))
    found = plugins.implementations(stage)
    if name not in found:
        raise PluginError(f"the function for {stage} is declared as {choices(plugins.hooks_of(name))}")
    return found[name]
