"""A plugin framework that calibrates exposures of near-infrared imagers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iris_core.api import calibrate as calibrate
    from iris_core.api import check as check
    from iris_core.api import installed_modes as installed_modes
    from iris_core.api import read_exposure as read_exposure
    from iris_core.api import run as run
    from iris_core.dq import DQ as DQ
    from iris_core.errors import InputError as InputError
    from iris_core.errors import IrisError as IrisError
    from iris_core.errors import ModeNotFound as ModeNotFound
    from iris_core.errors import PluginError as PluginError
    from iris_core.errors import Problems as Problems
    from iris_core.errors import RecipeError as RecipeError
    from iris_core.errors import ReferenceNotFound as ReferenceNotFound
    from iris_core.errors import StageContractError as StageContractError
    from iris_core.errors import StageSkipped as StageSkipped
    from iris_core.fitsio import read_fits as read_fits
    from iris_core.instruments import Detector as Detector
    from iris_core.instruments import Filter as Filter
    from iris_core.instruments import InstrumentMode as InstrumentMode
    from iris_core.instruments import load_mode as load_mode
    from iris_core.keywords import meta_from_header as meta_from_header
    from iris_core.keywords import parse_unit as parse_unit
    from iris_core.meta import Meta as Meta
    from iris_core.meta import StageRecord as StageRecord
    from iris_core.meta import Subarray as Subarray
    from iris_core.meta import Window as Window
    from iris_core.model import Exposure as Exposure
    from iris_core.outline import blank_plane as blank_plane
    from iris_core.overrides import Overrides as Overrides
    from iris_core.plugins import Plugins as Plugins
    from iris_core.references import Candidate as Candidate
    from iris_core.references import Reference as Reference
    from iris_core.references import ReferenceImage as ReferenceImage
    from iris_core.references import References as References
    from iris_core.stages import API_VERSION as API_VERSION
    from iris_core.stages import Params as Params
    from iris_core.stages import hookimpl as hookimpl
    from iris_core.stages import parameter as parameter
    from iris_core.stages import stage as stage
    from iris_core.stages import stage_spec as stage_spec

__version__ = "0.1.0"

_HOMES = {
    "API_VERSION": "iris_core.stages",
    "Candidate": "iris_core.references",
    "DQ": "iris_core.dq",
    "Detector": "iris_core.instruments",
    "Exposure": "iris_core.model",
    "Filter": "iris_core.instruments",
    "InputError": "iris_core.errors",
    "InstrumentMode": "iris_core.instruments",
    "IrisError": "iris_core.errors",
    "Meta": "iris_core.meta",
    "ModeNotFound": "iris_core.errors",
    "Overrides": "iris_core.overrides",
    "Params": "iris_core.stages",
    "PluginError": "iris_core.errors",
    "Plugins": "iris_core.plugins",
    "Problems": "iris_core.errors",
    "RecipeError": "iris_core.errors",
    "Reference": "iris_core.references",
    "ReferenceImage": "iris_core.references",
    "ReferenceNotFound": "iris_core.errors",
    "References": "iris_core.references",
    "StageContractError": "iris_core.errors",
    "StageRecord": "iris_core.meta",
    "StageSkipped": "iris_core.errors",
    "Subarray": "iris_core.meta",
    "Window": "iris_core.meta",
    "blank_plane": "iris_core.outline",
    "calibrate": "iris_core.api",
    "check": "iris_core.api",
    "hookimpl": "iris_core.stages",
    "installed_modes": "iris_core.api",
    "load_mode": "iris_core.instruments",
    "meta_from_header": "iris_core.keywords",
    "parameter": "iris_core.stages",
    "parse_unit": "iris_core.keywords",
    "read_exposure": "iris_core.api",
    "read_fits": "iris_core.fitsio",
    "run": "iris_core.api",
    "stage": "iris_core.stages",
    "stage_spec": "iris_core.stages",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``iris --help`` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iris_core' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
