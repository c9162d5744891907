"""All light of stars: a halo fitted to the rings around several of them at once, each on a sky of its own.

A curve of growth adds up pixels, and the error of the sky times the area of a large circle soon exceeds the light that
is left outside of it. A profile that is the same for all stars tells sky and halo apart by their shapes, as in DAOGROW
(Stetson 1990, PASP 102, 932).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from iris_photom_stars import Sources, box, discs
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._scene import Scene
    from iris_core import Doubles

__all__ = ["Halo", "Rings", "fit_halo", "measure_halo", "measure_rings"]

# Scales, over the innermost radius, and slopes that are tried: those of halos of seeing are 11/6 to 5.
_SCALES, _SLOPES = np.geomspace(0.25, 8.0, 90), np.linspace(1.3, 5.0, 90)
# Standard deviations of a ring's light, of all stars together, above which it is measured and not foretold.
_MEASURED = 3.0
# Pixels in a ring.
_LEAST = 10
# A neighbour with less of a star's light than this is masked in its core only.
_FAINT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """Mean and variance of the pixels in rings around stars, ``(n, r)``, variance inf where there are too few.

    `edges` are the radii between the rings in pixels, ``(r + 1,)``.
    """

    edges: Doubles
    mean: Doubles
    variance: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Halo:
    """The profile ``height ((1 + r^2/scale^2) / (1 + core^2/scale^2))^-slope`` of a star of flux 1 outside of its core.

    Parameters
    ----------
    core
        The innermost radius, in pixels.
    height, scale, slope
        See above: the light in a pixel at that radius, and the shape; `scale` in pixels.
    outside
        Light between the innermost radius and the outermost that is measured.
    error
        Standard deviation of all light: of `outside`, and of the sky in the core, which follows from it.
    wings
        Light beyond that radius, if the profile goes on.
    sky
        Around each star, ``(n,)``.
    reach
        The outermost radius, in pixels.
    """

    core: float
    height: float
    scale: float
    slope: float
    outside: float
    error: float
    wings: float
    sky: Doubles
    reach: float

    def at(self, radius: Doubles) -> Doubles:
        """Return the light in a pixel at radii."""
        start = 1 + (self.core / self.scale) ** 2
        return self.height * ((1 + (radius / self.scale) ** 2) / start) ** -self.slope


def measure_rings(scene: Scene, others: Doubles, places: Doubles, stars: NDArray[np.intp], edges: Doubles) -> Rings:
    """Return the means of rings around stars.

    Parameters
    ----------
    scene
        The image.
    others
        The light of all halos, ``(ny, nx)``, NaN in cores.
    places
        Of all sources, 0-based ``(n, 2)``.
    stars
        Which of them have rings.
    edges
        Radii between the rings, in pixels.
    """
    found = [_rings_around(scene, others, places[star], edges) for star in stars]
    return Rings(edges=edges, mean=np.array([one for one, _ in found]), variance=np.array([one for _, one in found]))


def _rings_around(scene: Scene, others: Doubles, place: Doubles, edges: Doubles) -> tuple[Doubles, Doubles]:
    rows, columns = box((place[0], place[1]), edges[-1], scene.frame.shape)
    down, across = np.ogrid[rows, columns]
    value = scene.frame.data[rows, columns] - others[rows, columns]
    ring = np.digitize(np.hypot(down - place[1], across - place[0]), edges) - 1
    good = np.isfinite(value) & ~scene.frame.bad[rows, columns] & (ring >= 0) & (ring < len(edges) - 1)
    number, total, variance = (
        np.bincount(ring[good], weights=weights, minlength=len(edges) - 1)
        for weights in (None, value[good], scene.variance[rows, columns][good])
    )
    enough = number >= _LEAST
    safe = np.maximum(number, 1)
    return total / safe, np.where(enough, np.maximum(variance, 1e-30) / safe**2 * scene.corrfac**2, np.inf)


def fit_halo(rings: Rings, fluxes: Doubles) -> Halo:
    """Return the halo that stars have in common, the mean over all shapes, each as probable as the rings say.

    For each scale and slope, height and skies are a linear problem; errors grow by the root of chi squared over the
    degrees of freedom where that is above 1.

    Parameters
    ----------
    rings
        Around the stars.
    fluxes
        Of the stars, ``(n,)``.
    """
    shape = tuple(axis.ravel() for axis in np.meshgrid(_SCALES * rings.edges[0], _SLOPES))
    height, precision, chi, usual = _heights(rings, fluxes, shape)
    freedom = int(np.count_nonzero(np.isfinite(rings.variance))) - len(fluxes) - 3
    factor = max(1.0, float(chi.min()) / max(freedom, 1))
    probable = np.exp(-0.5 * (chi - chi.min()) / factor)
    probable /= probable.sum()
    best, core = int(np.argmin(chi)), rings.edges[0]
    reach = rings.edges[_reach(rings, fluxes, height[best] * _mean_light(rings.edges, *shape)[:, best])]
    unit = _beyond(core, core, *shape) - _beyond(reach, core, *shape)
    # all light of a star goes with its height by that outside, and by the sky that is taken from its core
    lever = unit + pi * core**2 * np.average(usual, axis=0, weights=fluxes**2)
    change = height * lever
    weight = 1 / rings.variance
    return Halo(
        core=float(core),
        height=float(height[best]),
        scale=float(shape[0][best]),
        slope=float(shape[1][best]),
        outside=float(probable @ (height * unit)),
        error=sqrt(float(probable @ (factor * lever**2 / precision + (change - probable @ change) ** 2))),
        wings=float(probable @ (height * _beyond(reach, core, *shape))),
        sky=np.average(rings.mean, axis=1, weights=weight) - fluxes * (usual @ (probable * height)),
        reach=float(reach),
    )


def _heights(rings: Rings, fluxes: Doubles, shape: tuple[Doubles, ...]) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return for each shape the best height, 1 / variance of that, chi squared, and a star's mean light in its rings.

    Each star's sky is eliminated: what is left are differences from the weighted mean of its rings.
    """
    light, weight = _mean_light(rings.edges, *shape), 1 / rings.variance
    total = weight.sum(axis=1)
    usual = weight @ light / total[:, None]
    there = rings.mean - np.average(rings.mean, axis=1, weights=weight)[:, None]
    precision = fluxes**2 @ (weight @ light**2 - total[:, None] * usual**2)
    product = fluxes @ ((weight * there) @ light)
    height = np.maximum(product / precision, 0.0)
    return height, precision, np.sum(weight * there**2) - height * (2 * product - height * precision), usual


