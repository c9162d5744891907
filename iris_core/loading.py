"""Installed plugins and single-file plugins are imported and registered here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from iris_core.errors import PluginError, choices, one_line
from iris_core.installed import PROJECT, distribution_of, find_entry_points
from iris_core.plugins import Plugins, marked


def load_plugins(only: Iterable[str] | None = None) -> Plugins:
    """Return the framework's own plugins and the installed ones, loaded in name order.

    A plugin that cannot be used is listed in `Plugins.broken`; the others work.

    Parameters
    ----------
    only
        Names to load; None for all, or those in the environment variable ``IRIS_LOAD_PLUGINS`` (separated by commas).
    """
    named = os.environ.get("IRIS_LOAD_PLUGINS")
    names = only if only is not None or named is None else [name.strip() for name in named.split(",")]
    wanted = None if names is None else set(names)
    plugins, modules = Plugins(), {}
    for name, points in find_entry_points(PROJECT).items():
        if wanted is None or name in wanted:
            try:
                modules[name] = _import_point(points)
            except PluginError as error:
                plugins.broken[name] = str(error)
    # Any plugin may declare a stage that another implements: those that declare come first.
    for name in sorted(modules, key=lambda name: (modules[name][0], name)):
        _, module, (distribution, version) = modules[name]
        try:
            plugins.add(name, module, version, distribution)
        except PluginError as error:
            plugins.broken[name] = f"{distribution} {version}: {str(error).removeprefix(f'plugin {name}: ')}"
    plugins.broken = dict(sorted(plugins.broken.items()))
    return plugins


def _import_point(points: list[EntryPoint]) -> tuple[bool, Any, tuple[str, str]]:
    """Return whether the module of an entry point declares no stage, the module, and its distribution."""
    owners = [distribution_of(point) for point in points]
    named = choices(" ".join(owner) for owner in owners)
    if len(points) > 1:
        raise PluginError(f"{len(points)} distributions have a plugin of this name ({named}); uninstall all but one")
    try:
        module = points[0].load()
        declares = hasattr(module, "add_hookspecs") or any(marked(module, "iris_spec"))
        return not declares, module, owners[0]
    except (Exception, SystemExit) as error:
        raise PluginError(f"{named}: {one_line(error)}") from error


def add_file(plugins: Plugins, path: str | Path) -> str:
    """Import and register a plugin that is a single file, and return its name; its wrappers act.

    Raises
    ------
    PluginError
        When there is no such file, its import fails, or it does not fit the hooks.
    """
    from iris_core.provenance import sha256_of

    path = Path(path)
    if path.suffix != ".py" or not path.is_file():
        raise PluginError(f"plugin {path}: no such Python file; a single-file plugin is a module, my_stage.py")
    try:
        module, digest = _import_file(path), sha256_of(path)
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin {path}: {one_line(error)}") from error
    plugins.add(path.stem, module, f"sha256:{digest[:12]}", str(path), digest)
    plugins.active |= {path.stem}
    return path.stem


def _import_file(path: Path) -> ModuleType:
    name = f"{PROJECT}_file_{path.stem}"
    loader = SourceFileLoader(name, str(path))
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # pydantic looks up the names of annotations there
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
