"""The plugins of a run: registered, chosen, and asked through typed calls.

Nothing else calls the untyped hooks of pluggy.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from iris_core import hookspecs
from iris_core.errors import InputError, IrisError, PluginError, RecipeError, choices, did_you_mean, one_line
from iris_core.exposure import Exposure
from iris_core.installed import DISTRIBUTION, PROJECT
from iris_core.instruments import InstrumentMode, Offered
from iris_core.reference import Candidate, Reference, ReferenceType
from iris_core.stages import StageSpec
from iris_core.step import Implementation

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from iris_core.report import Report


log = logging.getLogger(__name__)

BUILTIN = DISTRIBUTION
# The plugin that shows on a terminal which stage is running.
WATCH = "watch"
# What the framework implements of its own hooks; where others may answer, these are asked last.
_OWN = {BUILTIN: "iris_core.builtin"} | {
    f"{BUILTIN}-{wing}": f"iris_core.{wing}" for wing in ("io", "recipes", "references", "workers")
}
_REMEDIES = {
    "find_reference": "choose with 'references: {providers: [...]}' in the recipe, or name a file with --reference",
    "read_exposure": "choose one with 'reader:' in the recipe",
}
# The folder of reference files that a recipe names, as a provider.
STORE = "store"


@dataclass(frozen=True, slots=True)
class Origin:
    """Version of a plugin, and the distribution or file that brings it; no source: added in this process."""

    version: str = ""
    source: str = ""
    sha256: str = ""

    def __str__(self) -> str:
        return f"{self.source} {self.version}".strip()


class Plugins:
    """The plugins of a run; a fresh one has those of the framework itself.

    Attributes
    ----------
    manager
        A pluggy manager with our hook specifications.
    origins
        Where each plugin comes from, by name.
    broken
        Installed plugins that cannot be used, each with the reason.
    active
        Plugins whose wrappers act.
    chosen
        Plugins that may answer, by hook, where the recipe names them.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.manager.hook.add_hookspecs.call_historic(kwargs={"pluginmanager": self.manager})
        self.origins: dict[str, Origin] = {}
        self.broken: dict[str, str] = {}
        self.active: frozenset[str] = frozenset(_OWN)
        self.chosen: dict[str, tuple[str, ...]] = {}
        own = version(DISTRIBUTION)
        for name, module in _OWN.items():
            self.add(name, import_module(module), own, DISTRIBUTION)

    def names(self) -> list[str]:
        """Return the names of all plugins, in order."""
        return sorted(self.origins)

    def add(self, name: str, plugin: object, version: str = "", source: str = "", sha256: str = "") -> None:
        """Register a plugin.

        Parameters
        ----------
        name
            Its name in recipes and products.
        plugin
            A module, or another object with hook implementations.
        version, source, sha256
            Its version, the distribution or file that brings it, and the hash of a file.

        Raises
        ------
        PluginError
            When the name is taken, or an implementation does not fit its hook.
        """
        try:
            if name in self.origins:
                raise ValueError("the name is taken; each plugin needs a name of its own")
            if type(plugin).__hash__ is None:
                raise ValueError(f"a {type(plugin).__name__} cannot be hashed; register a module, or another object")
            self._declare_stages(plugin)
            self.manager.register(plugin, name)
            self._check(name, plugin)
        except Exception as error:
            if self.manager.has_plugin(name) and name not in self.origins:
                self.manager.unregister(name=name)
            ours = isinstance(error, ValueError | pluggy.PluginValidationError)
            words = " ".join(str(error).split()) if ours else one_line(error)
            raise PluginError(f"plugin {name}: {words}") from error
        self.origins[name] = Origin(version, source, sha256)

    def _declare_stages(self, plugin: object) -> None:
        for function in marked(plugin, "iris_spec"):
            name = function.iris_spec.name
            known = getattr(self.manager.hook, name, None)
            if known is None or not known.has_spec():
                namespace = ModuleType(name)
                namespace.__dict__[name] = function
                self.manager.add_hookspecs(namespace)
            elif known.spec.function is not function:
                raise ValueError(f"it declares the stage '{name}', which {known.spec.function.__module__} declares too")

    def _check(self, name: str, plugin: object) -> None:
        """Refuse what pluggy would ignore, or notice in the first call only."""
        stages = self.stages()
        for caller in self.manager.get_hookcallers(plugin) or ():
            own = [item for item in caller.get_hookimpls() if item.plugin is plugin]
            if not caller.has_spec() and not all(item.optionalhook for item in own):
                near, known = did_you_mean(caller.name, self.hooks()), choices(self.hooks())
                raise ValueError(f"it implements '{caller.name}', which is no hook{near} Hooks: {known}")
            work = [item for item in own if not _wraps(item)]
            if work and len(work) < len(own):
                raise ValueError(f"it both implements '{caller.name}' and wraps it; these have to be two plugins")
            if caller.name in stages and not all(hasattr(item.function, "iris_stage") for item in work):
                raise ValueError(f"it implements the stage '{caller.name}' without @stage('{caller.name}')")
            if caller.name in stages and len(work) > 1:
                raise ValueError(f"it implements the stage '{caller.name}' {len(work)} times")

    def files(self) -> dict[str, Path]:
        """Return the single-file plugins by name."""
        return {name: Path(origin.source) for name, origin in self.origins.items() if origin.sha256}

    def copy(self) -> Plugins:
        """Return the same plugins in a manager of their own: what is added to one is not in the other."""
        copied = Plugins()
        for name, plugin in self.manager.list_name_plugin():
            if plugin is not None and name not in _OWN:
                copied._declare_stages(plugin)
                copied.manager.register(plugin, name)
        copied.origins, copied.broken = dict(self.origins), dict(self.broken)
        copied.active, copied.chosen = self.active, dict(self.chosen)
        return copied

    def hooks(self) -> list[str]:
        """Return the names of all hooks that are declared."""
        return sorted(caller.name for caller in vars(self.manager.hook).values() if caller.has_spec())

    def hooks_of(self, name: str) -> frozenset[str]:
        """Return the names of the hooks that a plugin implements, and of the stages that it declares."""
        plugin = self.manager.get_plugin(name)
        callers = self.manager.get_hookcallers(plugin) or ()
        declared = (function.iris_spec.name for function in marked(plugin, "iris_spec"))
        return frozenset({*(caller.name for caller in callers), *declared})

    def stages(self) -> dict[str, StageSpec]:
        """Return the declared stages by name, third parties' included."""
        callers = [getattr(self.manager.hook, name) for name in self.hooks()]
        specs = (getattr(caller.spec.function, "iris_spec", None) for caller in callers)
        return {spec.name: spec for spec in specs if spec is not None}

    def documentation(self, hook: str, plugin: str = "") -> str:
        """Return what the specification of a hook says, or its implementation by a plugin."""
        caller = getattr(self.manager.hook, hook)
        functions = {item.plugin_name: item.function for item in caller.get_hookimpls()}
        return inspect.getdoc(functions[plugin] if plugin else caller.spec.function) or ""

    def implementations(self, stage: str) -> dict[str, Implementation]:
        """Return the implementations of a stage by plugin, in name order."""
        items = getattr(self.manager.hook, stage).get_hookimpls()
        found = {item.plugin_name: item.function.iris_stage for item in items if hasattr(item.function, "iris_stage")}
        named = [(name, self.origins[name]) for name in sorted(found)]
        return {name: Implementation(name, one.version, found[name], one.source) for name, one in named}

    def choose(self, stage: str, use: str = "") -> Implementation:
        """Return the one implementation of a stage.

        Parameters
        ----------
        stage
            A declared stage.
        use
            The plugin to take; ``""`` where only one can be meant.

        Raises
        ------
        PluginError
            When there is none, or more than one and no choice.
        """
        found = self.implementations(stage)
        if use in found:
            return found[use]
        if use:
            raise PluginError(
                f"stage '{stage}': no installed plugin '{use}' implements it{did_you_mean(use, found)} "
                f"It is implemented by: {choices(found.values())}{self._broken(use)}"
            )
        if not found:
            raise PluginError(f"stage '{stage}': no installed plugin implements it{self._broken()}")
        usual = [one for one in found.values() if not one.declared.only_by_name]
        if len(usual) == 1:
            return usual[0]
        number = f"{len(found)} plugins" if len(found) > 1 else "1 plugin"
        rule = "" if usual else ", but never used by default"
        raise PluginError(
            f"stage '{stage}' is implemented by {number} ({choices(found.values())}){rule}; "
            f"name one with 'use:', or --use {stage}=PLUGIN"
        )

    def _broken(self, name: str = "") -> str:
        broken = [f"{one}: {why}" for one, why in self.broken.items() if not name or one == name]
        return "; broken plugins: " + "; ".join(broken) if broken else ""

    def missing(self, names: Iterable[str], where: str) -> list[IrisError]:
        """Return an error for each of `names` that is no plugin."""
        known, there = self.names(), f"Installed: {choices(self.names())}"
        hints = {one: f"{did_you_mean(one, known)} {there}{self._broken(one)}" for one in names if one not in known}
        return [PluginError(f"{where}: no plugin '{one}'{hint}") for one, hint in hints.items()]

    def brought_by(self, hook: str) -> str:
        """Return the plugins that implement or declare a hook, with their distributions."""
        return self._named(name for name in self.origins if hook in self.hooks_of(name))

    def _named(self, names: Iterable[str]) -> str:
        return choices(f"{name} ({self.origins[name]})".removesuffix(" ()") for name in names)

    def hook(self, name: str, *plugins: str) -> Any:
        """Return pluggy's caller of a hook with the implementations of `plugins` and the wrappers that act.

        What is merely installed changes no pixel: a wrapper acts only where the recipe lists its plugin.
        """
        items = getattr(self.manager.hook, name).get_hookimpls()
        others = [one.plugin for one in items if one.plugin_name not in (self.active if _wraps(one) else plugins)]
        return self.manager.subset_hook_caller(name, others)

    def wraps_stages(self) -> bool:
        """Whether a plugin that the recipe lists acts around stages."""
        names = ("run_stage", "run_group_stage", *self.stages())
        items = (item for name in names for item in getattr(self.manager.hook, name).get_hookimpls())
        return any(_wraps(item) and item.plugin_name in self.active and item.plugin_name != WATCH for item in items)

    def ask(self, hook: str, *others: str, **arguments: Any) -> dict[str, Any]:
        """Return the answers of `others`; by default those of the plugins the recipe chose, or of all but our own."""
        items = getattr(self.manager.hook, hook).get_hookimpls()
        names = sorted(item.plugin_name for item in items if not _wraps(item))
        asked = others or self.chosen.get(hook) or [name for name in names if name not in _OWN]
        answers: dict[str, Any] = {}
        for name in (one for one in asked if one in names):
            if hook == "write_product" and answers:
                arguments["path"].unlink(missing_ok=True)  # what the first has written is not in the way of the second
            for answer in self.hook(hook, name)(**arguments):
                answers[name] = answer
        return answers

    def ask_one(self, hook: str, what: object, **arguments: Any) -> Any:
        """Return the one answer of the plugins, that of the framework itself where no other plugin has one."""
        answers = self.ask(hook, **arguments)
        if len(answers) > 1 and not self.chosen.get(hook):
            remedy = _REMEDIES.get(hook, "uninstall all but one of them")
            raise PluginError(f"{what}: {len(answers)} plugins answer: {self._named(answers)}; {remedy}")
        answers = answers or self.ask(hook, *_OWN, **arguments)
        return next(iter(answers.values()), None)

    def answer_only(self, hook: str, names: Sequence[str], where: str) -> list[IrisError]:
        """Let only the named plugins answer a hook, in their order; an error for each that cannot."""
        able = [name for name in self.names() if hook in self.hooks_of(name)]
        self.chosen[hook] = tuple(name for name in names if name in able)
        unable = [name for name in names if name not in (*able, STORE)]
        there = f"There are: {choices(able)}"
        return [
            RecipeError(f"{where}: no plugin '{one}' has {hook}{did_you_mean(one, able)} {there}") for one in unable
        ]

    def read_exposure(self, path: Path, pixels: bool = True, reftype: str = "") -> Exposure:
        """Return the exposure in a file, or the image of a reference file; an outline without `pixels`.

        Raises
        ------
        InputError
            When no reader accepts it.
        PluginError
            When two do.
        """
        found: Exposure | None = self.ask_one("read_exposure", path, path=path, pixels=pixels, reftype=reftype)
        if found is None:
            raise InputError(f"{path}: no installed reader accepts this file; FITS and ASDF are known by suffix")
        return found

    def read_reference(self, path: Path, reftype: str, pixels: bool = True) -> Any:
        """Return what a reference file holds: an exposure, a table, a model or other, as its type declares."""
        kind = self.reference_type(reftype, path).kind
        if kind == "image":
            return self.read_exposure(path, pixels, reftype)
        found = self.ask_one("read_reference", path, path=path, kind=kind, reftype=reftype)
        if found is None:
            raise InputError(f"{path}: no installed reader accepts this file as the {kind} of a {reftype} reference")
        return found

    def write_product(self, exposure: Exposure, path: Path) -> None:
        """Write a product with the writer that knows its suffix."""
        if self.ask_one("write_product", path, exposure=exposure, path=path) is None:
            raise InputError(f"{path}: no installed writer knows the suffix '{path.suffix}'")

    def find_reference(self, reftype: str, exposure: Exposure, instrument: InstrumentMode) -> Reference | None:
        """Return the reference file that the one provider with an answer chooses.

        Raises
        ------
        PluginError
            When two providers answer and the recipe names none.
        """
        what = f"the {reftype} for {exposure.name}"
        found: Reference | None = self.ask_one(
            "find_reference", what, reftype=reftype, exposure=exposure, instrument=instrument
        )
        return found

    def explain_reference(self, reftype: str, exposure: Exposure, instrument: InstrumentMode) -> list[Candidate]:
        """Return every candidate that a provider did not choose."""
        answers = self.ask("explain_reference", reftype=reftype, exposure=exposure, instrument=instrument)
        return [candidate for answer in answers.values() for candidate in answer]

    def check_reference(self, reference: Reference, instrument: InstrumentMode) -> list[str]:
        """Return everything that any plugin finds wrong with a reference file."""
        answers = self.ask("check_reference", reference=reference, instrument=instrument)
        return [problem for answer in answers.values() for problem in answer]

    def reference_type(self, name: str, path: Path | None = None) -> ReferenceType:
        """Return a type of reference files; the kind of one that no package declares is known by the suffix."""
        kind: Any = {".ecsv": "table", ".asdf": "model"}.get(path.suffix if path else "", "image")
        types = self.reference_types()
        return types[name] if name in types else ReferenceType(name=name, kind=kind)

    def reference_types(self) -> Offered[ReferenceType]:
        """Return the declared types of reference files by name."""
        return self._offered("reference_types", "reference type", lambda types: {one.name: one for one in types})

    def modes(self) -> Offered[InstrumentMode]:
        """Return the installed instrument modes by name."""
        return self._offered("instrument_modes", "instrument mode", lambda modes: {mode.name: mode for mode in modes})

    def recipes(self) -> Offered[Path]:
        """Return the installed recipes by name."""
        return self._offered("recipes", "recipe")

    def executors(self) -> Offered[Callable[..., Executor]]:
        """Return the installed executors by name."""
        return self._offered("executors", "executor")

    def _offered(self, hook: str, what: str, by_name: Callable[[Any], Mapping[str, Any]] = dict) -> Offered[Any]:
        owners: dict[str, dict[str, Any]] = {}
        items = (item for item in getattr(self.manager.hook, hook).get_hookimpls() if not _wraps(item))
        for item in sorted(items, key=lambda item: str(item.plugin_name)):
            try:
                offered = by_name(item.function())
            except Exception as error:
                log.warning("plugin %s: its %s cannot be used: %s", item.plugin_name, hook, one_line(error))
                continue
            for name, one in offered.items():
                if one not in owners.setdefault(name, {}).values():
                    owners[name][self._named([item.plugin_name])] = one
        return Offered(what, owners)

    def run_finished(self, report: Report) -> None:
        """Tell every plugin that a run is done; one that fails then changes nothing of what was done."""
        for item in self.manager.hook.run_finished.get_hookimpls():
            try:
                self.hook("run_finished", item.plugin_name)(report=report)
            except Exception as error:
                log.warning("plugin %s failed after the run: %s", item.plugin_name, one_line(error))


def _wraps(item: pluggy.HookImpl) -> bool:
    return bool(item.wrapper or item.hookwrapper)


def marked(plugin: object, mark: str) -> Iterator[Any]:
    """Yield the functions of a plugin that carry a mark of ours, ``iris_spec`` or ``iris_stage``."""
    members = (getattr(plugin, name, None) for name in dir(plugin))
    yield from (member for member in members if getattr(member, mark, None) is not None)
