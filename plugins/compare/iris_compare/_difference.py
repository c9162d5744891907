"""The difference of two exposures, in numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from iris_compare._sky import SkyOffset, measure_sky_offset
from iris_compare._stored import Planes
from iris_core import DQ, Array, Doubles, Exposure, Image, Mask, row_blocks, unit_string

__all__ = [
    "BitChange",
    "Difference",
    "Extreme",
    "Ratios",
    "Spread",
    "Validity",
    "err_ratio",
    "measure_difference",
    "subtract",
    "where_valid",
]


@dataclass(frozen=True, slots=True)
class Extreme:
    """A value and the pixel that has it: 0-based ``(x, y)``, or ``(x, y, integration)``."""

    value: float
    pixel: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, root of the mean square about zero, and the value farthest from zero."""

    median: float
    rms: float
    largest: Extreme


@dataclass(frozen=True, slots=True)
class Ratios:
    """Median, smallest and largest of a ratio."""

    median: float
    smallest: Extreme
    largest: Extreme


@dataclass(frozen=True, slots=True)
class Validity:
    """How many pixels are valid in both exposures, and in one of them only."""

    both: int
    first_only: int
    other_only: int


@dataclass(frozen=True, slots=True)
class BitChange:
    """How many pixels have a bit in the other exposure alone, and in the first alone."""

    gained: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one exposure differs from another.

    Parameters
    ----------
    unit, shape
        Of the first exposure.
    refusal
        Why nothing was subtracted; ``""`` where it was.
    pixels
        How many are valid; None where the shapes differ.
    changed
        How many of those that are valid in both have another value; None where nothing was subtracted.
    data
        Other minus first, in `unit`, over the pixels that are valid in both; None where there are none.
    sigma
        The same in units of the first exposure's err; None where that is not known.
    err
        The other err over the first; None where one is not known.
    dq
        By name, the bits that are not the same everywhere.
    sky
        How far apart on the sky the two WCS put a pixel; None unless both have a gWCS.
    notes
        Remarks on the numbers.
    identical
        Whether data, err, DQ and gWCS are the same in every pixel.
    """

    unit: str
    shape: tuple[int, ...]
    refusal: str = ""
    pixels: Validity | None = None
    changed: int | None = None
    data: Spread | None = None
    sigma: Spread | None = None
    err: Ratios | None = None
    dq: Mapping[str, BitChange] = field(default_factory=dict)
    sky: SkyOffset | None = None
    notes: tuple[str, ...] = ()
    identical: bool = False

    def plain(self) -> dict[str, Any]:
        """Return it as data that can be written as JSON."""
        return asdict(self)


def _why_not_subtracted(first: Planes, other: Planes) -> str:
    if first.data.shape != other.data.shape:
        return f"their shapes differ: {_size(first)} and {_size(other)}"
    if first.outline.unit != other.outline.unit:
        return f"their units differ: {_unit(first.outline)} and {_unit(other.outline)}"
    return ""


def _unit(exposure: Exposure) -> str:
    return "none" if exposure.unit is None else unit_string(exposure.unit)


def _size(planes: Planes) -> str:
    return " x ".join(map(str, planes.data.shape))


def measure_difference(first: Exposure | Planes, other: Exposure | Planes) -> Difference:
    """Compare two exposures pixel by pixel.

    Where their units differ only DQ and validity are compared, where their shapes differ nothing is.

    Parameters
    ----------
    first, other
        ``(ny, nx)`` or ``(nint, ny, nx)``, in any unit.
    """
    first, other = Planes.of(first), Planes.of(other)
    found = Difference(unit=_unit(first.outline), shape=first.data.shape, refusal=_why_not_subtracted(first, other))
    if first.data.shape != other.data.shape:
        return found
    found = _count_pixels(found, first, other)
    if found.refusal:
        return found
    sky = measure_sky_offset(first.outline, other.outline)
    return replace(
        _measure_pixels(found, first, other),
        sky=sky,
        notes=tuple(_notes(first, other, sky)),
        identical=_are_identical(first, other) and (sky is None or sky.arcsec == 0),
    )


def _count_pixels(found: Difference, first: Planes, other: Planes) -> Difference:
    numbers, changed = np.zeros(3, dtype=np.int64), np.zeros((2, 32), dtype=np.int64)
    for block in row_blocks(first.data.shape):
        here, there = _valid(first, block), _valid(other, block)
        numbers += [_count(here & there), _count(here & ~there), _count(there & ~here)]
        changed += _changed_bits(first.dq[block], other.dq[block])
    named = ((bit, changed[:, int(bit).bit_length() - 1]) for bit in DQ)
    bits = {bit.name or "": BitChange(int(gained), int(lost)) for bit, (gained, lost) in named if gained or lost}
    return replace(found, pixels=Validity(*map(int, numbers)), dq=bits)


def _changed_bits(first: Array, other: Array) -> Array:
    """Return, for each of 32 bits, in how many pixels it is gained, and in how many lost."""
    counts = np.zeros((2, 32), dtype=np.int64)
    for row, bits in enumerate((other & ~first, first & ~other)):
        there = int(np.bitwise_or.reduce(bits, axis=None))
        for bit in (one for one in range(32) if there >> one & 1):
            counts[row, bit] = _count((bits >> np.uint32(bit)) & np.uint32(1))
    return counts


def _measure_pixels(found: Difference, first: Planes, other: Planes) -> Difference:
    difference, sigma = subtract(first, other)
    changed = sum(_count(np.isfinite(one) & (one != 0)) for one in (difference[at] for at in row_blocks(found.shape)))
    data = _spread(difference)
    del difference  # two more planes come
    over = None if sigma is None else _spread(sigma)
    del sigma
    ratio = err_ratio(first, other)
    return replace(found, changed=changed, data=data, sigma=over, err=None if ratio is None else _ratios(ratio))


def _are_identical(first: Planes, other: Planes) -> bool:
    if bool(first.variance) != bool(other.variance) or (first.outline.wcs is None) != (other.outline.wcs is None):
        return False
    return all(
        np.array_equal(first.data[block], other.data[block], equal_nan=True)
        and np.array_equal(first.dq[block], other.dq[block])
        and np.array_equal(first.err(block), other.err(block), equal_nan=True)
        for block in row_blocks(first.data.shape)
    )


def _valid(planes: Planes, block: Any) -> Mask:
    return np.asarray(np.isfinite(planes.data[block]) & ((planes.dq[block] & DQ.DO_NOT_USE) == 0))


def _count(mask: Array) -> int:
    return int(np.count_nonzero(mask))


def subtract(first: Exposure | Planes, other: Exposure | Planes) -> tuple[Image, Image | None]:
    """Return other minus first, and the same in units of the first's err (None where that is not known).

    Parameters
    ----------
    first, other
        Of one shape and unit.

    Returns
    -------
    tuple
        float32 planes of the shape of the data, NaN where a pixel is not valid in both; the second one also where
        the err is 0.
    """
    if not Planes.of(first).variance:
        return where_valid(first, other, _subtracted), None
    return where_valid(first, other, _subtracted), where_valid(first, other, lambda *of: _over(_subtracted(*of), of[2]))


def err_ratio(first: Exposure | Planes, other: Exposure | Planes) -> Image | None:
    """Return the other err over the first, NaN where a pixel is not valid in both or the first err is 0."""
    if not (Planes.of(first).variance and Planes.of(other).variance):
        return None
    return where_valid(first, other, lambda _, __, err, other_err: _over(other_err, err))


def where_valid(first: Exposure | Planes, other: Exposure | Planes, function: Callable[..., Array]) -> Image:
    """Return what a function makes of data and err of both, by blocks of rows, where a pixel is valid in both."""
    first, other = Planes.of(first), Planes.of(other)
    made = np.full(first.data.shape, np.nan, dtype=np.float32)
    for block in row_blocks(made.shape):
        valid = _valid(first, block) & _valid(other, block)
        given = first.data[block], other.data[block], first.err(block), other.err(block)
        np.copyto(made[block], function(*given), where=valid, casting="same_kind")
    return made


def _subtracted(data: Array, other: Array, *_: Array) -> Doubles:
    return np.subtract(other, data, dtype=np.float64)


def _over(plane: Array, err: Array) -> Doubles:
    return np.asarray(np.divide(plane, err, out=np.full(plane.shape, np.nan), where=err > 0, dtype=np.float64))


def _spread(plane: Image) -> Spread | None:
    values = plane[np.isfinite(plane)]
    if not values.size:
        return None
    rms = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
    return Spread(float(np.median(values)), rms, _extreme(plane, int(np.nanargmax(np.abs(plane)))))


def _ratios(ratio: Image) -> Ratios | None:
    values = ratio[np.isfinite(ratio)]
    if not values.size:
        return None
    low, high = int(np.nanargmin(ratio)), int(np.nanargmax(ratio))
    return Ratios(float(np.median(values)), _extreme(ratio, low), _extreme(ratio, high))


def _extreme(plane: Image, at: int) -> Extreme:
    index = np.unravel_index(at, plane.shape)
    y, x = index[-2:]
    return Extreme(float(plane[index]), (int(x), int(y), *(int(one) for one in index[:-2])))


def _notes(first: Planes, other: Planes, sky: SkyOffset | None) -> list[str]:
    """Return remarks on the numbers."""
    alone = sorted({*first.variance} ^ {*other.variance})
    notes = [
        f"the variance component '{name}' is in the {'first' if name in first.variance else 'other'} only"
        for name in alone
    ]
    zero = sum(
        _count(_valid(first, block) & _valid(other, block) & (first.err(block) == 0))
        for block in row_blocks(first.data.shape)
    )
    if zero:
        notes.append(f"pixels whose first err is 0, not counted in what is over err: {zero}")
    if (first.outline.wcs is None) != (other.outline.wcs is None):
        notes.append(f"only the {'other' if first.outline.wcs is None else 'first'} has a gWCS")
    if sky is not None and sky.pixels > 0.01:
        notes.append(f"the same pixel is up to {sky.pixels:.3g} pixel apart on the sky; the difference has that in it")
    return notes
