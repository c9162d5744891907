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

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._scene import Scene
    from iris_core import Doubles, Mask

__all__ = ["Halo", "Rings", "fit_halo", "measure_halo", "measure_rings"]

# Scales, over the innermost radius, and slopes that are tried: those of halos of seeing are 11/6 to 5.
_SCALES, _SLOPES = np.geomspace(0.25, 8.0, 90), np.linspace(1.3, 5.0, 90)
# Standard deviations of a ring's light, of all stars together, above which it is measured and not foretold.
_MEASURED = 3.0
# Neighbours are those within so many times the outermost radius; bins of their distances.
_FAR, _BINS = 5.0, 100
# Part of the outermost radius at which the profile is well known.
_WELL_MEASURED = 0.5
# Part of the light in a ring by which it may differ from a smooth profile.
_SMOOTH = 0.1
# Pixels in a ring.
_LEAST = 10
# A neighbour with less of the faintest star's light than this is masked in its core only.
_FAINT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """Rings around stars.

    Parameters
    ----------
    edges
        Radii between the rings, in pixels, ``(r + 1,)``.
    mean, variance
        Of the mean of the pixels in each, ``(n, r)``; variance inf where there are too few.
    apart
        Distances from neighbours, in pixels, ``(b,)``.
    neighbours
        Flux of the neighbours that a place in a star's core, and then in each ring, has at these distances,
        ``(n, 1 + r, b)``.
    """

    edges: Doubles
    mean: Doubles
    variance: Doubles
    apart: Doubles
    neighbours: Doubles


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
    wings, wings_error
        Light beyond that radius, if the profile goes on, and its standard deviation: anything between none and twice as
        much, and what it would be more if it fell with r^-3 from half of it on, as diffraction does.
    sky
        Around each star, and the light of its neighbours in its core, ``(n,)``.
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
    wings_error: float
    sky: Doubles
    reach: float


