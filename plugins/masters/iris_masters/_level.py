"""The level of an image, and the level around each of its pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import InputError
from iris_masters._sample import MAD_TO_SIGMA, MEDIAN_ERROR

if TYPE_CHECKING:
    from iris_core import Array, Image

__all__ = ["Level", "half_sample_mode", "local_median", "measure_level", "robust_spread", "section_slices"]

# The error of the half-sample mode of N normal values is this times their standard deviation times N**(-1/5):
# measured for N from 300 to a million.
_MODE_ERROR = 0.94
# Side of the window of a local median [pixel], and how far apart the windows are: in between it is interpolated.
_SIDE, _STEP = 31, 15


@dataclass(frozen=True, slots=True)
class Level:
    """A level and its error."""

    value: float
    error: float


def half_sample_mode(values: Array) -> float:
    """Return the mode of values: the densest half of them, the densest half of that half, and so on.

    Robertson & Cryer (1974), JASA 69, 1012. Of three values that are left, it is the middle of the closer pair.
    """
    ordered = np.sort(values)
    while ordered.size > 2:
        half = (ordered.size + 1) // 2
        widths = ordered[half - 1 :] - ordered[: ordered.size - half + 1]
        start = _middle_of_least(widths)
        ordered = ordered[start : start + half]
    return float(ordered.mean(dtype=np.float64))


def _middle_of_least(widths: Array) -> int:
    """Return the middle one of the least widths: of values that are whole numbers many are equal."""
    least = np.flatnonzero(widths == widths.min())
    return int(least[(least.size - 1) // 2])


def measure_level(values: Array, variances: Array | None, statistic: str) -> Level:
    """Return the level of the values of an image.

    Parameters
    ----------
    values
        One-dimensional, all valid.
    variances
        Of the values; None where the errors are not known: then their scatter stands for them.
    statistic
        ``mean``, ``median`` or ``mode``.
    """
    functions: Mapping[str, Callable[[Array], float]] = {
        "mean": lambda those: float(np.mean(those, dtype=np.float64)),
        "median": lambda those: float(np.median(those)),
        "mode": half_sample_mode,
    }
    value, number = functions[statistic](values), values.size
    noise = robust_spread(values) if variances is None else float(np.sqrt(np.mean(variances, dtype=np.float64)))
    errors = {
        "mean": noise / number**0.5,
        "median": MEDIAN_ERROR * noise / number**0.5,
        "mode": _MODE_ERROR * robust_spread(values) / number**0.2,
    }
    return Level(value, errors[statistic])


def robust_spread(values: Array) -> float:
    """Return the standard deviation of the core of a distribution: 1.48 median absolute deviations."""
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def section_slices(section: str, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return rows and columns of a section as FITS has it: ``[x1:x2,y1:y2]``, from 1, both ends included.

    Parameters
    ----------
    section
        ``""`` for the whole image.
    shape
        Rows and columns of the image.

    Raises
    ------
    InputError
        When it is no section, or not within the image.
    """
    if not section:
        return slice(None), slice(None)
    found = re.fullmatch(r"\[?\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]?", section)
    x1, x2, y1, y2 = map(int, found.groups()) if found else (0, 0, 0, 0)
    if not (1 <= x1 <= x2 <= shape[1] and 1 <= y1 <= y2 <= shape[0]):
        raise InputError(
            f"the region {section!r} is no part of an image of {shape[1]} x {shape[0]} pixels; give [x1:x2,y1:y2], "
            f"columns and rows from 1, both ends included, such as [1:{shape[1]},1:{shape[0]}]"
        )
    return slice(y1 - 1, y2), slice(x1 - 1, x2)


def local_median(data: Image) -> Image:
    """Return the median of the 31 x 31 pixels around each pixel of an image, without those that are NaN.

    It is taken around every 15th pixel and interpolated linearly in between; at the edges fewer pixels are around, and
    where all are NaN the median of the whole image stands.

    Parameters
    ----------
    data
        ``(ny, nx)``.
    """
    rows, columns = (_centres(size) for size in data.shape)
    coarse = np.array([_medians_of_row(data, row, columns) for row in rows])
    missing = ~np.isfinite(coarse)
    if missing.any():
        finite = data[np.isfinite(data)]
        coarse[missing] = np.median(finite) if finite.size else np.nan
    return _interpolate(coarse, rows, columns, (data.shape[0], data.shape[1]))


def _centres(size: int) -> Array:
    """Return where windows are: at both ends, and at equal distances between."""
    return np.round(np.linspace(0, size - 1, -(-(size - 1) // _STEP) + 1)).astype(int) if size > 1 else np.zeros(1, int)


def _medians_of_row(data: Image, row: int, columns: Array) -> Image:
    """Return the medians of the windows whose centres are in a row."""
    half = _SIDE // 2
    strip = data[max(0, row - half) : row + half + 1]
    padded = np.pad(strip, ((0, 0), (half, half)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SIDE, axis=1)[:, columns]
    flat = np.moveaxis(windows, 1, 0).reshape(len(columns), -1)
    ordered = np.sort(flat, axis=1)
    number = np.count_nonzero(np.isfinite(flat), axis=1)
    each = np.arange(len(columns))
    return np.asarray(0.5 * (ordered[each, np.maximum(number - 1, 0) // 2] + ordered[each, number // 2]))


def _interpolate(coarse: Image, rows: Array, columns: Array, shape: tuple[int, int]) -> Image:
    """Return values at the crossings of rows and columns interpolated to all pixels."""
    across = np.array([np.interp(np.arange(shape[1]), columns, line) for line in coarse], dtype=np.float32)
    upper = np.clip(np.searchsorted(rows, np.arange(shape[0]), side="right"), 1, max(1, len(rows) - 1))
    if len(rows) == 1:
        return across
    lower = upper - 1
    part = ((np.arange(shape[0]) - rows[lower]) / (rows[upper] - rows[lower])).astype(np.float32)[:, np.newaxis]
    found: Image = across[lower] * (1 - part)
    found += across[upper] * part
    return found
