"""Values of an image between its pixels: bilinear, or copied where the pixels of both images agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from iris_wcs import PixelMap

from iris_core import Array, Doubles, Image

__all__ = ["bands", "blot", "interpolate", "rows_needed"]

# Values that are interpolated at a time.
_VALUES = 1 << 20
_HALF = 0.5


def bands(where: slice, width: int) -> Iterator[slice]:
    """Yield rows, some at a time, so that their coordinates take little memory."""
    step = max(1, _VALUES // max(width, 1))
    return (slice(start, min(start + step, where.stop)) for start in range(where.start, where.stop, step))


def rows_needed(places: PixelMap, where: slice, height: int) -> slice:
    """Return the rows of an image of some `height` on which some rows of another one depend; it may be empty."""
    low, high = places.span(where)
    start = int(np.clip(np.floor(low) - 1, 0, height))
    return slice(start, int(np.clip(np.ceil(high) + 2, start, height)))


def interpolate(image: Image, places: PixelMap, where: slice, first: int = 0, least: float = 1.0) -> Image:
    """Return the values of an image at the places of some rows of another one, ``(rows, columns)``, float32.

    Parameters
    ----------
    image
        ``(ny, nx)``, NaN where there is no value.
    places
        Pixels of the other to those of this one.
    where
        Rows of the other.
    first
        Row of the first row of `image`, as `places` counts them.
    least
        NaN where valid pixels have less than this part of the weight.
    """
    made = np.full((where.stop - where.start, places.shape[1]), np.nan, dtype=np.float32)
    if image.size == 0:
        return made
    if places.shift is not None:
        _copy(image, made, (places.shift[1] + where.start - first, places.shift[0]))
        return made
    from scipy.ndimage import map_coordinates

    for band in bands(where, places.shape[1]):
        at = places.rows(band)
        at[1] -= first
        values = made[band.start - where.start : band.stop - where.start]
        map_coordinates(image, at[::-1], output=values, order=1, mode="constant", cval=np.nan, prefilter=False)
        if least < 1:
            _fill(values, image, at, least)
    return made


def _copy(image: Array, made: Array, start: tuple[int, int]) -> None:
    """Copy into `made` what an image has from row and column `start` on."""
    pairs = zip(start, image.shape, made.shape, strict=True)
    ranges = [(max(begin, 0), min(begin + wanted, size), begin) for begin, size, wanted in pairs]
    if all(high > low for low, high, _ in ranges):
        inner = tuple(slice(low - begin, high - begin) for low, high, begin in ranges)
        made[inner] = image[tuple(slice(low, high) for low, high, _ in ranges)]


def _fill(values: Image, image: Image, at: Doubles, least: float) -> None:
    """Put values where some of the four pixels around them are not valid, or beyond the edge, from those that are.

    What lies on the outer half of the outermost pixels is on the image, and has all of its weight there.
    """
    height, width = image.shape
    rows, columns = np.nonzero(np.isnan(values))
    x, y = at[:, rows, columns]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    rows, columns, x, y = (one[inside] for one in (rows, columns, x, y))
    left, low = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    sums: Any = np.zeros((3, rows.size))
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - right - (x - left)) * np.abs(1 - down - (y - low))
            row, column = low + down, left + right
            there = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            pixel = np.where(there, image[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)], np.nan)
            good = np.isfinite(pixel)
            sums += weight * np.stack([np.where(good, pixel, 0), good, there])
    enough = sums[1] >= least * sums[2]
    values[rows[enough], columns[enough]] = (sums[0] / np.where(enough, sums[1], 1))[enough]


def blot(image: Image, count: Array, places: PixelMap) -> tuple[Image, Array]:
    """Return the values of an image, and of the nearest pixels of another one, at the pixels of an exposure.

    Parameters
    ----------
    image
        ``(ny, nx)``, NaN where there is no value; so is what has less than half of its weight from values.
    count
        ``(ny, nx)``, integers; 0 beyond it.
    places
        The pixels of the exposure to those of the images.
    """
    from scipy.ndimage import map_coordinates

    values = np.full(places.shape, np.nan, dtype=np.float32)
    counts = np.zeros(places.shape, dtype=count.dtype)
    if places.shift is not None:
        for one, made in ((image, values), (count, counts)):
            _copy(one, made, places.shift[::-1])
        return values, counts
    for band in bands(slice(0, places.shape[0]), places.shape[1]):
        at = places.rows(band)
        map_coordinates(image, at[::-1], output=values[band], order=1, mode="constant", cval=np.nan, prefilter=False)
        _fill(values[band], image, at, _HALF)
        map_coordinates(count, at[::-1], output=counts[band], order=0, mode="constant", cval=0, prefilter=False)
    return values, counts
