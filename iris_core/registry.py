"""Who is there: plugins are registered, checked, and imported when they are needed; one implementation is chosen."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pluggy

from iris_core import hookspecs
from iris_core.errors import PluginError, choices, did_you_mean, one_line
from iris_core.implementations import BrokenPlugin, Origin
from iris_core.installed import InstalledPlugin, PluginFile, import_file
from iris_core.stages import API_VERSION, PROJECT, StageSpec

__all__ = ["BUILTIN", "WATCH", "Registry"]

BUILTIN = "iris-core"
# Who shows on a terminal which stage is running.
WATCH = "watch"

# These are needed only where a recipe says so, as stages are; what brings any other hook is needed by every run.
_ON_DEMAND = ("run_stage", "add_hookspecs", "recipes", "check_reference")


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.hook.add_hookspecs.call_historic(kwargs={"pluginmanager": manager})
    return manager


def _members(plugin: object, mark: str) -> Iterator[Any]:
    """Yield the functions of a plugin that carry a mark of ours."""
    for name in dir(plugin):
        member = getattr(plugin, name, None)
        if getattr(member, mark, None) is not None:
            yield member


def _declares(plugin: object) -> bool:
    return hasattr(plugin, "add_hookspecs") or any(True for _ in _members(plugin, "iris_spec"))


class Registry:
    """The plugins that are loaded, and those that can be.

    Parameters
    ----------
    pending
        What is installed and was not imported yet, by name.

    Attributes
    ----------
    manager
        A pluggy manager with our hookspecs.
    origins
        Where each loaded plugin comes from; without a source it was added in this process.
    broken
        What could not be loaded.
    active
        Names of the plugins whose wrappers act.
    files
        Plugins of one file, by name.
    forced
        The plugin that implements a stage, whatever recipe and mode say: a test swaps a stage with it.
    """

    def __init__(self, pending: Mapping[str, InstalledPlugin] | None = None) -> None:
        self.manager = _new_manager()
        self.pending = dict(pending or {})
        self.origins: dict[str, Origin] = {}
        self.broken: list[BrokenPlugin] = []
        self.active = frozenset([BUILTIN])
        self.files: dict[str, PluginFile] = {}
        self.forced: dict[str, str] = {}

    def names(self) -> list[str]:
        """Return the names of the plugins that are loaded or can be, in order."""
        loaded = [name for name, plugin in self.manager.list_name_plugin() if plugin is not None]
        return sorted({*loaded, *self.pending})

    def add(self, name: str, plugin: object, version: str = "", source: str = "") -> None:
        """Register a plugin: a module, or another object with hook implementations.

        Parameters
        ----------
        name
            What recipes and products call it.
        plugin
            The object.
        version, source
            Its version, and the distribution or file that brings it; without a source it is of this process only.

        Raises
        ------
        PluginError
            When the name is taken, or an implementation does not fit its hook.
        """
        if self.manager.has_plugin(name) or name in self.pending:
            raise PluginError(f"plugin {name}: already registered; a name is given once")
        if self.manager.is_registered(plugin):
            raise PluginError(f"plugin {name}: already registered as '{self.manager.get_name(plugin)}'")
        try:
            self._declare(plugin)
            self._check_arguments(plugin)
            self.manager.register(plugin, name)
            self._check(plugin)
        except Exception as error:
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            ours = isinstance(error, ValueError | pluggy.PluginValidationError)
            words = " ".join(str(error).split()) if ours else one_line(error)
            raise PluginError(f"plugin {name}: {words}") from error
        self.origins[name] = Origin(version, source)

    def add_file(self, path: Path) -> str:
        """Import and register a plugin that is one file, and return its name; its wrappers act, since it was named."""
        file = import_file(path)
        self.add(file.name, file.module, file.version, str(path))
        self.files[file.name] = file
        self.active |= {file.name}
        return file.name

    def _declare(self, plugin: object) -> None:
        """Declare the stages whose specifications a plugin holds."""
        for function in _members(plugin, "iris_spec"):
            name = function.iris_spec.name
            known = getattr(self.manager.hook, name, None)
            if known is None or not known.has_spec():
                namespace = ModuleType(name)
                setattr(namespace, name, function)
                self.manager.add_hookspecs(namespace)
            elif known.spec.function is not function:
                raise ValueError(f"it declares the stage '{name}', which {known.spec.function.__module__} declares too")

    def _check_arguments(self, plugin: object) -> None:
        """Refuse an argument that a hook does not have, in words that say which there are."""
        for function in _members(plugin, f"{PROJECT}_impl"):
            hook = getattr(function, f"{PROJECT}_impl")["specname"] or function.__name__
            caller = getattr(self.manager.hook, hook, None)
            if caller is not None and caller.has_spec():
                known = [*caller.spec.argnames, "self"]
                for name in inspect.signature(function).parameters:
                    if name not in known:
                        near = did_you_mean(name, known)
                        raise ValueError(
                            f"{function.__name__}() names the argument '{name}', which '{hook}' does not have{near} "
                            f"Arguments: {', '.join(caller.spec.argnames)}"
                        )

    def _check(self, plugin: object) -> None:
        """Refuse what pluggy would not find, or only with the first call."""
        stages = self.declared_stages()
        for caller in self.manager.get_hookcallers(plugin) or ():
            own = [item for item in caller.get_hookimpls() if item.plugin is plugin]
            if not caller.has_spec() and not all(item.optionalhook for item in own):
                near, known = did_you_mean(caller.name, self.hooks()), choices(self.hooks())
                raise ValueError(f"it implements '{caller.name}', which is no hook{near} Hooks: {known}")
            if caller.name in stages and not all(hasattr(item.function, "iris_stage") for item in own):
                raise ValueError(f"it implements the stage '{caller.name}' without @stage('{caller.name}')")
            if caller.name in stages and len(own) > 1:
                raise ValueError(f"it implements the stage '{caller.name}' {len(own)} times")

    def load(self, names: Iterable[str]) -> None:
        """Import and register what is pending of `names`, and who declares the stages that these implement.

        What fails is broken from then on, with the reason.
        """
        modules = self._import(names)
        while further := self._import(self._declaring(modules)):
            modules |= further
        # Any plugin may declare a stage that another implements: those that declare come first.
        for name in sorted(modules, key=lambda name: not _declares(modules[name][1])):
            self._register(*modules[name])

    def _import(self, names: Iterable[str]) -> dict[str, tuple[InstalledPlugin, Any]]:
        found = {}
        for name in list(names):
            installed = self.pending.pop(name, None)
            if installed is not None:
                try:
                    found[name] = installed, installed.load()
                except PluginError as error:
                    self._break(installed, error)
        return found

    def _register(self, installed: InstalledPlugin, module: Any) -> None:
        origin = installed.origin
        try:
            self.add(installed.name, module, origin.version, origin.source)
            self._compare(installed, module)
        except PluginError as error:
            self._break(installed, error)

    def _break(self, installed: InstalledPlugin, error: PluginError) -> None:
        words = str(error).removeprefix(f"plugin {installed.name}: ")
        self.broken.append(BrokenPlugin(installed.name, installed.distribution, words))
        self.broken.sort(key=lambda one: one.name)

    def _compare(self, installed: InstalledPlugin, module: Any) -> None:
        """Refuse a plugin whose metadata are wrong: with them it would be imported too late, or never."""
        implements = self.hooks_of(installed.name)
        if installed.declared is not None and installed.declared != implements:
            self.manager.unregister(name=installed.name)
            raise PluginError(
                f"its metadata list the hooks {choices(installed.declared)} but it implements {choices(implements)}; "
                f'correct its [project.entry-points."iris_core.api{API_VERSION[0]}"] and install it again'
            )

    def hooks_of(self, name: str) -> frozenset[str]:
        """Return the names of the hooks that a loaded plugin implements, and of the stages that it declares."""
        plugin = self.manager.get_plugin(name)
        callers = self.manager.get_hookcallers(plugin) or ()
        declares = (function.iris_spec.name for function in _members(plugin, "iris_spec"))
        return frozenset({*(caller.name for caller in callers), *declares})

    def _declaring(self, modules: Mapping[str, tuple[InstalledPlugin, Any]]) -> list[str]:
        """Return who may declare the stages that modules implement and nobody has declared."""
        plugins = [module for _, module in modules.values()]
        declared = {function.iris_spec.name for plugin in plugins for function in _members(plugin, "iris_spec")}
        implemented = {function.iris_stage.stage for plugin in plugins for function in _members(plugin, "iris_stage")}
        unknown = implemented - declared - set(self.hooks())
        return self.pending_with({*unknown, "add_hookspecs"}) if unknown else []

    def pending_with(self, hooks: Iterable[str]) -> list[str]:
        """Return who says to implement one of some hooks, and was not imported yet."""
        wanted = set(hooks)
        return [name for name, one in self.pending.items() if wanted & (one.declared or frozenset())]

    def load_what_every_run_needs(self) -> None:
        """Import who brings more than stages, and who does not say what it brings."""
        on_demand = {*self.declared_stages(), *_ON_DEMAND}
        every_run = set(self.hooks()) - on_demand
        silent = [name for name, one in self.pending.items() if one.declared is None]
        self.load([name for name in self.pending if name in {*silent, *self.pending_with(every_run)}])

    def load_all(self) -> None:
        """Import everything that is installed: what is broken is known afterwards."""
        self.load(list(self.pending))

    def hooks(self) -> list[str]:
        """Return the names of all hooks that are declared by now."""
        callers = vars(self.manager.hook).values()
        return sorted(caller.name for caller in callers if caller.has_spec())

    def declared_stages(self) -> dict[str, StageSpec]:
        """Return the stages that are declared by now, by name."""
        callers = [getattr(self.manager.hook, name) for name in self.hooks()]
        specs = (getattr(caller.spec.function, "iris_spec", None) for caller in callers)
        return {spec.name: spec for spec in specs if spec is not None}

    def copy(self) -> Self:
        """Return the same plugins in a manager of their own: what is added to one is not in the other."""
        copied = type(self)(self.pending)
        for name, plugin in self.manager.list_name_plugin():
            if plugin is not None:
                copied._declare(plugin)
                copied.manager.register(plugin, name)
        copied.origins, copied.broken, copied.active = dict(self.origins), list(self.broken), self.active
        copied.files, copied.forced = dict(self.files), dict(self.forced)
        return copied
