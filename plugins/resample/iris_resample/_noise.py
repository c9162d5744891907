"""How much noisier a large aperture is than the errors of its pixels: neighbours share noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from drizzle.resample import Drizzle

from iris_resample._drizzle import Drop, fall
from iris_resample._pixmap import PixelMap

if TYPE_CHECKING:
    from iris_core import Doubles, Image

__all__ = ["View", "combined_noise_factor", "correlated_noise_factor"]

# Cells along an axis, of a single image.
_CELLS = 16
# Of all exposures together, and of each at least: the phases of few exposures have to be known well.
_TOGETHER, _FEWEST = 32, 8
# Half the side of the shapes [input pixel], from drizzle's kernels: the diagonal of the square, 2.5 sigma of the
# gaussian (at least 1.2), the lobes of lanczos.
_REACH = {"square": 0.71, "turbo": 0.5, "point": 0.0, "gaussian": 1.2, "lanczos2": 2.0, "lanczos3": 3.0}


def correlated_noise_factor(mapping: PixelMap, shape: tuple[int, int], drop: Drop) -> float:
    """Return the noise of a large aperture over the root of the sum of its pixels' variances.

    An output pixel is I_o = sum_i c_oi d_i. For inputs of equal noise and weight the variance of a sum over many
    output pixels is sum_i (sum_o c_oi)^2, and their variances add up to sum_i sum_o c_oi^2; the factor is the root of
    the ratio. The c_oi are measured: a single bright pixel is drizzled at 256 places of the image, since the
    overlaps change with the phase of the pixels. For the square kernel and all phases alike this is the factor of
    Casertano et al. (2000, AJ 120, 2747, appendix A6), for many dithered exposures.

    Parameters
    ----------
    mapping
        The pixel map.
    shape
        Rows and columns of the image.
    drop
        How pixels fall.

    Returns
    -------
    float
        1 for independent pixels; to about a hundredth. NaN where nothing falls.
    """
    summed = squared = 0.0
    for _, response, _ in _responses(mapping, shape, drop, _CELLS):
        summed += float(response.sum()) ** 2
        squared += float(np.square(response).sum())
    return float(np.sqrt(summed / squared)) if squared else np.nan


@dataclass(frozen=True, slots=True)
class View:
    """An exposure of a mosaic: its pixel map, shape and drop, and `spread`, its weight times the error of a pixel."""

    mapping: PixelMap
    shape: tuple[int, int]
    drop: Drop
    spread: float


def combined_noise_factor(views: Iterable[View], weight: Image, number: int) -> float:
    """Return the factor of `correlated_noise_factor` for the mean of many exposures.

    Here c_oi is w_k a_oi / W_o, with the weight w_k of the exposure, the overlap a_oi and the weight W_o of the
    output pixel, and an input pixel counts with the variance v_k. The factor is the root of the sum of
    w_k^2 v_k (sum_o c_oi)^2 over that of w_k^2 v_k sum_o c_oi^2. Of W_o only what differs between neighbours is looked
    at, so that the edges of a mosaic, where few exposures overlap, count no more than its middle.

    Parameters
    ----------
    views
        The exposures.
    weight
        W_o, ``(ny, nx)``; 0 where there is no value.
    number
        How many exposures there are.
    """
    summed = squared = 0.0
    cells = _CELLS if number == 1 else max(_FEWEST, round(_TOGETHER / sqrt(number)))
    for view in views:
        for start, response, local in _responses(view.mapping, view.shape, view.drop, cells):
            coefficients = _normalised(response * local, _window(weight, start, response.shape)) * view.spread
            summed += float(coefficients.sum()) ** 2
            squared += float(np.square(coefficients).sum())
    return float(np.sqrt(summed / squared)) if squared else np.nan


def _window(plane: Image, start: tuple[int, int], shape: tuple[int, ...]) -> Doubles:
    """Return a part of a plane; 0 outside of it."""
    part = np.zeros(shape)
    low = np.maximum(start, 0)
    high = np.minimum(np.add(start, shape), plane.shape)
    if np.all(high > low):
        inner = tuple(slice(one - at, other - at) for one, other, at in zip(low, high, start, strict=True))
        part[inner] = plane[low[0] : high[0], low[1] : high[1]]
    return part


def _normalised(overlap: Doubles, weight: Doubles) -> Doubles:
    """Return overlaps over weights, relative to the mean of these; 0 where there is no value."""
    shared: Doubles = np.where(weight > 0, overlap, 0.0)
    if not shared.any():
        return shared
    mean = np.sum(shared * weight) / np.sum(shared)
    result: Doubles = np.divide(shared * mean, weight, out=np.zeros_like(shared), where=weight > 0)
    return result


def _responses(
    mapping: PixelMap, shape: tuple[int, int], drop: Drop, cells: int
) -> Iterator[tuple[tuple[int, int], Doubles, Doubles]]:
    """Give, for pixels all over an image, where its patch of the grid begins (row, column), and two planes of it.

    The first is the coefficients c_oi with which the pixel enters the mean of an exposure alone, the second the
    weights of these means, in units of the weight of a pixel: their product is the overlap of pixel and output pixel.
    """
    half = min(_patch(drop), (min(shape) - 1) // 2)
    for row, column in _places(shape, half, cells):
        rows = np.arange(row - half, row + half + 1, dtype=np.float64)
        pixmap = mapping(rows, slice(column - half, column + half + 1))
        if np.all(np.isfinite(pixmap)):
            yield _response(pixmap, drop)


def _places(shape: tuple[int, int], half: int, cells: int) -> Iterator[tuple[int, int]]:
    """Give a pixel at random from each cell of an even division of the image, at least `half` from its edges.

    Even, for phases that change slowly over the image; random, for those that change from pixel to pixel.
    """
    random = np.random.default_rng(20001201)
    room = np.array(shape) - 2 * half
    for cell in np.ndindex(cells, cells):
        row, column = half + np.floor((np.array(cell) + random.random(2)) / cells * room).astype(int)
        yield int(row), int(column)


def _patch(drop: Drop) -> int:
    """Return how far away [input pixel] a pixel may lie that shares an output pixel with another one."""
    return int(np.ceil(2 * (_REACH[drop.kernel] + 0.71 * drop.ratio))) + 1


def _response(pixmap: Doubles, drop: Drop) -> tuple[tuple[int, int], Doubles, Doubles]:
    """Return the middle pixel of a patch as `_responses` gives it."""
    points = pixmap.reshape(-1, 2)
    low = np.floor(points.min(axis=0)) - 4
    columns, rows = (int(size) for size in points.max(axis=0) - low + 5)
    grid = Drizzle(kernel=drop.kernel, out_img=np.zeros((rows, columns), dtype=np.float32), disable_ctx=True)
    ny, nx, _ = pixmap.shape
    impulse = np.zeros((ny, nx), dtype=np.float32)
    impulse[ny // 2, nx // 2] = 1
    fall(grid, drop, impulse, np.ones_like(impulse), pixmap - low)
    start = int(low[1]), int(low[0])
    return start, np.asarray(grid.out_img, dtype=np.float64), np.asarray(grid.out_wht, dtype=np.float64)
