"""The recipe ``image3``: dithered exposures to a deep image and its catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iris_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__: list[str] = []


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipe ``image3``."""
    return {"image3": Path(__file__).with_name("image3.yaml")}
