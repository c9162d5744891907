"""Names of arrays, and what is done to any of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import iand
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iris_core.dq import DQ

Image = NDArray[np.float32]
Doubles = NDArray[np.float64]
Flags = NDArray[np.uint32]
Mask = NDArray[np.bool_]
Array = NDArray[Any]

# With more, planes leave a processor's cache; with fewer, Python takes the time.
BLOCK_PIXELS = 1 << 18


def blank_plane(shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
    """Return a plane of `shape` that takes no memory: NaN (zero for integers) in every pixel.

    A reader that is asked for an outline fills the exposure with these.
    """
    value = np.nan if np.dtype(dtype).kind == "f" else 0
    return np.broadcast_to(np.asarray(value, dtype=dtype), shape)


class Repeated:
    """A plane of one value that takes no memory, to be pickled: it takes none on the way to another process."""

    def __init__(self, plane: Array) -> None:
        self.plane = plane

    def __reduce__(self) -> tuple[Any, ...]:
        return np.broadcast_to, (self.plane[(0,) * self.plane.ndim], self.plane.shape)


def total(planes: Iterable[Image]) -> Image:
    """Return the sum of planes; one alone is returned as it is."""
    return reduce(np.add, planes)


def root_of_sum(planes: Iterable[Image]) -> Image:
    """Return the standard deviation that one component of the variance, or several, add up to."""
    return np.sqrt(total(planes))


def variance_of_mean(variance: Image, share: Doubles, common: bool) -> Doubles:
    """Return what a component of the variance contributes to that of a weighted mean over the first axis.

    ``sum w_i^2 v_i`` where each value has an error of its own, own/n for equal weights; ``(sum w_i sqrt(v_i))^2``
    where all have one error in common, which a mean does not make smaller.

    Parameters
    ----------
    variance
        Of each value, ``(n, ...)``; not looked at where `share` is 0.
    share
        Weights of the mean, same shape, with the sum 1 along the first axis.
    common
        Whether the error is the same for all values, like that of a flat in all integrations.
    """
    used = np.where(share > 0, variance, 0.0)
    total: Doubles = np.sum(share * np.sqrt(used) if common else share * share * used, axis=0)
    return np.square(total) if common else total


def row_blocks(shape: tuple[int, ...], pixels: int = 0) -> Iterator[tuple[int | slice, ...]]:
    """Yield indices that cut planes of `shape` into blocks of rows that fit a processor's cache.

    What is computed block by block needs no further plane in memory.
    """
    *cube, rows, columns = shape
    step = max(1, (pixels or BLOCK_PIXELS) // max(1, columns))
    for integration in np.ndindex(*cube):
        for start in range(0, rows, step):
            yield (*integration, slice(start, min(start + step, rows)))


def mask_together(dq: Flags, planes: Sequence[Image]) -> tuple[Flags, list[Image]]:
    """Return flags and planes of one shape in which NaN and DO_NOT_USE go together.

    A pixel is invalid when any plane is not finite, or DO_NOT_USE is set. What has to change is changed in place
    where it can be written to, and copied first where it cannot: the planes of an exposure are read-only.
    """
    for block in row_blocks(dq.shape):
        unusable = (dq[block] & DQ.DO_NOT_USE) != 0
        invalid = ~reduce(iand, (np.isfinite(plane[block]) for plane in planes), ~unusable)
        number = np.count_nonzero(invalid)
        # Each of them is a part of what is invalid, and so the same where it has as many pixels.
        if np.count_nonzero(unusable) != number:
            dq = _writable(dq)
            dq[block] |= invalid.view(np.uint8)
        # An infinite value is as invalid as NaN, and has to become NaN.
        wrong = [index for index, plane in enumerate(planes) if np.count_nonzero(np.isnan(plane[block])) != number]
        if wrong:
            planes = [_writable(plane) if index in wrong else plane for index, plane in enumerate(planes)]
        for index in wrong:
            planes[index][block][invalid] = np.nan
    return dq, list(planes)


def _writable(plane: Array) -> Array:
    return plane if plane.flags.writeable else plane.copy()
