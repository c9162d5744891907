"""Values of an image between its pixels, at the pixels of another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iris_drizzle._kernel import fastest, native
from iris_drizzle._planes import Doubles, Plane

__all__ = ["LineMap", "interpolate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMap:
    """Where the pixels of some rows of an image fall in another one: linear between nodes along the rows.

    Parameters
    ----------
    along
        x and y at the nodes, ``(2, rows, nodes)``, in units of `quantum`; places are rounded to whole ones.
    cell
        The node before each column, ``(columns,)``.
    share
        The place of each column between that node, 0, and the next, 1, ``(columns,)``.
    quantum
        A power of 2 [pixel].
    """

    along: Doubles
    cell: NDArray[np.int32]
    share: Doubles
    quantum: float


def interpolate(
    image: Plane,
    lines: LineMap,
    *,
    first: int = 0,
    least: float = 1.0,
    count: NDArray[np.uint8] | None = None,
    using: str = "",
) -> tuple[Plane, NDArray[np.uint8] | None]:
    """Return the values of an image at the places of some rows of another one, bilinear; NaN beyond it.

    What lies on the outer half of the outermost pixels is on the image, and has their values. Where a pixel around a
    place is not valid, the value is the mean of those that are, with their weights.

    Parameters
    ----------
    image
        ``(ny, nx)``, NaN where there is no value.
    lines
        The places.
    first
        Row of the first row of `image`, as the places count them.
    least
        NaN where valid pixels have less than this part of the weight.
    count
        ``(ny, nx)``; of it the values of the nearest pixels are given, 0 beyond it.
    using
        One of `instructions`; by default the first. No bit of the result depends on it.
    """
    (_, rows, nodes), (ny, nx) = lines.along.shape, image.shape
    columns = lines.cell.size
    values = np.empty((rows, columns), dtype=np.float32)
    counts = None if count is None else np.empty((rows, columns), dtype=np.uint8)
    places = np.ascontiguousarray(lines.along), lines.cell, lines.share
    sizes, rules = (rows, columns, nodes), (lines.quantum, float(first), least)
    native.interpolate(using or fastest(), image, count, (ny, nx), places, sizes, rules, (values, counts))
    return values, counts