def measure_halo(scene: Scene, sources: Sources, stars: NDArray[np.intp], edges: Doubles) -> Halo:
    """Return the halo of stars, whose neighbours have the same.

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
    return fit_halo(measure_rings(scene, sources, stars, edges), sources.flux[stars])


def measure_rings(scene: Scene, sources: Sources, stars: NDArray[np.intp], edges: Doubles) -> Rings:
    """Return the means of rings around stars, without the cores of all sources, and the neighbours that they see."""
    masked = scene.frame.bad | discs(scene.frame.shape, sources.places, edges[0])
    bins = np.geomspace(edges[0], (_FAR + 1) * edges[-1], _BINS + 1)
    bright = sources.flux > _FAINT * sources.flux[stars].min()
    means, variances, neighbours = [], [], []
    for star in stars:
        place, ring, pixels = _pixels_around(masked, sources.places[star], edges)
        mean, variance = _mean_in(scene, ring, pixels, len(edges) - 1)
        near = np.hypot(*(sources.places - place).T) < _FAR * edges[-1]
        others = np.flatnonzero(bright & near & (np.arange(len(near)) != star))
        seen = Sources(sources.places[others], sources.flux[others])
        means.append(mean)
        variances.append(variance)
        neighbours.append(_neighbours_of(seen, np.vstack([place, pixels[:, ::-1]]), np.append(0, ring + 1), bins))
    return Rings(
        edges=edges,
        mean=np.array(means),
        variance=np.array(variances),
        apart=np.sqrt(bins[1:] * bins[:-1]),
        neighbours=np.array(neighbours),
    )


def _pixels_around(masked: Mask, place: Doubles, edges: Doubles) -> tuple[Doubles, NDArray[np.intp], NDArray[np.intp]]:
    """Return the place, and the rings in which pixels around it are and the pixels, row and column, ``(p, 2)``."""
    rows, columns = box((place[0], place[1]), edges[-1], masked.shape)
    down, across = np.ogrid[rows, columns]
    ring = np.digitize(np.hypot(down - place[1], across - place[0]), edges) - 1
    inside = np.argwhere(~masked[rows, columns] & (ring >= 0) & (ring < len(edges) - 1))
    return place, ring[tuple(inside.T)], inside + np.array([rows.start, columns.start])


def _mean_in(scene: Scene, ring: NDArray[np.intp], pixels: NDArray[np.intp], rings: int) -> tuple[Doubles, Doubles]:
    """Return the mean of the pixels of each ring, and its variance."""
    where = tuple(pixels.T)
    number, total, variance = (
        np.bincount(ring, weights=weights, minlength=rings)
        for weights in (None, scene.frame.data[where], scene.variance[where])
    )
    safe = np.maximum(number, 1)
    noise = np.maximum(variance, 1e-30) / safe**2 * scene.corrfac**2
    return total / safe, np.where(number >= _LEAST, noise, np.inf)


def _neighbours_of(sources: Sources, places: Doubles, group: NDArray[np.intp], bins: Doubles) -> Doubles:
    """Return the flux of sources that groups of places, the core and rings, see at distances, ``(groups, b)``."""
    number, groups, step = len(bins) - 1, int(group.max()) + 1, float(np.log(bins[1] / bins[0]))
    seen = np.zeros((groups, number))
    for place, flux in zip(sources.places, sources.flux, strict=True):
        away = np.hypot(*(places - place).T)
        index = (np.log(np.maximum(away, bins[0]) / bins[0]) / step).astype(int)
        there = index < number
        seen += flux * np.bincount(group[there] * number + index[there], minlength=groups * number).reshape(seen.shape)
    return seen / np.maximum(np.bincount(group, minlength=groups), 1)[:, None]


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
    near = rings.neighbours @ _profile(rings.apart[:, None], rings.edges[0], *shape)
    light = fluxes[:, None, None] * _mean_light(rings.edges, *shape) + near[:, 1:]
    height, precision, chi, usual = _heights(rings, light)
    freedom = int(np.count_nonzero(np.isfinite(rings.variance))) - len(fluxes) - 3
    factor = max(1.0, float(chi.min()) / max(freedom, 1))
    probable = np.exp(-0.5 * (chi - chi.min()) / factor)
    probable /= probable.sum()
    best, core = int(np.argmin(chi)), rings.edges[0]
    own = height[best] * _mean_light(rings.edges, shape[0][best], shape[1][best])
    reach = rings.edges[_reach(rings, fluxes, own)]
    unit = _beyond(core, core, *shape) - _beyond(reach, core, *shape)
    # all light of a star goes with its height by that outside, and by the sky that is taken from its core
    lifted = usual - near[:, 0]
    lever = unit + pi * core**2 * (fluxes @ lifted) / (fluxes @ fluxes)
    change = height * lever
    weight = 1 / _uncertain(rings)
    wings = float(probable @ (height * _beyond(reach, core, *shape)))
    start = max(_WELL_MEASURED * reach, core)
    diffracted = float(probable @ (height * _profile(start, core, *shape))) * 2 * pi * start**3 / reach
    return Halo(
        core=float(core),
        height=float(height[best]),
        scale=float(shape[0][best]),
        slope=float(shape[1][best]),
        outside=float(probable @ (height * unit)),
        error=sqrt(float(probable @ (factor * lever**2 / precision + (change - probable @ change) ** 2))),
        wings=wings,
        wings_error=max(wings / sqrt(3), diffracted - wings),
        sky=np.average(rings.mean, axis=1, weights=weight) - lifted @ (probable * height),
        reach=float(reach),
    )


def _heights(rings: Rings, light: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return for each shape the best height, 1 / variance of that, chi squared, and the mean light in a star's rings.

    `light` is that of a halo of height 1 in the rings of each star, for each shape, ``(n, r, shapes)``.

    Each star's sky is eliminated: what is left are differences from the weighted mean of its rings.
    """
    weight = 1 / _uncertain(rings)
    total = weight.sum(axis=1)
    usual = np.einsum("nr,nrs->ns", weight, light) / total[:, None]
    there = rings.mean - np.average(rings.mean, axis=1, weights=weight)[:, None]
    precision = np.einsum("nr,nrs->s", weight, light**2) - total @ usual**2
    product = np.einsum("nr,nrs->s", weight * there, light)
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


def _uncertain(rings: Rings) -> Doubles:
    """Return the variance of rings, and of what makes their light differ from a smooth profile: diffraction rings."""
    sky = np.median(rings.mean[:, -(-len(rings.edges) // 3) :], axis=1, keepdims=True)
    return np.asarray(rings.variance + (_SMOOTH * (rings.mean - sky)) ** 2)


def _profile(radius: Doubles, core: float, scale: Doubles, slope: Doubles) -> Doubles:
    """Return the light in a pixel at a radius, of profiles of height 1 at the radius of the core."""
    return np.asarray(((1 + (radius / scale) ** 2) / (1 + (core / scale) ** 2)) ** -slope)


def _reach(rings: Rings, fluxes: Doubles, light: Doubles) -> int:
    """Return the index of the radius beyond which no ring has light that stands out of its noise."""
    significance = light * np.sqrt(np.sum(fluxes[:, None] ** 2 / rings.variance, axis=0))
    bright = np.flatnonzero(significance >= _MEASURED)
    return int(bright[-1]) + 1 if len(bright) else 0
