"""The mean of a stack of images from which outliers are clipped: made for stacks of three to ten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from iris_drizzle import MOST_IMAGES, clip_stack

from iris_background._clip import bits_of, consistent, count_kept, sum_kept
from iris_background._frame import Frame, FrameInFile
from iris_background._noise import Noise, measure_noise
from iris_core import DQ, in_threads

if TYPE_CHECKING:
    from iris_core import Array, Flags, Image, Mask

__all__ = ["Clipped", "Counts", "Stack", "combine", "counted", "is_unknown"]

# Of each image, how many values are valid, and how many of them are kept.
Counts: TypeAlias = "tuple[Array, Array]"

# Values of the whole stack that are worked on at a time: their planes stay in the cache of the processor, and take long
# enough for other threads to work meanwhile.
_CHUNK = 1 << 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipped:
    """What a clip took out of a stack.

    Parameters
    ----------
    counts
        For each image, how many of its pixels are valid, and how many of these were kept.
    noise
        What the clip went by; None for one image.
    """

    counts: Counts
    noise: Noise | None

    @property
    def clipped(self) -> tuple[int, ...]:
        """For each image, how many of its valid pixels were clipped."""
        valid, kept = self.counts
        return tuple((valid - kept).tolist())

    @property
    def rejected(self) -> tuple[float, ...]:
        """For each image, the fraction of its valid pixels that were clipped."""
        valid, kept = self.counts
        return tuple((1 - kept / np.maximum(valid, 1)).tolist())

    @property
    def kept(self) -> int:
        """How many values there are in the mean, in all."""
        return int(self.counts[1].sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack(Clipped):
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
    """

    mean: Image
    variance: Image | None
    shared: Mapping[str, Image]
    dq: Flags


def combine(
    frames: Sequence[Frame | FrameInFile], sigma: float, noise: Noise | None = None, *, proportional: bool = False
) -> Stack:
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

    def put(rows: tuple[slice, slice]) -> Stack:
        made = _combine_part([frame.cut(rows) for frame in frames], sigma, noise)
        mean[rows], dq[rows] = made.mean, made.dq
        variance[rows] = np.nan if made.variance is None else made.variance
        for name, error in shared.items():
            error[rows] = made.shared[name]
        return made

    counts = counted(made.counts for made in in_threads(put, _chunks(frames)))
    known = None if is_unknown(frames, noise) else variance
    return Stack(mean=mean, variance=known, shared=shared, dq=dq, counts=counts, noise=noise)


def is_unknown(frames: Sequence[Frame | FrameInFile], noise: Noise | None) -> bool:
    """Whether the variance of the mean of a stack cannot be known: of one image without errors."""
    return noise is None and not frames[0].variance


def counted(parts: Iterable[Counts]) -> Counts:
    """Return how many values of each image of a stack are valid and kept, from those of its parts."""
    valid, kept = np.sum([np.array(one) for one in parts], axis=0)
    return valid, kept


def _combine_part(frames: Sequence[Frame], sigma: float, noise: Noise | None) -> Stack:
    """Return the mean of some pixels of a stack of images: see `combine`, which has measured its noise."""
    if noise is not None and _is_plain(frames, noise):
        return _combine_compiled(frames, sigma, noise)
    values = _planes(frames)
    for frame, plane in zip(frames, values, strict=True):
        frame.values(out=plane)
    variances = _variances(frames, noise)
    keep = np.isfinite(values)
    valid, number, bits = _each(keep), count_kept(keep), bits_of(keep)
    variance = sum_kept(variances, bits)
    if noise is not None:
        keep = _agreeing(values, variances, variance, bits, number, noise, sigma)
        kept = count_kept(keep)
        fewer = kept != number
        bits[:, fewer] = bits_of(keep[:, fewer])
        variance[fewer] = sum_kept(variances[:, fewer], bits[:, fewer])
        number = kept
    divisor: Image = np.where(number == 0, np.float32(np.nan), number.astype(np.float32))
    mean = sum_kept(values, bits) / divisor
    if noise is not None and noise.drifts.any():
        _level_out(mean, values, keep, noise)
    errors = {name: [frame.shared_error(name) for frame in frames] for name in frames[0].shared}
    return Stack(
        mean=mean,
        variance=None if is_unknown(frames, noise) else variance / (divisor * divisor),
        shared={name: sum_kept(each, bits) / divisor for name, each in errors.items()},
        dq=_reasons(frames, number == 0),
        counts=(valid, _each(keep)),
        noise=noise,
    )


