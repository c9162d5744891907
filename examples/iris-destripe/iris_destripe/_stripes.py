"""The offsets of the rows and columns of one channel, told apart from its sky and its sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_destripe._lines import drop_unmeasured, zero_sum
from iris_destripe._model import Model, correct, flat_model, take_medians
from iris_destripe._sky import Boxes, lay_boxes
from iris_destripe._sources import find_prominent, find_sources, robust_spread

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["Search", "Stripes", "find_stripes"]

# Sources are looked for again until less than this part of the pixels changes sides, at most so many times.
_SETTLED, _PASSES = 1e-3, 10
# With the sources known, the sky and the stripes are fitted in turn so many times.
_SWEEPS = 2
# Pixels with more than this times the usual error would only add noise to an average.
_NOISY = 2.0
# With a larger part of a row below its offset it is not known which part is the sky.
_DOUBTFUL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How stripes are looked for; the fields are those of the stage's parameters."""

    rows: bool
    columns: bool
    box_size: int
    sigma: float
    min_pixels: int

    @property
    def lines(self) -> tuple[bool, bool]:
        """Whether there are offsets of rows, and of columns."""
        return self.rows, self.columns

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of an image along which these lines run."""
        return tuple(axis for axis, wanted in ((1, self.rows), (0, self.columns)) if wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripes:
    """What was found in one channel.

    Parameters
    ----------
    rows, columns
        ``(ny,)`` and ``(nx,)``: the offset of each, in the unit of the data; 0 where it is not measured.
    used
        ``(ny, nx)``: the pixels whose means these are; none in a row or column that is not measured.
    valid
        ``(ny, nx)``: the pixels that have a value.
    scatter
        Standard deviation of what is left in these pixels.
    boxes
        How many boxes of smooth sky there are along the columns, that is from row to row, and along the rows.
    """

    rows: Image
    columns: Image
    used: Mask
    valid: Mask
    scatter: float
    boxes: tuple[int, int]


def find_stripes(values: Image, err: Image | None, usable: Mask, search: Search) -> Stripes:
    """Measure the stripes of one channel.

    Parameters
    ----------
    values
        ``(ny, nx)``; NaN where there is no value.
    err
        Their standard deviations; None where they are not known.
    usable
        The pixels that see the sky like all others, and no other value than their own.
    search
        How.

    Notes
    -----
    The model is sky + row + column. Medians give a first one, and again without what stands out of it. Then, in turn:
    what stands out of the residuals is taken for sources, and the model is corrected by means of the residuals of all
    other pixels: along rows and columns, and of what is left in boxes for the sky. What is too low (ghosts of
    subtracted background exposures) is looked for from the second turn on: in the first one the offset of a row that
    is half source lies between source and sky.
    """
    valid = np.isfinite(values)
    scene = _look_at(values, err, usable & valid, search)
    used, model = _leave_sources(scene, *_first_model(scene))
    used = drop_unmeasured(used & ~_doubtful(scene, model), valid, search.rows, search.columns, search.min_pixels)
    weights = used.astype(np.float32)
    for _ in range(_SWEEPS):
        model = correct(model, model.residual(scene.values), weights, scene.boxes, search.lines)
    return Stripes(
        rows=zero_sum(model.rows, used.sum(axis=1) > 0, valid.sum(axis=1)),
        columns=zero_sum(model.columns, used.sum(axis=0) > 0, valid.sum(axis=0)),
        used=used,
        valid=valid,
        scatter=robust_spread(model.residual(scene.values)[used]) if used.any() else 0.0,
        boxes=scene.boxes.count,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """A channel as it is looked at.

    Parameters
    ----------
    values
        0 where there is no value to be used.
    known
        1 where there is one, 0 elsewhere.
    per_noise
        The factor that makes residuals comparable.
    least
        The least spread that these then have.
    boxes, search
        How it is looked at.
    """

    values: Image
    known: Image
    per_noise: Image
    least: float
    boxes: Boxes
    search: Search


def _look_at(values: Image, err: Image | None, known: Mask, search: Search) -> _Scene:
    usual = float(np.median(err[known])) if err is not None and known.any() else 0.0
    if err is not None:
        known = known & (err <= _NOISY * usual)
    weights, filled = known.astype(np.float32), np.where(known, values, np.float32(0))
    # Without errors the noise is that of the image; only rounding errors are known to be no sources.
    per_noise, least = weights, float(np.finfo(np.float32).eps * np.abs(filled).max())
    if err is not None and usual > 0:
        per_noise, least = np.divide(weights, err, out=np.zeros_like(weights), where=known & (err > 0)), 1.0
    boxes = lay_boxes((values.shape[0], values.shape[1]), search.box_size)
    return _Scene(values=filled, known=weights, per_noise=per_noise, least=least, boxes=boxes, search=search)


def _first_model(scene: _Scene) -> tuple[Mask, Model]:
    """Return what stands out most, and a model from medians of the rest."""
    search, (ny, nx) = scene.search, scene.values.shape
    first = take_medians(flat_model((ny, nx)), scene.values, scene.known, scene.boxes, search.lines)
    significance = first.residual(scene.values) * scene.per_noise
    prominent = find_prominent(significance, scene.known, search.sigma, search.axes, scene.least)
    return prominent, take_medians(first, scene.values, scene.known * ~prominent, scene.boxes, search.lines)


def _leave_sources(scene: _Scene, found: Mask, model: Model) -> tuple[Mask, Model]:
    """Return the pixels without sources, and the model of them; `found` and `model` are a first guess."""
    search = scene.search
    used = known = scene.known > 0
    for turn in range(_PASSES):
        residual = model.residual(scene.values)
        significance = residual * scene.per_noise
        sources = find_sources(significance, scene.known, search.sigma, search.axes, scene.least, negative=turn > 0)
        if turn == 0:
            sources |= found
        before, used = used, known & ~sources
        model = correct(model, residual, used.astype(np.float32), scene.boxes, search.lines)
        if turn > 0 and np.count_nonzero(before != used) < _SETTLED * used.size:
            break
    return used, model


def _doubtful(scene: _Scene, model: Model) -> Mask:
    """Return the rows and columns that are too low in so many pixels that it may be the rest that is a source."""
    search, significance = scene.search, model.residual(scene.values) * scene.per_noise
    low = find_sources(-significance, scene.known, search.sigma, search.axes, scene.least, negative=False)
    doubtful = np.zeros(low.shape, dtype=np.bool_)
    for axis in search.axes:
        doubtful |= low.sum(axis=axis, keepdims=True) > _DOUBTFUL * scene.known.sum(axis=axis, keepdims=True)
    return doubtful
