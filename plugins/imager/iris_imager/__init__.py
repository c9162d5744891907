"""The IRIS imager on TMT: its instrument mode, and the recipe for its dithers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iris_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iris_core import InstrumentMode

__all__ = ["instrument_modes", "recipes"]


@hookimpl
def instrument_modes() -> Sequence[InstrumentMode]:
    """Return the mode ``iris-imager``."""
    from iris_core import load_mode

    return [load_mode(Path(__file__).with_name("iris.yaml"))]


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipe ``iris-dither``."""
    return {"iris-dither": Path(__file__).with_name("iris-dither.yaml")}
