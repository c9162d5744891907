"""The pixels around places, those of many places at a time, and their medians."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_core import Array, Doubles, Image, Mask

    Indices = NDArray[np.intp]

__all__ = ["Around", "disc", "medians", "pixels_around", "square", "stamps_around"]

# Pixels that are looked at together: they fit a processor's cache.
_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The pixels around some of many places.

    Parameters
    ----------
    part
        Which of the places.
    pixel
        Places of the pixels in a flat image, ``(n, p)``; any of the image for those out of it.
    inside
        Which are in the image, ``(n, p)``.
    x, y
        From the place to the middle of the pixel, ``(n, p)``.
    """

    part: slice
    pixel: Indices
    inside: Mask
    x: Doubles
    y: Doubles

    def of(self, image: Array) -> Array:
        """Return the values of the pixels, ``(n, p)``."""
        return np.asarray(image.take(self.pixel))


def square(half: int) -> Indices:
    """Return steps, down and across, to the pixels of a square of ``2 half + 1``, row by row, ``(2, p)``."""
    return np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)


def disc(radius: float, hole: float = 0.0) -> Indices:
    """Return steps, down and across, to all pixels that may lie between two radii around a place, ``(2, p)``.

    The place is anywhere in the pixel in the middle.
    """
    steps, off = square(int(np.ceil(radius)) + 1), sqrt(0.5)
    away = np.hypot(*steps)
    return np.asarray(steps[:, (away >= hole - off) & (away <= radius + off)])


def pixels_around(shape: tuple[int, int], places: Doubles, steps: Indices) -> Iterator[Around]:
    """Yield the pixels around places, as many places at a time as fit a cache.

    Parameters
    ----------
    shape
        Of the image.
    places
        0-based, ``(n, 2)``.
    steps
        From the pixel of a place to those around it, see `square` and `disc`.
    """
    many = max(1, _AT_ONCE // steps.shape[1])
    for first in range(0, len(places), many):
        part = slice(first, first + many)
        column, row = np.rint(places[part]).astype(np.intp).T[:, :, np.newaxis]
        rows, columns = row + steps[0], column + steps[1]
        inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
        x, y = columns - places[part, :1], rows - places[part, 1:]
        yield Around(part=part, pixel=np.where(inside, rows * shape[1] + columns, 0), inside=inside, x=x, y=y)


def stamps_around(image: Array, bad: Mask, places: Doubles, half: int) -> Doubles:
    """Return squares of ``2 half + 1`` pixels around the pixel nearest to each place, ``(n, k, k)``.

    A place out of the image has that of the nearest pixel in it. What is bad, ``(ny, nx)``, or out of the image is NaN.
    """
    near = np.clip(places, 0, np.array(image.shape[::-1]) - 1)
    found = [
        np.where(one.inside & ~one.of(bad), one.of(image).astype(np.float64), np.nan)
        for one in pixels_around((image.shape[0], image.shape[1]), near, square(half))
    ]
    size = 2 * half + 1
    return np.concatenate([np.empty((0, size**2)), *found]).reshape(-1, size, size)


def medians(values: Image | Doubles, kept: Mask) -> Doubles:
    """Return the medians of some values of each row, ``(n, 1)``; inf without any."""
    ordered = np.sort(np.where(kept, values, np.inf).astype(np.float32), axis=1)
    number = np.count_nonzero(kept, axis=1, keepdims=True)
    middle = np.take_along_axis(ordered, np.hstack([(number - 1) // 2, number // 2]), axis=1)
    return np.asarray(middle.mean(axis=1, dtype=np.float64, keepdims=True))
