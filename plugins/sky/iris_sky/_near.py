"""Which exposures show the sky of which: the nearest in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from iris_core import Doubles, Exposure, InputError, Mask

__all__ = ["apart_enough", "middle_times", "nearest", "order_of"]

# As few are taken from beyond the longest time, where fewer lie within.
_FEWEST = 3


def middle_times(outlines: Sequence[Exposure]) -> Doubles | None:
    """Return the middle of each exposure in minutes after the first; None where a start is not known."""
    starts = [one.meta.start_time for one in outlines]
    if any(start is None for start in starts):
        return None
    middles = [
        start + timedelta(seconds=(one.meta.exposure_time or 0) / 2)
        for start, one in zip(starts, outlines, strict=True)
        if start is not None
    ]
    return np.array([(one - middles[0]).total_seconds() / 60 for one in middles])


def order_of(outlines: Sequence[Exposure]) -> Doubles:
    """Return the place of each exposure in the order of their names: what is left where times are not known."""
    return np.argsort(np.argsort([one.name for one in outlines], kind="stable")).astype(np.float64)


def nearest(times: Doubles, allowed: Mask, number: int, longest: float) -> list[tuple[int, ...]]:
    """Return for each exposure the others nearest in time, in the order of the exposures.

    Parameters
    ----------
    times
        Minutes, or places in an order.
    allowed
        ``(n, n)``: which others may be taken for which exposure.
    number
        How many others are taken, at most.
    longest
        Time within which they lie. Three are taken (all, where there are fewer), however far they are.
    """
    return [_near(times, one, may, number, longest) for one, may in enumerate(allowed)]


def apart_enough(distances: Doubles, least: float, outlines: Sequence[Exposure]) -> Mask:
    """Return which exposures are dithered against which, ``(n, n)``.

    Raises
    ------
    InputError
        When an exposure is not dithered against any other: all would show its objects as sky.
    """
    apart = np.asarray(distances >= least)
    for one, enough, others in zip(outlines, apart, distances, strict=True):
        if not enough.any():
            raise InputError(
                f"{one.name} is not dithered: the other exposures are at most {others.max():.3g} pixels from it, and "
                f"{least:g} are needed (min_dither); give exposures of several positions, or subtract background ones"
            )
    return apart


def _near(times: Doubles, one: int, allowed: Mask, number: int, limit: float) -> tuple[int, ...]:
    apart = np.abs(times - times[one])
    ranked = [int(index) for index in np.argsort(apart, kind="stable") if index != one and allowed[index]]
    within = sum(bool(apart[index] <= limit) for index in ranked)
    return tuple(sorted(ranked[: min(number, max(_FEWEST, within))]))
