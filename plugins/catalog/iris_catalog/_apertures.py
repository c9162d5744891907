"""Sums in apertures, with a local background, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from iris_photom_stars import box
from photutils.aperture import CircularAperture

from iris_catalog._noise import autocorrelation, median_factor, summed_variance
from iris_catalog._scene import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from photutils.aperture import ApertureMask

    from iris_core import Doubles, Mask

    Labels = NDArray[np.integer[Any]]

__all__ = ["Background", "Sums", "measure_background", "measure_sums"]

# Of a ring: so many free pixels, and such a share of it; where there are fewer, those of sources are taken too.
_LEAST_PIXELS, _LEAST_SHARE = 20, 0.1
_CLIP, _ROUNDS = 3.0, 10
_MAD = 1.4826


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
    rings = [_ring(scene, sources, place, radii, label) for place, label in zip(places, labels, strict=True)]
    level, error, corrfac = np.array(rings, dtype=np.float64).reshape(-1, 3).T
    return Background(level=level, error=error, corrfac=corrfac)


def _ring(
    scene: Scene, sources: Mask | Labels, place: Doubles, radii: tuple[float, float], own: int
) -> tuple[float, float, float]:
    frame, (x, y) = scene.frame, place
    rows, columns = box((x, y), radii[1], frame.shape)
    down, across = np.ogrid[rows, columns]
    distance = (across - x) ** 2 + (down - y) ** 2
    there = (distance >= radii[0] ** 2) & (distance <= radii[1] ** 2) & ~frame.bad[rows, columns]
    near = sources[rows, columns]
    free = there & ((near == 0) | ((near == own) & (own > 0)))
    least = max(_LEAST_PIXELS, _LEAST_SHARE * pi * (radii[1] ** 2 - radii[0] ** 2))
    used = free if np.count_nonzero(free) >= least else there
    if np.count_nonzero(used) < _LEAST_PIXELS:
        return np.nan, np.nan, np.nan
    values = frame.data[rows, columns][used].astype(np.float64)
    level, kept = _clipped_median(values)
    unit = np.broadcast_arrays(1.0, (across - x) / radii[1], (down - y) / radii[1], distance / radii[1] ** 2)
    slopes = np.stack(unit)[:, used][:, kept]
    spread = _scatter_about(slopes, values[kept])
    corrfac = scene.corrfac_in(rows, columns, there & (near == 0))
    return level, median_factor(autocorrelation(corrfac)) * spread / sqrt(np.count_nonzero(kept)), corrfac


def _clipped_median(values: Doubles) -> tuple[float, Mask]:
    """Return the median, and which values were kept."""
    kept, inner = np.ones(len(values), dtype=np.bool_), values
    for _ in range(_ROUNDS):
        level = _median(inner)
        near = np.abs(values - level) <= _CLIP * _MAD * _median(np.abs(inner - level))
        number = np.count_nonzero(kept)
        if np.count_nonzero(kept & near) in {0, number}:
            break
        kept &= near
        inner = values[kept]
    return level, kept


def _median(values: Doubles) -> float:
    """Return what `np.median` does of finite values, for which that takes thrice as long as the sorting."""
    middle = len(values) // 2
    some = [middle] if len(values) % 2 else [middle - 1, middle]
    return float(np.partition(values, some)[some].mean())


def _scatter_about(terms: Doubles, values: Doubles) -> float:
    """Return the robust standard deviation about the best sum of terms, ``(t, n)``."""
    best = np.linalg.lstsq(terms @ terms.T, terms @ values, rcond=None)[0]
    return _MAD * _median(np.abs(values - best @ terms))


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
    if not len(places):
        return Sums(flux=np.empty(0), error=np.empty(0), noise=np.empty(0))
    # not photutils' own sum of errors, which before version 3.1 takes the share itself
    masks = CircularAperture(places, radius).to_mask(method="exact")
    correlations = [autocorrelation(float(factor)) for factor in background.corrfac]
    found = np.array([_sum(scene, mask, one) for mask, one in zip(masks, correlations, strict=True)])
    area = pi * radius**2
    noise = np.sqrt(found[:, 1])
    return Sums(flux=found[:, 0] - area * background.level, error=np.hypot(noise, area * background.error), noise=noise)


def _sum(scene: Scene, mask: ApertureMask, correlation: Doubles) -> tuple[float, float]:
    """Return sum and variance in an aperture; NaN where not all of it has a value."""
    large, small = mask.get_overlap_slices(scene.frame.shape)
    if large is None:
        return np.nan, np.nan
    share = mask.data[small]
    if np.count_nonzero(share) < np.count_nonzero(mask.data) or np.any(scene.frame.bad[large] & (share > 0)):
        return np.nan, np.nan
    variance = summed_variance(share, scene.variance[large].astype(np.float64), correlation)
    return float(np.sum(share * scene.frame.data[large])), variance
