"""The error that a pixel would have at the value of the median: that of a ray contains the noise of its own light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_core import Array, Exposure, Image
from iris_outliers._stars import sky_of, thinned

__all__ = ["Noise", "noise_of", "variance_slope"]

_MAD_TO_SIGMA = 1.482602
# Pixels above the sky by so many standard deviations tell how the variance grows with light.
_BRIGHT, _LEAST = 10.0, 10


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of an exposure.

    Parameters
    ----------
    components
        Of the variance v, all pixels of each in a row.
    slope
        c, the growth of the variance with light.
    least
        The least variance that is believed; that of all pixels where there are no components.
    """

    components: tuple[Image, ...]
    slope: float
    least: float

    def error(self, where: slice | Array, difference: Image) -> Image:
        """Return the standard deviation that pixels would have at the value of the median.

        ``v - c (d - B)``.

        Parameters
        ----------
        where
            Which pixels, as they are counted in a row.
        difference
            Of these, their data minus the median, d - B.
        """
        if not self.components:
            return np.full(difference.shape, np.sqrt(self.least), dtype=np.float32)
        variance = _sum_of(self.components, where)
        variance -= np.float32(self.slope) * difference
        np.maximum(variance, np.float32(self.least), out=variance)
        return np.sqrt(variance, out=variance)


def _sum_of(components: tuple[Image, ...], where: slice | Array) -> Image:
    first, *others = (one[where] for one in components)
    variance = first.copy()
    for one in others:
        variance += one
    return variance


def noise_of(exposure: Exposure) -> Noise:
    """Return the noise of an exposure; of one without errors, the scatter of neighbours."""
    if not exposure.variance:
        # Not that of the difference: where the median is the pixel itself, it is 0.
        return Noise((), 0.0, (_MAD_TO_SIGMA * sky_of(np.abs(np.diff(exposure.data, axis=1)))) ** 2 / 2)
    components = tuple(one.ravel() for one in exposure.variance.values())
    some = _sum_of(components, thinned(components[0]))
    known = some[np.isfinite(some)]
    least = float(np.percentile(known, 10)) if known.size else 0.0
    return Noise(components, variance_slope(exposure.data.ravel(), components), least)


def variance_slope(data: Image, components: tuple[Image, ...]) -> float:
    """Return how much the variance grows with light, from bright pixels; 0 where there are too few."""
    sky, noise = sky_of(data), sky_of(_sum_of(components, thinned(data)))
    bright = np.flatnonzero(data > np.float32(sky + _BRIGHT * np.sqrt(noise)))
    light, variance = data[bright] - sky, _sum_of(components, bright)
    known = np.isfinite(variance)
    if np.count_nonzero(known) < _LEAST:
        return 0.0
    return max(0.0, float(np.median((variance[known] - noise) / light[known])))
