"""The pixel map: where the pixels of the exposure fall on the output grid.

It is smooth, so that a cubic spline through the WCS on a coarse grid is as good as the WCS in every pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from iris_drizzle import SplineMap

from iris_core import Doubles

__all__ = ["PixelMap", "Smooth", "pixel_map"]

# Rows [pixel] and a slice of columns to coordinates on the output grid, (rows, columns, 2): x and y of each pixel.
PixelMap = Callable[[Doubles, slice], Doubles]
# Pixel coordinates x and y to those on the output grid.
Transform = Callable[[Doubles, Doubles], tuple[Doubles, Doubles]]

# A tenth of what positions need: the area of a pixel is a difference of two of them.
_TOLERANCE = 1e-4
_STEPS = (64, 32, 16, 8)
# A spline needs some pixels to be worth its while.
_SMALLEST = 16
# Output coordinates are whole multiples of this [pixel]: a map onto an aligned grid is then aligned exactly,
# and pixels do not leak into their neighbours (with their DQ) by rounding errors.
_QUANTUM = 2.0**-16


@dataclass(frozen=True, slots=True)
class Smooth:
    """A pixel map that is a spline, which the compiled kernel can follow by itself."""

    spline: SplineMap

    def __call__(self, rows: Doubles, cut: slice) -> Doubles:
        """Return the places of the pixels of some rows and columns."""
        return _quantised(_follow(self.spline, rows, cut))


def pixel_map(transform: Transform, shape: tuple[int, int]) -> PixelMap:
    """Return the pixel map of an image.

    Parameters
    ----------
    transform
        Pixel coordinates to coordinates on the output grid.
    shape
        Rows and columns of the image.

    Returns
    -------
    PixelMap
        True to 1e-4 pixel: by splines on the coarsest grid that gives this between its nodes, or by `transform` itself.
    """
    columns = np.arange(shape[1], dtype=np.float64)
    if min(shape) >= _SMALLEST:
        for step in _STEPS:
            y, x = (_nodes(size, step) for size in shape)
            values = _evaluate(transform, y, x)
            if _error(transform, values, y, x) < _TOLERANCE:
                return Smooth(_spline(np.ascontiguousarray(_through(values, x, columns)), y))
    return lambda rows, cut: _quantised(_evaluate(transform, rows, columns[cut]))


def _nodes(size: int, step: int) -> Doubles:
    return np.linspace(0, size - 1, max(4, -(-(size - 1) // step) + 1))


def _evaluate(transform: Transform, y: Doubles, x: Doubles) -> Doubles:
    """Return the output coordinates on the grid of `y` and `x`, ``(y.size, x.size, 2)``."""
    columns, rows = np.meshgrid(x, y)
    return np.stack(transform(columns, rows), axis=-1)


def _error(transform: Transform, values: Doubles, y: Doubles, x: Doubles) -> float:
    """Return the largest error in the middles of the cells; infinite where a value is not finite."""
    if not np.all(np.isfinite(values)):
        return np.inf
    middle_y, middle_x = (nodes[:-1] + np.diff(nodes) / 2 for nodes in (y, x))
    between = _follow(_spline(_through(values, x, middle_x), y), middle_y)
    error = np.max(np.abs(between - _evaluate(transform, middle_y, middle_x)))
    return float(error) if np.isfinite(error) else np.inf


def _spline(values: Doubles, nodes: Doubles) -> SplineMap:
    """Return the cubic spline through values, ``(nodes, n, 2)``, at nodes of equal distance, four at least.

    Its slopes s at the nodes follow from its values v, with the distance h: ``s0 + 4 s1 + s2 = 3 (v2 - v0) / h``; at
    each end the first two pieces are one polynomial ("not a knot"; de Boor, A Practical Guide to Splines, chapter IV).
    """
    number, h = len(nodes), nodes[1] - nodes[0]
    matrix = 4 * np.eye(number) + np.eye(number, k=1) + np.eye(number, k=-1)
    matrix[0, :2] = matrix[-1, :-3:-1] = 1, 2
    change = np.diff(values, axis=0) / h
    ends = (5 * change[:1] + change[1:2]) / 2, (5 * change[-1:] + change[-2:-1]) / 2
    known = np.concatenate([ends[0], 3 * (change[1:] + change[:-1]), ends[1]])
    slopes = np.linalg.solve(matrix, known.reshape(number, -1)).reshape(values.shape)
    before, after = slopes[:-1], slopes[1:]
    powers = (before + after - 2 * change) / h**2, (3 * change - 2 * before - after) / h, before, values[:-1]
    return SplineMap(coefficients=np.stack(powers), breaks=nodes, quantum=_QUANTUM)


def _follow(spline: SplineMap, places: Doubles, cut: slice = slice(None)) -> Doubles:
    """Return a spline, or some of its columns, at some places, ``(places, n, 2)``."""
    piece, distance = spline.at(places)
    value, *others = spline.coefficients[:, piece, cut]
    for power in others:
        value = value * distance[:, np.newaxis, np.newaxis] + power
    return np.asarray(value)


def _through(values: Doubles, nodes: Doubles, places: Doubles) -> Doubles:
    """Return values, ``(ny, nodes, 2)``, between the nodes of their second axis."""
    return _follow(_spline(values.swapaxes(0, 1), nodes), places).swapaxes(0, 1)


def _quantised(coordinates: Doubles) -> Doubles:
    coordinates *= 1 / _QUANTUM
    np.rint(coordinates, out=coordinates)
    coordinates *= _QUANTUM
    return coordinates
