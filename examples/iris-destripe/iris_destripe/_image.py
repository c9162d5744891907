"""The stripes of an exposure, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_destripe._errors import remaining_share, share_of_smooth, variance_of_means, variance_of_others
from iris_destripe._gain import gains, variance_of_stripes
from iris_destripe._lines import zero_sum
from iris_destripe._stripes import Search, Stripes, find_stripes

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["Lines", "Pattern", "find_pattern"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The rows, or the columns, of a channel.

    Parameters
    ----------
    offsets, variances
        As measured, and the variances of the measurement; of those lines that could be measured.
    stripes
        Variance of the stripes alone.
    left
        How many could not be measured.
    """

    offsets: Image
    variances: Image
    stripes: float
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What is subtracted from an exposure, and what that does to its errors; planes of the shape of its data.

    Parameters
    ----------
    offsets
        To be subtracted.
    share
        What is left of each pixel's own noise, a factor on its error.
    added
        Variance that comes in with the noise of other pixels.
    left
        Pixels in which a stripe is left because it could not be measured.
    rows, columns
        What was found in each channel; empty for a direction that is not looked at.
    """

    offsets: Image
    share: Image
    added: Image
    left: Mask
    rows: list[Lines]
    columns: list[Lines]


def find_pattern(
    values: Image, err: Image | None, usable: Mask, regions: Iterable[tuple[int | slice, ...]], search: Search
) -> Pattern:
    """Measure the stripes of an exposure.

    Parameters
    ----------
    values, err, usable
        As for `find_stripes`, but of the whole exposure: ``(ny, nx)`` or ``(nint, ny, nx)``.
    regions
        Indices of each channel, of each integration.
    search
        How stripes are looked for.
    """
    pattern = Pattern(
        offsets=np.zeros_like(values),
        share=np.ones_like(values),
        added=np.zeros_like(values),
        left=np.zeros(values.shape, dtype=np.bool_),
        rows=[],
        columns=[],
    )
    for region in regions:
        its_err = None if err is None else err[region]
        stripes = find_stripes(values[region], its_err, usable[region], search)
        noise = np.full(stripes.used.shape, stripes.scatter, dtype=np.float32) if its_err is None else its_err
        _put(pattern, region, stripes, noise * noise, search)
    return pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class _Correction:
    """What is to be done to the pixels of a channel for its rows, or its columns; planes and lines that broadcast."""

    offsets: Image
    factor: Image
    others: Image
    left: Mask
    lines: Lines


def _put(pattern: Pattern, region: tuple[int | slice, ...], stripes: Stripes, variance: Image, search: Search) -> None:
    """Enter what was found in one channel."""
    offsets, share, added = (plane[region] for plane in (pattern.offsets, pattern.share, pattern.added))
    for wanted, axis, found in ((search.rows, 1, pattern.rows), (search.columns, 0, pattern.columns)):
        if wanted:
            one = _correct(stripes, variance, axis)
            square = one.factor * one.factor
            offsets += one.offsets
            share *= one.factor
            added *= square
            added += one.others
            pattern.left[region] |= one.left
            found.append(one.lines)
            # The columns see what the subtraction of the rows has left.
            variance = variance * square + one.others


def _correct(stripes: Stripes, variance: Image, axis: int) -> _Correction:
    measured, used = (stripes.columns, stripes.rows)[axis], stripes.used
    known = used.sum(axis=axis) > 0
    noise = variance_of_means(variance, used, axis)
    usual = variance_of_stripes(measured[known], noise[known])
    gain = np.where(known, gains(measured, noise, usual), np.float32(0))
    others = variance_of_others(variance, used, gain, axis)
    others += np.expand_dims((1 - gain) ** 2 * np.float32(usual), axis)
    others += np.float32(usual * share_of_smooth(stripes.boxes[1 - axis], len(measured)))
    subtracted = zero_sum(measured * gain, known, stripes.valid.sum(axis=axis))
    return _Correction(
        offsets=np.expand_dims(subtracted, axis),
        factor=remaining_share(used, gain, axis),
        others=others,
        left=np.expand_dims(~known, axis),
        lines=Lines(
            offsets=measured[known],
            variances=noise[known],
            stripes=usual,
            left=int(np.count_nonzero(~known)),
        ),
    )
