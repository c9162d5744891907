"""The curve of growth: how much of a star's light lies within a radius."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from photutils.geometry import circular_overlap_grid

from iris_photom_stars._aperture import Apertures, measure_sky
from iris_photom_stars._field import inside
from iris_photom_stars._frame import Frame, box, discs
from iris_photom_stars._neighbours import Sources
from iris_photom_stars._params import LEAST_STARS
from iris_photom_stars._robust import ERROR_FLOOR, combine_scaled

if TYPE_CHECKING:
    from iris_core import Doubles, Mask

__all__ = ["Growth", "best_growth", "given_growth", "measure_growth"]

_RADII = 40
_CLIP = 3.0
_SHARE_OF_CORRECTION = 0.01
_WINGS = 0.8
# Stars with more than this times the error of the best are not used, except where there are too few others: faint light
# around them is a larger share of theirs, and that is no scatter that all stars have in common.
_ERROR_RANGE, _SOME_STARS = 3.0, 5
# Radii of the circle for all light that are tried, over the largest, and how many stars are enough for one.
_TOTALS, _ENOUGH = (1.0, 0.7, 0.5, 0.35), 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The mean curve of growth.

    Parameters
    ----------
    radius
        Pixels, ``(r,)``; the last is that of the circle that holds all light.
    stars
        Flux within the radius over the flux in the aperture, of each star, ``(n, r)``; NaN where it is not known.
    curve
        Their weighted mean, ``(r,)``.
    correction
        What the flux in the aperture is multiplied by: the last of `curve`.
    error
        Its standard deviation, the differences between stars included.
    used
        Which stars are in the mean, ``(n,)``.
    """

    radius: Doubles
    stars: Doubles
    curve: Doubles
    correction: float
    error: float
    used: Mask

    @property
    def uncertainty(self) -> float:
        """Standard deviation of the correction over its value: between stars, of the light in the wings, and its size.

        The larger the correction, the more it depends on the width of the stars in one place or another.
        """
        size = _SHARE_OF_CORRECTION * abs(log(self.correction))
        return sqrt((self.error / self.correction) ** 2 + self.wings**2 + size**2)

    @property
    def wings(self) -> float:
        """The light that may be outside of the largest circle, as a share.

        What the curve rises by in the last fifth of its radius, beyond a standard deviation of the correction, is
        continued as if the light outside of a radius R went with R^-1.5, as in the wings of most images.
        """
        rise = 1 - float(self.share(_WINGS * self.radius[-1])) - self.error / self.correction
        return max(rise, 0.0) / float(_WINGS**-1.5 - 1)

    def share(self, radius: float | Doubles) -> Doubles:
        """Return the share of a star's light within radii in pixels."""
        shares = np.append(0.0, self.curve / self.correction)
        share: Doubles = np.interp(np.asarray(radius), np.append(0.0, self.radius), shares)
        return share

    def share_in_aperture(self, distance: Doubles, aperture: float) -> Doubles:
        """Return the share of a star's light in an aperture of a radius, `distance` pixels away from the star.

        Of the ring that the aperture lies in, it covers ``aperture / (4 distance)``; the light is taken to be even
        in the ring.
        """
        apart = np.maximum(distance, aperture)
        ring = self.share(apart + aperture) - self.share(apart - aperture)
        return np.where(distance > aperture, ring * aperture / (4 * apart), self.share(aperture))


def best_growth(
    frame: Frame, stars: NDArray[np.intp], sources: Sources, fluxes: Doubles, radii: Apertures, max_blend: float
) -> tuple[NDArray[np.intp], Growth, Apertures] | None:
    """Return which stars have room around them and no neighbours, their curve of growth and its radii; None without.

    Of the circles that may hold all light, it is the one of the smallest uncertainty: a large one misses less light of
    the wings, a small one has more stars and less sky in it.

    Parameters
    ----------
    frame
        The image.
    stars
        Which of the sources are bright, ``(n,)``, the best first.
    sources
        All sources.
    fluxes
        Of the stars in the aperture, each above the sky close to it, ``(n,)``.
    radii
        Their `total` is the largest that is tried.
    max_blend
        Largest share of a star's light that its neighbours within the circle may have.
    """
    found = []
    for total in dict.fromkeys(max(share * radii.total, radii.sky[1]) for share in _TOTALS):
        tried = radii.within(total)
        light = sources.light_around(stars, total, np.ones_like)
        roomy = inside(sources.places[stars], frame.shape, tried.total_sky[1])
        chosen = np.flatnonzero(roomy & (light <= max_blend))[:_ENOUGH]
        growth = measure_growth(frame, stars[chosen], sources, fluxes[chosen], tried, max_blend)
        if growth is not None:
            found.append((stars[chosen], _with_neighbours(growth, light[chosen]), tried))
    return min(found, key=lambda one: one[1].uncertainty) if found else None


def _with_neighbours(growth: Growth, light: Doubles) -> Growth:
    """Return a curve of growth whose error has the light of neighbours in it: not all of it is masked."""
    mean = float(np.mean(light[growth.used]))
    return replace(growth, error=float(np.hypot(growth.error, growth.correction * mean)))


