"""Aperture photometry with a local sky."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np
from astropy.stats import SigmaClip
from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture, aperture_photometry

from iris_photom_stars._frame import Frame

if TYPE_CHECKING:
    from iris_core import Doubles, Image, Mask

__all__ = ["Apertures", "Fluxes", "Sky", "measure_fluxes", "measure_sky", "touched"]

# Share of a sky annulus that has to be there.
_LEAST_SKY = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Apertures:
    """Radii in pixels: of the aperture, of the sky around it, of the circle that holds all light, of its sky."""

    star: float
    sky: tuple[float, float]
    total: float
    total_sky: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """Level of the sky in a pixel, its error, and the scatter of single pixels, ``(n,)``; NaN where it is not known."""

    level: Doubles
    error: Doubles
    scatter: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Fluxes:
    """Sum of each star above its sky, and its standard deviation, ``(n,)``, in the unit of the image."""

    flux: Doubles
    error: Doubles


def measure_sky(frame: Frame, sources: Mask, places: Doubles, radii: tuple[float, float]) -> Sky:
    """Return the sky around places: the mean in an annulus, clipped at 3 sigma, without invalid pixels and sources.

    Parameters
    ----------
    frame
        The image.
    sources
        Pixels of sources, ``(ny, nx)``.
    places
        0-based pixels, ``(n, 2)``.
    radii
        Inner and outer, in pixels.
    """
    annuli = CircularAnnulus(places, *radii)
    found = ApertureStats(frame.data, annuli, mask=frame.bad | sources, sigma_clip=SigmaClip(3.0), sum_method="center")
    number = np.nan_to_num(np.atleast_1d(np.asarray(found.center_aper_area.value, dtype=np.float64)))
    enough = number > max(_LEAST_SKY * pi * (radii[1] ** 2 - radii[0] ** 2), 2)
    level, scatter = (
        np.where(enough, np.atleast_1d(np.asarray(value, dtype=np.float64)), np.nan)
        for value in (found.mean, found.std)
    )
    return Sky(level=level, error=scatter / np.sqrt(np.maximum(number, 1)), scatter=scatter)


def measure_fluxes(frame: Frame, places: Doubles, radius: float, sky: Sky) -> Fluxes:
    """Return the sums in circles, their sky subtracted.

    The variance is that of each pixel times the square of its share in the circle, and that of the sky times the area
    squared; where the image has no errors, the scatter of the sky stands for them, which leaves out the photons of the
    star itself.
    """
    circles = CircularAperture(places, radius)
    found = aperture_photometry(frame.data, circles, mask=frame.bad)
    area = pi * radius**2
    flux = np.asarray(found["aperture_sum"], dtype=np.float64) - area * sky.level
    if frame.err is None:
        variance = sky.scatter**2 * _variances(np.ones_like(frame.data), circles, frame.bad)
    else:
        variance = _variances(frame.err, circles, frame.bad)
    return Fluxes(flux=flux, error=np.sqrt(variance + (area * sky.error) ** 2))


def _variances(err: Image, circles: CircularAperture, bad: Mask) -> Doubles:
    # not photutils' own sum of errors, which before version 3.1 takes the share itself
    shares = circles.to_mask(method="exact")
    return np.array([np.sum(np.square(share.get_values(err, mask=bad), dtype=np.float64)) for share in shares])


def touched(pixels: Mask, places: Doubles, radius: float) -> Mask:
    """Return for each circle whether any of some pixels reaches into it."""
    circles = CircularAperture(places, radius)
    found = aperture_photometry(pixels.astype(np.float32), circles)
    inside: Mask = np.asarray(found["aperture_sum"]) > 0
    return inside
