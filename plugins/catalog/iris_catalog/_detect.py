"""Where the sources are: connected pixels above the noise of the image convolved with a star."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.stats import mad_std
from iris_photom_stars import Frame, measure_width, without_background
from photutils.segmentation import detect_sources
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.ndimage import gaussian_filter

from iris_catalog._around import disc, medians, pixels_around
from iris_catalog._scene import Scene
from iris_catalog._separate import separate_sources
from iris_core import Image, InputError, Mask, in_threads

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
# Radii [FWHM] between which the surroundings of a peak are, and the part of them that only a large source fills.
_AROUND, _LARGE = (2.0, 4.0), 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What was found.

    Parameters
    ----------
    labels
        The label of the source of each pixel, 0 for none.
    flat, convolved
        The image without its smooth background, and that convolved with a star; 0 in bad pixels.
    fwhm
        Width of a star in pixels.
    notes
        For the user.
    """

    labels: NDArray[np.int32]
    flat: Image
    convolved: Image
    fwhm: float
    notes: tuple[str, ...] = ()


def find_sources(scene: Scene, params: CatalogParams) -> Detection:
    """Return the sources of an image, those that touch separated; none in an image without a valid pixel."""
    frame = scene.frame
    try:
        flat, spread = without_background(frame, scene.name)
    except InputError as error:
        nothing, nobody = np.zeros(frame.shape, dtype=np.float32), np.zeros(frame.shape, dtype=np.int32)
        width = params.fwhm or _USUAL_WIDTH
        return Detection(labels=nobody, flat=nothing, convolved=nothing, fwhm=width, notes=(str(error),))
    fwhm, notes = _width(flat, spread, frame, scene, params)
    convolved, noise = _convolve(flat, scene, fwhm)
    threshold = _threshold(convolved, noise, frame.bad, fwhm, params.detection)
    labels = _segment(convolved, threshold, frame.bad, params, fwhm)
    labels = _without_edges(labels, convolved, threshold, frame.bad, fwhm)
    return Detection(labels=labels, flat=flat, convolved=convolved, fwhm=fwhm, notes=notes)


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
    sigma, bad = fwhm / SIGMA, scene.frame.bad
    # The square of a Gaussian is one that is narrower by sqrt(2).
    planes = ((~bad).astype(np.float32), sigma), (flat, sigma), (scene.variance, sigma / np.sqrt(2))
    weight, convolved, noise = in_threads(lambda one: gaussian_filter(*one, mode="constant"), planes)
    np.maximum(weight, 1e-3, out=weight)
    convolved /= weight
    convolved[bad] = 0
    np.sqrt(noise, out=noise)
    noise /= weight * np.float32(2 * np.sqrt(np.pi) * sigma)
    return convolved, noise


def _threshold(convolved: Image, noise: Image, bad: Mask, fwhm: float, detection: float) -> Image:
    """Return the threshold: the noise of the convolved image where there is no source is measured.

    What the errors foretell gives how it changes over the image; it does not know of noise that neighbours share.
    """
    good = ~bad & (noise > 0)
    ratio = np.divide(convolved, noise, out=np.zeros_like(convolved), where=good)
    middle, spread, blank = 0.0, 1.0, good
    for _ in range(_ROUNDS):
        values = ratio[blank]
        if values.size < 100:
            break
        values = values[:: -(-values.size // _ENOUGH)]
        middle, spread = float(np.median(values)), float(mad_std(values))
        apart = _CLIP * max(spread, 1e-12)
        blank = good & ~_grown((ratio > middle + apart) | (ratio < middle - apart), int(np.ceil(fwhm)))
    return np.asarray((middle + detection * spread) * np.where(good, noise, np.inf), dtype=np.float32)


def _grown(mask: Mask, reach: int) -> Mask:
    """Return a mask with the squares around its pixels, which reach so many pixels to each side."""
    grown = mask.copy()
    for plane in (grown, grown.T):
        before = plane.copy(order="K")
        for step in range(1, reach + 1):
            plane[step:] |= before[:-step]
            plane[:-step] |= before[step:]
    return grown


def _segment(convolved: Image, threshold: Image, bad: Mask, params: CatalogParams, fwhm: float) -> NDArray[np.int32]:
    least = max(_LEAST_PIXELS, round(0.5 * fwhm**2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(convolved, threshold, least, mask=bad)
    if found is None:
        return np.zeros(bad.shape, dtype=np.int32)
    return separate_sources(convolved, found.data, least, threshold) if params.deblend else found.data


def _without_edges(labels: NDArray[np.int32], light: Image, rise: Image, bad: Mask, fwhm: float) -> NDArray[np.int32]:
    """Return the labels without those of noise at the edge of a halo, where halo and noise together are bright enough.

    Beside another source a peak below twice the threshold, `rise`, has to be above the median of what is around it by
    that, too; what is brighter than the peak does not count. It is not asked for if much of that is of the same source,
    which is larger than noise then.
    """
    peaks = _peaks(labels, light)
    places = np.column_stack(np.divmod(peaks, labels.shape[1])[::-1]).astype(np.float64)
    kept = np.ones(len(peaks), dtype=np.bool_)
    rings = pixels_around((labels.shape[0], labels.shape[1]), places, disc(_AROUND[1] * fwhm, _AROUND[0] * fwhm))
    for ring in rings:
        own, top = np.arange(1, len(peaks) + 1)[ring.part, np.newaxis], light.take(peaks[ring.part])
        there, near, values = ring.inside & ~ring.of(bad), ring.of(labels), ring.of(light)
        others, same = (np.count_nonzero(there & one, axis=1) for one in ((near != 0) & (near != own), near == own))
        least = rise.take(peaks[ring.part])
        asked = (top < 2 * least) & (others > 0) & (same <= _LARGE * np.count_nonzero(there, axis=1))
        around = medians(values, there & (values <= top[:, np.newaxis]))[:, 0]
        kept[ring.part] = ~asked | (top - around >= least)
    return np.append(0, np.where(kept, np.cumsum(kept), 0)).astype(np.int32)[labels]


def _peaks(labels: NDArray[np.int32], light: Image) -> NDArray[np.intp]:
    """Return the brightest pixel of each source, its place in a flat image, ``(n,)``."""
    pixel = np.flatnonzero(labels)
    faintest_first = pixel[np.argsort(light.take(pixel), kind="stable")]
    peaks = np.zeros(labels.max(initial=0) + 1, dtype=np.intp)
    peaks[labels.take(faintest_first)] = faintest_first  # of several the last one stays
    return peaks[1:]
