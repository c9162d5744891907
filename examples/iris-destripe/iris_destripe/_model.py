"""Sky, rows and columns of one channel, fitted in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_destripe._lines import fit_lines
from iris_destripe._sky import Boxes, median_of_known

if TYPE_CHECKING:
    from iris_core import Image

__all__ = ["Model", "correct", "flat_model", "take_medians"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The sum of a smooth sky and of the offsets of rows and columns.

    Parameters
    ----------
    sky
        ``(ny, nx)``.
    rows, columns
        ``(ny,)`` and ``(nx,)``; without a smooth part, which is sky.
    """

    sky: Image
    rows: Image
    columns: Image

    def residual(self, values: Image) -> Image:
        """Return `values` without the model."""
        left = values - self.sky
        left -= self.rows[:, np.newaxis]
        left -= self.columns
        return left

    def add(self, sky: Image, rows: Image, columns: Image, weights: Image, boxes: Boxes) -> Model:
        """Return the model with more of everything; what is smooth of the rows and columns goes to the sky."""
        rows, columns = self.rows + rows, self.columns + columns
        of_rows = boxes.smooth_rows(rows, weights.sum(axis=1))
        of_columns = boxes.smooth_columns(columns, weights.sum(axis=0))
        total = self.sky + of_rows[:, np.newaxis]
        total += of_columns
        total += sky
        return Model(sky=total, rows=rows - of_rows, columns=columns - of_columns)


def flat_model(shape: tuple[int, int]) -> Model:
    """Return a model that is 0."""
    rows, columns = (np.zeros(length, dtype=np.float32) for length in shape)
    return Model(sky=np.zeros(shape, dtype=np.float32), rows=rows, columns=columns)


def take_medians(model: Model, values: Image, weights: Image, boxes: Boxes, lines: tuple[bool, bool]) -> Model:
    """Return a model with the medians of what it leaves added: of rows and columns, then of boxes.

    The stripes come first: the median of a box whose rows differ by more than their noise means little.

    Parameters
    ----------
    values, weights
        ``(ny, nx)``: the image, and 1 for the pixels that count, 0 elsewhere.
    boxes
        Of the sky.
    lines
        Whether there are offsets of rows, and of columns.
    """
    left = np.where(weights > 0, model.residual(values), np.float32(np.nan))
    rows, columns = np.zeros_like(model.rows), np.zeros_like(model.columns)
    if lines[0]:
        rows = np.nan_to_num(median_of_known(left))
        left -= rows[:, np.newaxis]
    if lines[1]:
        columns = np.nan_to_num(median_of_known(np.ascontiguousarray(left.T)))
        left -= columns
    return model.add(boxes.surface(boxes.medians(left)), rows, columns, weights, boxes)


def correct(model: Model, residual: Image, weights: Image, boxes: Boxes, lines: tuple[bool, bool]) -> Model:
    """Return a model with the means of its residual added; the other parameters are those of `take_medians`."""
    left = residual * weights
    rows, columns = fit_lines(left, weights, *lines)
    left -= weights * (rows[:, np.newaxis] + columns)
    return model.add(boxes.surface(boxes.means(left, weights)), rows, columns, weights, boxes)
