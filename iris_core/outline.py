"""Exposures without pixels: what is known before the first pixel is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["blank_plane"]


def blank_plane(shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
    """Return a plane of `shape` that takes no memory: NaN (zero for integers) in every pixel.

    A reader that is asked for no pixels fills its exposure with these.
    """
    value = np.nan if np.dtype(dtype).kind == "f" else 0
    return np.broadcast_to(np.asarray(value, dtype=dtype), shape)
