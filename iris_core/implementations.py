"""Who implements a stage, and who would if it could be loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iris_core.stages import StageImplementation

__all__ = ["BrokenPlugin", "Implementation", "Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from: its version, and the distribution or the file that brings it."""

    version: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """An installed plugin that cannot be used, and why."""

    name: str
    distribution: str
    error: str

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution}): {self.error}"


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's implementation of one stage."""

    plugin: str
    version: str
    function: Callable[..., Any]
    declared: StageImplementation
    source: str = ""

    def __str__(self) -> str:
        """Return plugin and version, and who brings the plugin where its name does not say so."""
        named = f"{self.plugin} {self.version}".strip()
        return f"{named} ({self.source})" if self.source not in ("", self.plugin) else named
