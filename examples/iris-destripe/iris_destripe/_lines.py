"""Means along rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["drop_unmeasured", "fit_lines", "zero_sum"]

# Rows and columns are fitted in turn so many times; each turn leaves of the error about the fraction that is masked.
_TURNS = 8
# Where less than this part of a row is sky it is not known what is: the model may have followed a source.
_TRUSTED = 0.25


def fit_lines(values: Image, weights: Image, rows: bool, columns: bool) -> tuple[Image, Image]:
    """Return the offsets of rows and columns, by least squares.

    Parameters
    ----------
    values
        ``(ny, nx)``, 0 where `weights` are.
    weights
        1 for the pixels that are used, 0 for the others.
    rows, columns
        Which offsets there are; the others are 0. The mean of the image goes with the rows where there are both.

    Returns
    -------
    tuple
        ``(ny,)`` and ``(nx,)``; 0 where no pixel is used.
    """
    row_sums, column_sums = values.sum(axis=1), values.sum(axis=0)
    row_pixels, column_pixels = (np.maximum(weights.sum(axis=axis), 1) for axis in (1, 0))
    of_rows, of_columns = np.zeros_like(row_sums), np.zeros_like(column_sums)
    for _ in range(_TURNS if rows and columns else 1):
        if rows:
            of_rows = (row_sums - weights @ of_columns) / row_pixels
        if columns:
            of_columns = (column_sums - of_rows @ weights) / column_pixels
    return of_rows, of_columns


def drop_unmeasured(used: Mask, valid: Mask, rows: bool, columns: bool, min_pixels: int) -> Mask:
    """Return `used` without the rows and columns of which too little is used.

    The stripe of a row that is not measured stays in it, so its pixels cannot serve to measure columns, nor the
    other way round.

    Parameters
    ----------
    used
        The pixels that show neither source nor defect.
    valid
        The pixels that have a value.
    rows, columns
        Which offsets there are.
    min_pixels
        How many pixels an offset needs; beside these, a quarter of those that are valid.
    """
    lines = [(axis, np.maximum(min_pixels, _TRUSTED * valid.sum(axis=axis, keepdims=True))) for axis in (1, 0)]
    wanted = [line for line, is_wanted in zip(lines, (rows, columns), strict=True) if is_wanted]
    while True:
        kept = used
        for axis, needed in wanted:
            kept = kept & (kept.sum(axis=axis, keepdims=True) >= needed)
        if np.array_equal(kept, used):
            return kept
        used = kept


def zero_sum(offsets: Image, measured: Mask, pixels: ArrayLike) -> Image:
    """Return offsets whose sum over all pixels is 0, and that are 0 where they are not measured.

    Parameters
    ----------
    offsets
        One for each row or column.
    measured
        Whether it is known.
    pixels
        How many pixels with a value there are in each.
    """
    count = np.where(measured, pixels, 0)
    if not count.any():
        return np.zeros_like(offsets)
    return np.where(measured, offsets - np.average(offsets, weights=count), 0).astype(np.float32)
