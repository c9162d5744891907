"""Which values of a pixel agree with each other: the clip by known noise, for any number of values."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Array, Image, Mask

__all__ = ["PAIR", "Clip", "consistent", "middle", "relative_widths", "trimmed_scatter"]

# Of fewer values none is in the middle.
_FEWEST = 3
# How far apart two values may be, over the threshold of the clip: light that is added to one of them is then certain.
# At 5 standard deviations of a difference the lower value is too low by 2e-6 on average, at 3 by 0.006.
PAIR = 1.25
# In a robust scatter one value in five is left out, and two at least: as many rays may hit a pixel.
_TRIM, _FEWEST_TRIMMED = 5, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """When a value is clipped.

    Parameters
    ----------
    sigma
        Standard deviations from the median; None for no clip by noise.
    low, high
        How far a value may lie below and above the median, in its unit; None for any distance.
    max_low, max_high
        How many values of a pixel may be clipped below and above the median, the outermost first; None for any.
    """

    sigma: float | None = 4.0
    low: float | None = None
    high: float | None = None
    max_low: int | None = None
    max_high: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the noise alone decides."""
        return all(one is None for one in (self.low, self.high, self.max_low, self.max_high))


def middle(values: Image, number: Array) -> tuple[Image, Image]:
    """Return the two values between which the median lies, twice the same where their number is odd.

    Parameters
    ----------
    values
        ``(n, k)``; NaN where there is none.
    number
        How many there are in each pixel.
    """
    ordered = np.sort(values, axis=0)  # NaN is sorted to the end
    low, high = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, len(values) - 1)
    return tuple(np.take_along_axis(ordered, index[np.newaxis], axis=0)[0] for index in (low, high))


def relative_widths(values: Image, relative: Image) -> Image:
    """Return how far a value may be from the median, relative to the standard deviation of the first image, ``(n, k)``.

    By its own standard deviation; by that of the value in the middle where this is larger: of one good value and two
    poor ones the good one is often off the median, and must not be clipped for that.

    Parameters
    ----------
    values
        ``(n, k)``; NaN where they are not valid.
    relative
        Variance of each image relative to the first, ``(n,)``.
    """
    own = np.broadcast_to(relative[:, np.newaxis], values.shape)
    if np.all(relative == relative[0]):
        return np.sqrt(own)
    number = np.count_nonzero(np.isfinite(values), axis=0)
    order = np.argsort(values, axis=0)  # NaN is sorted to the end
    pair = (np.maximum(number - 1, 0) // 2, np.minimum(number // 2, len(values) - 1))
    low, high = (relative[np.take_along_axis(order, index[np.newaxis], axis=0)[0]] for index in pair)
    central = np.where(number < _FEWEST, np.float32(0), 0.5 * (low + high))
    return np.asarray(np.sqrt(np.maximum(own, central)), dtype=np.float32)


def consistent(values: Image, tolerance: Image, clip: Clip) -> Mask:
    """Return which values of a stack agree with the others of their pixel.

    Those within the tolerance of the median. Where an even number of values falls into two halves that do not agree,
    the lower half is kept: rays and sources only ever add light. Of two values the lower one is kept where they differ
    by more than 1.25 times the tolerance of their difference. One value is kept.

    Parameters
    ----------
    values
        ``(n, k)``; NaN where they are not valid.
    tolerance
        ``(n, k)``: `Clip.sigma` times the standard deviation that is expected.
    clip
        Its thresholds and numbers.
    """
    valid = np.isfinite(values)
    number = np.count_nonzero(valid, axis=0)
    low, high = middle(values, number)
    keep: Mask = np.abs(values - 0.5 * (low + high)) <= tolerance
    split = ~keep.any(axis=0)
    keep[:, split] = np.abs(values - low)[:, split] <= tolerance[:, split]
    if not clip.is_plain:
        keep = _within_limits(values, keep, 0.5 * (low + high), clip)
    return _pairs(values, keep, (low, high), tolerance, number) & valid


def _pairs(values: Image, keep: Mask, pair: tuple[Image, Image], tolerance: Image, number: Array) -> Mask:
    """Keep the lower of two values that do not agree, both that do, and one that is alone."""
    low, high = pair
    valid = np.isfinite(values)
    apart = PAIR * np.sqrt(np.sum(np.square(tolerance), axis=0, where=valid))
    highest = np.where((high - low > apart) & (number == 2), low, high)
    few: Mask = np.where(number < _FEWEST, values <= highest, keep)
    return few


def _within_limits(values: Image, keep: Mask, median: Image, clip: Clip) -> Mask:
    """Return what is kept with thresholds in the unit of the values, and with numbers that are not exceeded."""
    offset = values - median
    keep = keep.copy()
    if clip.low is not None:
        keep &= ~(offset < -np.float32(clip.low))
    if clip.high is not None:
        keep &= ~(offset > np.float32(clip.high))
    for sign, most in ((-1, clip.max_low), (1, clip.max_high)):
        if most is not None:
            keep |= _beyond(np.where(keep, 0, np.float32(sign) * offset), most)
    return keep


def _beyond(distance: Image, most: int) -> Mask:
    """Return which clipped values, the distances above 0, are not among the `most` outermost."""
    outermost = np.argsort(np.argsort(-np.nan_to_num(distance), axis=0, kind="stable"), axis=0, kind="stable")
    beyond: Mask = (distance > 0) & (outermost >= most)
    return beyond


def trimmed_scatter(values: Image, valid: Mask) -> Image:
    """Return the standard deviation of each pixel about its median, without the outermost fifth of its values.

    A few rays do not make it large; it is corrected for what is left out, as for a normal distribution, 0 for fewer
    than five values.

    Parameters
    ----------
    values
        ``(n, k)``.
    valid
        Which of them count.
    """
    number = np.count_nonzero(valid, axis=0)
    low, high = middle(np.where(valid, values, np.float32(np.nan)), number)
    squares = np.sort(np.where(valid, np.square(values - 0.5 * (low + high)), np.float32(np.inf)), axis=0)
    scatter = np.zeros(values.shape[1], dtype=np.float32)
    for many in range(5, len(values) + 1):
        kept = many - max(_FEWEST_TRIMMED, many // _TRIM)
        here = number == many
        mean = squares[:kept, here].sum(axis=0) / ((kept - 1) * _trimmed_variance(kept / many))
        scatter[here] = np.sqrt(mean)
    return scatter


def _trimmed_variance(part: float) -> float:
    """Return the variance of the inner part of a normal distribution of variance 1."""
    normal = NormalDist()
    edge = normal.inv_cdf(0.5 * (1 + part))
    return 1 - 2 * edge * normal.pdf(edge) / part if part < 1 else 1.0
