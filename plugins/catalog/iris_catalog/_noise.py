"""How much noisier a sum over an aperture is than the errors of its pixels: neighbours share noise."""

from __future__ import annotations

from itertools import product
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_core import Doubles, Image

__all__ = ["autocorrelation", "median_factor", "phase_scatter", "segment_variances", "summed_variance"]

# Places of a star in its pixel, along each axis.
_PHASES = (0.0, 0.25, 0.5, 0.75)
# CORRFAC is known to about a hundredth.
_INDEPENDENT = 1.0005


def autocorrelation(factor: float | Doubles) -> Doubles:
    """Return the correlation of the noise of pixels 0, 1, 2 ... apart along an axis; the first is 1.

    Pixels of the side r, in output pixels, that fall on a grid with all phases alike overlap an output pixel by
    ``box(r) * box(1)``, whose autocorrelation at a distance m is ``D_r D_1 |m|^3 / 12``, D_w the second difference of
    step w. Its sum over all m is the factor: r / (1 - 1/(3r)) for r >= 1, 1 / (1 - r/3) below, the one of Casertano et
    al. (2000, AJ 120, 2747, appendix A6), of which r follows here.

    Parameters
    ----------
    factor
        Noise of a large aperture over what the errors of its pixels add up to (CORRFAC), ``(...)``; 1 for independent
        pixels.

    Returns
    -------
    array
        ``(..., m)``, m as large as any of the factors needs it.
    """
    factors = np.asarray(factor, dtype=np.float64)[..., np.newaxis]
    known = factors > _INDEPENDENT
    safe = np.where(known, factors, 1.5)
    side = np.where(safe < 1.5, 3 * (1 - 1 / safe), (3 * safe + np.sqrt(np.maximum(9 * safe**2 - 12 * safe, 0))) / 6)
    lag = np.arange(ceil(side.max(initial=0.0, where=known) + 1), dtype=np.float64)

    def spline(at: Doubles) -> Doubles:
        return np.asarray(np.abs(at + 1.0) ** 3 - 2 * np.abs(at) ** 3 + np.abs(at - 1.0) ** 3)

    shared = np.where(lag < side + 1, spline(lag + side) - 2 * spline(lag) + spline(lag - side), 0.0)
    return np.where(known, shared / shared[..., :1], lag == 0)


def summed_variance(share: Doubles, variance: Doubles | Image, correlation: Doubles) -> Doubles:
    """Return the variance of the sum ``sum_i a_i d_i`` of pixels whose neighbours share noise.

    ``sum_ij a_i a_j c_ij (v_i + v_j) / 2 = sum_i a_i v_i sum_j c_ij a_j``, with the correlation of two pixels c_ij the
    product of those along the axes. Drizzling spreads the variance of a star over its neighbours and loses none of it,
    so that this mean of v_i and v_j holds on steep stars too; the root of v_i v_j gives 5 % too little in 1 FWHM.

    Parameters
    ----------
    share
        a, the share of each pixel, ``(..., ny, nx)``.
    variance
        v, of each pixel alone, ``(..., ny, nx)``.
    correlation
        See `autocorrelation`, ``(..., m)``.
    """
    across = _shared_along(share, correlation)
    both = _shared_along(across.swapaxes(-1, -2), correlation).swapaxes(-1, -2)
    return np.asarray(np.sum(share * variance * both, axis=(-1, -2)))


def _shared_along(share: Doubles, correlation: Doubles) -> Doubles:
    """Return the sum over the pixels of a row, each times its correlation, for each of its pixels."""
    total = share.copy()
    for lag in range(1, min(correlation.shape[-1], share.shape[-1])):
        factor = correlation[..., lag, np.newaxis, np.newaxis]
        total[..., lag:] += factor * share[..., :-lag]
        total[..., :-lag] += factor * share[..., lag:]
    return total


def segment_variances(labels: NDArray[np.integer[Any]], variance: Image, correlation: Doubles) -> Doubles:
    """Return `summed_variance` of the pixels of each label from 1 on, ``(n,)``.

    Parameters
    ----------
    labels
        0 for no segment, ``(ny, nx)``.
    variance
        Of each pixel alone, ``(ny, nx)``.
    correlation
        See `autocorrelation`.
    """
    reach = len(correlation) - 1
    padded = np.pad(labels, reach)
    width, flat = padded.shape[1], padded.ravel()
    place = np.flatnonzero(flat)
    own, shared = flat[place], np.zeros(len(place))
    for down, across in product(range(-reach, reach + 1), repeat=2):
        same = flat[place + (down * width + across)] == own
        shared += correlation[abs(down)] * correlation[abs(across)] * same
    found = np.bincount(own, weights=shared * variance[labels != 0], minlength=int(labels.max()) + 1)[1:]
    return np.asarray(found, dtype=np.float64)


def median_factor(correlation: Doubles) -> Doubles:
    """Return the standard deviation of the median of many pixels, times the root of their number, over that of one.

    ``sum asin(c)`` over all neighbours is its square, pi/2 for independent pixels: the signs of two Gaussian values of
    correlation c have the correlation ``2/pi asin(c)`` (Sheppard 1899), and a median depends on signs alone.
    """
    kernel = np.concatenate([correlation[..., :0:-1], correlation], axis=-1)
    pairs = kernel[..., :, np.newaxis] * kernel[..., np.newaxis, :]
    return np.asarray(np.sqrt(np.sum(np.arcsin(pairs), axis=(-1, -2))))


def phase_scatter(radius: float, fwhm: float) -> float:
    """Return the relative scatter of the flux of a star in a circle over the places of the star in its pixel.

    A pixel on the rim counts by its area, as if the light were even in it; in a narrow star it is not. For a Gaussian.

    Parameters
    ----------
    radius, fwhm
        In pixels; the width is that in the image, with the pixel in it.
    """
    from photutils.aperture import CircularAperture
    from scipy.special import ndtr

    # A pixel widens a star by the variance of a box.
    sigma = sqrt(max((fwhm / 2.3548) ** 2 - 1 / 12, 0.04))
    half = ceil(radius) + 1
    edges = np.arange(-half, half + 2) - 0.5
    shares = []
    for x in _PHASES:
        for y in _PHASES:
            along, across = (np.diff(ndtr((edges - place) / sigma)) for place in (y, x))
            circle = CircularAperture((x + half, y + half), radius).to_mask(method="exact")
            shares.append(np.sum(circle.multiply(np.outer(along, across))))
    return float(np.std(shares) / np.mean(shares))
