"""The rules by which a pixel is flagged: hot and warm in darks; dead, of low response or open in flats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import DQ, InputError
from iris_masters._level import local_median, robust_spread

if TYPE_CHECKING:
    from iris_core import Flags, Image

__all__ = ["DarkLevel", "dark_flags", "dark_level", "flat_flags", "open_pixels", "relative_response"]

# What the four neighbours of an open pixel collect, at least: its charge is added to theirs.
_NEIGHBOURS = 1.05


@dataclass(frozen=True, slots=True)
class DarkLevel:
    """The median of a dark, and the spread of the core of its pixels."""

    median: float
    spread: float


def usable_values(data: Image, dq: Flags) -> Image:
    """Return the data, NaN where they are not to be used."""
    return np.where((dq & DQ.DO_NOT_USE) == 0, data, np.float32(np.nan))


def dark_level(data: Image, err: Image | None) -> DarkLevel:
    """Return level and spread of a dark; its typical error where more than half of the pixels have one value.

    Raises
    ------
    InputError
        When no pixel is valid.
    """
    finite = data[np.isfinite(data)]
    if not finite.size:
        raise InputError("the dark has no valid pixel (finite, without DO_NOT_USE)")
    spread = robust_spread(finite)
    if spread == 0 and err is not None:
        spread = float(np.nanmedian(err))
    return DarkLevel(float(np.median(finite)), spread)


def dark_flags(data: Image, level: DarkLevel, hot: float, warm: float) -> Flags:
    """Return HOT and WARM, in pixels above the median of a dark by more than so many spreads."""
    excess = data - np.float32(level.median)
    above = excess > np.float32(warm * level.spread)
    very = excess > np.float32(hot * level.spread)
    return np.where(very, np.uint32(DQ.HOT), np.where(above, np.uint32(DQ.WARM), np.uint32(0)))


def relative_response(data: Image) -> Image:
    """Return a flat over its median in the 31 x 31 pixels around: without vignetting, which is no defect."""
    around = local_median(data)
    return np.divide(data, around, out=np.full_like(data, np.nan), where=around > 0)


def flat_flags(data: Image, response: Image, low: float, dead: float, high: float) -> Flags:
    """Return LOW_QE below `low`, DEAD below `dead`, NO_FLAT_FIELD above `high` or where the flat is NaN or not above 0.

    Parameters
    ----------
    data
        The flat.
    response
        See `relative_response`.
    low, dead, high
        Limits of the response.
    """
    bits = np.zeros(data.shape, dtype=np.uint32)
    bits[response < np.float32(low)] = np.uint32(DQ.LOW_QE)
    bits[response < np.float32(dead)] = np.uint32(DQ.DEAD)
    bits[~(data > 0) | ~(response <= np.float32(high))] |= DQ.NO_FLAT_FIELD
    return bits


def open_pixels(response: Image, low: float) -> Flags:
    """Return OPEN where the response is below `low` and that of all four neighbours above 1.05; ADJ_OPEN in these."""
    bright = np.pad(response > np.float32(_NEIGHBOURS), 1)
    around = bright[:-2, 1:-1] & bright[2:, 1:-1] & bright[1:-1, :-2] & bright[1:-1, 2:]
    lost = (response < np.float32(low)) & around
    padded = np.pad(lost, 1)
    adjacent = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return np.where(lost, np.uint32(DQ.OPEN), np.where(adjacent, np.uint32(DQ.ADJ_OPEN), np.uint32(0)))
