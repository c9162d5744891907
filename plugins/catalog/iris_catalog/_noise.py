"""How much noisier a sum over an aperture is than the errors of its pixels: neighbours share noise."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Doubles

__all__ = ["aperture_factor", "autocorrelation", "phase_scatter"]

# Places of the centre of an aperture in its pixel, along each axis.
_PHASES = (0.0, 0.25, 0.5, 0.75)
# CORRFAC is known to about a hundredth.
_INDEPENDENT = 1.0005


def autocorrelation(factor: float) -> Doubles:
    """Return the correlation of the noise of pixels 0, 1, 2 ... apart along an axis, ``(m,)``; the first is 1.

    Pixels of the side r, in output pixels, that fall on a grid with all phases alike overlap an output pixel by
    ``box(r) * box(1)``, whose autocorrelation at a distance m is ``D_r D_1 |m|^3 / 12``, D_w the second difference of
    step w. Its sum over all m is the factor: r / (1 - 1/(3r)) for r >= 1, 1 / (1 - r/3) below, the one of Casertano et
    al. (2000, AJ 120, 2747, appendix A6), of which r follows here.

    Parameters
    ----------
    factor
        Noise of a large aperture over what the errors of its pixels add up to (CORRFAC); 1 for independent pixels.
    """
    if not factor > _INDEPENDENT:
        return np.ones(1)
    side = 3 * (1 - 1 / factor) if factor < 1.5 else (3 * factor + sqrt(9 * factor**2 - 12 * factor)) / 6
    lag: Doubles = np.arange(ceil(side + 1), dtype=np.float64)

    def spline(at: Doubles) -> Doubles:
        return np.asarray(np.abs(at + 1.0) ** 3 - 2 * np.abs(at) ** 3 + np.abs(at - 1.0) ** 3)

    shared = spline(lag + side) - 2 * spline(lag) + spline(lag - side)
    return np.asarray(shared / shared[0])


def aperture_factor(radius: float, correlation: Doubles) -> float:
    """Return R, the noise of the sum in a circle over ``sqrt(sum a^2 v)``, a the share of a pixel in it.

    ``R^2 = sum_ij a_i a_j c_ij / sum a_i^2``, the mean over the places of its centre in a pixel, with the correlation
    of two pixels ``c_ij`` the product of those along the axes.

    Parameters
    ----------
    radius
        In pixels.
    correlation
        See `autocorrelation`.
    """
    if len(correlation) == 1:
        return 1.0
    kernel = np.concatenate([correlation[:0:-1], correlation])
    squares = [_factor_squared(radius, x, y, kernel) for x in _PHASES for y in _PHASES]
    return sqrt(float(np.mean(squares)))


def _factor_squared(radius: float, x: float, y: float, kernel: Doubles) -> float:
    from photutils.aperture import CircularAperture
    from scipy.ndimage import convolve1d

    share = CircularAperture((x, y), radius).to_mask(method="exact").data
    share = np.pad(share, len(kernel))
    spread = convolve1d(convolve1d(share, kernel, axis=0, mode="constant"), kernel, axis=1, mode="constant")
    return float(np.sum(share * spread) / np.sum(share**2))


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
