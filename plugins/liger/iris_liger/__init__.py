"""The Liger imager (Keck I): its instrument mode, the recipe with its order of stages, and that for its dithers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iris_core import InstrumentMode, hookimpl, load_mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HERE = Path(__file__).parent


@hookimpl
def instrument_modes() -> Sequence[InstrumentMode]:
    """Return the mode ``liger-imager``."""
    return [load_mode(_HERE / "liger.yaml")]


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipes ``liger-image2`` and ``liger-dither``."""
    return {name: _HERE / f"{name}.yaml" for name in ("liger-image2", "liger-dither")}
