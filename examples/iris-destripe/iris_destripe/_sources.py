"""What is no sky: pixels, and groups of pixels, that stand out of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["find_prominent", "find_sources", "robust_spread"]

# Faint extended sources are looked for in sums over squares of 1, 3 and 9 cells of 4 x 4 pixels.
_CELL = 4
_WINDOWS = (1, 3, 9)
# In a square that fills more of a line than this the noise of the line's own offset would pass for a source.
_LARGEST = 0.25
# A square with fewer of its pixels known than this is judged by its neighbours.
_KNOWN = 0.25
# Of what stands out of a line this much stands for the source, the rest for what it does to the line's median.
_PROMINENT = 0.5
_MAD_TO_SIGMA = 1.482602
# A spread from so many values, evenly spaced, is good to half a per cent.
_SAMPLE = 1 << 16


def find_sources(
    residual: Image, known: Image, sigma: float, axes: Sequence[int], least: float, negative: bool
) -> Mask:
    """Return where residuals are those of a source.

    Parameters
    ----------
    residual
        Image without sky and stripes; over the noise of each pixel, where that is known. 0 where there is no value.
    known
        1 where there is, 0 elsewhere.
    sigma
        How many times their own spread single pixels may be off, and sums of pixels over the root of their number.
    axes
        Along which the lines run whose offsets are measured.
    least
        The spread is not taken to be smaller: 1 for residuals over their noise, rounding errors otherwise.
    negative
        Whether what is too low counts too.
    """
    limit = sigma * max(least, robust_spread(residual[known > 0]))
    found = _beyond(residual, limit, negative)
    total, count = _cells(residual), _cells(known)
    cells = np.zeros(total.shape, dtype=np.bool_)
    for window in _windows(residual.shape, axes):
        significance = _in_squares(total, count, window)
        cells |= _beyond(significance, _limit(significance, sigma, least), negative)
    found |= _to_pixels(cells, residual.shape)
    return found


def find_prominent(residual: Image, known: Image, sigma: float, axes: Sequence[int], least: float) -> Mask:
    """Return where groups of pixels stand out, above or below, more than half as far as any other of their line.

    A source shifts the median of its row, and then the sky of the row stands out too: on the other side, and less, as
    long as the source covers less than half of it. Where both stand out alike it is what is bright that is the source.

    Parameters
    ----------
    residual, known, sigma, axes, least
        As for `find_sources`.
    """
    total, count = _cells(residual), _cells(known)
    cells = np.zeros(total.shape, dtype=np.bool_)
    for window in _windows(residual.shape, axes):
        significance = _in_squares(total, count, window)
        limit = _limit(significance, sigma, least)
        for axis in axes:
            limit = np.maximum(limit, _PROMINENT * np.abs(significance).max(axis=axis, keepdims=True))
        high, low = significance > limit, significance < -limit
        for axis in axes:
            low &= ~high.any(axis=axis, keepdims=True)
        cells |= high | low
    return _to_pixels(cells, residual.shape)


def robust_spread(values: Image) -> float:
    """Return the standard deviation of most values, from the median absolute deviation; 1 where there are none."""
    some = values.ravel()[:: max(1, values.size // _SAMPLE)]
    if not some.size:
        return 1.0
    return float(_MAD_TO_SIGMA * np.median(np.abs(some - np.median(some))))


def _beyond(values: Image, limit: float, negative: bool) -> Mask:
    beyond: Mask = (np.abs(values) if negative else values) > limit
    return beyond


def _windows(shape: tuple[int, ...], axes: Sequence[int]) -> list[int]:
    shortest = min(shape[axis] for axis in axes)
    return [window for window in _WINDOWS if window * _CELL <= _LARGEST * shortest]


def _limit(significance: Image, sigma: float, least: float) -> Any:
    return sigma * max(least, robust_spread(significance[significance != 0]))


def _to_pixels(cells: Mask, shape: tuple[int, ...]) -> Mask:
    return np.repeat(np.repeat(cells, _CELL, axis=0)[: shape[0]], _CELL, axis=1)[:, : shape[1]]


def _in_squares(total: Image, count: Image, window: int) -> Image:
    """Return, for each cell, the sum over a square of cells around it, over the root of the number of its pixels."""
    from scipy.ndimage import uniform_filter

    cells = window * window
    summed, pixels = (uniform_filter(plane, window, mode="constant") * cells for plane in (total, count))
    enough = pixels > _KNOWN * cells * _CELL**2
    return np.where(enough, summed / np.sqrt(np.maximum(pixels, 1)), np.float32(0))


def _cells(values: Image) -> Image:
    """Return sums over cells; those at the far edges may be of fewer pixels."""
    return _sums_of_rows(_sums_of_rows(values).T).T


def _sums_of_rows(values: Image) -> Image:
    # Slices are added: `numpy.add.reduceat` takes several times as long.
    sums = values[::_CELL].copy()
    for first in range(1, _CELL):
        part = values[first::_CELL]
        sums[: len(part)] += part
    return sums
