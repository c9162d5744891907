"""The stages that are declared on this machine, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from iris_core import DQ, Plugins

__all__ = ["Declared", "Installed", "survey"]

_GROUP = "iris_core"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A stage.

    Parameters
    ----------
    name
        Its own.
    unit
        Unit of its result, ``""`` where it keeps that of the exposure.
    dq
        Bits that it may add.
    consumes_backgrounds
        Whether the background exposures end there.
    documentation
        What its specification says.
    by
        The plugin that declares it; None for the core.
    """

    name: str
    unit: str
    dq: DQ
    consumes_backgrounds: bool
    documentation: str
    by: EntryPoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is declared: the stages by name, the names of all hooks, the status keywords, and who is broken and why."""

    stages: Mapping[str, Declared]
    hooks: frozenset[str]
    keywords: frozenset[str]
    broken: tuple[str, ...]


def survey() -> Installed:
    """Import every installed plugin, and return what is declared then."""
    plugins = Plugins()
    by, broken = _add_all(plugins)
    specs = plugins.stages()
    return Installed(
        stages={name: _declared(spec, by.get(name), plugins) for name, spec in specs.items()},
        hooks=frozenset(plugins.hooks()),
        keywords=frozenset({keyword for spec in specs.values() for keyword in (spec.status, *spec.aliases)}),
        broken=tuple(f"{name}: {error}" for name, error in broken.items()),
    )


def _add_all(plugins: Plugins) -> tuple[dict[str, EntryPoint], dict[str, str]]:
    """Add the installed plugins until no more can be; return who declares which stage, and the errors of the others.

    Who implements a stage that another declares can be added after that one.
    """
    by: dict[str, EntryPoint] = {}
    waiting = {point.name: point for point in entry_points(group=_GROUP)}
    while True:
        failed: dict[str, str] = {}
        for name, point in waiting.items():
            before = set(plugins.stages())
            try:
                plugins.add(name, point.load())
            except (Exception, SystemExit) as error:
                failed[name] = " ".join(str(error).split()) or type(error).__name__
            by |= dict.fromkeys(set(plugins.stages()) - before, point)
        if len(failed) == len(waiting):
            return by, failed
        waiting = {name: waiting[name] for name in failed}


def _declared(spec: Any, by: EntryPoint | None, plugins: Plugins) -> Declared:
    return Declared(
        name=spec.name,
        unit=spec.unit,
        dq=spec.dq,
        consumes_backgrounds=spec.consumes_backgrounds,
        documentation=plugins.stage_documentation(spec.name),
        by=by,
    )
