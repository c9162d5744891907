"""The weighted mean of a cube of integrations, block by block of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from iris_core import DQ, Doubles, Exposure, Flags, Image, Mask, row_blocks, variance_of_mean

__all__ = ["Mean", "average_cube", "equal_weights", "weights_of_variance"]

# About so many pixels of an integration tell its median variance.
_SAMPLE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean of integrations.

    Parameters
    ----------
    data, dq, variance
        ``(ny, nx)``; NaN and DO_NOT_USE where no integration is usable.
    incomplete
        Number of pixels that are the mean of some of the integrations.
    """

    data: Image
    dq: Flags
    variance: dict[str, Image]
    incomplete: int


def equal_weights(number: int) -> Doubles:
    """Return the weight of each integration, ``(nint,)``, where all count the same."""
    return np.ones(number)


def weights_of_variance(components: Sequence[Image]) -> Doubles:
    """Return 1 over the median variance of each integration, ``(nint,)``.

    One number for an integration: weights that follow the noise of single pixels would prefer the faint ones.

    Parameters
    ----------
    components
        Of the variance, ``(nint, ny, nx)`` each, without those that all integrations have in common.
    """
    rows, columns = components[0].shape[-2:]
    step = max(1, int(np.sqrt(rows * columns / _SAMPLE)))
    total = np.asarray(sum(plane[:, ::step, ::step].astype(np.float64) for plane in components))
    finite = [integration[np.isfinite(integration)] for integration in total]
    median = np.array([np.median(values) if values.size else 0.0 for values in finite])
    known = median > 0
    return np.divide(1.0, median, where=known, out=np.zeros(len(median))) if known.any() else equal_weights(len(median))


def average_cube(exposure: Exposure, weights: Doubles) -> Mean:
    """Return the mean of the integrations of an exposure.

    Parameters
    ----------
    exposure
        ``(nint, ny, nx)``.
    weights
        Of the integrations, ``(nint,)``; a pixel uses those of the integrations in which it is usable.
    """
    shape, incomplete = exposure.shape, 0
    data, dq = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.uint32)
    variance = {name: np.empty(shape, dtype=np.float32) for name in exposure.variance}
    for (block,) in row_blocks(shape):
        values, flags = exposure.data[:, block], exposure.dq[:, block]
        usable = np.isfinite(values) & ((flags & DQ.DO_NOT_USE) == 0) & (weights > 0)[:, None, None]
        share = _shares(usable, weights)
        number = np.count_nonzero(usable, axis=0)
        none = number == 0
        incomplete += int(np.count_nonzero(~none & (number < len(values))))
        data[block] = np.where(none, np.nan, np.sum(share * np.where(usable, values, 0), axis=0))
        dq[block] = _flags(flags, none)
        for name, plane in exposure.variance.items():
            of_mean = variance_of_mean(plane[:, block], share, name in exposure.common)
            variance[name][block] = np.where(none, np.nan, of_mean)
    return Mean(data=data, dq=dq, variance=variance, incomplete=incomplete)


def _shares(usable: Mask, weights: Doubles) -> Doubles:
    """Return the share of each value in the mean of its pixel; they add up to 1, or 0 where none is usable."""
    weight = np.where(usable, weights[:, np.newaxis, np.newaxis], 0.0)
    total = np.sum(weight, axis=0)
    np.divide(weight, total, out=weight, where=total > 0)
    return weight


def _flags(flags: Flags, none: Mask) -> Flags:
    """Return DO_NOT_USE where no integration is usable, and every other bit that any integration has.

    A bit says what happened to the pixel in some integration: the mean of a pixel that saturated in one of them is
    that of its fainter ones.
    """
    unusable = np.uint32(DQ.DO_NOT_USE)
    merged: Flags = np.bitwise_or.reduce(flags, axis=0) & ~unusable
    return np.where(none, merged | unusable, merged)
