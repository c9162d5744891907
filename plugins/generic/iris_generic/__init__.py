"""Any FITS image with a WCS: an instrument mode that knows nothing of a camera, and a recipe."""

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
    """Return the mode ``generic``, which is used only where it is named."""
    from iris_core import load_mode

    return [load_mode(Path(__file__).with_name("mode.yaml"))]


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipe ``generic``: the header's WCS, and the image on a rectified grid."""
    return {"generic": Path(__file__).with_name("generic.yaml")}
