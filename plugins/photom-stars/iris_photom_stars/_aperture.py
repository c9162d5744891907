"""Aperture photometry with a local sky."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from astropy.stats import mad_std
from photutils.aperture import CircularAperture, aperture_photometry

from iris_photom_stars._frame import Frame, box

if TYPE_CHECKING:
    from iris_core import Doubles, Image, Mask

__all__ = ["Apertures", "Fluxes", "Sky", "measure_fluxes", "measure_sky", "touched"]

# Share of a sky annulus that has to be valid and free of sources.
_LEAST_SKY = 0.5
_TOTAL_SKY = 1.5  # outer radius of the sky of all light, over that of its circle
_CLIP, _ROUNDS = 3.0, 10
_OCTANTS = 8
# The octants less the plane have 5 degrees of freedom: chi squared / 5 is above this in one ring of 100.
_BY_CHANCE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Apertures:
    """Radii in pixels: of the aperture, of the sky around it, of the circle that holds all light, of its sky."""

    star: float
    sky: tuple[float, float]
    total: float
    total_sky: tuple[float, float]

    @property
    def core(self) -> float:
        """Half of the aperture: with the default one, a star's FWHM."""
        return self.star / 2

    def within(self, total: float) -> Apertures:
        """Return the radii with another circle for all light, and its sky around that."""
        return replace(self, total=total, total_sky=(total, _TOTAL_SKY * total))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """The sky at some places; NaN where it is not known.

    Parameters
    ----------
    level, error
        In the pixel of the place, and its standard deviation, ``(n,)``.
    scatter
        Of single pixels, ``(n,)``.
    slope
        How the level changes from pixel to pixel in x and y, ``(n, 2)``.
    """

    level: Doubles
    error: Doubles
    scatter: Doubles
    slope: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Fluxes:
    """Sum of each star above its sky, and its standard deviation, ``(n,)``, in the unit of the image."""

    flux: Doubles
    error: Doubles


def measure_sky(frame: Frame, sources: Mask, places: Doubles, radii: tuple[float, float]) -> Sky:
    """Return the sky at places: a plane fitted to a ring, clipped at 3 sigma, without invalid pixels and sources.

    The error is that of a mean of so many pixels; where the means of the eight octants differ from the plane by more
    than chance gives, it is what they say.

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
    rings = np.array([_fit_ring(frame, sources, place, radii) for place in places]).reshape(-1, 5)
    return Sky(level=rings[:, 0], error=rings[:, 1], scatter=rings[:, 2], slope=rings[:, 3:])


def _fit_ring(
    frame: Frame, sources: Mask, place: Doubles, radii: tuple[float, float]
) -> tuple[float, float, float, float, float]:
    """Return level at a place, its error, the scatter of single pixels, and the slopes in x and y."""
    rows, columns = box((place[0], place[1]), radii[1], frame.shape)
    down, across = (axis - middle for axis, middle in zip(np.mgrid[rows, columns], place[::-1], strict=True))
    distance = np.hypot(across, down)
    good = (distance >= radii[0]) & (distance <= radii[1]) & ~(frame.bad | sources)[rows, columns]
    across, down, values = across[good], down[good], frame.data[rows, columns][good].astype(np.float64)
    octant = ((np.arctan2(down, across) / pi + 1) * 4).astype(int) % _OCTANTS
    least = max(_LEAST_SKY * pi * (radii[1] ** 2 - radii[0] ** 2), _OCTANTS)
    if len(values) <= least or len(np.unique(octant)) < _OCTANTS - 1:
        return nan, nan, nan, nan, nan
    plane, residual, kept = _fit_plane(across, down, values)
    scatter, number = float(np.std(residual[kept])), np.count_nonzero(kept)
    formal = scatter**2 / number
    counts = np.bincount(octant[kept], minlength=_OCTANTS)
    sums = np.bincount(octant[kept], weights=residual[kept], minlength=_OCTANTS)
    between = float(np.sum(sums**2 / np.maximum(counts, 1))) / (_OCTANTS - 3) / number
    variance = between if between > _BY_CHANCE * formal else formal
    return float(plane[0]), sqrt(variance), scatter, float(plane[1]), float(plane[2])


def _fit_plane(across: Doubles, down: Doubles, values: Doubles) -> tuple[Doubles, Doubles, Mask]:
    """Return the coefficients of 1, x, y, the residuals, and which values were kept."""
    design = np.column_stack([np.ones(len(values)), across, down])
    kept = np.ones(len(values), dtype=np.bool_)
    for _ in range(_ROUNDS):
        plane = np.linalg.lstsq(design[kept], values[kept])[0]
        residual = values - design @ plane
        centre = float(np.median(residual[kept]))
        limit = _CLIP * mad_std(residual[kept]) + 1e-6 * abs(float(plane[0]))
        before, kept = kept, np.abs(residual - centre) <= limit
        if np.array_equal(before, kept):
            break
    return np.asarray(plane, dtype=np.float64), np.asarray(residual, dtype=np.float64), kept


def measure_fluxes(frame: Frame, places: Doubles, radius: float, sky: Sky) -> Fluxes:
    """Return the sums in circles, their sky subtracted: that of the middle, since a plane adds nothing to a circle.

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
