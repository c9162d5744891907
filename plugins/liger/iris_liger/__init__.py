"""The Liger imager (Keck I): its instrument mode, and the recipe with its order of stages."""

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
    """Return the recipe ``liger-image2``."""
    return {"liger-image2": _HERE / "liger-image2.yaml"}
