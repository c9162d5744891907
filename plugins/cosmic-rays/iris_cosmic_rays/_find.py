"""What is sharper than a star, in images of electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import DQ

if TYPE_CHECKING:
    from iris_core import Flags, Image, Mask

__all__ = ["UsableImage", "find_hits", "find_holes", "usable_image"]

# LA-Cosmic compares with medians over up to 7 x 7 pixels, and takes stars at an edge for rays: the image is
# continued by its mirror image beyond that.
_MARGIN = 8
# Neighbours of a hit are hit where they stand out by this part of the threshold.
_NEIGHBOURS = 0.5
# The sharp rim of a saturated star is none of a ray's: so many pixels around are left alone.
_RIM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableImage:
    """An image with a value everywhere.

    Parameters
    ----------
    data
        ``(ny, nx)``, electrons; a pixel without value has the median of those around it.
    variance
        ``(ny, nx)``, electrons squared.
    ignored
        ``(ny, nx)``: pixels without a value of their own, and those around saturated ones.
    """

    data: Image
    variance: Image
    ignored: Mask


def usable_image(data: Image, dq: Flags, err: Image | None) -> UsableImage:
    """Return an image that can be searched.

    Parameters
    ----------
    data
        ``(ny, nx)``, electrons.
    dq
        ``(ny, nx)``; pixels with DO_NOT_USE have no value.
    err
        ``(ny, nx)``, electrons; None where the errors are not known: then the scatter of the image, and the light
        that exceeds the sky, are its variance.
    """
    from scipy.ndimage import binary_dilation

    bad = ~np.isfinite(data) | ((dq & DQ.DO_NOT_USE) != 0)
    filled = _fill(data, bad)
    variance = _estimate_variance(filled) if err is None else _fill(err, bad | ~np.isfinite(err)) ** 2
    saturated = (dq & DQ.SATURATED) != 0
    rim = binary_dilation(saturated, iterations=_RIM) if saturated.any() else saturated
    return UsableImage(data=filled, variance=variance, ignored=bad | rim)


def find_hits(image: UsableImage, sigma: float, contrast: float, iterations: int) -> Mask:
    """Return the pixels that are higher than a star would be, and their neighbours where these are, too.

    Parameters
    ----------
    image
        What is searched.
    sigma
        Threshold in standard deviations.
    contrast
        Least ratio of what is sharp to what is as broad as a star.
    iterations
        How often it is searched.
    """
    from astroscrappy import detect_cosmics

    data, variance, ignored = (
        np.pad(plane, _MARGIN, mode="symmetric") for plane in (image.data, image.variance, image.ignored)
    )
    found, _ = detect_cosmics(
        data,
        inmask=ignored,
        invar=variance,
        sigclip=sigma,
        sigfrac=_NEIGHBOURS,
        objlim=contrast,
        gain=1.0,
        satlevel=np.inf,  # saturated pixels are flagged already
        niter=iterations,
        sepmed=False,  # the separable median takes most stars of FWHM 1.5 pixels for rays
        cleantype="medmask",
    )
    hits: Mask = found[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] & ~image.ignored
    return hits


def find_holes(image: UsableImage, sigma: float) -> Mask:
    """Return the pixels below all of their eight neighbours by `sigma` standard deviations: over-subtracted hot pixels.

    Nothing in the sky is as sharp downwards as a single pixel.
    """
    from scipy.ndimage import minimum_filter

    around = np.ones((3, 3), dtype=np.bool_)
    around[1, 1] = False
    lowest = minimum_filter(image.data, footprint=around, mode="mirror")
    deep: Mask = (lowest - image.data > np.float32(sigma) * np.sqrt(image.variance)) & ~image.ignored
    return deep


def _fill(values: Image, missing: Mask) -> Image:
    """Return `values` with the median of the 5 x 5 pixels around a missing one, or of all where those are missing."""
    if not missing.any():
        return values
    known = np.where(missing, np.float32(np.nan), values)
    rows, columns = np.nonzero(missing)
    padded = np.pad(known, 2, constant_values=np.nan)
    around = np.stack([padded[rows + y, columns + x] for y in range(5) for x in range(5)])
    around[:, ~np.isfinite(around).any(axis=0)] = np.median(values[~missing]) if not missing.all() else 0
    known[rows, columns] = np.nanmedian(around, axis=0)
    return known


def _estimate_variance(data: Image) -> Image:
    """Return the variance of an image whose errors are not known: that of its pixels' differences, and of its light."""
    differences = np.diff(data, axis=1)
    scatter = 1.4826 * np.median(np.abs(differences - np.median(differences))) / np.sqrt(2)
    variance: Image = np.maximum(data - np.median(data), np.float32(0))
    variance += np.float32(max(scatter, 1.0) ** 2)
    return variance
