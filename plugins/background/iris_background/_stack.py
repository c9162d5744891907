"""The mean of a stack of images from which outliers are clipped: made for stacks of three to ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iris_background._frame import Frame, Part
from iris_background._noise import Noise, measure_noise
from iris_core import DQ

if TYPE_CHECKING:
    from iris_core import Flags, Image, Mask

__all__ = ["FEWEST_TO_CLIP", "PAIR", "Stack", "combine", "consistent"]

# Values of the whole stack that are worked on at a time: they stay in the processor's cache.
_CHUNK = 1 << 18
# Of fewer values none is in the middle.
FEWEST_TO_CLIP = 3
# How far apart two values may be, over the threshold of the clip: light that is added to one of them is then certain.
# At 5 standard deviations of a difference the lower value is too low by 2e-6 on average, at 3 by 0.006.
PAIR = 1.25


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
        How far a value may be off, in standard deviations; see `consistent`.
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
    valid, kept = np.zeros((2, len(frames)), dtype=np.int64)
    for part in _chunks(frames):
        values = np.stack([frame.values(part) for frame in frames])
        variances = _variances(frames, part, noise)
        keep = np.isfinite(values)
        valid += np.count_nonzero(keep, axis=(1, 2))
        if noise is not None:
            keep &= consistent(values, variances, noise, sigma)
        kept += np.count_nonzero(keep, axis=(1, 2))
        number = _number(keep)
        mean[part] = np.sum(values, axis=0, where=keep) / number
        if noise is not None and noise.drifts.any():
            _level_out(mean[part], values, keep, noise)
        dq[part] = _reasons(frames, part, np.isnan(number))
        variance[part] = np.sum(variances, axis=0, where=keep) / (number * number)
        for name, error in shared.items():
            error[part] = np.sum([frame.shared_error(name, part) for frame in frames], axis=0, where=keep) / number
    rejected = tuple((1 - kept / np.maximum(valid, 1)).tolist())
    unknown = noise is None and not frames[0].variance
    known = None if unknown else variance
    clipped = tuple((valid - kept).tolist())
    return Stack(mean=mean, variance=known, shared=shared, dq=dq, clipped=clipped, rejected=rejected, noise=noise)


def consistent(values: Image, variances: Image, noise: Noise, sigma: float) -> Mask:
    """Return which values of a stack agree with the others of their pixel.

    A value does where it is within `sigma` standard deviations of the median of its pixel, when the drift of each
    image is taken off. The standard deviation is what the errors of the images foretell, averaged over the images so
    that an outlier does not excuse itself by its own Poisson noise; widened where the stack as a whole scatters more.
    Where an even number of values falls into two halves that do not agree, the lower half is kept: sources and
    cosmic rays only ever add light. Of two values the lower one is kept where they differ by more than 1.25 `sigma`
    standard deviations of their difference. One value is kept.

    Parameters
    ----------
    values, variances
        ``(n, ny, nx)``; values are NaN where they are not valid.
    noise
        Of the stack.
    sigma
        How far a value may be off, in standard deviations.
    """
    valid = np.isfinite(values)
    number = np.count_nonzero(valid, axis=0)
    level = noise.without_drift(values)
    low, high = _middle(level, number)
    weights = noise.weights[:, np.newaxis, np.newaxis]
    expected = np.sum(variances / weights, axis=0, where=valid) / np.maximum(number, 1)
    widths = np.float32(sigma * noise.inflation) * np.sqrt(weights) * (1 - noise.parts[:, np.newaxis, np.newaxis])
    tolerance = widths * np.sqrt(expected) + noise.rounding
    keep: Mask = np.abs(level - 0.5 * (low + high)) <= tolerance
    split = ~keep.any(axis=0)
    if split.any():
        keep[:, split] = np.abs(level - low)[:, split] <= np.broadcast_to(tolerance, level.shape)[:, split]
    few = number < FEWEST_TO_CLIP
    if few.any():
        apart = PAIR * np.sqrt(np.sum(np.square(tolerance), axis=0, where=valid))
        highest = np.where((high - low > apart) & (number == 2), low, high)
        keep = np.where(few, level <= highest, keep)
    return keep & valid


def _middle(values: Image, number: NDArray[np.intp]) -> tuple[Image, Image]:
    """Return the two values between which the median lies; the same one twice where their number is odd."""
    # NaN is sorted to the end.
    ordered = np.sort(values, axis=0)
    low, high = np.maximum(number - 1, 0) // 2, np.minimum(number // 2, len(values) - 1)
    return tuple(np.take_along_axis(ordered, index[np.newaxis], axis=0)[0] for index in (low, high))


def _number(keep: Mask) -> Image:
    """Return how many values of each pixel are kept, NaN where none is."""
    number = np.count_nonzero(keep, axis=0)
    return np.where(number == 0, np.float32(np.nan), number.astype(np.float32))


def _variances(frames: Sequence[Frame], part: Part, noise: Noise | None) -> Image:
    if noise is not None and not noise.known:
        return np.full((len(frames), *frames[0].data[part].shape), noise.deviation**2, dtype=np.float32)
    variances = np.stack([frame.variances(part) for frame in frames])
    if noise is not None:
        # An error of 0 is no measurement either.
        np.copyto(variances, np.float32(noise.deviation**2), where=variances == 0)
    return variances


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
        bits[lost] = np.bitwise_or.reduce([frame.dq[part][lost] for frame in frames]) & ~np.uint32(DQ.OUTLIER)
    return bits


def _chunks(frames: Sequence[Frame]) -> Iterator[Part]:
    rows, columns = frames[0].shape
    step = max(1, _CHUNK // (len(frames) * columns))
    for start in range(0, rows, step):
        yield slice(start, start + step), slice(None)
