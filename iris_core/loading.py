"""Find and load the installed plugins."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint
from typing import Any

from iris_core import builtin
from iris_core.errors import PluginError, one_line
from iris_core.plugins import BUILTIN, BrokenPlugin, Plugins, new_manager
from iris_core.stages import PROJECT

__all__ = ["load_plugins"]


def load_plugins(only: Iterable[str] | None = None) -> Plugins:
    """Load the built-in plugin and the installed ones, in name order.

    Parameters
    ----------
    only
        Names to load; None for all, or those in the environment variable ``IRIS_LOAD_PLUGINS`` (separated by commas).
    """
    plugins = Plugins(new_manager(), {})
    plugins.add(BUILTIN, builtin, importlib.metadata.version("iris-core"))
    wanted = _wanted(only)
    loaded: dict[str, tuple[Any, EntryPoint]] = {}
    broken: list[BrokenPlugin] = []
    for name, points in _points().items():
        if wanted is None or name in wanted:
            try:
                loaded[name] = _import(name, points)
            except PluginError as error:
                broken.append(_broken(name, points, error))
    # Any plugin may declare a stage that another implements: those that declare come first.
    for name, (module, point) in sorted(loaded.items(), key=lambda item: not hasattr(item[1][0], "add_hookspecs")):
        try:
            plugins.add(name, module, point.dist.version if point.dist else "")
        except PluginError as error:
            broken.append(_broken(name, [point], error))
    return Plugins(plugins.manager, plugins.versions, broken)


def _points() -> dict[str, list[EntryPoint]]:
    """Return the entry points by name, in name order."""
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(importlib.metadata.entry_points(group=PROJECT), key=lambda point: point.name):
        found.setdefault(point.name, []).append(point)
    return found


def _wanted(only: Iterable[str] | None) -> set[str] | None:
    if only is not None:
        return set(only)
    named = os.environ.get("IRIS_LOAD_PLUGINS")
    return None if named is None else {name.strip() for name in named.split(",") if name.strip()}


def _import(name: str, points: Sequence[EntryPoint]) -> tuple[Any, EntryPoint]:
    if len(points) > 1:
        raise PluginError(f"{len(points)} distributions have a plugin of this name; uninstall all but one")
    try:
        return points[0].load(), points[0]
    except Exception as error:
        raise PluginError(one_line(error)) from error


def _broken(name: str, points: Sequence[EntryPoint], error: PluginError) -> BrokenPlugin:
    distributions = [f"{point.dist.name} {point.dist.version}" if point.dist else "unknown" for point in points]
    return BrokenPlugin(name, " and ".join(sorted(distributions)), str(error))
