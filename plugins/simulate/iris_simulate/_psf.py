"""The point-spread function behind adaptive optics: a sum of circular Gaussians, which can be integrated exactly."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, roots_genlaguerre

if TYPE_CHECKING:
    from iris_core import Array, Doubles

__all__ = ["PSF", "adaptive_optics_psf", "add_stars", "diffraction_fwhm", "marechal_strehl"]

_FWHM = 2 * sqrt(2 * log(2))
_HALO_TERMS = 8


@dataclass(frozen=True, slots=True)
class PSF:
    """A sum of circular Gaussians, cut to a square stamp in which it sums to 1.

    Parameters
    ----------
    sigma
        Standard deviations in pixels, ``(n,)``; the first is the core's.
    weight
        Their shares of the flux, ``(n,)``, before the cut.
    half
        The stamp is ``2 half + 1`` pixels wide.
    """

    sigma: Doubles
    weight: Doubles
    half: int

    def pixels(self, dx: float, dy: float, *, half: int | None = None, broadening: float = 0.0) -> Doubles:
        """Return the share of the flux in each pixel, integrated over the pixel.

        Parameters
        ----------
        dx, dy
            Position of the star from the centre of the middle pixel, in pixels.
        half
            Return only the inner ``2 half + 1`` pixels of the stamp.
        broadening
            Added to each Gaussian's variance per axis, in pixel squared.

        Returns
        -------
        ``(2 half + 1, 2 half + 1)``, rows along y; the whole stamp sums to 1.
        """
        sigma = np.sqrt(self.sigma**2 + broadening)[:, np.newaxis]
        across, along = (self._edges(offset, sigma) for offset in (dx, dy))
        share = self.weight[:, np.newaxis] / self._total(across, along)
        inner = slice(None) if half is None else slice(self.half - half, self.half + half + 1)
        result: Doubles = (np.diff(along) * share)[:, inner].T @ np.diff(across)[:, inner]
        return result

    def _edges(self, offset: float, sigma: Doubles) -> Doubles:
        """Return each Gaussian's integral up to each pixel edge along one axis, ``(n, 2 half + 2)``."""
        edges = np.arange(2 * self.half + 2) - self.half - 0.5 - offset
        integral: Doubles = ndtr(edges / sigma)
        return integral

    def _total(self, across: Doubles, along: Doubles) -> float:
        return float(self.weight @ ((across[:, -1] - across[:, 0]) * (along[:, -1] - along[:, 0])))

    def encircled_energy(self, radius: ArrayLike) -> Doubles:
        """Return the share of the flux within `radius` pixels of a star in the middle of its pixel.

        Exact within the stamp: ``sum_k w_k (1 - exp(-r^2 / (2 s_k^2)))`` over the share that is in the stamp.
        """
        inside = 1 - np.exp(-0.5 * (np.asarray(radius)[..., np.newaxis] / self.sigma) ** 2)
        edges = self._edges(0.0, self.sigma[:, np.newaxis])
        energy: Doubles = inside @ self.weight / self._total(edges, edges)
        return energy

    def scaled(self, factor: float) -> PSF:
        """Return the PSF for pixels that are `factor` times smaller."""
        return PSF(self.sigma * factor, self.weight, ceil(self.half * factor))


def adaptive_optics_psf(core_fwhm: float, strehl: float, halo_fwhm: float, *, beta: float = 3.0) -> PSF:
    """Return a Gaussian core and a Moffat halo.

    The Moffat profile ``(1 + r^2/alpha^2)^-beta`` is a mixture of Gaussians with variance ``alpha^2 / (2 s)``, where s
    has a gamma distribution of shape ``beta - 1``; a Gauss-Laguerre quadrature turns the mixture into a sum.

    Parameters
    ----------
    core_fwhm, halo_fwhm
        In pixels.
    strehl
        Share of the flux in the core, which is the Strehl ratio of a core at the diffraction limit.
    beta
        Exponent of the halo.
    """
    alpha = halo_fwhm / (2 * sqrt(2 ** (1 / beta) - 1))
    nodes, shares = roots_genlaguerre(_HALO_TERMS, beta - 2)
    sigma = np.concatenate([[core_fwhm / _FWHM], alpha / np.sqrt(2 * nodes)])
    weight = np.concatenate([[strehl], (1 - strehl) * shares / shares.sum()])
    return PSF(sigma, weight, ceil(2.5 * halo_fwhm))


def diffraction_fwhm(wavelength: float, collecting_area: float) -> float:
    """Return the width of the Airy core in arcsec, ``1.029 lambda / D``.

    D is the diameter of the circle of that area.

    Parameters
    ----------
    wavelength
        In micrometres.
    collecting_area
        In square metres.
    """
    diameter = 2 * sqrt(collecting_area / pi)
    return float(np.rad2deg(1.029 * wavelength * 1e-6 / diameter) * 3600)


def marechal_strehl(wavelength: float, wavefront_error: float) -> float:
    """Return the Strehl ratio ``exp(-(2 pi w / lambda)^2)`` (extended Marechal approximation).

    Parameters
    ----------
    wavelength
        In micrometres.
    wavefront_error
        Root mean square, in nanometres.
    """
    return exp(-((2e-3 * pi * wavefront_error / wavelength) ** 2))


def add_stars(image: Array, psf: PSF, x: ArrayLike, y: ArrayLike, flux: ArrayLike, broadening: ArrayLike = 0.0) -> None:
    """Add stars to `image`, in place.

    What of a stamp lies outside of the image is lost, so that a star at the edge keeps its true flux.

    Parameters
    ----------
    image
        ``(ny, nx)``.
    psf
        For all stars.
    x, y
        0-based positions in pixels, ``(n,)``.
    flux
        ``(n,)``, in the unit of the image.
    broadening
        See `PSF.pixels`.
    """
    for star in zip(*(np.ravel(a) for a in np.broadcast_arrays(x, y, flux, broadening)), strict=True):
        _add_star(image, psf, *(float(value) for value in star))


def _add_star(image: Array, psf: PSF, x: float, y: float, flux: float, broadening: float) -> None:
    column, row = round(x), round(y)
    rows, inner_rows = _overlap(row, psf.half, image.shape[0])
    columns, inner_columns = _overlap(column, psf.half, image.shape[1])
    if rows.stop > rows.start and columns.stop > columns.start:
        stamp = psf.pixels(x - column, y - row, broadening=broadening)
        image[rows, columns] += flux * stamp[inner_rows, inner_columns]


def _overlap(centre: int, half: int, size: int) -> tuple[slice, slice]:
    """Return where a stamp lies in an axis of an image, and which part of the stamp that is."""
    first, last = max(centre - half, 0), min(centre + half + 1, size)
    return slice(first, last), slice(first - centre + half, last - centre + half)
