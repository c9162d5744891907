"""Run a stage in a process that has nothing yet."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

from iris_core.asdfio import read_asdf
from iris_core.fitsio import read_fits
from iris_core.instruments import InstrumentMode
from iris_core.model import Exposure
from iris_core.references import Reference, References
from iris_core.testing._bench import compile_stage

__all__ = ["run_spawned"]

Files = Mapping[str, Path]
Modules = tuple[tuple[str, str], ...]


def run_spawned(
    plugins: list[ModuleType],
    stage: str,
    params: Mapping[str, Any],
    exposure: Path,
    backgrounds: list[Path],
    references: Files,
    mode: InstrumentMode,
) -> Exposure:
    """Return the result of a stage that ran in a spawned process; the first of `plugins` implements it."""
    modules = tuple((one.__name__, str(one.__file__)) for one in plugins)
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as executor:
        return executor.submit(
            _run_here, modules, stage, dict(params), exposure, backgrounds, dict(references), mode
        ).result()


def _run_here(
    modules: Modules,
    stage: str,
    params: dict[str, Any],
    exposure: Path,
    backgrounds: list[Path],
    references: Files,
    mode: InstrumentMode,
) -> Exposure:
    plugin, *needs = (_import(*module) for module in modules)
    step = compile_stage(plugin, stage, params, needs)
    found = {
        reftype: Reference(
            reftype=reftype, path=path, provider="test", read=lambda path, _type, pixels: read_fits(path, pixels)
        )
        for reftype, path in references.items()
    }
    result = step.call(read_asdf(exposure), References(found), [read_asdf(path) for path in backgrounds], mode)
    assert isinstance(result, Exposure)
    return result.replace(wcs=None, fits_wcs=None)


def _import(name: str, file: str) -> ModuleType:
    """Import a module by name; one that is not on the path, a test's neighbour, by its file."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0]:
            raise
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
