"""What the subtraction of a mean does to the errors.

From each of the n pixels of a row a part k of their own mean is subtracted. With e the noise of a pixel and o the
stripe, what is wrong with the result is e (1 - k/n) - k sum(e of the others) / n + (1 - k) o: three terms that are
independent of each other. In a pixel that is not among the n it is e - k sum(e) / n + (1 - k) o.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["remaining_share", "share_of_smooth", "variance_of_means", "variance_of_others"]


def remaining_share(used: Mask, gains: Image, axis: int) -> Image:
    """Return the factor on a pixel's own noise: 1 - k/n where it is used, 1 elsewhere.

    Parameters
    ----------
    used
        ``(ny, nx)``: the pixels in the means.
    gains
        ``(ny,)`` or ``(nx,)``: the parts k of the means that are subtracted.
    axis
        Along which the means were taken.
    """
    factors = _along(gains / _count(used, axis), axis)
    share: Image = 1 - used * factors
    return share


def variance_of_others(variance: Image, used: Mask, gains: Image, axis: int) -> Image:
    """Return the variance that the noise of the other pixels brings: k^2 sum(variance) / n^2.

    Parameters
    ----------
    variance
        ``(ny, nx)``: of each pixel before the subtraction; it may be NaN in a pixel that is not used.
    used, gains, axis
        As for `remaining_share`.
    """
    theirs = np.where(used, variance, np.float32(0))
    others: Image = theirs.sum(axis=axis, keepdims=True) - theirs
    others *= _along((gains / _count(used, axis)) ** 2, axis)
    return others


def variance_of_means(variance: Image, used: Mask, axis: int) -> Image:
    """Return the variance of the mean of each row or column: sum(variance) / n^2; 0 where no pixel is used."""
    means: Image = np.where(used, variance, np.float32(0)).sum(axis=axis) / _count(used, axis) ** 2
    return means


def share_of_smooth(boxes: int, lines: int) -> float:
    """Return the variance of the smooth part of stripes, which stays as if it were sky, over that of the rest.

    Offsets that do not depend on each other have a part of boxes / lines of their variance in the surface through the
    boxes, in which there are as many numbers as boxes.

    Parameters
    ----------
    boxes
        How many boxes there are along the axis.
    lines
        How many rows or columns.
    """
    return boxes / (lines - boxes) if lines > boxes else 0.0


def _count(used: Mask, axis: int) -> Image:
    count: Image = np.maximum(used.sum(axis=axis, dtype=np.float32), 1)
    return count


def _along(line: Image, axis: int) -> Image:
    return np.expand_dims(line, axis)
