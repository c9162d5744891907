"""A galaxy: an exponential disc, as a sum of Gaussians that the PSF broadens exactly."""

from __future__ import annotations

from math import ceil

import numpy as np
from scipy.special import roots_genlaguerre

from iris_simulate._psf import PSF

__all__ = ["exponential_disc"]

_TERMS = 16


def exponential_disc(scale: float, psf: PSF) -> PSF:
    """Return a face-on disc ``exp(-r / scale)`` seen through a PSF, which sums to 1.

    The disc is a mixture of circular Gaussians with variance ``2 scale^2 s``, where s has a gamma distribution of
    shape 3/2; a Gauss-Laguerre quadrature turns the mixture into a sum, and each is broadened by each Gaussian of the
    PSF.

    Parameters
    ----------
    scale
        Scale length, in pixels.
    psf
        The image of a star.
    """
    nodes, shares = roots_genlaguerre(_TERMS, 0.5)
    sigma = np.sqrt(np.add.outer(2 * scale**2 * nodes, psf.sigma**2)).ravel()
    weight = np.multiply.outer(shares / shares.sum(), psf.weight).ravel()
    return PSF(sigma, weight, ceil(8 * scale) + psf.half)
