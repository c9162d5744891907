"""The plugins behind typed calls: who implements what, and which implementation is meant.

Nobody else calls pluggy's untyped hooks.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pluggy

from iris_core import hookspecs
from iris_core.errors import InputError, PluginError, choices, did_you_mean, one_line
from iris_core.implementations import BrokenPlugin, Implementation
from iris_core.instruments import InstrumentMode
from iris_core.model import Exposure
from iris_core.references import Candidate, Reference, References
from iris_core.stages import PROJECT, StageSpec

if TYPE_CHECKING:
    from iris_core.report import Report
    from iris_core.steps import Step

__all__ = ["BUILTIN", "BrokenPlugin", "Implementation", "Plugins", "new_manager"]

BUILTIN = "iris-core"

log = logging.getLogger(__name__)


def new_manager() -> pluggy.PluginManager:
    """Return a pluggy manager that knows our hooks."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.hook.add_hookspecs.call_historic(kwargs={"pluginmanager": manager})
    return manager


class Plugins:
    """The loaded plugins, behind typed calls.

    Parameters
    ----------
    manager
        A pluggy manager with our hookspecs.
    versions
        Distribution version by plugin name.
    broken
        What could not be loaded.

    Attributes
    ----------
    installed, active
        Names of what was loaded and not added in this process; of the plugins whose wrappers act.
    """

    def __init__(
        self, manager: pluggy.PluginManager, versions: Mapping[str, str], broken: Sequence[BrokenPlugin] = ()
    ) -> None:
        self.manager = manager
        self.versions = dict(versions)
        self.broken = tuple(broken)
        self.installed = frozenset(self.names())
        self.active = frozenset([BUILTIN])
        self._warned: set[str] = set()

    def names(self) -> list[str]:
        """Return the names of the loaded plugins, in order."""
        return sorted(name for name, plugin in self.manager.list_name_plugin() if plugin is not None)

    def add(self, name: str, plugin: object, version: str = "") -> None:
        """Register a plugin of this process only: an object with hook implementations.

        Raises
        ------
        PluginError
            When the name is taken, or an implementation does not fit its hook.
        """
        if self.manager.has_plugin(name):
            raise PluginError(f"plugin {name}: already registered; a name is given once")
        if self.manager.is_registered(plugin):
            raise PluginError(f"plugin {name}: already registered as '{self.manager.get_name(plugin)}'")
        try:
            self.manager.register(plugin, name)
            self._check(plugin)
        except Exception as error:
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            ours = isinstance(error, ValueError | pluggy.PluginValidationError)
            words = " ".join(str(error).split()) if ours else one_line(error)
            raise PluginError(f"plugin {name}: {words}") from error
        self.versions[name] = version

    def _check(self, plugin: object) -> None:
        """Refuse what pluggy would not find, or only with the first call."""
        stages = self.stages()
        for caller in self.manager.get_hookcallers(plugin) or ():
            own = [item for item in caller.get_hookimpls() if item.plugin is plugin]
            if not caller.has_spec() and not any(item.optionalhook for item in own):
                raise ValueError(f"it implements '{caller.name}', which is no hook; hooks are: {choices(self.hooks())}")
            if caller.name in stages and not all(hasattr(item.function, "iris_stage") for item in own):
                raise ValueError(f"it implements the stage '{caller.name}' without @stage('{caller.name}')")
            if caller.name in stages and len(own) > 1:
                raise ValueError(f"it implements the stage '{caller.name}' {len(own)} times")

    def travels(self, name: str) -> bool:
        """Whether a plugin is needed where exposures are worked on, and not only where the run is led."""
        callers = self.manager.get_hookcallers(self.manager.get_plugin(name)) or ()
        return bool({caller.name for caller in callers} - {"executors", "run_finished"})

    def copy(self) -> Plugins:
        """Return the same plugins in a manager of their own: what is added to one is not in the other."""
        copied = Plugins(new_manager(), self.versions, self.broken)
        for name, plugin in self.manager.list_name_plugin():
            copied.manager.register(plugin, name)
        copied.installed, copied.active = self.installed, self.active
        return copied

    def hooks(self) -> list[str]:
        """Return the names of all declared hooks."""
        callers = vars(self.manager.hook).values()
        return sorted(caller.name for caller in callers if caller.has_spec())

    def stages(self) -> dict[str, StageSpec]:
        """Return the declared stages by name, third parties' included."""
        callers = [getattr(self.manager.hook, name) for name in self.hooks()]
        specs = (getattr(caller.spec.function, "iris_spec", None) for caller in callers)
        return {spec.name: spec for spec in specs if spec is not None}

    def stage_documentation(self, stage: str) -> str:
        """Return what the hook specification says about a stage."""
        return inspect.getdoc(getattr(self.manager.hook, stage).spec.function) or ""

    def implementations(self, stage: str) -> list[Implementation]:
        """Return who implements a stage, in name order."""
        found = [
            Implementation(item.plugin_name, self.versions.get(item.plugin_name, ""), item.function, declared)
            for item in getattr(self.manager.hook, stage).get_hookimpls()
            if (declared := getattr(item.function, "iris_stage", None)) is not None
        ]
        return sorted(found, key=lambda item: item.plugin)

    def choose(self, stage: str, use: str = "") -> Implementation:
        """Return the one implementation of a stage.

        Parameters
        ----------
        stage
            A declared stage.
        use
            The plugin to take; ``""`` where there is only one.

        Raises
        ------
        PluginError
            When there is none, or more than one and no choice.
        """
        found = {item.plugin: item for item in self.implementations(stage)}
        if use:
            if use not in found:
                raise PluginError(
                    f"stage '{stage}': no installed plugin '{use}' implements it{did_you_mean(use, found)} "
                    f"It is implemented by: {choices(found.values())}{self._broken_hint(use)}"
                )
            return found[use]
        if not found:
            raise PluginError(f"stage '{stage}': no installed plugin implements it{self._broken_hint()}")
        if len(found) > 1:
            raise PluginError(
                f"stage '{stage}' is implemented by {len(found)} plugins ({choices(found.values())}); "
                "name one with 'use:'"
            )
        return next(iter(found.values()))

    def _broken_hint(self, name: str = "") -> str:
        broken = [item for item in self.broken if not name or item.name == name]
        return "; broken plugins: " + "; ".join(map(str, broken)) if broken else ""

    def require(self, names: Iterable[str], where: str) -> None:
        """Raise `PluginError` unless every one of `names` is loaded."""
        for name in names:
            if not self.manager.has_plugin(name):
                raise PluginError(
                    f"{where}: no plugin '{name}'{did_you_mean(name, self.names())} "
                    f"Installed: {choices(self.names())}{self._broken_hint(name)}"
                )

    def run_stage(
        self,
        step: Step,
        exposure: Exposure,
        references: References,
        backgrounds: Sequence[Exposure],
        instrument: InstrumentMode,
    ) -> Exposure:
        """Run a step, inside the active wrappers."""
        return cast(
            "Exposure",
            self._call(
                "run_stage",
                step=step,
                exposure=exposure,
                references=references,
                background_exposures=backgrounds,
                instrument=instrument,
            ),
        )

    def _call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook without the wrappers that are merely installed: what is not listed changes no pixel."""
        items = getattr(self.manager.hook, hook).get_hookimpls()
        acts_around = [item for item in items if hook == "run_stage" or item.wrapper or item.hookwrapper]
        others = [item.plugin for item in acts_around if item.plugin_name not in self.active]
        return self.manager.subset_hook_caller(hook, others)(**arguments)

    def read_exposure(self, path: Path, pixels: bool = True, reftype: str = "") -> Exposure:
        """Return what the first reader that knows the file makes of it.

        Raises
        ------
        InputError
            When no reader knows it.
        """
        found = self._call("read_exposure", path=path, pixels=pixels, reftype=reftype)
        if found is None:
            raise InputError(f"{path}: no installed reader knows files like this; FITS and ASDF are known by suffix")
        return cast("Exposure", found)

    def write_product(self, exposure: Exposure, path: Path) -> None:
        """Write a product with the first writer that knows its suffix."""
        if self._call("write_product", exposure=exposure, path=path) is None:
            raise InputError(f"{path}: no installed writer knows the suffix '{path.suffix}'")

    def find_reference(self, reftype: str, exposure: Exposure, instrument: InstrumentMode) -> Reference | None:
        """Return the first provider's answer."""
        found = self._call("find_reference", reftype=reftype, exposure=exposure, instrument=instrument)
        return cast("Reference | None", found)

    def explain_reference(self, reftype: str, exposure: Exposure, instrument: InstrumentMode) -> list[Candidate]:
        """Return every candidate that any provider did not choose."""
        answers = self.manager.hook.explain_reference(reftype=reftype, exposure=exposure, instrument=instrument)
        return [candidate for answer in answers for candidate in answer or ()]

    def modes(self) -> dict[str, InstrumentMode]:
        """Return the installed instrument modes by name."""
        return self._brought("instrument_modes", lambda modes: {mode.name: mode for mode in modes})

    def recipes(self) -> dict[str, Path]:
        """Return the installed recipes by name."""
        return self._brought("recipes")

    def executors(self) -> dict[str, Callable[[int], Executor]]:
        """Return the installed executors by name."""
        return self._brought("executors")

    def _brought(self, hook: str, by_name: Callable[[Any], Mapping[str, Any]] = dict) -> dict[str, Any]:
        """Return what the plugins bring, by name; of two of one name that of the core, or of the first plugin."""
        found: dict[str, Any] = {}
        items = getattr(self.manager.hook, hook).get_hookimpls()
        for item in sorted(items, key=lambda item: (item.plugin_name != BUILTIN, item.plugin_name)):
            try:
                brought = dict(by_name(item.function()))
            except Exception as error:
                self._warn(f"plugin {item.plugin_name}: its {hook} cannot be used: {one_line(error)}")
                continue
            for name in sorted(brought.keys() & found.keys()):
                self._warn(f"plugin {item.plugin_name}: '{name}' of its {hook} is not used, the name is taken")
            found = {**brought, **found}
        return dict(sorted(found.items()))

    def _warn(self, words: str) -> None:
        if words not in self._warned:
            self._warned.add(words)
            log.warning(words)

    def run_finished(self, report: Report) -> None:
        """Tell everybody that a run is done; who fails then changes nothing of what was done."""
        try:
            self.manager.hook.run_finished(report=report)
        except Exception as error:
            self._warn(f"a plugin failed after the run: {one_line(error)}")
