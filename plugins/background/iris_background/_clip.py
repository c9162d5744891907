"""Which values of a pixel agree with each other: the clip by known noise, for any number of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Array, Image, Mask

__all__ = ["FEWEST_TO_CLIP", "PAIR", "consistent", "middle"]

# Of fewer values none is in the middle.
FEWEST_TO_CLIP = 3
# How far apart two values may be, over the threshold of the clip: light that is added to one of them is then certain.
# At 5 standard deviations of a difference the lower value is too low by 2e-6 on average, at 3 by 0.006.
PAIR = 1.25


def middle(values: Image, number: Array) -> tuple[Image, Image]:
    """Return the two values between which the median lies, twice the same where their number is odd.

    Parameters
    ----------
    values
        ``(n, ...)``; NaN where there is none.
    number
        How many there are in each pixel.
    """
    ordered = np.sort(values, axis=0)  # NaN is sorted to the end
    low, high = (np.take_along_axis(ordered, index[np.newaxis], axis=0)[0] for index in _in_the_middle(number))
    return low, high


def _in_the_middle(number: Array) -> tuple[Array, Array]:
    return np.maximum(number - 1, 0) // 2, np.minimum(number // 2, np.maximum(number - 1, 0))


def consistent(values: Image, tolerance: Image, relative: Image) -> Mask:
    """Return which values of a stack agree with the others of their pixel.

    Those within the tolerance of the median: their own, or that of the value in the middle where this is larger. Where
    an even number of values falls into two halves that do not agree, the lower half is kept: rays and sources only
    ever add light. Of two values the lower one is kept where they differ by more than 1.25 times the tolerance of
    their difference. One value is kept.

    Parameters
    ----------
    values
        ``(n, ...)``; NaN where they are not valid.
    tolerance
        ``(n, ...)``: how far a value may be off, by its own standard deviation.
    relative
        Variance of each image relative to the first, ``(n,)``.
    """
    valid = np.isfinite(values)
    number = np.count_nonzero(valid, axis=0)
    low, high = middle(values, number)
    keep: Mask = np.abs(values - 0.5 * (low + high)) <= tolerance
    suspect = (valid & ~keep).any(axis=0)
    if suspect.any():
        keep[:, suspect] = _near_the_middle(values[:, suspect], tolerance[:, suspect], relative)
    few = number < FEWEST_TO_CLIP
    if few.any():
        apart = PAIR * np.sqrt(np.sum(np.square(tolerance), axis=0, where=valid))
        highest = np.where((high - low > apart) & (number == 2), low, high)
        keep = np.where(few, values <= highest, keep)
    return keep & valid


def _near_the_middle(values: Image, tolerance: Image, relative: Image) -> Mask:
    """Return which values are within the tolerance of the median, or of the lower one in the middle, ``(n, k)``."""
    number = np.count_nonzero(np.isfinite(values), axis=0)
    low, high = middle(values, number)
    tolerance = tolerance * _widening(values, number, relative)
    keep: Mask = np.abs(values - 0.5 * (low + high)) <= tolerance
    split = ~keep.any(axis=0)
    keep[:, split] = np.abs(values - low)[:, split] <= tolerance[:, split]
    return keep


def _widening(values: Image, number: Array, relative: Image) -> Image:
    """Return the standard deviation of the value in the middle over that of each, where it is above 1, ``(n, k)``.

    Of one good value and two poor ones the good one is often off the median, and must not be clipped for that.
    """
    own = relative.astype(np.float32)[:, np.newaxis]
    order = np.argsort(values, axis=0)  # NaN is sorted to the end
    pair = (np.take_along_axis(order, index[np.newaxis], axis=0)[0] for index in _in_the_middle(number))
    central = 0.5 * sum(own[index, 0] for index in pair)
    return np.asarray(np.sqrt(np.maximum(own, central) / own), dtype=np.float32)
