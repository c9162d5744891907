"""Find and load the installed plugins."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterable
from typing import Any

import pluggy

from iris_core import builtin, hookspecs
from iris_core.errors import PluginError
from iris_core.plugins import BUILTIN, BrokenPlugin, Plugins
from iris_core.stages import PROJECT

__all__ = ["load_plugins"]


def load_plugins(only: Iterable[str] | None = None) -> Plugins:
    """Load the built-in plugin and the installed ones, in name order.

    Parameters
    ----------
    only
        Names to load; None for all, or those in the environment variable ``IRIS_LOAD_PLUGINS`` (separated by commas).
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager, {})
    plugins.add(BUILTIN, builtin, importlib.metadata.version("iris-core"))
    manager.hook.add_hookspecs.call_historic(kwargs={"pluginmanager": manager})
    wanted = _wanted(only)
    points = sorted(importlib.metadata.entry_points(group=PROJECT), key=lambda point: point.name)
    loaded: dict[str, Any] = {}
    broken = [
        problem
        for point in points
        if wanted is None or point.name in wanted
        if (problem := _import(point, loaded)) is not None
    ]
    # Any plugin may declare a stage that another implements: those that declare come first.
    for name, (module, version) in sorted(loaded.items(), key=lambda item: not hasattr(item[1][0], "add_hookspecs")):
        broken += _register(plugins, name, module, version)
    return Plugins(manager, plugins.versions, broken)


def _wanted(only: Iterable[str] | None) -> set[str] | None:
    if only is not None:
        return set(only)
    named = os.environ.get("IRIS_LOAD_PLUGINS")
    return None if named is None else {name.strip() for name in named.split(",") if name.strip()}


def _distribution(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown distribution", "")


def _import(point: importlib.metadata.EntryPoint, loaded: dict[str, Any]) -> BrokenPlugin | None:
    name, version = _distribution(point)
    if point.name in loaded:
        return BrokenPlugin(point.name, f"{name} {version}", "another distribution has a plugin of this name")
    try:
        loaded[point.name] = (point.load(), version)
    except Exception as error:
        return BrokenPlugin(point.name, f"{name} {version}", f"{type(error).__name__}: {error}")
    return None


def _register(plugins: Plugins, name: str, module: object, version: str) -> list[BrokenPlugin]:
    try:
        plugins.add(name, module, version)
    except PluginError as error:
        return [BrokenPlugin(name, f"version {version}", str(error))]
    return []
