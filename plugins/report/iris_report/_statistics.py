"""What the pixels of a product say of its sky and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from iris_verify import Plane

from iris_core import DQ, Array, Mask, row_blocks

__all__ = ["EDGES", "Sky", "count_flags", "measure_sky", "thinned_level"]

_Index = tuple[int | slice, ...]

# Standard deviation over median absolute deviation, for a normal distribution.
_MAD_TO_SIGMA = 1.482602
# A million values give the noise to 0.1 %; of larger images bands of rows are read.
_SAMPLE, _BAND = 1 << 21, 64
_SOURCE = 3.0  # standard deviations above the sky
_REACH = 3  # pixels around what is a source
EDGES = np.linspace(-6, 6, 61)  # of the histogram, in standard deviations


@dataclass(frozen=True, slots=True)
class Sky:
    """The pixels between the sources.

    Parameters
    ----------
    level, noise
        Their median, and 1.4826 times their median absolute deviation [unit of the product].
    ratio
        The same deviation of (value - level) / error: 1 where the errors are true. None without errors.
    pixels
        How many pixels there are between sources, of those that were looked at.
    counts
        Histogram of value / error over `EDGES`, as they are; of (value - level) / noise without errors.
    shifted
        The same of (value - level) / error.
    """

    level: float
    noise: float
    ratio: float | None
    pixels: int
    counts: tuple[int, ...]
    shifted: tuple[int, ...]


def measure_sky(planes: Mapping[str, Plane]) -> Sky | None:
    """Measure the pixels between the sources; None where no pixel is valid.

    A source is what lies 3 standard deviations above the median, with 3 pixels around it, found once. Of more than two
    million pixels bands of 64 rows are looked at, all over the image.
    """
    bands = [_band(planes, index) for index in _bands(planes["SCI"].shape)]
    level, noise = _spread(np.concatenate([data[good] for data, _, good in bands]))
    if not np.isfinite(level):
        return None
    limit = np.float32(level + _SOURCE * noise)
    kept = [(data, err, good & ~_grown(good & (data > limit))) for data, err, good in bands]
    values = np.concatenate([data[sky] for data, _, sky in kept])
    if not values.size:
        return None
    level, noise = _spread(values)
    if "ERR" not in planes:
        counts = _count((values - np.float32(level)) / np.float32(noise or 1))
        return Sky(level, noise, None, values.size, counts, counts)
    err = np.concatenate([part[sky] for _, part, sky in kept])
    # A level that is divided by errors that differ would scatter, too.
    shifted = (values - np.float32(level)) / err
    return Sky(level, noise, _spread(shifted)[1], values.size, _count(values / err), _count(shifted))


def thinned_level(plane: Plane) -> float:
    """Return the median of every 16th row: the level of a sky that was not subtracted. NaN where nothing is valid."""
    rows = range(0, plane.shape[-2], 16)
    first = (0,) * (len(plane.shape) - 2)
    values = np.concatenate([plane[(*first, slice(row, row + 1))].ravel() for row in rows])
    return _spread(values[np.isfinite(values)])[0]


def count_flags(planes: Mapping[str, Plane]) -> dict[str, float]:
    """Return for each DQ bit that is set anywhere the fraction of the pixels that have it."""
    if "DQ" not in planes:
        return {}
    counts = dict.fromkeys(DQ, 0)
    for block in row_blocks(planes["SCI"].shape):
        flags = planes["DQ"][block]
        present = int(np.bitwise_or.reduce(flags, axis=None))
        for bit in DQ(present):
            counts[bit] += int(np.count_nonzero(flags & np.uint32(bit)))
    return {str(bit.name): count / prod(planes["SCI"].shape) for bit, count in counts.items() if count}


def _band(planes: Mapping[str, Plane], index: _Index) -> tuple[Array, Array, Mask]:
    """Return the data, the errors and which are valid; without errors, errors of 1."""
    data = planes["SCI"][index]
    err = planes["ERR"][index] if "ERR" in planes else np.ones_like(data)
    good = np.isfinite(data) & (err > 0)
    if "DQ" in planes:
        good &= (planes["DQ"][index] & DQ.DO_NOT_USE) == 0
    return data, err, good


def _bands(shape: tuple[int, ...]) -> Iterator[_Index]:
    *cube, rows, columns = shape
    integrations = list(np.ndindex(*cube))
    if prod(shape) <= _SAMPLE or rows <= _BAND:
        yield from ((*one, slice(0, rows)) for one in integrations)
        return
    most = max(1, _SAMPLE // (_BAND * columns))
    integrations = integrations[:: -(-len(integrations) // most)]
    number = min(rows // _BAND, max(1, most // len(integrations)))
    for start in np.linspace(0, rows - _BAND, number).astype(int):
        yield from ((*one, slice(int(start), int(start) + _BAND)) for one in integrations)


def _spread(values: Array) -> tuple[float, float]:
    """Return the median, and the standard deviation from the median absolute deviation."""
    if not values.size:
        return np.nan, np.nan
    middle = np.median(values)
    return float(middle), _MAD_TO_SIGMA * float(np.median(np.abs(values - middle)))


def _grown(mask: Mask) -> Mask:
    """Return a mask with a square around each pixel that is set."""
    for axis in (0, 1):
        ahead = np.moveaxis(mask, axis, 0)
        grown = ahead.copy()
        for step in range(1, _REACH + 1):
            grown[step:] |= ahead[:-step]
            grown[:-step] |= ahead[step:]
        mask = np.moveaxis(grown, 0, axis)
    return mask


def _count(values: Array) -> tuple[int, ...]:
    return tuple(int(one) for one in np.histogram(values, EDGES)[0])
