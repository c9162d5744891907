"""The noise of NIRC2 counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_nirc2._linearity import linear_counts, slope

if TYPE_CHECKING:
    from iris_core import Doubles, Image, Mask

__all__ = ["measure_read_variance", "pairs_of", "read_variance", "shot_variance"]

# The outputs of the array are eight and take turns along rows or columns: pixels that far apart share one.
_STRIDE = 8
_BLOCK = 32  # pixels; the lowest quarter of the blocks is 2 % below the mean
# A measured noise further than this factor from the documented one is not noise but stars, or a broken frame.
_PLAUSIBLE = 3.0
# Relative errors of the two variances that come with the light: the quadrants differ by so much.
_SHOT_UNCERTAIN, _RESPONSE_UNCERTAIN = 0.1, 0.25


def pairs_of(sampmode: int, multisam: int) -> int | None:
    """Return over how many pairs of reads the read noise is averaged; None for an unknown mode.

    Parameters
    ----------
    sampmode
        1 single, 2 correlated double sampling (CDS), 3 multiple CDS.
    multisam
        Reads at each end of the ramp in multiple CDS.
    """
    return {1: 1, 2: 1, 3: multisam}.get(sampmode)


def read_variance(read_noise: float, gain: float, pairs: int, coadds: int) -> float:
    """Return the documented variance that reading adds to one pixel, DN**2; every coadd is read anew.

    Parameters
    ----------
    read_noise
        Of one pair of reads, electron.
    gain
        electron/DN.
    pairs
        See `pairs_of`.
    coadds
        Number of coadds in the sum.
    """
    return coadds * (read_noise / gain) ** 2 / pairs


def shot_variance(counts: Image, gain: float, coadds: int) -> Image:
    """Return the variance of counted electrons, DN**2, estimated by the counts themselves.

    A negative count is read noise only. Near zero the estimate is biased, but there the read noise is all that
    matters; at the sky level of a near-infrared frame (10**4 electrons) its own error is below 1 %. The counts of an
    array that bends scatter less than those of a linear one: by the slope of the correction.

    Parameters
    ----------
    counts
        ``(ny, nx)``, DN, sum of all coadds.
    gain
        electron/DN of the linear array.
    coadds
        Number of coadds in the sum.
    """
    each: Image = np.maximum(counts, np.float32(0))
    each /= np.float32(coadds)
    variance: Image = linear_counts(each) * np.float32(coadds / gain)
    variance /= slope(each) ** 2
    return variance


def measure_read_variance(counts: Image, shot: Image, response: float, documented: float) -> Image:
    """Return what reading adds to a pixel in this frame, noise of its row and column included, quadrant by quadrant.

    It is the documented value where that agrees with the scatter of the frame within what is uncertain of the light,
    else the value nearest to it that does: measured where there is little light, documented where light drowns it.

    Parameters
    ----------
    counts
        ``(ny, nx)``, DN: a raw frame. Each quadrant has electronics of its own.
    shot
        ``(ny, nx)``: their shot noise, DN**2.
    response
        Scatter of the response from pixel to pixel, which a raw frame still shows.
    documented
        The documented variance, DN**2; also where a quadrant is too small, has pixels without a value, or scatters by
        what cannot be read noise.

    Returns
    -------
    Image
        ``(2, 2)``: the variance in each quadrant, DN**2.
    """
    variance = np.full((2, 2), documented, dtype=np.float32)
    for quadrant in np.ndindex(2, 2):
        part = tuple(
            slice(length * i // 2, length * (i + 1) // 2) for i, length in zip(quadrant, counts.shape, strict=True)
        )
        if min(counts[part].shape) >= 3 * _BLOCK and np.isfinite(counts[part]).all():
            excess, uncertain = _excess(counts[part], shot[part], response)
            nearest = min(max(documented, excess - uncertain), excess + uncertain)
            if 1 / _PLAUSIBLE**2 < nearest / documented < _PLAUSIBLE**2:
                variance[quadrant] = nearest
    return variance


def _excess(counts: Image, shot: Image, response: float) -> tuple[float, float]:
    """Return the variance of a pixel that light does not explain, and how uncertain it is, DN**2.

    That of the pixels themselves is the lowest quarter of the blocks, which is free of stars; to it comes that of the
    offsets of rows and columns.
    """
    differences = counts[_STRIDE:] - counts[:-_STRIDE]
    differences = differences[:, _STRIDE:] - differences[:, :-_STRIDE]  # without offsets, and without what is smooth
    pixels = _clipped_variances(_blocks(differences)) / 4
    level, photons = (_medians(_blocks(plane[_STRIDE:, _STRIDE:]))[:, 0] for plane in (counts, shot))
    unequal = (response * level) ** 2
    excess = float(np.percentile(pixels - photons - unequal, 25))
    uncertain = float(np.median(_SHOT_UNCERTAIN * photons + _RESPONSE_UNCERTAIN * unequal))
    return excess + _variance_of_offsets(counts) + _variance_of_offsets(counts.T), uncertain


def _variance_of_offsets(counts: Image) -> float:
    """Return the variance of the offsets of rows, DN**2: of medians, which stars do not move, less their own noise."""
    differences = counts[_STRIDE:] - counts[:-_STRIDE]
    own = np.pi / 2 * _clipped_variances(differences.reshape(1, -1))[0] / counts.shape[1]
    return float(max(_clipped_variances(_medians(differences).T)[0] - own, 0.0)) / 2


def _blocks(image: Image) -> Image:
    """Return the whole square blocks of an image, each flattened: ``(blocks, pixels)``."""
    rows, columns = (length // _BLOCK for length in image.shape)
    cut = image[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    return cut.swapaxes(1, 2).reshape(rows * columns, -1)


def _clipped_variances(values: Image) -> Doubles:
    """Return the variance of each row within 4 standard deviations; whole counts make a median deviation too coarse."""
    off = values - _medians(values)
    size = np.abs(off)
    limit = 4 * 1.4826 * (_medians(size).astype(float) + 0.5)
    for _ in range(3):
        limit = 4 * np.sqrt(_variances(off, size <= limit))[:, np.newaxis]
    return _variances(off, size <= limit)


def _medians(values: Image) -> Image:
    """Return the median of each row, ``(rows, 1)``, of finite values: to sort takes a quarter of `numpy.median`."""
    ordered, middle = np.sort(values, axis=1), (values.shape[1] - 1) // 2
    pair = ordered[:, [middle, values.shape[1] // 2]]
    return np.asarray(pair.mean(axis=1, keepdims=True), dtype=np.float32)


def _variances(off: Image, kept: Mask) -> Doubles:
    """Return the variances of those values of each row that are kept; all are near 0, so that no digits are lost."""
    some, number = np.where(kept, off, np.float32(0)), np.count_nonzero(kept, axis=1)
    mean = some.sum(axis=1, dtype=float) / number
    return np.asarray(np.square(some, dtype=float).sum(axis=1) / number - mean**2)
