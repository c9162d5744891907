"""The readout channels of an exposure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from iris_core import Exposure, InputError, InstrumentMode

if TYPE_CHECKING:
    from iris_destripe import DestripeParams

__all__ = ["Channel", "cut", "find_channels"]

Channel = tuple[slice, slice]


def find_channels(exposure: Exposure, instrument: InstrumentMode, params: DestripeParams) -> list[Channel]:
    """Return the rows and columns of each channel, or of the part of it that is in the exposure.

    Parameters
    ----------
    exposure
        Of the whole detector, or with its window on it; one without a window is the whole detector.
    instrument
        Knows the detector's size.
    params
        How many channels there are, and how many pixels an offset needs.

    Raises
    ------
    InputError
        When the channels do not divide the detector, or are too narrow.
    """
    window = exposure.meta.window
    if window is None:
        (rows, columns), top, left = exposure.shape, 0, 0
    else:
        rows, columns = instrument.detectors[exposure.meta.detector].shape
        top, left = window.ystart - 1, window.xstart - 1
    _check(exposure, "channels_x", params.channels_x, columns, params.min_pixels if params.rows else 1)
    _check(exposure, "channels_y", params.channels_y, rows, params.min_pixels if params.columns else 1)
    ny, nx = exposure.shape
    return [(y, x) for y in cut(rows, params.channels_y, top, ny) for x in cut(columns, params.channels_x, left, nx)]


def _check(exposure: Exposure, parameter: str, channels: int, pixels: int, least: int) -> None:
    axis = "columns" if parameter == "channels_x" else "rows"
    where = f"{exposure.name}: {parameter}: {channels}, but the detector {exposure.meta.detector} has {pixels} {axis}"
    if pixels % channels:
        divisors = [number for number in range(1, pixels + 1) if pixels % number == 0]
        nearest = min(divisors, key=lambda number: abs(number - channels))
        raise InputError(f"{where}, which it does not divide; {nearest} would")
    if pixels // channels < least:
        raise InputError(f"{where}: {pixels // channels} a channel are fewer than min_pixels: {least}")


def cut(detector: int, count: int, start: int, length: int) -> list[slice]:
    """Cut one axis of an image along the borders of the channels of its detector.

    Parameters
    ----------
    detector
        Pixels of the detector along the axis.
    count
        Channels along the axis; divides `detector`.
    start, length
        First pixel of the image on the detector, 0-based, and its length.

    Examples
    --------
    >>> cut(detector=1024, count=2, start=448, length=128)
    [slice(0, 64, None), slice(64, 128, None)]
    """
    borders = range(0, detector + 1, detector // count)
    inside = [min(max(border - start, 0), length) for border in borders]
    return [slice(first, last) for first, last in pairwise(inside) if first < last]
