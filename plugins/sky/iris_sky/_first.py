"""The first pass: a sky without masks, and the stack of all images without it, in which objects are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from iris_background import count_kept, middle

from iris_core import Exposures, Image, Rows, in_threads, row_blocks
from iris_sky._place import Grid, Index

if TYPE_CHECKING:
    from iris_core import Array
    from iris_sky._level import Levels
    from iris_sky._masks import Masks

__all__ = ["Stack", "first_sky", "first_stack"]

# Of two values the lower is the sky where they differ by more than so many standard deviations of their difference.
# For a first look 3 is right: the mean is too low by 0.006 standard deviations, and hardly an object stays.
_PAIR = 3.0
# Of two values of the stack the higher is taken where they differ by more: the other is the hole that the light of an
# object left. To mask a cosmic ray costs a pixel, not to mask an object leaves a ghost.
_PAIR_OF_STACK = 5.0
# What all exposures may take at a time [bytes], in each thread: of less, threads wait for Python more than they work.
_BUDGET = 16 << 20


@dataclass(frozen=True, slots=True)
class Stack:
    """Images added to a grid one after the other: of each pixel the sum, the lowest and highest value, their number."""

    total: Image
    lowest: Image
    highest: Image
    number: Array

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Self:
        """Return a stack of no images."""
        total, lowest, highest = (np.full(shape, value, dtype=np.float32) for value in (0, np.inf, -np.inf))
        return cls(total, lowest, highest, np.zeros(shape, dtype=np.uint16))

    def add(self, values: Image, at: Index) -> None:
        """Add values, NaN where there are none, to the pixels `at`."""
        valid = np.isfinite(values)
        _put(np.add, self.total, at, np.where(valid, values, np.float32(0)))
        _put(np.fmin, self.lowest, at, values)
        _put(np.fmax, self.highest, at, values)
        _put(np.add, self.number, at, valid.astype(np.uint16))

    def mean(self, deviation: float) -> tuple[Image, Image]:
        """Return the stack without outliers, NaN where it is empty, and its variance over that of a value.

        From three values on without the lowest and the highest; of two the higher, where they do not agree.

        Parameters
        ----------
        deviation
            Standard deviation of a value.
        """
        mean, relative = np.empty((2, *self.total.shape), dtype=np.float32)
        for part in row_blocks(self.total.shape):
            rows = Stack(self.total[part], self.lowest[part], self.highest[part], self.number[part])
            mean[part], relative[part] = rows._mean(deviation)
        return mean, relative

    def _mean(self, deviation: float) -> tuple[Image, Image]:
        number = self.number.astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(self.number > 0, self.total / number, np.float32(np.nan))
            apart = (self.number == 2) & (self.highest - self.lowest > _PAIR_OF_STACK * 2**0.5 * deviation)
            np.copyto(mean, self.highest, where=apart)
            trimmed = (self.total - self.highest - self.lowest) / (number - 2)
        many = self.number > 2
        np.copyto(mean, trimmed, where=many)
        # 1, 1/2; and of 3, 4, 5 values 0.449, 0.298, 0.227 (order statistics of normal noise), within 7 %.
        effective = np.where(many, number - np.float32(0.6), np.maximum(number, np.float32(1)))
        return mean, np.asarray(1 / effective, dtype=np.float32)


def _put(function: Any, grid: Array, at: Index, values: Array) -> None:
    if isinstance(at[0], slice):
        part = grid[at]
        function(part, values, out=part)
    else:
        function.at(grid, at, values)


def first_stack(exposures: Exposures, levels: Levels, near: Sequence[Sequence[int]], grid: Grid, masks: Masks) -> Stack:
    """Return the stack of all exposures, each without the sky that the others near it show.

    Parameters
    ----------
    exposures
        In a common unit.
    levels
        Of their skies.
    near
        For each, the others.
    grid
        Where they lie.
    masks
        What is known to be no sky.
    """
    stack, plane = Stack.empty(grid.shape), masks.plane()
    hides = bool(plane.any())

    def without_sky(rows: Rows) -> tuple[slice, list[Image]]:
        values = rows.data
        skies, left = values, []
        if hides or masks.image is not None:
            masked = [masks.of_rows(plane, one, rows.where) for one in grid.placements]
            skies = np.where(np.stack(masked), np.float32(np.nan), values)
        for one, others in enumerate(near):
            sky = first_sky(_at_level(skies, one, others, levels), levels.deviation * levels.inflation)
            hidden = np.isnan(sky) & np.isfinite(values[one])
            if hides and len(others) < len(near) - 1 and hidden.any():
                every = [k for k in range(len(near)) if k != one]
                shown = _at_level(skies[:, hidden], one, every, levels)
                sky[hidden] = first_sky(shown, levels.deviation * levels.inflation)
            left.append(values[one] - sky)
        return rows.where, left

    for where, images in in_threads(without_sky, exposures.rows("data", budget=_BUDGET)):
        for image, placement in zip(images, grid.placements, strict=True):
            stack.add(image, placement.index(where))
    return stack


def _at_level(skies: Image, one: int, others: Sequence[int], levels: Levels) -> Image:
    """Return the skies of others at the level of one, ``(m, ...)`` of ``(n, ...)``."""
    alike = np.empty((len(others), *skies.shape[1:]), dtype=np.float32)
    for k, sky in zip(others, alike, strict=True):
        np.multiply(skies[k], np.float32(levels.factor(one, k)), out=sky)
        sky += np.float32(levels.offset(one, k))
    return alike


def first_sky(values: Image, deviation: float) -> Image:
    """Return the sky of some rows from other exposures at their level, objects not masked; NaN where none has a value.

    The median; of two values never the median, which is their mean: the lower one where they differ by 3 standard
    deviations of their difference.

    Parameters
    ----------
    values
        ``(m, ...)``, NaN where not valid.
    deviation
        Standard deviation of a value.
    """
    number = count_kept(np.isfinite(values))
    low, high = middle(values, number)
    sky: Image = np.float32(0.5) * (low + high)
    pair = (number == 2) & (high > low + np.float32(_PAIR * 2**0.5 * deviation))
    np.copyto(sky, low, where=pair)
    return sky
