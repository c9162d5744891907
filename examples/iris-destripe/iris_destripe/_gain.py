"""How much of a measured offset is a stripe, and how much is the noise of its measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["gains", "variance_of_stripes"]

# An offset beyond so many standard deviations of stripes and noise together is not one of the usual stripes.
_UNUSUAL = 4.0


def variance_of_stripes(offsets: Image, variances: Image) -> float:
    """Return the variance of the usual stripes: what the mean square of their offsets has beyond that of noise.

    Parameters
    ----------
    offsets
        ``(n,)``: as measured; their mean is 0.
    variances
        Of their measurement.

    Returns
    -------
    float
        0 where they scatter no more than noise does.
    """
    usual = np.ones(offsets.shape, dtype=np.bool_)
    while usual.any():
        stripes = max(0.0, float(np.mean(offsets[usual] ** 2) - np.mean(variances[usual])))
        kept = usual & ~_is_unusual(offsets, variances, stripes)
        if np.array_equal(kept, usual):
            return stripes
        usual = kept
    return 0.0


def gains(offsets: Image, variances: Image, stripes: float) -> Image:
    """Return the part of each offset that is to be subtracted.

    With stripes of variance s, measured with variance v, the best estimate of a stripe is its measured offset times
    s / (s + v), and the variance of what is left is v s / (s + v): less than v, and less than s. Subtracting the whole
    would leave v, more than was there where s < v. An offset that is too large to be one of these stripes is
    subtracted whole.

    Parameters
    ----------
    offsets, variances
        As for `variance_of_stripes`.
    stripes
        The variance s.
    """
    usual = np.divide(stripes, stripes + variances, out=np.ones_like(offsets), where=stripes + variances > 0)
    return np.where(_is_unusual(offsets, variances, stripes), np.float32(1), usual)


def _is_unusual(offsets: Image, variances: Image, stripes: float) -> Mask:
    unusual: Mask = offsets**2 > _UNUSUAL**2 * (stripes + variances)
    return unusual
