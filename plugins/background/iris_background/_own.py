"""The background of an exposure, from the exposure itself."""

from __future__ import annotations

import warnings

import numpy as np
from astropy.stats import SigmaClip
from photutils.background import Background2D, BiweightLocationBackground
from photutils.segmentation import detect_sources
from photutils.utils.exceptions import NoDetectionsWarning

from iris_background._frame import Frame
from iris_background._sky import Sky, frames_of
from iris_core import Exposure, Image, InputError, Mask

__all__ = ["background_of", "sky_from_science"]

# Meshes over which the median of the background is taken.
_FILTER = 3
# Variance of such a median, meshes interpolated and edges included, over that of one mesh: measured on pure noise
# (0.17 far from the edges, as for the median of nine values; 0.37 in a corner).
_FILTERED = 0.2
# A source is so many connected pixels above so many standard deviations; its mask is dilated with a square of so many.
_SOURCE_PIXELS, _SOURCE_SIGMA, _SOURCE_MARGIN = 5, 3.0, 11
# Per cent of a box that may be masked; with more of it masked its background comes from its neighbours.
_MASKED = 50.0


def sky_from_science(exposure: Exposure, box_size: int, sigma: float, unused: int = 0) -> Sky:
    """Return the smooth background of each image of an exposure.

    Parameters
    ----------
    exposure
        The science exposure.
    box_size
        Pixels on a side of the boxes in which the background is taken to be constant.
    sigma
        At which pixels are clipped in a box.
    unused
        How many background exposures there are.

    Raises
    ------
    InputError
        When sources leave no box with a background.
    """
    found = [background_of(frame, box_size, sigma, exposure.name) for frame in frames_of(exposure)]
    data, variance = (np.stack(planes).reshape(exposure.data.shape) for planes in zip(*found, strict=True))
    notes = [f"smooth background of the exposure itself in boxes of {box_size} pixels, median {np.median(data):.4g}"]
    if unused:
        notes.append(f"{unused} background exposures were given and not used: method is from_science")
    return Sky(data=data, variance=variance, notes=tuple(notes))


def background_of(frame: Frame, box_size: int, sigma: float, name: str) -> tuple[Image, Image]:
    """Return the smooth background of an image, and its variance.

    The biweight location of boxes, sources masked, median-filtered over 3 x 3 boxes and interpolated
    (`photutils.background.Background2D`). The variance is that of the mean of a box's unmasked pixels, times what
    the filter leaves of it; neighbouring pixels share it.

    Parameters
    ----------
    frame
        The image.
    box_size, sigma
        See `sky_from_science`.
    name
        What to call the image in a message.
    """
    values = frame.values()
    invalid = np.isnan(values)
    first = _smooth(values, invalid, box_size, sigma, name)
    sources = _sources(values, first, invalid)
    second = _smooth(values, invalid | sources, box_size, sigma, name)
    rms = np.asarray(second.background_rms, dtype=np.float32)
    used = box_size**2 * (1 - np.count_nonzero(invalid | sources) / values.size)
    return np.asarray(second.background, dtype=np.float32), rms * rms * np.float32(_FILTERED / used)


def _smooth(values: Image, mask: Mask, box_size: int, sigma: float, name: str) -> Background2D:
    try:
        return Background2D(
            values,
            box_size,
            mask=mask,
            exclude_percentile=_MASKED,
            filter_size=_FILTER,
            sigma_clip=SigmaClip(sigma),
            bkg_estimator=BiweightLocationBackground(),
        )
    except ValueError as error:
        raise InputError(
            f"{name}: sources or invalid pixels fill more than {_MASKED:g} % of each box of {box_size} pixels; "
            f"method: from_science is for sparse fields, and may do with a larger box_size"
        ) from error


def _sources(values: Image, background: Background2D, invalid: Mask) -> Mask:
    """Return the pixels of sources and their wings."""
    excess = np.where(invalid, 0, values - background.background)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(excess, _SOURCE_SIGMA * background.background_rms, _SOURCE_PIXELS)
    return np.zeros_like(invalid) if found is None else np.asarray(found.make_source_mask(size=_SOURCE_MARGIN))
