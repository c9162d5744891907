"""What is installed, read from the metadata of the distributions: nothing is imported to know what there is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

PROJECT = "iris_core"
COMMANDS = "iris_core.commands"
DISTRIBUTION = "iris-nir"


def find_entry_points(group: str, found: Iterable[Distribution] | None = None) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by name, in name order; more than one where distributions clash.

    Equal entry points of one distribution count once. A folder of metadata that an installation has left behind
    hides nothing: unlike `importlib.metadata.entry_points`, every folder is looked at.

    Parameters
    ----------
    group
        ``"iris_core"`` for plugins, ``"iris_core.commands"`` for commands.
    found
        The distributions to look at; by default all that can be imported.
    """
    points: dict[str, list[EntryPoint]] = {}
    for distribution in distributions() if found is None else found:
        if group in (distribution.read_text("entry_points.txt") or ""):  # most have others: they need no parsing
            for point in distribution.entry_points.select(group=group):
                points.setdefault(point.name, []).append(point)
    return {name: points[name] if len(points[name]) == 1 else _once(points[name]) for name in sorted(points)}


def _once(points: list[EntryPoint]) -> list[EntryPoint]:
    found: dict[tuple[str, str], EntryPoint] = {}
    for point in points:
        found.setdefault((distribution_of(point)[0].replace("_", "-").casefold(), point.value), point)
    return list(found.values())


def distribution_of(point: EntryPoint) -> tuple[str, str]:
    """Return name and version of the distribution that brings an entry point."""
    with suppress(OSError, LookupError, TypeError):  # the file METADATA may be missing, or empty
        metadata: Any = point.dist and point.dist.metadata  # a file that is parsed at each access
        return str(metadata.get("Name") or "unknown"), str(metadata.get("Version") or "")
    return "unknown", ""
