"""The curve of growth of a PSF: an image of a star, on pixels of the exposure or finer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from photutils.aperture import CircularAperture
from scipy.ndimage import uniform_filter

from iris_core import InputError
from iris_photom_stars._aperture import Apertures
from iris_photom_stars._growth import Growth

if TYPE_CHECKING:
    from iris_core import Array, Doubles, Reference

__all__ = ["psf_growth"]

_RADII = 40


def psf_growth(reference: Reference, sampling: float, radii: Apertures) -> tuple[Growth, Apertures]:
    """Return the curve of growth of the star in a PSF file, and the radii, whose total is at most what the file holds.

    Its error is that of the file: the light outside of the aperture and that inside are independent. The light beyond
    the image is taken from its wings, and is in the uncertainty of the curve as for stars; so is 1 % of the correction.

    Parameters
    ----------
    reference
        An image with one star and no sky, as the framework reads it, with errors or without.
    sampling
        Pixels of the file along one pixel of the exposure.
    radii
        Of the exposure, in its pixels.

    Raises
    ------
    InputError
        When the file is no image, has invalid pixels, has no light in the aperture, or does not reach beyond it.
    """
    name, (data, variance) = f"the psf {reference.path.name}", _planes(reference)
    if data.ndim != 2 or not (np.isfinite(data) & np.isfinite(variance)).all():
        raise InputError(f"{name} has shape {data.shape}; an image of one star with a value in each pixel is needed")
    if not data.max() > 0:
        raise InputError(f"{name} has no light: no pixel is above 0")
    centre = _centre(data)
    rim = 0.5 - (sampling - 1) / 2
    reach = min(*(centre + rim), *(np.array(data.shape[::-1]) - 1 + rim - centre)) / sampling
    if not reach > radii.star:
        raise InputError(
            f"{name} reaches {reach:.1f} pixels of the exposure from the middle of its star, and the aperture "
            f"{radii.star:.1f}; a larger image is needed, or 'psf_sampling' ({sampling:g}) is wrong"
        )
    tried = replace(radii, total=min(reach, radii.total))
    radius = np.unique(np.append(tried.total * np.linspace(0, 1, _RADII + 1)[1:] ** 1.5, tried.star))
    flux, noise = _sums(data, variance, centre, radius * sampling, sampling)
    if not (flux > 0).all():
        raise InputError(f"{name} has no light in a radius of {radius[0]:.2g} pixels; is it centred on its star?")
    return _growth(radius, flux, noise, int(np.searchsorted(radius, tried.star))), tried


def _growth(radius: Doubles, flux: Doubles, noise: Doubles, star: int) -> Growth:
    """Return the curve relative to the flux within the radius of index `star`."""
    inner, outside = flux[star], flux[-1] - flux[star]
    # correction = 1 + outside/inner
    error = np.sqrt(max(noise[-1] - noise[star], 0.0) + (outside / inner) ** 2 * noise[star]) / inner
    nobody = np.zeros((0, len(radius)))
    curve = flux / inner
    return Growth(
        radius=radius,
        stars=nobody,
        curve=curve,
        correction=float(curve[-1]),
        error=float(error),
        used=np.zeros(0, dtype=np.bool_),
    )


def _planes(reference: Reference) -> tuple[Doubles, Doubles]:
    """Return the image and its variance; the shape need not be that of the exposure."""
    content = reference.content
    if not hasattr(content, "data") or not hasattr(content, "err"):
        raise InputError(f"the psf {reference.path.name} is not an image of a star")
    data = np.asarray(content.data, dtype=np.float64)
    known = content.err is not None
    return data, np.square(np.asarray(content.err, dtype=np.float64)) if known else np.zeros_like(data)


def _centre(data: Array) -> Doubles:
    """Return the middle of the star (x, y): the centroid of its light above half of its peak."""
    row, column = np.nonzero(data >= data.max() / 2)
    weight = data[row, column]
    return np.array([np.average(column, weights=weight), np.average(row, weights=weight)])


def _sums(
    data: Doubles, variance: Doubles, centre: Doubles, radius: Doubles, sampling: float
) -> tuple[Doubles, Doubles]:
    """Return flux and variance within radii, where pixels of the exposure lie across the circle.

    These count by their share in it, as if the light were even in them: the shares of finer pixels are smoothed by one
    pixel of the exposure.
    """
    size = max(1, round(sampling))
    masks = [CircularAperture(centre, one).to_mask(method="exact").to_image(data.shape) for one in radius]
    shares = [uniform_filter(mask, size, mode="constant") for mask in masks]
    flux = np.array([np.sum(share * data) for share in shares])
    return flux, np.array([np.sum(share**2 * variance) for share in shares])
