"""What was measured: the zero point, and how every star of the catalogue contributed to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from iris_photom_stars._aperture import Apertures
from iris_photom_stars._area import SQUARE_ARCSEC
from iris_photom_stars._catalog import ZERO_JY
from iris_photom_stars._growth import Growth
from iris_photom_stars._robust import Mean

if TYPE_CHECKING:
    from astropy.table import Table

    from iris_core import Image

__all__ = ["POGSON", "STATUSES", "ZeroPoint"]

# Magnitudes for a small relative change.
POGSON = 2.5 / log(10)
# Why a star of the catalogue is not in the mean; the first that holds.
STATUSES = (
    "edge",
    "saturated",
    "nonlinear",
    "persistent",
    "flagged",
    "not found",
    "no sky",
    "faint",
    "blended",
    "clipped",
    "used",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroPoint:
    """The zero point of an exposure.

    Parameters
    ----------
    mean
        Of the stars' zero points: the AB magnitude of a source of 1 (unit of the exposure) in all its pixels together.
    pixel_area
        Mean solid angle of a pixel, sr.
    area
        Each pixel's over that mean, ``(ny, nx)``.
    fwhm
        Width of the stars, pixels.
    apertures
        The radii.
    growth
        The curve of growth, with the aperture correction.
    shift
        Exposure minus catalogue, pixels (x, y).
    stars
        A row for each star of the catalogue in the image: ``ra``, ``dec``; ``x``, ``y``, and ``dx``, ``dy`` from the
        catalogue's place after the shift (pixels); ``mag``, ``mag_err`` (AB); ``flux`` of all its light; ``snr`` in
        the aperture; ``blend``, the neighbours' share; ``zero_point`` and its ``error`` without the intrinsic scatter;
        ``status``; ``growth``, whether it is in the curve of growth.
    """

    mean: Mean
    pixel_area: float
    area: Image
    fwhm: float
    apertures: Apertures
    growth: Growth
    shift: tuple[float, float]
    stars: Table

    @property
    def value(self) -> float:
        """The zero point, AB magnitudes."""
        return self.mean.value

    @property
    def error(self) -> float:
        """Its standard deviation in magnitudes: of mean and aperture correction, and the light of neighbours."""
        used = self.stars[self.stars["status"] == "used"]
        return sqrt(self.mean.error**2 + POGSON**2 * (self.growth.uncertainty**2 + float(np.mean(used["blend"])) ** 2))

    @property
    def correction(self) -> float:
        """The aperture correction: what is added to a magnitude in the aperture; not above 0 for a good one."""
        return -2.5 * float(np.log10(self.growth.correction))

    @property
    def photmjsr(self) -> float:
        """MJy/sr for 1 of the exposure's unit."""
        return float(1e-6 * ZERO_JY * 10 ** (-0.4 * self.value) / self.pixel_area)

    @property
    def relative_error(self) -> float:
        """Standard deviation of `photmjsr` over its value."""
        return self.error / POGSON

    @property
    def pixel_scale(self) -> float:
        """The side of a square pixel of the mean area, arcsec."""
        return sqrt(self.pixel_area / SQUARE_ARCSEC)

    @property
    def offset_rms(self) -> float:
        """How far the stars are from their places in the catalogue after the shift, per axis, pixels."""
        used = self.stars[self.stars["status"] == "used"]
        return float(np.sqrt(np.mean(np.square([used["dx"], used["dy"]]))))

    @property
    def number(self) -> int:
        """How many stars are in the mean."""
        return self.counts()["used"]

    def counts(self) -> Counter[str]:
        """Return how many stars of the catalogue there are of each status."""
        return Counter(str(status) for status in self.stars["status"])
