"""Sums in apertures, with a local background, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from iris_photom_stars import box
from photutils.aperture import CircularAperture

from iris_catalog._noise import aperture_factor
from iris_catalog._scene import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from photutils.aperture import ApertureMask

    from iris_core import Doubles, Mask

    Labels = NDArray[np.intp]

__all__ = ["Background", "Sums", "measure_background", "measure_sums"]

# Of a ring: so many free pixels, and such a share of it; where there are fewer, those of sources are taken too.
_LEAST_PIXELS, _LEAST_SHARE = 20, 0.1
_CLIP, _ROUNDS = 3.0, 10
_MAD = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The local background of each source, of a pixel, and its standard deviation, ``(n,)``; NaN where not known."""

    level: Doubles
    error: Doubles


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
    """Return the median in rings, clipped at 3 sigma, and its error ``R sqrt(pi/2) s / sqrt(N)``.

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
    rings = [_ring(scene, sources, place, radii, label) for place, label in zip(places, labels, strict=True)]
    found = np.array(rings).reshape(-1, 2)
    return Background(level=found[:, 0], error=found[:, 1])


def _ring(
    scene: Scene, sources: Mask | Labels, place: Doubles, radii: tuple[float, float], own: int
) -> tuple[float, float]:
    frame, (x, y) = scene.frame, place
    rows, columns = box((x, y), radii[1], frame.shape)
    down, across = np.ogrid[rows, columns]
    distance = (across - x) ** 2 + (down - y) ** 2
    there = (distance >= radii[0] ** 2) & (distance <= radii[1] ** 2) & ~frame.bad[rows, columns]
    near = sources[rows, columns]
    free = there & ((near == 0) | ((near == own) & (own > 0)))
    least = max(_LEAST_PIXELS, _LEAST_SHARE * pi * (radii[1] ** 2 - radii[0] ** 2))
    values = frame.data[rows, columns][free if np.count_nonzero(free) >= least else there]
    if len(values) < _LEAST_PIXELS:
        return np.nan, np.nan
    level, spread, number = _clipped_median(values.astype(np.float64))
    return level, scene.corrfac * sqrt(pi / 2 / number) * spread


def _clipped_median(values: Doubles) -> tuple[float, float, int]:
    """Return the median, the robust standard deviation, and how many values were kept."""
    for _ in range(_ROUNDS):
        level = float(np.median(values))
        spread = _MAD * float(np.median(np.abs(values - level)))
        kept = np.abs(values - level) <= _CLIP * spread
        if kept.all() or not kept.any():
            break
        values = values[kept]
    return level, spread, len(values)


def measure_sums(scene: Scene, places: Doubles, radius: float, background: Background) -> Sums:
    """Return the flux in circles and ``err^2 = R(r)^2 sum a^2 v + A^2 error(background)^2``, a a pixel's share in it.

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
    if not len(places):
        return Sums(flux=np.empty(0), error=np.empty(0), noise=np.empty(0))
    # not photutils' own sum of errors, which before version 3.1 takes the share itself
    masks = CircularAperture(places, radius).to_mask(method="exact")
    found = np.array([_sum(scene, mask) for mask in masks])
    area = pi * radius**2
    noise = aperture_factor(radius, scene.correlation) * np.sqrt(found[:, 1])
    return Sums(flux=found[:, 0] - area * background.level, error=np.hypot(noise, area * background.error), noise=noise)


def _sum(scene: Scene, mask: ApertureMask) -> tuple[float, float]:
    """Return sum and variance in an aperture; NaN where not all of it has a value."""
    large, small = mask.get_overlap_slices(scene.frame.shape)
    if large is None or mask.data[small].shape != mask.data.shape:
        return _sum_at_edge(scene, mask) if large is not None else (np.nan, np.nan)
    share = mask.data
    if np.any(scene.frame.bad[large] & (share > 0)):
        return np.nan, np.nan
    return float(np.sum(share * scene.frame.data[large])), float(np.sum(share**2 * scene.variance[large]))


def _sum_at_edge(scene: Scene, mask: ApertureMask) -> tuple[float, float]:
    """Return what `_sum` does where the square around an aperture is not inside, but its circle may be."""
    share = mask.cutout(np.ones(scene.frame.shape), fill_value=0.0)
    if np.any((share == 0) & (mask.data > 0)) or np.any(mask.cutout(scene.frame.bad, fill_value=0) * mask.data > 0):
        return np.nan, np.nan
    data, variance = (mask.cutout(plane, fill_value=0.0) for plane in (scene.frame.data, scene.variance))
    return float(np.sum(mask.data * data)), float(np.sum(mask.data**2 * variance))