def _mean_light(edges: Doubles, scale: Doubles, slope: Doubles) -> Doubles:
    """Return the light in a pixel of rings, for a height of 1, ``(r, ...)``."""
    beyond = np.array([_beyond(edge, edges[0], scale, slope) for edge in edges])
    area = pi * np.diff(edges**2)
    return -np.diff(beyond, axis=0) / area.reshape(-1, *[1] * (beyond.ndim - 1))


def _beyond(radius: float, core: float, scale: Doubles, slope: Doubles) -> Doubles:
    """Return the light of profiles of height 1 at the radius of the core, outside of a radius."""
    there, start = 1 + (radius / scale) ** 2, 1 + (core / scale) ** 2
    return np.asarray(pi * scale**2 / (slope - 1) * there * (there / start) ** -slope)


def _reach(rings: Rings, fluxes: Doubles, light: Doubles) -> int:
    """Return the index of the radius beyond which no ring has light that stands out of its noise."""
    significance = light * np.sqrt(np.sum(fluxes[:, None] ** 2 / rings.variance, axis=0))
    bright = np.flatnonzero(significance >= _MEASURED)
    return int(bright[-1]) + 1 if len(bright) else 0


def measure_halo(scene: Scene, sources: Sources, stars: NDArray[np.intp], edges: Doubles) -> Halo:
    """Return the halo of stars; that of their neighbours is subtracted, which takes a second round.

    Parameters
    ----------
    scene
        The image.
    sources
        All, with their fluxes in cores.
    stars
        Which of them are fitted.
    edges
        Radii between rings, in pixels; the first is that of a core.
    """
    fluxes = sources.flux[stars]
    seen = _seen(sources, stars, edges[-1])
    cores = np.where(discs(scene.frame.shape, sources.places, edges[0]), np.nan, 0.0)
    halo = fit_halo(measure_rings(scene, cores, sources.places, stars, edges), fluxes)
    others = cores + _all_halos(scene.frame.shape, sources, seen, halo, edges[-1])
    rings = measure_rings(scene, others, sources.places, stars, edges)
    return fit_halo(_with_own(rings, halo, fluxes), fluxes)


def _seen(sources: Sources, stars: NDArray[np.intp], reach: float) -> NDArray[np.intp]:
    """Return the sources that are bright enough and so close to one of the stars that their halos matter."""
    near, _ = cKDTree(sources.places[stars]).query(sources.places)
    return np.flatnonzero((sources.flux > _FAINT * sources.flux[stars].min()) & (near < 2 * reach))


def _all_halos(shape: tuple[int, int], sources: Sources, seen: NDArray[np.intp], halo: Halo, reach: float) -> Doubles:
    image = np.zeros(shape)
    for place, flux in zip(sources.places[seen], sources.flux[seen], strict=True):
        rows, columns = box((place[0], place[1]), reach, shape)
        down, across = np.ogrid[rows, columns]
        image[rows, columns] += flux * halo.at(np.hypot(down - place[1], across - place[0]))
    return image


def _with_own(rings: Rings, halo: Halo, fluxes: Doubles) -> Rings:
    """Return the rings with the light of their own stars, which was subtracted with that of all."""
    own = halo.height * _mean_light(rings.edges, np.asarray(halo.scale), np.asarray(halo.slope))
    return Rings(edges=rings.edges, mean=rings.mean + fluxes[:, None] * own, variance=rings.variance)
