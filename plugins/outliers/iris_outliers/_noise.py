"""The error that a pixel would have at the value of the median: that of a ray contains the noise of its own light."""

from __future__ import annotations

import numpy as np

from iris_core import Exposure, Image

__all__ = ["foretold_error", "variance_slope"]

_MAD_TO_SIGMA = 1.482602
# Pixels above the sky by so many standard deviations tell how the variance grows with light.
_BRIGHT, _LEAST = 10.0, 10
_SAMPLE = 1_000_000


def foretold_error(exposure: Exposure, difference: Image) -> Image:
    """Return the standard deviation of each pixel had it the value of the median, ``(ny, nx)``.

    ``v - c (d - B)`` with the variance v, and c its growth with light; of an exposure without errors, the
    scatter of neighbours.

    Parameters
    ----------
    exposure
        ``(ny, nx)``.
    difference
        Its data minus the median, d - B.
    """
    if not exposure.variance:
        # Not that of the difference: where the median is the pixel itself, it is 0.
        sample = np.abs(_sample(np.diff(exposure.data, axis=1)))
        scatter = _MAD_TO_SIGMA / np.sqrt(2) * float(np.median(sample)) if sample.size else np.nan
        return np.full(exposure.shape, scatter, dtype=np.float32)
    first, *others = exposure.variance.values()
    variance = first.copy()
    for plane in others:
        variance += plane
    least = np.float32(np.percentile(known, 10)) if (known := _sample(variance)).size else np.float32(0)
    slope = variance_slope(exposure.data, variance)
    foretold = variance - np.float32(slope) * difference if slope else variance
    np.maximum(foretold, least, out=foretold)
    return np.sqrt(foretold, out=foretold)


def variance_slope(data: Image, variance: Image) -> float:
    """Return how much the variance grows with light, from bright pixels; 0 where there are too few."""
    sky, noise = (float(np.median(one)) if (one := _sample(plane)).size else np.nan for plane in (data, variance))
    bright = data - np.float32(sky) > _BRIGHT * np.sqrt(noise)
    if np.count_nonzero(bright) < _LEAST:
        return 0.0
    return max(0.0, float(np.median((variance[bright] - noise) / (data[bright] - sky))))


def _sample(plane: Image) -> Image:
    values = plane.ravel()[:: max(1, plane.size // _SAMPLE)]
    return np.asarray(values[np.isfinite(values)])
