"""Exposures of a simulated sky with known truth, with the references that calibrate them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iris_simulate._measure import compare as compare
    from iris_simulate._measure import measure_stars as measure_stars
    from iris_simulate._psf import PSF as PSF
    from iris_simulate._simulation import SimulatedSet as SimulatedSet
    from iris_simulate._simulation import simulate as simulate
    from iris_simulate._spec import SimulationSpec as SimulationSpec
    from iris_simulate._write import WrittenSet as WrittenSet
    from iris_simulate._write import write_set as write_set

_HOMES = {
    "PSF": "iris_simulate._psf",
    "SimulatedSet": "iris_simulate._simulation",
    "SimulationSpec": "iris_simulate._spec",
    "WrittenSet": "iris_simulate._write",
    "compare": "iris_simulate._measure",
    "measure_stars": "iris_simulate._measure",
    "simulate": "iris_simulate._simulation",
    "write_set": "iris_simulate._write",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the commands of ``iris`` must not wait for astropy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iris_simulate' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
