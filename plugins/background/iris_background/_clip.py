"""Which values of a pixel agree with each other: the clip by known noise, for any number of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Array, Image, Mask

__all__ = ["FEWEST_TO_CLIP", "PAIR", "bits_of", "consistent", "count_kept", "middle", "ordered", "sum_kept"]

# Of fewer values none is in the middle.
FEWEST_TO_CLIP = 3
# How far apart two values may be, over the threshold of the clip: light that is added to one of them is then certain.
# At 5 standard deviations of a difference the lower value is too low by 2e-6 on average, at 3 by 0.006.
PAIR = 1.25


def ordered(values: Sequence[Image] | Image) -> list[Image]:
    """Return planes with the values of each pixel in rising order; NaN become infinite, last.

    A sorting network compares whole planes: several times as fast as sorting pixel by pixel, where a plane of some ten
    thousand values stays in the processor's cache.
    """
    spare = np.full_like(values[0], np.inf)
    planes = [np.fmin(plane, spare) for plane in values]
    for low, high in _comparisons(len(planes)):
        np.minimum(planes[low], planes[high], out=spare)
        np.maximum(planes[low], planes[high], out=planes[high])
        planes[low], spare = spare, planes[low]
    return planes


def _comparisons(number: int) -> Iterator[tuple[int, int]]:
    """Yield the comparisons of Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, M)."""
    top = 1 << max(0, (number - 1).bit_length() - 1)
    part = top if number > 1 else 0
    while part > 0:
        step, rest, apart = top, 0, part
        while True:
            for index in range(number - apart):
                if index & part == rest:
                    yield index, index + apart
            if step == part:
                break
            apart, step, rest = step - part, step >> 1, part
        part >>= 1


def middle(values: Sequence[Image] | Image, number: Array) -> tuple[Image, Image]:
    """Return the two values between which the median lies, twice the same where their number is odd.

    Parameters
    ----------
    values
        ``(n, ...)``; NaN where there is none.
    number
        How many there are in each pixel.
    """
    planes, most = ordered(values), int(number.max(initial=0))
    low, high = planes[max(0, most - 1) // 2].copy(), planes[min(most // 2, len(planes) - 1)].copy()
    for count in range(max(1, most)):
        here = number == count
        if here.any():
            np.copyto(low, planes[(count - 1) // 2] if count else np.float32(np.nan), where=here)
            np.copyto(high, planes[count // 2] if count else np.float32(np.nan), where=here)
    return low, high


def count_kept(keep: Mask) -> Array:
    """Return how many values of each pixel are kept, of ``(n, ...)``."""
    number = np.zeros(keep.shape[1:], dtype=np.min_scalar_type(len(keep)))
    for kept in keep:
        number += kept.view(np.uint8)
    return number


def sum_kept(values: Sequence[Image] | Image, bits: Array) -> Image:
    """Return the sum of the values of each pixel that are kept, plane after plane; the others may be NaN.

    Parameters
    ----------
    values
        ``(n, ...)``.
    bits
        See `bits_of`; same shape.
    """
    total = np.zeros(bits.shape[1:], dtype=np.float32)
    kept = np.empty_like(total)
    for plane, own in zip(values, bits, strict=True):
        np.bitwise_and(plane.view(np.uint32), own, out=kept.view(np.uint32))
        total += kept
    return total


def bits_of(keep: Mask) -> Array:
    """Return all 32 bits set where a value is kept, none elsewhere: a value and these bits are it, or 0 for any other.

    Several times as fast as choosing value by value; and the value OR the opposite of the bits is it, or NaN.
    """
    bits = keep.astype(np.uint32)
    return np.negative(bits, out=bits)


def _in_the_middle(number: Array) -> tuple[Array, Array]:
    return np.maximum(number - 1, 0) // 2, np.minimum(number // 2, np.maximum(number - 1, 0))


def consistent(values: Image, tolerance: Image, relative: Image) -> Mask:
    """Return which values of a stack agree with the others of their pixel.

    Those within the tolerance of the median: their own, or that of the value in the middle where this is larger. Where
    an even number of values falls into two halves that do not agree, the lower half is kept: rays and sources only
    ever add light. Of two values the lower one is kept where they differ by more than 1.25 times the tolerance of
    their difference. One value is kept.

    Parameters
    ----------
    values
        ``(n, ...)``; NaN where they are not valid.
    tolerance
        ``(n, ...)``, or ``(1, ...)`` for all: how far a value may be off, by its own standard deviation.
    relative
        Variance of each image relative to the first, ``(n,)``.
    """
    keep = np.isfinite(values)
    # The median lies between the lowest and the highest: mostly these are so near that nothing needs it.
    near = np.fmax.reduce(values, axis=0) - np.fmin.reduce(values, axis=0) <= tolerance.min(axis=0)
    flat = [plane.reshape(len(values), -1) for plane in (values, np.broadcast_to(tolerance, values.shape), keep)]
    _put(flat, np.flatnonzero(~near), lambda some, widths: _clipped(some, widths, relative))
    return keep


def _clipped(values: Image, tolerance: Image, relative: Image) -> Mask:
    """Return which values agree with the others of their pixel, ``(n, k)``."""
    valid = np.isfinite(values)
    number = count_kept(valid)
    low, high = middle(values, number)
    keep = _within(values, 0.5 * (low + high), tolerance)
    planes = values, tolerance, keep
    _put(
        planes,
        np.flatnonzero(count_kept(keep) != number),
        lambda some, widths: _near_the_middle(some, widths, relative),
    )
    _put(planes, np.flatnonzero(number < FEWEST_TO_CLIP), _lower_of_two)
    return keep & valid


def _put(flat: Sequence[Array], pixels: Array, rule: Callable[[Image, Image], Mask]) -> None:
    """Decide by another rule what is kept of some pixels: values, tolerances and what is kept, ``(n, k)`` each."""
    values, tolerance, keep = flat
    if pixels.size:
        keep[:, pixels] = rule(values.take(pixels, axis=1), tolerance.take(pixels, axis=1))


def _lower_of_two(values: Image, tolerance: Image) -> Mask:
    """Return which values of pixels with two at most are kept: the lower where they do not agree."""
    valid = np.isfinite(values)
    number = count_kept(valid)
    low, high = middle(values, number)
    apart = PAIR * np.sqrt(np.sum(np.square(tolerance), axis=0, where=valid))
    return np.asarray(values <= np.where((high - low > apart) & (number == 2), low, high))


def _within(values: Image, middle: Image, tolerance: Image) -> Mask:
    """Return which values are no farther than the tolerance from the middle."""
    keep, offset = np.empty(values.shape, dtype=np.bool_), np.empty_like(values[0])
    for plane, largest, kept in zip(values, tolerance, keep, strict=True):
        np.subtract(plane, middle, out=offset)
        np.less_equal(np.abs(offset, out=offset), largest, out=kept)
    return keep


def _near_the_middle(values: Image, tolerance: Image, relative: Image) -> Mask:
    """Return which values are within the tolerance of the median, or of the lower one in the middle, ``(n, k)``."""
    number = count_kept(np.isfinite(values))
    low, high = middle(values, number)
    if np.ptp(relative):
        tolerance = tolerance * _widening(values, number, relative)
    keep: Mask = np.abs(values - 0.5 * (low + high)) <= tolerance
    split = ~keep.any(axis=0)
    keep[:, split] = np.abs(values - low)[:, split] <= tolerance[:, split]
    return keep


def _widening(values: Image, number: Array, relative: Image) -> Image:
    """Return the standard deviation of the value in the middle over that of each, where it is above 1, ``(n, k)``.

    Of one good value and two poor ones the good one is often off the median, and must not be clipped for that.
    """
    own = relative.astype(np.float32)[:, np.newaxis]
    order = np.argsort(values, axis=0)  # NaN is sorted to the end
    pair = (np.take_along_axis(order, index[np.newaxis], axis=0)[0] for index in _in_the_middle(number))
    central = 0.5 * sum(own[index, 0] for index in pair)
    return np.asarray(np.sqrt(np.maximum(own, central) / own), dtype=np.float32)
