"""The plugins behind typed calls: who implements what, and which implementation is meant.

Nobody else calls pluggy's untyped hooks.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from iris_core.errors import InputError, PluginError, choices, did_you_mean, one_line
from iris_core.implementations import Implementation, Origin
from iris_core.instruments import InstrumentMode
from iris_core.model import Exposure
from iris_core.references import Candidate, Reference, References
from iris_core.registry import BUILTIN, WATCH, Registry
from iris_core.stages import StageSpec

if TYPE_CHECKING:
    from iris_core.installed import InstalledPlugin
    from iris_core.report import Report
    from iris_core.steps import Step

__all__ = ["BUILTIN", "WATCH", "Plugins"]

log = logging.getLogger(__name__)


class _KnownRecipes(Mapping[str, Path]):
    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        own = plugins.manager.get_plugin(BUILTIN)
        self._own: Mapping[str, Path] = own.recipes() if own is not None else {}

    def __getitem__(self, name: str) -> Path:
        return self._own[name] if name in self._own else self._plugins.recipes()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plugins.recipes())

    def __len__(self) -> int:
        return len(self._plugins.recipes())


class Plugins(Registry):
    """The plugins behind typed calls, each imported when it is needed.

    Parameters
    ----------
    pending
        What is installed and was not imported yet, by name.
    """

    def __init__(self, pending: Mapping[str, InstalledPlugin] | None = None) -> None:
        super().__init__(pending)
        self._warned: set[str] = set()

    def added_here(self) -> list[str]:
        """Return the plugins of this process only that are needed where exposures are worked on."""
        return [name for name, origin in self.origins.items() if not origin.source and self._travels(name)]

    def _travels(self, name: str) -> bool:
        return bool(self.hooks_of(name) - {"executors", "run_finished"})

    def find_stage(self, name: str) -> StageSpec | None:
        """Return a stage by name, a third party's included; None where nobody declares it."""
        for hook in (name, "add_hookspecs"):
            if name not in self.declared_stages():
                self.load(self.pending_with([hook]))
        return self.declared_stages().get(name)

    def stages(self) -> dict[str, StageSpec]:
        """Return the declared stages by name, third parties' included."""
        theirs = {hook for one in self.pending.values() for hook in one.declared or ()} - set(self.hooks())
        self.load(self.pending_with({*theirs, "add_hookspecs"}))
        return self.declared_stages()

    def stage_documentation(self, stage: str) -> str:
        """Return what the hook specification says about a stage."""
        return inspect.getdoc(getattr(self.manager.hook, stage).spec.function) or ""

    def implementations(self, stage: str) -> list[Implementation]:
        """Return who implements a stage, in name order."""
        self.load(self.pending_with([stage]))
        return self._loaded(stage)

    def _loaded(self, stage: str) -> list[Implementation]:
        items = getattr(self.manager.hook, stage).get_hookimpls()
        functions = {item.plugin_name: item.function for item in items if hasattr(item.function, "iris_stage")}
        origins = {name: self.origins.get(name, Origin()) for name in functions}
        return [
            Implementation(name, origins[name].version, function, function.iris_stage, origins[name].source)
            for name, function in sorted(functions.items())
        ]

    def choose(self, stage: str, use: str = "") -> Implementation:
        """Return the one implementation of a stage.

        Parameters
        ----------
        stage
            A declared stage.
        use
            The plugin to take; ``""`` where there is only one that does not have to be named.

        Raises
        ------
        PluginError
            When there is none, or more than one and no choice.
        """
        use = self.forced.get(stage, use)
        if use in self.pending:
            self.load([use])
        found = {item.plugin: item for item in self._loaded(stage)} if use else {}
        if use in found:
            return found[use]
        found = {item.plugin: item for item in self.implementations(stage)}
        if use:
            raise PluginError(
                f"stage '{stage}': no installed plugin '{use}' implements it{did_you_mean(use, found)} "
                f"It is implemented by: {choices(found.values())}{self._broken_hint(use)}"
            )
        if not found:
            raise PluginError(f"stage '{stage}': no installed plugin implements it{self._broken_hint()}")
        usual = {name: one for name, one in found.items() if not one.declared.only_by_name}
        if len(usual) != 1:
            few = f"{len(found)} plugins" if len(found) > 1 else "1 plugin"
            rule = "" if usual else ", for those who name it"
            raise PluginError(
                f"stage '{stage}' is implemented by {few} ({choices(found.values())}){rule}; "
                f"name one with 'use:', or --use {stage}=PLUGIN"
            )
        return next(iter(usual.values()))

    def _broken_hint(self, name: str = "") -> str:
        self.load_all()  # what is broken is known only after it was tried
        broken = [item for item in self.broken if not name or item.name == name]
        return "; broken plugins: " + "; ".join(map(str, broken)) if broken else ""

    def require(self, names: Iterable[str], where: str) -> None:
        """Raise `PluginError` unless every one of `names` is loaded."""
        for name in names:
            self.load([name])
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

    def wrap_stages(self) -> bool:
        """Whether a plugin that the recipe lists acts around every stage."""
        acting = {item.plugin_name for item in self.manager.hook.run_stage.get_hookimpls()}
        return bool(acting & self.active - {BUILTIN, WATCH})

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

    def check_reference(self, reference: Reference, instrument: InstrumentMode) -> list[str]:
        """Return everything that any plugin says is wrong with a reference file."""
        self.load(self.pending_with(["check_reference"]))
        answers = self.manager.hook.check_reference(reference=reference, instrument=instrument)
        return [fault for answer in answers for fault in answer or ()]

    def modes(self) -> dict[str, InstrumentMode]:
        """Return the installed instrument modes by name."""
        return self._brought("instrument_modes", lambda modes: {mode.name: mode for mode in modes})

    def recipes(self) -> dict[str, Path]:
        """Return the installed recipes by name."""
        self.load(self.pending_with(["recipes"]))
        return self._brought("recipes")

    def known_recipes(self) -> Mapping[str, Path]:
        """Return the recipes by name as a mapping that imports nobody for the core's own."""
        return _KnownRecipes(self)

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
