"""Large images made small enough for a picture without losing what matters in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from iris_core import Array

__all__ = ["block_size", "extreme_of_blocks", "largest_of_blocks", "mean_of_blocks"]

_MOST = 380  # pixels of a panel


def block_size(shape: tuple[int, ...]) -> int:
    """Return the side of the square blocks that make an image fit a panel; 1 where it does already."""
    return -(-max(shape) // _MOST)


def mean_of_blocks(image: Array, side: int) -> Array:
    """Return the mean of what is finite in each block of `side` x `side` pixels; NaN where nothing is."""
    finite = np.isfinite(image)
    total = _stack(np.where(finite, image, 0.0), side, 0.0).sum(axis=-1)
    count = _stack(finite, side, False).sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def extreme_of_blocks(image: Array, side: int) -> Array:
    """Return the value farthest from zero in each block, with its sign: a single pixel is not averaged away."""
    stacked = _stack(image, side, np.nan)
    size = np.where(np.isnan(stacked), -1.0, np.abs(stacked))
    return np.asarray(np.take_along_axis(stacked, size.argmax(axis=-1)[..., np.newaxis], axis=-1)[..., 0])


def largest_of_blocks(image: Array, side: int) -> Array:
    """Return the largest value in each block."""
    return np.asarray(_stack(image, side, image.min()).max(axis=-1))


def _stack(image: Array, side: int, filling: Any) -> Array:
    """Return ``(rows, columns, side * side)``: the pixels of each block, those beyond the edge filled up."""
    rows, columns = image.shape
    padded = np.pad(image, ((0, -rows % side), (0, -columns % side)), constant_values=filling)
    blocks = padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side)
    return np.asarray(blocks.swapaxes(1, 2).reshape(*blocks.shape[::2], side * side))