def measure_growth(
    frame: Frame, stars: NDArray[np.intp], sources: Sources, fluxes: Doubles, apertures: Apertures, faint: float
) -> Growth | None:
    """Return the mean curve of growth of stars; None where fewer than 3 have one, or it does not grow.

    One star alone cannot tell what belongs to it: the slope of its sky, or a neighbour, is light as well.

    A ring's mean, without invalid pixels and other sources, times the area of the ring is its flux, so that what is
    missing is taken to be as bright as the rest of the ring.

    Parameters
    ----------
    frame
        The image.
    stars
        Which of the sources, ``(n,)``.
    sources
        All sources.
    fluxes
        Of the stars in the aperture, each above the sky close to it, ``(n,)``.
    apertures
        The radii.
    faint
        A neighbour with less than this share of a star's light is masked in its core only.
    """
    # Close to each other in the core, where the curve bends.
    radius = np.unique(np.append(apertures.total * np.linspace(0, 1, _RADII + 1)[1:] ** 1.5, apertures.star))
    measured = [_grow(frame, star, sources, apertures, radius, faint) for star in stars]
    curves = np.array([flux for flux, _ in measured]).reshape(-1, len(radius)) / fluxes[:, np.newaxis]
    error = np.maximum(np.array([error for _, error in measured]) / fluxes, ERROR_FLOOR)
    used = np.isfinite(curves).all(axis=1) & np.isfinite(error)
    if np.count_nonzero(used) < LEAST_STARS:
        return None
    used &= error <= _worst(error[used])
    last = combine_scaled(curves[used, -1], error[used], _CLIP)
    used[used] = last.used
    curve = np.average(curves[used], axis=0, weights=error[used] ** -2.0)
    if np.count_nonzero(used) < LEAST_STARS or not (curve > 0).all():
        return None
    return Growth(radius=radius, stars=curves, curve=curve, correction=float(curve[-1]), error=last.error, used=used)


def given_growth(correction: float, error: float, apertures: Apertures) -> Growth:
    """Return a curve that grows from the flux in the aperture, 1, to a known correction, with no stars of its own."""
    radius = np.array([apertures.star, _WINGS * apertures.total, apertures.total])
    curve = np.array([1.0, correction, correction])
    nothing = np.zeros((0, 3))
    return Growth(
        radius=radius, stars=nothing, curve=curve, correction=correction, error=error, used=nothing[:, 0].astype(bool)
    )


def _worst(errors: Doubles) -> float:
    """Return the largest error at which a star still tells something beside the others."""
    ordered = np.sort(errors)
    return float(max(_ERROR_RANGE * ordered[0], ordered[:_SOME_STARS][-1]))


def _grow(
    frame: Frame, star: int, sources: Sources, apertures: Apertures, radius: Doubles, faint: float
) -> tuple[Doubles, float]:
    """Return the flux of a star within each radius, and the error of the last."""
    place = sources.places[star]
    rows, columns = box(place, apertures.total_sky[1], frame.shape)
    stamp, corner = frame.cut(rows, columns), np.array([columns.start, rows.start])
    own = discs(stamp.shape, [place - corner], apertures.star)
    others = _other_sources(stamp.shape, star, sources, apertures, faint, corner) & ~own
    sky = measure_sky(stamp, others, (place - corner)[np.newaxis], apertures.total_sky)
    if not np.isfinite(sky.level[0]):
        return np.full(len(radius), np.nan), np.nan
    down, across = np.indices(stamp.shape)
    x, y = place - corner
    above = stamp.data - (sky.level[0] + sky.slope[0, 0] * (across - x) + sky.slope[0, 1] * (down - y))
    mask = stamp.bad | others
    error = np.full(stamp.shape, sky.scatter[0]) if stamp.err is None else stamp.err
    planes = np.stack([np.where(mask, 0, above), np.where(mask, 0, error**2), ~mask])
    light, variance, there = np.diff(_within(planes, (x, y), radius), prepend=0.0)
    area = np.diff(pi * radius**2, prepend=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        filling = np.where(there > 0, area / there, np.nan)
    noise = np.sum(variance * filling**2)
    return np.cumsum(light * filling), float(np.sqrt(noise + (pi * radius[-1] ** 2 * sky.error[0]) ** 2))


def _within(planes: Doubles, place: tuple[float, float], radii: Doubles) -> Doubles:
    """Return the sums of planes, ``(k, ny, nx)``, in circles around a place, exact on their rims, ``(k, r)``."""
    (x, y), shape = place, (planes.shape[1], planes.shape[2])
    found = []
    for radius in radii:
        rows, columns = box(place, radius, shape)
        edges = np.array([columns.start - x, columns.stop - x, rows.start - y, rows.stop - y]) - 0.5
        share = circular_overlap_grid(*edges, columns.stop - columns.start, rows.stop - rows.start, radius, 1, 1)
        found.append(np.einsum("kij,ij->k", planes[:, rows, columns], share))
    return np.array(found).T


def _other_sources(
    shape: tuple[int, int], star: int, sources: Sources, apertures: Apertures, faint: float, corner: Doubles
) -> Mask:
    """Return the pixels of other sources: all their light where they are bright beside the star, else their cores."""
    places = sources.places - sources.places[star]
    near = np.hypot(*places.T) < apertures.total_sky[1] + apertures.total
    near[star] = False
    bright = near & (sources.flux > faint * sources.flux[star])
    wide = discs(shape, sources.places[bright] - corner, apertures.total)
    return wide | discs(shape, sources.places[near & ~bright] - corner, apertures.star)
