"""The list of stars of one exposure, and which of what stands out are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_align._detect import Centroids, find_peaks, flattened, measure_widths, spread, windowed
from iris_core import DQ, Doubles, Exposure, Image, Mask, thread_safe

__all__ = ["StarList", "measure"]

# FWHM with which stars are looked for at first [pixel], and how far from it another one must be to look again.
_FIRST, _AGAIN = 2.5, 1.3
_ROUNDS = 3
# Widths of stars, in that of most: sharper are bad pixels and rays, broader rings, spikes and ghosts.
_NARROW, _BROAD = 0.6, 2.5
# Within so many FWHM of a brighter one, and so many of one that is much brighter, nothing is believed; a ray spoils
# no more than the window of a centroid.
_CLOSE, _FAR, _MUCH, _WINDOW = 3.0, 10.0, 100.0, 1.5
# Error of a centroid of undersampled stars that no noise explains [pixel], and the FWHM below which they are.
_FLOOR, _UNDERSAMPLED = 0.02, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StarList:
    """Stars of an exposure, the brightest first.

    Parameters
    ----------
    x, y
        0-based [pixel], ``(n,)``.
    error
        Standard deviation along one axis [pixel], ``(n,)``.
    fwhm
        Of the stars [pixel]; NaN where there are none.
    """

    x: Doubles
    y: Doubles
    error: Doubles
    fwhm: float

    def __len__(self) -> int:
        return len(self.x)


@thread_safe
def measure(exposure: Exposure, threshold: float, fwhm: float | None, most: int) -> StarList:
    """Return the stars of an exposure.

    Parameters
    ----------
    exposure
        ``(ny, nx)``, with or without sky; of ``(nint, ny, nx)`` the mean is taken.
    threshold
        Standard deviations of the smoothed image above which something stands out.
    fwhm
        Of the stars [pixel]; None measures it.
    most
        How many stars, the brightest ones, are returned at most.
    """
    image, variance = _image(exposure)
    burnt = (exposure.dq & DQ.SATURATED) != 0
    saturated = burnt.any(axis=0) if exposure.is_integrations else burnt
    usable = np.isfinite(image) & ~saturated
    if not usable.any():
        return _empty()
    flat, scatter = flattened(image, usable)
    found, width = _found(flat, variance or (spread(scatter, flat.shape) ** 2,), usable, threshold, fwhm)
    if not np.isfinite(width):
        return _empty()
    keep = np.flatnonzero(_believed(found, width, saturated))[:most]
    floor = _FLOOR if width < _UNDERSAMPLED else 0.0
    return StarList(x=found.x[keep], y=found.y[keep], error=np.hypot(found.error[keep], floor), fwhm=width)


def _empty() -> StarList:
    nothing = np.empty(0)
    return StarList(x=nothing, y=nothing, error=nothing, fwhm=np.nan)


def _image(exposure: Exposure) -> tuple[Image, tuple[Image, ...]]:
    """Return the image and the components of its variance, none where that is unknown; of integrations their mean."""
    variance = tuple(exposure.variance.values())
    if not exposure.is_integrations:
        return exposure.data, variance
    known = np.isfinite(exposure.data)
    number = known.sum(axis=0, dtype=np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Image = np.asarray(np.sum(exposure.data, axis=0, where=known) / number)
        return mean, tuple(np.asarray(np.sum(one, axis=0, where=known) / number**2) for one in variance)


def _found(
    flat: Image, variance: tuple[Image, ...], usable: Mask, threshold: float, fwhm: float | None
) -> tuple[Centroids, float]:
    """Return what stands out, and the FWHM of the stars: looked for again where it is another than was assumed."""
    width = fwhm or _FIRST
    for _ in range(_ROUNDS):
        rows, columns = find_peaks(flat, usable, width, threshold)
        found = windowed(flat, variance, usable, (columns.astype(float), rows.astype(float)), width)
        measured = fwhm or measure_widths(found)
        if not np.isfinite(measured) or width / _AGAIN < measured < width * _AGAIN:
            break
        width = measured
    return found, measured


def _believed(found: Centroids, width: float, saturated: Mask) -> Mask:
    """Return which of what stands out are stars that nothing brighter disturbs."""
    from scipy.spatial import KDTree

    good = found.good & (found.width > _NARROW * width) & (found.width < _BROAD * width)
    if not len(good):
        return good
    places = np.column_stack([found.x, found.y])
    flux = np.nan_to_num(found.flux)
    pairs = KDTree(places).query_pairs(_FAR * width, output_type="ndarray")
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    distance = np.hypot(*(places[one] - places[other]).T) / width
    sharp = found.width[other] <= _NARROW * width
    near = distance <= np.where(sharp, _WINDOW, _CLOSE)
    disturbed = np.where(near, flux[other] > flux[one], ~sharp & (flux[other] > _MUCH * flux[one]))
    good[one[disturbed]] = False
    burnt = np.column_stack(np.unravel_index(np.flatnonzero(saturated), saturated.shape)[::-1])
    if len(burnt):
        good &= KDTree(burnt).query(places, distance_upper_bound=_FAR * width)[0] > _FAR * width
    return good
