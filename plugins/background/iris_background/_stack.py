"""The mean of a stack of images from which outliers are clipped: made for stacks of three to ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_background._clip import bits_of, consistent, count_kept, sum_kept
from iris_background._frame import Frame, Part
from iris_background._noise import Noise, measure_noise
from iris_core import DQ, in_threads

if TYPE_CHECKING:
    from iris_core import Array, Flags, Image, Mask

__all__ = ["Stack", "combine"]

# Values of the whole stack that are worked on at a time: their planes stay in the cache of the processor, and take long
# enough for other threads to work meanwhile.
_CHUNK = 1 << 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The mean of a stack, and how it came about.

    Parameters
    ----------
    mean
        ``(ny, nx)``; NaN where nothing was kept.
    variance
        That of `mean`, ``(ny, nx)``; None where one image without errors is all there is.
    shared
        By component, the mean of the errors that the images share, with their sign.
    dq
        ``(ny, nx)``; where nothing was kept the OR of the `iris_core.DQ` bits of the images, without OUTLIER.
    clipped
        For each image, how many of its valid pixels were clipped.
    rejected
        The same as fractions of its valid pixels.
    noise
        What the clip went by; None for one image.
    """

    mean: Image
    variance: Image | None
    shared: Mapping[str, Image]
    dq: Flags
    clipped: tuple[int, ...]
    rejected: tuple[float, ...]
    noise: Noise | None


def combine(frames: Sequence[Frame], sigma: float, noise: Noise | None = None, *, proportional: bool = False) -> Stack:
    """Return the mean of a stack of images without its outliers.

    Its variance is the sum of the kept values' variances over the square of their number. Where the errors of any image
    are not known, the variance of a value is measured from the scatter between the images.

    Parameters
    ----------
    frames
        Images of one shape.
    sigma
        How far a value may be off, in standard deviations; of what and from what, `consistent` says.
    noise
        What the clip goes by, where it was measured on more than these parts of the images.
    proportional
        See `measure_noise`, where `noise` is not given.
    """
    if noise is None and len(frames) > 1:
        noise = measure_noise(frames, proportional)
    mean, variance, *errors = np.empty((2 + len(frames[0].shared), *frames[0].shape), dtype=np.float32)
    shared = dict(zip(frames[0].shared, errors, strict=True))
    dq = np.zeros(frames[0].shape, dtype=np.uint32)

    def put(part: Part) -> Array:
        values = _planes(frames, part)
        for frame, plane in zip(frames, values, strict=True):
            frame.values(part, out=plane)
        variances = _variances(frames, part, noise)
        keep = np.isfinite(values)
        valid = _each(keep)
        if noise is not None:
            keep = _agreeing(values, variances, noise, sigma)
        kept = _each(keep)
        number = _number(keep)
        bits = bits_of(keep)
        mean[part] = sum_kept(values, bits) / number
        if noise is not None and noise.drifts.any():
            _level_out(mean[part], values, keep, noise)
        dq[part] = _reasons(frames, part, np.isnan(number))
        variance[part] = sum_kept(variances, bits) / (number * number)
        for name, error in shared.items():
            error[part] = sum_kept([frame.shared_error(name, part) for frame in frames], bits) / number
        return np.array([valid, kept])

    valid, kept = sum(in_threads(put, _chunks(frames)), np.zeros((2, len(frames)), dtype=np.int64))
    rejected = tuple((1 - kept / np.maximum(valid, 1)).tolist())
    unknown = noise is None and not frames[0].variance
    known = None if unknown else variance
    clipped = tuple((valid - kept).tolist())
    return Stack(mean=mean, variance=known, shared=shared, dq=dq, clipped=clipped, rejected=rejected, noise=noise)


def _agreeing(values: Image, variances: Image, noise: Noise, sigma: float) -> Mask:
    """Return which values of a stack agree with the others of their pixel, when the drift of each image is taken off.

    The standard deviation of a value is what the errors of the images foretell, averaged over the images so that an
    outlier does not excuse itself by its own Poisson noise; widened where the stack as a whole scatters more.
    """
    valid = np.isfinite(values)
    relative = noise.weights * np.square(1 - noise.parts)
    widths = np.sqrt(relative if np.ptp(relative) else relative[:1])[:, np.newaxis, np.newaxis]
    number = np.maximum(count_kept(valid), 1).astype(np.float32)
    alike = variances
    if np.any(noise.weights != 1):
        alike = np.divide(variances, noise.weights[:, np.newaxis, np.newaxis], dtype=np.float32)
    expected = np.sqrt(sum_kept(alike, bits_of(valid)) / number)
    tolerance = np.float32(sigma * noise.inflation) * widths * expected + noise.rounding
    tolerance = np.broadcast_to(tolerance, values.shape)
    levelled = noise.without_drift(values) if noise.drifts.any() else values
    return consistent(levelled, tolerance, relative)


def _each(keep: Mask) -> Array:
    """Return how many values are kept of each image."""
    return np.array([np.count_nonzero(kept) for kept in keep])


def _number(keep: Mask) -> Image:
    """Return how many values of each pixel are kept, NaN where none is."""
    number = count_kept(keep).astype(np.float32)
    return np.where(number == 0, np.float32(np.nan), number)


def _variances(frames: Sequence[Frame], part: Part, noise: Noise | None) -> Image:
    variances = _planes(frames, part)
    if noise is not None and not noise.known:
        variances[:] = noise.deviation**2
        return variances
    for frame, plane in zip(frames, variances, strict=True):
        frame.variances(part, out=plane)
    if noise is not None:
        # An error of 0 is no measurement either.
        zero = variances == 0
        if zero.any():
            variances[zero] = np.float32(noise.deviation**2)
    return variances


def _planes(frames: Sequence[Frame], part: Part) -> Image:
    return np.empty((len(frames), *frames[0].data[part].shape), dtype=np.float32)


def _level_out(mean: Image, values: Image, keep: Mask, noise: Noise) -> None:
    """Bring pixels that lost a value to the level of the mean of all images: without it they are off by the drift."""
    some = ~keep.all(axis=0) & keep.any(axis=0)
    kept = keep[:, some]
    level = np.sum(noise.without_drift(values[:, some]), axis=0, where=kept) / np.count_nonzero(kept, axis=0)
    mean[some] = noise.with_mean_drift(level)


def _reasons(frames: Sequence[Frame], part: Part, lost: Mask) -> Flags:
    """Return why pixels are lost: the flags of all images there, 0 elsewhere."""
    bits = np.zeros(lost.shape, dtype=np.uint32)
    if lost.any():
        bits[lost] = np.bitwise_or.reduce([frame.dq[part][lost] for frame in frames]) & ~DQ.OUTLIER
    return bits


def _chunks(frames: Sequence[Frame]) -> Iterator[Part]:
    rows, columns = frames[0].shape
    step = max(1, _CHUNK // (len(frames) * columns))
    for start in range(0, rows, step):
        yield slice(start, start + step), slice(None)
