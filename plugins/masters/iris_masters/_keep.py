"""Which values of a pixel are kept: by the clip by known noise, and by limits that a user sets."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from iris_background import FEWEST_TO_CLIP, consistent, middle

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["Clip", "agreeing", "trimmed_scatter"]

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


def agreeing(values: Image, tolerance: Image, relative: Image, clip: Clip) -> Mask:
    """Return which values of a stack agree with the others of their pixel, and are within the limits of a clip.

    Parameters
    ----------
    values
        ``(n, k)``; NaN where they are not valid.
    tolerance
        ``(n, k)``: `Clip.sigma` times the standard deviation that is expected.
    relative
        Variance of each image relative to the first, ``(n,)``.
    clip
        Its thresholds and numbers; of one or two values there is no outermost.
    """
    keep = consistent(values, tolerance, relative)
    if clip.is_plain:
        return keep
    valid = np.isfinite(values)
    number = np.count_nonzero(valid, axis=0)
    low, high = middle(values, number)
    limited = _within_limits(values, keep, 0.5 * (low + high), clip)
    return np.where(number < FEWEST_TO_CLIP, keep, limited & valid)


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
