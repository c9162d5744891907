"""What runs in a process that has nothing yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import SourceFileLoader
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from iris_core import Exposure, InstrumentMode, PluginError, Reference, References, StageInputs, read_asdf
from iris_testkit._alone import call_step, compile_step, load_only, name_of, prepare

__all__ = ["ask_here", "bring", "carry", "run_here", "spawn"]


@dataclass(frozen=True, slots=True)
class _Module:
    name: str
    file: str


def spawn(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a function that runs in a spawned process, with the memory of all threads in one place."""
    one_place = patch.dict(os.environ, MALLOC_ARENA_MAX="1")  # as `iris run` has it; glibc alone knows it
    with one_place, ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()


def carry(plugin: object) -> object:
    """Return what travels to another process for a plugin: name and file of a module, another object itself.

    Raises
    ------
    PluginError
        When the module has no file.
    """
    if not isinstance(plugin, ModuleType):
        return plugin
    if not getattr(plugin, "__file__", None):
        raise PluginError(f"{plugin.__name__} is no module of a file, so no other process can import it")
    return _Module(plugin.__name__, str(plugin.__file__))


def bring(carried: object) -> object:
    """Return the plugin that `carry` was given."""
    if not isinstance(carried, _Module):
        return carried
    try:
        return import_module(carried.name)
    except ModuleNotFoundError as error:
        if error.name != carried.name.split(".")[0]:
            raise
    return _import_file(carried)


def _import_file(carried: _Module) -> ModuleType:
    """Import a module that is not on the path, a test's neighbour, by its file."""
    module = sys.modules[carried.name] = ModuleType(carried.name)
    module.__file__ = carried.file
    SourceFileLoader(carried.name, carried.file).exec_module(module)
    return module


def run_here(
    carried: Sequence[object],
    stage: str,
    params: Mapping[str, Any],
    exposures: Sequence[Path],
    references: Mapping[str, Path],
    mode: InstrumentMode,
) -> Exposure:
    """Return the result of a stage; the first plugin implements it, the first exposure is the one it calibrates."""
    plugin, *needs = (bring(one) for one in carried)
    plugins = load_only(plugin, needs)
    exposure, *backgrounds = (prepare(read_asdf(path), mode, plugins) for path in exposures)
    found = {
        reftype: Reference(reftype=reftype, path=path, provider="test", content=plugins.read_reference(path, reftype))
        for reftype, path in references.items()
    }
    inputs = StageInputs(
        exposure=exposure, references=References(found), background_exposures=tuple(backgrounds), instrument=mode
    )
    result: Exposure = call_step(compile_step(plugins, name_of(plugin), stage, params), inputs)
    return result.replace(wcs=None, fits_wcs=None)


def ask_here(carried: Sequence[object], hook: str, arguments: Mapping[str, Any]) -> Any:
    """Return the answer of the first plugin to a hook."""
    plugin, *needs = (bring(one) for one in carried)
    answers = load_only(plugin, needs).hook(hook, name_of(plugin))(**arguments)
    return answers[0] if answers else None
