"""Where the sources are: connected pixels above the noise of the image convolved with a star."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.stats import mad_std
from iris_photom_stars import Frame, measure_width, without_background
from photutils.segmentation import SegmentationImage, deblend_sources, detect_sources
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.ndimage import gaussian_filter, maximum_filter

from iris_catalog._scene import Scene
from iris_core import Image, InputError, Mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._params import CatalogParams

__all__ = ["Detection", "find_sources"]

SIGMA = 2.3548
_CLIP, _ROUNDS = 3.0, 3
# Pixels that tell a median and a scatter to a thousandth.
_ENOUGH = 1_000_000
# Where no star shows how wide stars are [pixel].
_USUAL_WIDTH = 2.5
_LEAST_PIXELS = 3
# Sources that touch: levels between threshold and peak, and the least share of their flux that makes one of its own.
_LEVELS, _CONTRAST = 32, 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What was found.

    Parameters
    ----------
    segments
        The label of the source of each pixel, 0 for none.
    flat, convolved
        The image without its smooth background, and that convolved with a star; 0 in bad pixels.
    fwhm
        Width of a star in pixels.
    notes
        For the user.
    """

    segments: SegmentationImage | None
    flat: Image
    convolved: Image
    fwhm: float
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> Any:
        """The label of the source of each pixel, int32."""
        shape = self.flat.shape
        return np.zeros(shape, dtype=np.int32) if self.segments is None else self.segments.data


def find_sources(scene: Scene, params: CatalogParams) -> Detection:
    """Return the sources of an image, those that touch separated; none in an image without a valid pixel."""
    frame = scene.frame
    try:
        flat, spread = without_background(frame, scene.name)
    except InputError as error:
        nothing = np.zeros(frame.shape, dtype=np.float32)
        return Detection(
            segments=None, flat=nothing, convolved=nothing, fwhm=params.fwhm or _USUAL_WIDTH, notes=(str(error),)
        )
    fwhm, notes = _width(flat, spread, frame, scene, params)
    convolved, noise = _convolve(flat, scene, fwhm)
    threshold = _threshold(convolved, noise, frame.bad, fwhm, params.detection)
    segments = _segment(convolved, threshold, frame.bad, params, fwhm)
    return Detection(segments=segments, flat=flat, convolved=convolved, fwhm=fwhm, notes=notes)


def _width(
    flat: Image, spread: Image, frame: Frame, scene: Scene, params: CatalogParams
) -> tuple[float, tuple[str, ...]]:
    """Return the width of a star, and what to say where no star shows it."""
    if params.fwhm is not None:
        return params.fwhm, ()
    try:
        return measure_width(flat, spread, frame, scene.name), ()
    except InputError as error:
        return _USUAL_WIDTH, (f"{error} (until then {_USUAL_WIDTH:g} pixels are taken)",)


def _convolve(flat: Image, scene: Scene, fwhm: float) -> tuple[Image, Image]:
    """Return the image convolved with a Gaussian star, and the shape of its noise: that of independent pixels."""
    sigma, good = fwhm / SIGMA, (~scene.frame.bad).astype(np.float32)
    weight = np.maximum(gaussian_filter(good, sigma, mode="constant"), 1e-3)
    convolved = gaussian_filter(flat, sigma, mode="constant") / weight * good
    # The square of a Gaussian is one that is narrower by sqrt(2).
    variance = gaussian_filter(scene.variance, sigma / np.sqrt(2), mode="constant") / (4 * np.pi * sigma**2)
    return convolved, np.sqrt(variance) / weight


def _threshold(convolved: Image, noise: Image, bad: Mask, fwhm: float, detection: float) -> Image:
    """Return the threshold: the noise of the convolved image where there is no source is measured.

    What the errors foretell gives how it changes over the image; it does not know of noise that neighbours share.
    """
    good = ~bad & (noise > 0)
    ratio = np.divide(convolved, noise, out=np.zeros_like(convolved), where=good)
    middle, spread, blank = 0.0, 1.0, good
    size = 2 * int(np.ceil(fwhm)) + 1
    for _ in range(_ROUNDS):
        values = ratio[blank]
        if values.size < 100:
            break
        values = values[:: -(-values.size // _ENOUGH)]
        middle, spread = float(np.median(values)), float(mad_std(values))
        blank = good & ~maximum_filter(np.abs(ratio - middle) > _CLIP * max(spread, 1e-12), size)
    return np.asarray((middle + detection * spread) * np.where(good, noise, np.inf), dtype=np.float32)


def _segment(
    convolved: Image, threshold: Image, bad: Mask, params: CatalogParams, fwhm: float
) -> SegmentationImage | None:
    number = max(_LEAST_PIXELS, round(0.5 * fwhm**2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(convolved, threshold, number, mask=bad)
        if found is None or not params.deblend:
            return found
        many = _with_peaks(convolved, found)
        if not len(many):
            return found
        return deblend_sources(
            convolved, found, number, labels=many, n_levels=_LEVELS, contrast=_CONTRAST, progress_bar=False
        )


def _with_peaks(convolved: Image, found: SegmentationImage) -> NDArray[np.intp]:
    """Return the labels of the segments that have several peaks: no other can be separated, at no level."""
    rows, columns = np.nonzero(found.data)
    own, light = found.data[rows, columns], convolved[rows, columns]
    highest, last = np.ones(len(own), dtype=np.bool_), np.array(convolved.shape) - 1
    for down, across in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        beside = np.clip(rows + down, 0, last[0]), np.clip(columns + across, 0, last[1])
        highest &= (found.data[beside] != own) | (convolved[beside] <= light)
    return np.flatnonzero(np.bincount(own[highest]) > 1)
