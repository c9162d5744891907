"""What is declared on this machine: stages and the packages that declare them, hooks, modes, names that are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iris_core import InstrumentMode, Plugins, StageSpec, load_plugins

__all__ = ["Declared", "Installed", "Package", "survey"]

_CORE = "iris_core"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The package that declares a stage: its plugin and the module of that, its distribution and the version."""

    plugin: str
    module: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A stage.

    Parameters
    ----------
    spec
        Its specification.
    documentation
        The docstring of the specification.
    by
        The package that declares it; None for the core.
    """

    spec: StageSpec
    documentation: str
    by: Package | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is declared.

    Parameters
    ----------
    stages
        By name.
    hooks
        Names of all hooks, those of the stages among them.
    plugins
        Names of all plugins, those that are broken among them.
    broken
        By name, why a plugin cannot be used.
    modes
        All instrument modes, those that share a name included.
    """

    stages: Mapping[str, Declared]
    hooks: frozenset[str]
    plugins: frozenset[str]
    broken: Mapping[str, str]
    modes: tuple[InstrumentMode, ...]

    @property
    def keywords(self) -> frozenset[str]:
        """The status keywords of all stages."""
        specs = [one.spec for one in self.stages.values()]
        return frozenset(keyword for spec in specs for keyword in (spec.status, *spec.aliases))


def survey() -> Installed:
    """Load every installed plugin, and return what is declared."""
    plugins = load_plugins()
    return Installed(
        stages={name: _declared(spec, plugins) for name, spec in plugins.stages().items()},
        hooks=frozenset(plugins.hooks()),
        plugins=frozenset({*plugins.names(), *plugins.broken}),
        broken=plugins.broken,
        modes=tuple(plugins.modes().everything()),
    )


def _declared(spec: StageSpec, plugins: Plugins) -> Declared:
    return Declared(spec=spec, documentation=plugins.documentation(spec.name), by=_owner(spec.name, plugins))


def _owner(stage: str, plugins: Plugins) -> Package | None:
    """Return the package of the module in which a stage is specified."""
    root = getattr(plugins.manager.hook, stage).spec.function.__module__.partition(".")[0]
    modules = {name: str(getattr(plugins.manager.get_plugin(name), "__name__", "")) for name in plugins.names()}
    own = [name for name, module in modules.items() if module.partition(".")[0] == root]
    if root == _CORE or not own:
        return None
    # A package may have several plugins: the one that has the stage comes first.
    plugin = min(own, key=lambda name: (stage not in plugins.hooks_of(name), name))
    origin = plugins.origins[plugin]
    return Package(plugin=plugin, module=modules[plugin], distribution=origin.source, version=origin.version)
