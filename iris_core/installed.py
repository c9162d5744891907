"""What is installed, found from the metadata of the distributions alone: nothing is imported to know what is there.

A plugin is an entry point of the group ``iris_core``. Its distribution may list the hooks it implements in the group
``iris_core.api1``, one entry point for each, whose value is the plugin's module; the number is the version of the hooks
for which it is built. A plugin that does so is imported only when one of its hooks is needed.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

from iris_core.errors import PluginError, one_line
from iris_core.implementations import Origin
from iris_core.printing import diverted
from iris_core.stages import API_VERSION, PROJECT

__all__ = ["InstalledPlugin", "PluginFile", "find_installed", "import_file"]

log = logging.getLogger(__name__)

_PATIENCE = 5.0
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One name of the group ``iris_core``.

    Parameters
    ----------
    name
        The plugin's.
    points
        Its entry points: more than one where distributions clash.
    hooks
        The hooks it says it implements, by the version of the hooks it is built for; empty where it does not say.
    """

    name: str
    points: tuple[EntryPoint, ...]
    hooks: Mapping[int, frozenset[str]]

    @property
    def distribution(self) -> str:
        """Name and version of what brings it."""
        named = (f"{point.dist.name} {point.dist.version}" if point.dist else "unknown" for point in self.points)
        return " and ".join(sorted(named))

    @property
    def origin(self) -> Origin:
        """Version and name of its distribution."""
        dist = self.points[0].dist
        return Origin(dist.version, dist.name) if dist else Origin()

    @property
    def declared(self) -> frozenset[str] | None:
        """The hooks it says it implements of this version; None where it does not say."""
        return self.hooks.get(API_VERSION[0])

    @property
    def api(self) -> str:
        """The versions of the hooks for which it is built, ``""`` where it does not say."""
        return ", ".join(str(version) for version in sorted(self.hooks))

    def load(self) -> Any:
        """Import and return it.

        Raises
        ------
        PluginError
            When its name is taken twice, when it is built for another version of the hooks, or when its import fails
            or does not end.
        """
        if len(self.points) > 1:
            raise PluginError(
                f"{len(self.points)} distributions have a plugin of this name; uninstall all but one of them"
            )
        if self.hooks and self.declared is None:
            major = API_VERSION[0]
            remedy = (
                "upgrade iris-core" if min(self.hooks) > major else "upgrade the plugin, or install an older iris-core"
            )
            raise PluginError(
                f"it is built for version {self.api} of the hooks, and this iris-core has {major}; {remedy}"
            )
        return _import(self.points[0].load, f"plugin {self.name} of {self.distribution}")


def find_installed() -> dict[str, InstalledPlugin]:
    """Return the installed plugins by name, in name order."""
    everything = importlib.metadata.entry_points()
    points: dict[str, list[EntryPoint]] = {}
    for point in everything.select(group=PROJECT):
        points.setdefault(point.name, []).append(point)
    groups = [group for group in everything.groups if re.fullmatch(rf"{PROJECT}\.api\d+", group)]
    said = [(int(group.rpartition("api")[2]), point) for group in groups for point in everything.select(group=group)]
    return {name: InstalledPlugin(name, tuple(points[name]), _hooks(points[name][0], said)) for name in sorted(points)}


def _hooks(plugin: EntryPoint, said: list[tuple[int, EntryPoint]]) -> dict[int, frozenset[str]]:
    """Return the hooks that a distribution says a plugin of its own implements, by version."""
    found: dict[int, set[str]] = {}
    for version, point in said:
        if point.module == plugin.module and _same_distribution(point, plugin):
            found.setdefault(version, set()).add(point.name)
    return {version: frozenset(names) for version, names in found.items()}


def _same_distribution(one: EntryPoint, other: EntryPoint) -> bool:
    return one.dist is not None and other.dist is not None and one.dist.name == other.dist.name


@dataclass(frozen=True, slots=True)
class PluginFile:
    """A plugin that is one file: its hash is its version, since it has no other."""

    path: Path
    module: ModuleType
    sha256: str

    @property
    def name(self) -> str:
        """What recipes and products call it: the stem of the file's name."""
        return self.path.stem

    @property
    def version(self) -> str:
        """As much of its hash as tells two versions apart."""
        return f"sha256:{self.sha256[:12]}"


def import_file(path: Path) -> PluginFile:
    """Import a plugin that is one file.

    Raises
    ------
    PluginError
        When there is no such file, or its import fails.
    """
    if path.suffix != ".py" or not path.is_file():
        raise PluginError(f"plugin {path}: no such Python file; a plugin of one file is a module, my_stage.py")
    name = f"{PROJECT}_file_{path.stem}"
    loader = SourceFileLoader(name, str(path))
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # pydantic looks up the names of annotations there
    try:
        _import(lambda: loader.exec_module(module), f"plugin {path}")
    except PluginError as error:
        del sys.modules[name]
        raise PluginError(f"plugin {path}: {error}") from error.__cause__
    return PluginFile(path, module, sha256(path.read_bytes()).hexdigest())


def _import(load: Callable[[], Any], who: str) -> Any:
    """Return what `load` imports, in a thread of its own: an import that hangs must not take the others along."""
    results: list[Any] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(load())
        except BaseException as error:  # a module that calls sys.exit() must not end us
            failures.append(error)

    limit = _time_limit()
    thread = Thread(target=run, name=f"import {who}", daemon=True)
    with diverted(f"{who} printed while it was imported"):
        thread.start()
        thread.join(min(limit, _PATIENCE))
        if thread.is_alive() and limit > _PATIENCE:
            log.warning("%s is still being imported after %.0f s; IRIS_LOAD_PLUGINS can leave it out", who, _PATIENCE)
            thread.join(limit - _PATIENCE)
    if failures:
        raise PluginError(one_line(failures[0])) from failures[0]
    if not results and thread.is_alive():
        raise PluginError(
            f"its import did not end within {limit:g} s; mend or uninstall it, leave it out with IRIS_LOAD_PLUGINS, "
            f"or give it more time with IRIS_IMPORT_TIMEOUT (seconds)"
        )
    return results[0] if results else None


def _time_limit() -> float:
    said = os.environ.get("IRIS_IMPORT_TIMEOUT", "")
    try:
        return float(said or _TIMEOUT)
    except ValueError:
        raise PluginError(f"IRIS_IMPORT_TIMEOUT is {said!r}; it is a number of seconds") from None
