"""The calls of the compiled functions: their arguments, and the rows of the grid over threads."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iris_drizzle._planes import Flags, Grid, Image, Plane, SplineMap, Survey

# The extension is compiled where the package is installed and there is a compiler.
native: Any = None
with suppress(ImportError):
    from iris_drizzle import _native as native

__all__ = ["drizzle", "fastest", "instructions", "lay_out", "native", "survey"]

# Rows and columns of the block of the grid that a thread works on at a time: its sums are 4 MB.
_BLOCK = (256, 512)


def instructions() -> tuple[str, ...]:
    """Return the instruction sets that the kernel can use on this machine, fastest first; none: it is not compiled.

    They are ``avx2``, for processors that have it, and ``portable``. Both give the same bits.
    """
    return () if native is None else tuple(native.instructions())


def survey(image: Image, rows: slice, using: str = "") -> Survey:
    """Return which pixels of some rows of an image are not used, and the weights of the others.

    Parameters
    ----------
    image
        The image.
    rows
        From where to where, step 1.
    using
        One of `instructions`; by default the first.
    """
    shape = rows.stop - rows.start, image.shape[1]
    unused, total = np.empty(shape, dtype=np.uint8), np.empty(shape[0])
    weighted, unweighted = np.empty(shape[0], dtype=np.int64), np.empty(shape[0], dtype=np.int64)
    to = unused, total, weighted, unweighted
    native.survey(using or fastest(), image.shape, *_planes(image), (rows.start, rows.stop), to)
    return Survey(unused=unused.view(np.bool_), total=total, weighted=weighted, unweighted=unweighted)


def drizzle(
    image: Image,
    mapping: SplineMap,
    grid: Grid,
    *,
    offset: tuple[float, float] = (0.0, 0.0),
    pixfrac: float = 1.0,
    using: str = "",
    threads: int | None = None,
    block: tuple[int, int] = _BLOCK,
) -> None:
    """Let an image fall onto a grid, whose planes are overwritten; the square kernel of Fruchter & Hook (2002).

    Parameters
    ----------
    image
        The image.
    mapping
        Where its pixels fall.
    grid
        What comes out; its variance is ``total``, the sum of the components of the image, or those of the image.
    offset
        What is added to the coordinates x and y of `mapping`.
    pixfrac
        Side of a drop over that of the pixel.
    using
        One of `instructions`; by default the first.
    threads
        By default as many as there are cores for this process, and one in a worker process.
    block
        Rows and columns of the grid that are worked on at a time. No bit of the result depends on it, on `threads`
        or on `using`.
    """
    if not 0 < pixfrac <= 1:
        raise ValueError(f"pixfrac {pixfrac}: a number above 0 and up to 1 is needed")
    using, total = using or fastest(), list(grid.variance) == ["total"] and bool(image.variance)
    if not total and list(grid.variance) != list(image.variance):
        raise ValueError(f"variances {list(grid.variance)} cannot be made of {list(image.variance)}")
    spline = _spline(mapping, image.shape[0], offset)
    bounds = np.empty((-(-image.shape[0] // native.TILE_ROWS), -(-image.shape[1] // native.TILE_COLUMNS), 4))
    native.bounds(using, image.shape, spline, bounds)
    ny, nx = grid.data.shape
    planes = grid.data, grid.weight, grid.dq, tuple(grid.variance.values()), (ny, nx)
    width = 4 * -(-(2 + len(grid.variance)) // 4)
    blocks = _blocks((ny, nx), block)
    given = using, image.shape, *_planes(image), total, pixfrac, spline, bounds, planes

    def work(blocks: Iterator[tuple[int, int, int, int]]) -> None:
        scratch = np.empty(block[0] * block[1] * width)
        for first, last, left, right in blocks:
            size = (last - first) * (right - left) * width
            native.drizzle(*given, (first, last, left, right), scratch[:size])

    number = min(threads or _threads(), len(blocks))
    queue = iter(blocks)
    if number == 1:
        work(queue)
        return
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(work, [queue] * number))


def lay_out(
    mapping: SplineMap,
    shape: tuple[int, int],
    offset: tuple[float, float],
    pixels: tuple[NDArray[np.int64], NDArray[np.int64]],
    flags: Flags,
    points: int,
    size: float,
    share: Plane,
    bits: Flags,
) -> None:
    """Add to the pixels of a grid what some pixels of an image would give, by points laid out over their drops.

    Parameters
    ----------
    mapping
        Where the pixels fall.
    shape
        Rows and columns of the image.
    offset
        What is added to the coordinates x and y of `mapping`.
    pixels
        Rows and columns of the pixels, ``(n,)``.
    flags
        Their flags, ``(n,)``.
    points
        Points along the side of a drop.
    size
        Side of a drop over that of the pixel.
    share
        ``(ny, nx)``; one over the square of `points` is added for each.
    bits
        ``(ny, nx)``; gets the flags.
    """
    y, x = (np.ascontiguousarray(one, dtype=np.int64) for one in pixels)
    given = y, x, np.ascontiguousarray(flags), len(y)
    native.lay_out(shape, _spline(mapping, shape[0], offset), given, points, size, (share, bits, *share.shape))


def _spline(mapping: SplineMap, rows: int, offset: tuple[float, float]) -> tuple[Any, ...]:
    """Return a map as the compiled functions take it."""
    piece, step = mapping.at(np.arange(rows, dtype=np.float64))
    return np.ascontiguousarray(mapping.coefficients), piece, step, mapping.pieces, mapping.quantum, *offset


def _blocks(shape: tuple[int, int], block: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Return first and last row, left and right column of the blocks of a grid."""
    (ny, nx), (height, width) = shape, block
    return [
        (first, min(first + height, ny), left, min(left + width, nx))
        for first in range(0, ny, height)
        for left in range(0, nx, width)
    ]


def fastest() -> str:
    """Return the first of `instructions`."""
    if native is None:
        raise RuntimeError("iris-drizzle was installed without a compiler (C++17) and cannot drizzle; install it again")
    return instructions()[0]


def _planes(image: Image) -> tuple[Any, ...]:
    """Return planes, weight and bits as the compiled functions take them."""
    variance = {name: _plane(one) for name, one in image.variance.items()}
    over = image.weight.over
    weight = image.weight.constant, None if over is None else tuple(variance[name] for name in over)
    dq = np.ascontiguousarray(image.dq, dtype=np.uint32)
    return (_plane(image.data), dq, tuple(variance.values())), weight, (image.unusable, image.hidden)


def _plane(plane: Plane) -> Plane:
    return np.ascontiguousarray(plane, dtype=np.float32)


def _threads() -> int:
    """Return how many threads this process may start: workers share the cores already."""
    if multiprocessing.parent_process() is not None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
