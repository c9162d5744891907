"""Sources in the median: where they are, and how sharp they are in an exposure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from iris_core import Array, Image, Mask

__all__ = ["around", "find_peaks", "measure_fwhm", "near_sources", "sky_of", "steepness", "thinned"]

# Standard deviations above the sky of a source, and of one of which the FWHM is measured.
_SOURCE, _PEAK = 5.0, 50.0
_LEAST = 3
# A median of so many values has an error of 1/350 of their scatter.
_SAMPLE = 200_000


def thinned(image: Image) -> slice:
    """Return some pixels of an image, in a row, spread over all rows and columns: enough for a median."""
    return slice(None, None, (image.size // _SAMPLE) | 1)


def sky_of(image: Image) -> float:
    """Return the median of an image, NaN ignored, from a sample; NaN where there is no value."""
    sample = image.ravel()[thinned(image)]
    sample = sample[np.isfinite(sample)]
    return float(np.median(sample)) if sample.size else np.nan


def steepness(image: Image, index: Array) -> Image:
    """Return the largest difference of pixels to their 8 neighbours, NaN where all are NaN.

    Parameters
    ----------
    image
        ``(ny, nx)``.
    index
        Which pixels, as they are counted in a row, ``(k,)``.
    """
    own, steep = image.take(index), np.full(index.shape, np.nan, dtype=np.float32)
    for other in _beside(image, index):
        np.fmax(steep, np.abs(other - own), out=steep)
    return steep


def near_sources(image: Image, index: Array, err: float) -> Mask:
    """Return which pixels are above the sky by 5 standard deviations, or beside such pixels.

    Parameters
    ----------
    image, index
        As of `steepness`.
    err
        Standard deviation of the sky.
    """
    limit = np.float32(sky_of(image) + _SOURCE * err)
    near = image.take(index) > limit
    for other in _beside(image, index):
        near |= other > limit
    return near


def _beside(image: Image, index: Array) -> Iterator[Image]:
    """Yield the values of each of the 8 neighbours of pixels; NaN beyond the edge."""
    (height, width), (rows, columns) = image.shape, np.unravel_index(index, image.shape)
    for down, right in _disk(1.5):
        if down or right:
            row, column = rows + down, columns + right
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            yield np.where(inside, image.take(row * width + column, mode="clip"), np.float32(np.nan))


def find_peaks(image: Image, err: float) -> Array:
    """Return the rows and columns of the peaks of bright sources, ``(k, 2)``, 2 pixels or more from the edge."""
    bright = np.flatnonzero(image > np.float32(sky_of(image) + _PEAK * err))
    peaks = np.column_stack(np.unravel_index(bright, image.shape))
    peaks = peaks[np.all((peaks >= 2) & (peaks < np.array(image.shape) - 2), axis=1)]
    height = image[tuple(peaks.T)]
    for step in _disk(2.9):
        # NaN is no neighbour that is higher.
        lower = ~(image[tuple((peaks + step).T)] > height)
        peaks, height = peaks[lower], height[lower]
    return peaks


def measure_fwhm(image: Image, peaks: Array) -> float:
    """Return the FWHM of stars [pixel], as sampled by the pixels; NaN where fewer than 3 tell it.

    Of a Gaussian ``ln I(0) - (ln I(-1) + ln I(1)) / 2 = 1 / (2 s^2)``, wherever its middle is in the pixel.

    Parameters
    ----------
    image
        ``(ny, nx)``.
    peaks
        Their rows and columns, to one pixel, ``(k, 2)``.
    """
    if not len(peaks):
        return np.nan
    steps = np.array([(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1)])
    around = np.nan_to_num(image[tuple(np.moveaxis(peaks[:, np.newaxis] + steps, -1, 0))], nan=-np.inf)
    peaks = peaks + steps[around.argmax(axis=1)]
    sky, bends = sky_of(image), []
    for axis in (np.array([0, 1]), np.array([1, 0])):
        before, middle, after = (image[tuple((peaks + step * axis).T)] - sky for step in (-1, 0, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            bends.append(np.log(middle) - (np.log(before) + np.log(after)) / 2)
    bend = np.mean(bends, axis=0)
    good = np.isfinite(bend) & (bend > 0)
    return float(np.sqrt(4 * np.log(2) / np.median(bend[good]))) if good.sum() >= _LEAST else np.nan


def around(places: Array, radius: float, shape: tuple[int, int]) -> Mask:
    """Return the pixels within a radius of places, rows and columns ``(k, 2)``, of an image of some shape."""
    found = np.zeros(shape, dtype=np.bool_)
    for step in _disk(radius):
        near = places + step
        found[tuple(near[np.all((near >= 0) & (near < np.array(shape)), axis=1)].T)] = True
    return found


def _disk(radius: float) -> Array:
    """Return the steps in rows and columns within a radius, ``(k, 2)``."""
    reach = np.arange(-int(radius), int(radius) + 1)
    steps = np.stack(np.meshgrid(reach, reach), axis=-1).reshape(-1, 2)
    return np.asarray(steps[np.hypot(*steps.T) <= radius])
