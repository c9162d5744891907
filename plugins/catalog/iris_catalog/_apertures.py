"""Sums in apertures, with a local background, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isqrt, pi
from typing import TYPE_CHECKING, Any

import numpy as np
from photutils.geometry import circular_overlap_grid

from iris_catalog._around import Around, disc, medians, pixels_around, square
from iris_catalog._noise import autocorrelation, median_factor, summed_variance
from iris_catalog._scene import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_core import Doubles, Image, Mask

    Labels = NDArray[np.integer[Any]]

__all__ = ["Background", "Sums", "measure_background", "measure_sums"]

# Of a ring: so many free pixels, and such a share of it; where there are fewer, those of sources are taken too.
_LEAST_PIXELS, _LEAST_SHARE = 20, 0.1
_CLIP, _ROUNDS = 3.0, 10
_MAD = 1.4826
# From the middles of the first and last pixels to the edges of a square.
_EDGES = np.array([-0.5, 0.5, -0.5, 0.5])


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The local background of each source, of a pixel, and its standard deviation, ``(n,)``; NaN where not known.

    `corrfac` is the noise of a large aperture there over what the errors of its pixels add up to.
    """

    level: Doubles
    error: Doubles
    corrfac: Doubles

    def of(self, which: NDArray[np.intp]) -> Background:
        """Return that of some of the sources."""
        return Background(level=self.level[which], error=self.error[which], corrfac=self.corrfac[which])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Flux in an aperture above the background, and its standard deviation, ``(n,)``, in the unit of the image.

    NaN where a pixel in the aperture has no value, or the background is not known. `noise` is the part of the error
    that is that of the pixels in the aperture.
    """

    flux: Doubles
    error: Doubles
    noise: Doubles


def measure_background(
    scene: Scene, sources: Mask | Labels, places: Doubles, radii: tuple[float, float], *, own: Labels | None = None
) -> Background:
    """Return the median in rings, clipped at 3 sigma, and its error ``s / sqrt(N)`` times `median_factor`.

    The scatter s is that about a plane and a paraboloid: the slope of a halo in the ring is no noise.

    With `own`, a source's own pixels are kept in its ring: how far they reach depends on its brightness, and its light
    in the ring has to be the same share of it in bright and in faint ones.

    Parameters
    ----------
    scene
        The image.
    sources
        Pixels of sources, ``(ny, nx)``, which are left out: a mask, or with `own` the label of each pixel.
    places
        0-based, ``(n, 2)``.
    radii
        Inner and outer, in pixels.
    own
        The label of the source at each place.
    """
    labels = np.zeros(len(places), dtype=int) if own is None else own
    rings = pixels_around(scene.frame.shape, places, disc(radii[1], radii[0]))
    found = [_rings(scene, sources, ring, radii, labels[ring.part, np.newaxis]) for ring in rings]
    level, error, corrfac = np.concatenate([np.empty((0, 3)), *found]).T
    return Background(level=level, error=error, corrfac=corrfac)


def _rings(scene: Scene, sources: Mask | Labels, ring: Around, radii: tuple[float, float], own: Labels) -> Doubles:
    """Return level, error and factor of some rings, ``(n, 3)``."""
    distance = ring.x**2 + ring.y**2
    there = ring.inside & (distance >= radii[0] ** 2) & (distance <= radii[1] ** 2) & ~ring.of(scene.frame.bad)
    near = ring.of(sources)
    free = there & ((near == 0) | ((near == own) & (own > 0)))
    least = max(_LEAST_PIXELS, _LEAST_SHARE * pi * (radii[1] ** 2 - radii[0] ** 2))
    used = np.where(_number(free) >= least, free, there)
    values = ring.of(scene.frame.data)
    level, kept = _clipped_medians(values, used)
    slopes = np.stack([np.ones_like(distance), ring.x / radii[1], ring.y / radii[1], distance / radii[1] ** 2], axis=1)
    spread = _scatter_about(slopes, values - level, kept)
    corrfac = scene.corrfac_in(ring.pixel, there & (near == 0))[:, np.newaxis]
    error = (
        median_factor(autocorrelation(corrfac[:, 0]))[:, np.newaxis] * spread / np.sqrt(np.maximum(_number(kept), 1))
    )
    return np.where(_number(used) >= _LEAST_PIXELS, np.hstack([level, error, corrfac]), np.nan)


def _number(which: Mask) -> NDArray[np.intp]:
    return np.count_nonzero(which, axis=1, keepdims=True)


def _clipped_medians(values: Image, used: Mask) -> tuple[Doubles, Mask]:
    """Return the medians, ``(n, 1)``, and which values were kept."""
    kept = used
    for _ in range(_ROUNDS):
        level = medians(values, kept)
        apart = np.abs(values - level)
        near = kept & (apart <= _CLIP * _MAD * medians(apart, kept))
        number = _number(near)
        done = (number == 0) | (number == _number(kept))
        if done.all():
            break
        kept = np.where(done, kept, near)
    return level, kept


def _scatter_about(terms: Doubles, values: Doubles, kept: Mask) -> Doubles:
    """Return the robust standard deviations about the best sum of terms, ``(n, t, p)``, as ``(n, 1)``."""
    some = terms * kept[:, np.newaxis]
    total = np.where(kept, values, 0.0)[:, :, np.newaxis]
    best = np.linalg.pinv(some @ some.swapaxes(1, 2), hermitian=True) @ (some @ total)
    return _MAD * medians(np.abs(values - (best.swapaxes(1, 2) @ terms)[:, 0]), kept)


def measure_sums(scene: Scene, places: Doubles, radius: float, background: Background) -> Sums:
    """Return the flux in circles, and its error: of the pixels (see `summed_variance`) and of area times background.

    Parameters
    ----------
    scene
        The image.
    places
        0-based, ``(n, 2)``.
    radius
        In pixels.
    background
        Of each place.
    """
    found = [
        _sums(scene, around, radius, autocorrelation(background.corrfac[around.part]))
        for around in pixels_around(scene.frame.shape, places, square(ceil(radius + 0.5)))
    ]
    total, variance = np.concatenate([np.empty((0, 2)), *found]).T
    area, noise = pi * radius**2, np.sqrt(variance)
    return Sums(flux=total - area * background.level, error=np.hypot(noise, area * background.error), noise=noise)


def _sums(scene: Scene, around: Around, radius: float, correlation: Doubles) -> Doubles:
    """Return sums and variances in circles, ``(n, 2)``; NaN where not all of one has a value."""
    share = _shares(around, radius)
    missing = np.any((share > 0) & (~around.inside | around.of(scene.frame.bad)), axis=1)
    total = np.einsum("np,np->n", share, around.of(scene.frame.data))
    size = isqrt(share.shape[1])
    squares, noise = (plane.reshape(-1, size, size) for plane in (share, around.of(scene.variance)))
    variance = summed_variance(squares, noise, correlation)
    return np.where(missing[:, np.newaxis], np.nan, np.column_stack([total, variance]))


def _shares(around: Around, radius: float) -> Doubles:
    """Return the share of each pixel that is in a circle around the place, ``(n, p)``."""
    size = isqrt(around.x.shape[1])
    corners = np.column_stack([around.x[:, 0], around.x[:, -1], around.y[:, 0], around.y[:, -1]]) + _EDGES
    return np.array([circular_overlap_grid(*edges, size, size, radius, 1, 1).ravel() for edges in corners])