def _is_plain(frames: Sequence[Frame], noise: Noise) -> bool:
    """Whether the compiled kernel can take a stack: it knows of no drifts, and of no errors that images share."""
    alike = not noise.drifts.any() and bool(np.all(noise.weights == 1))
    return alike and not frames[0].shared and len(frames) <= MOST_IMAGES


def _combine_compiled(frames: Sequence[Frame], sigma: float, noise: Noise) -> Stack:
    """Return what `_combine_part` does, bit for bit."""
    made = clip_stack(
        frames,
        tolerance=sigma * noise.inflation,
        rounding=float(noise.rounding),
        unmeasured=noise.deviation**2,
        known=noise.known,
    )
    counts = made.valid, made.valid - made.clipped
    dq = _reasons(frames, np.isnan(made.mean))
    return Stack(mean=made.mean, variance=made.variance, shared={}, dq=dq, counts=counts, noise=noise)


def _agreeing(
    values: Image, variances: Image, total: Image, bits: Array, number: Array, noise: Noise, sigma: float
) -> Mask:
    """Return which values of a stack agree with the others of their pixel, when the drift of each image is taken off.

    The standard deviation of a value is what the errors of the images foretell, averaged over the images so that an
    outlier does not excuse itself by its own Poisson noise; widened where the stack as a whole scatters more.

    Parameters
    ----------
    values, variances
        ``(n, ny, nx)``.
    total, number
        Sum of the variances of the valid values, and how many these are, ``(ny, nx)``.
    bits
        Of the valid values: see `bits_of`.
    noise
        What the clip goes by.
    sigma
        Where it is.
    """
    relative = noise.weights * np.square(1 - noise.parts)
    widths = np.sqrt(relative if np.ptp(relative) else relative[:1])[:, np.newaxis, np.newaxis]
    if np.any(noise.weights != 1):
        total = sum_kept(np.divide(variances, noise.weights[:, np.newaxis, np.newaxis], dtype=np.float32), bits)
    expected = np.sqrt(total / np.maximum(number, 1).astype(np.float32))
    tolerance = np.float32(sigma * noise.inflation) * widths * expected + noise.rounding
    levelled = noise.without_drift(values) if noise.drifts.any() else values
    return consistent(levelled, tolerance, relative)


def _each(keep: Mask) -> Array:
    """Return how many values are kept of each image."""
    return np.array([np.count_nonzero(kept) for kept in keep])


def _variances(frames: Sequence[Frame], noise: Noise | None) -> Image:
    variances = _planes(frames)
    if noise is not None and not noise.known:
        variances[:] = noise.deviation**2
        return variances
    for frame, plane in zip(frames, variances, strict=True):
        frame.variances(out=plane)
    if noise is not None:
        # An error of 0 is no measurement either.
        zero = variances == 0
        if zero.any():
            variances[zero] = np.float32(noise.deviation**2)
    return variances


def _planes(frames: Sequence[Frame]) -> Image:
    return np.empty((len(frames), *frames[0].shape), dtype=np.float32)


def _level_out(mean: Image, values: Image, keep: Mask, noise: Noise) -> None:
    """Bring pixels that lost a value to the level of the mean of all images: without it they are off by the drift."""
    some = ~keep.all(axis=0) & keep.any(axis=0)
    kept = keep[:, some]
    level = np.sum(noise.without_drift(values[:, some]), axis=0, where=kept) / np.count_nonzero(kept, axis=0)
    mean[some] = noise.with_mean_drift(level)


def _reasons(frames: Sequence[Frame], lost: Mask) -> Flags:
    """Return why pixels are lost: the flags of all images there, 0 elsewhere."""
    bits = np.zeros(lost.shape, dtype=np.uint32)
    if lost.any():
        bits[lost] = np.bitwise_or.reduce([frame.dq[lost] for frame in frames]) & ~DQ.OUTLIER
    return bits


def _chunks(frames: Sequence[Frame | FrameInFile]) -> Iterator[tuple[slice, slice]]:
    rows, columns = frames[0].shape
    step = max(1, _CHUNK // (len(frames) * columns))
    for start in range(0, rows, step):
        yield slice(start, start + step), slice(None)
