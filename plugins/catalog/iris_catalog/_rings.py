"""Rings around stars: what is measured of the light outside of their cores, and what of it their neighbours give."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np
from iris_photom_stars import Sources, box, discs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._scene import Scene
    from iris_core import Doubles, Mask

__all__ = ["Rings", "measure_rings", "per_pixel"]

# Neighbours are those within so many times the outermost radius; bins of their distances.
_FAR, _BINS = 5.0, 100
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
    enclosed
        Share of diffracted light within each edge, ``(r + 1,)``; where the pupil is not known all of it is in the core.
    diffracted
        Diffracted light in a pixel of each star's core, and then of each ring, if every star's were its flux: that of
        the neighbours, and in the rings that of the star, ``(n, 1 + r)``.
    """

    edges: Doubles
    mean: Doubles
    variance: Doubles
    apart: Doubles
    neighbours: Doubles
    enclosed: Doubles
    diffracted: Doubles


def measure_rings(scene: Scene, sources: Sources, stars: NDArray[np.intp], edges: Doubles) -> Rings:
    """Return the means of rings around stars, without the cores of all sources, and the neighbours that they see."""
    masked = scene.frame.bad | discs(scene.frame.shape, sources.places, edges[0])
    bins = np.geomspace(edges[0], (_FAR + 1) * edges[-1], _BINS + 1)
    bright = sources.flux > _FAINT * sources.flux[stars].min()
    means, variances, seen = [], [], []
    for star in stars:
        place, ring, pixels = _pixels_around(masked, sources.places[star], edges)
        mean, variance = _mean_in(scene, ring, pixels, len(edges) - 1)
        near = np.hypot(*(sources.places - place).T) < _FAR * edges[-1]
        others = np.flatnonzero(bright & near & (np.arange(len(near)) != star))
        theirs = Sources(sources.places[others], sources.flux[others])
        means.append(mean)
        variances.append(variance)
        places, group = np.vstack([place, pixels[:, ::-1]]), np.append(0, ring + 1)
        seen.append(_neighbours_of(theirs, places, group, len(edges), bins))
    neighbours, enclosed = np.array(seen), _enclosed(scene, edges)
    diffracted = neighbours @ per_pixel(_enclosed(scene, bins), bins)
    diffracted[:, 1:] += np.outer(sources.flux[stars], per_pixel(enclosed, edges))
    return Rings(
        edges=edges,
        mean=np.array(means),
        variance=np.array(variances),
        apart=np.sqrt(bins[1:] * bins[:-1]),
        neighbours=neighbours,
        enclosed=enclosed,
        diffracted=diffracted,
    )


def _enclosed(scene: Scene, radii: Doubles) -> Doubles:
    """Return the share of diffracted light within radii, in pixels; all of it where the pupil is not known."""
    if scene.diffraction is None:
        return np.ones(len(radii))
    return np.asarray(scene.diffraction.within(radii * scene.pixel_scale))


def per_pixel(enclosed: Doubles, edges: Doubles) -> Doubles:
    """Return the light in a pixel of rings, of that within their edges, ``(r, ...)``."""
    area = pi * np.diff(edges**2)
    return np.asarray(np.diff(enclosed, axis=0) / area.reshape(-1, *[1] * (enclosed.ndim - 1)))


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


def _neighbours_of(sources: Sources, places: Doubles, group: NDArray[np.intp], groups: int, bins: Doubles) -> Doubles:
    """Return the flux of sources that groups of places, the core and rings, see at distances, ``(groups, b)``."""
    number, step = len(bins) - 1, float(np.log(bins[1] / bins[0]))
    seen = np.zeros((groups, number))
    for place, flux in zip(sources.places, sources.flux, strict=True):
        away = np.hypot(*(places - place).T)
        index = (np.log(np.maximum(away, bins[0]) / bins[0]) / step).astype(int)
        there = index < number
        seen += flux * np.bincount(group[there] * number + index[there], minlength=groups * number).reshape(seen.shape)
    return seen / np.maximum(np.bincount(group, minlength=groups), 1)[:, None]
