"""The grid on which exposures are compared: its own, along the detector of the first, not that of the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from iris_wcs import PixelMap, Plane, choose_plane

from iris_core import Doubles, Exposure, InputError

__all__ = ["Grid", "Place", "choose_grid"]

# 2^30 pixels are 5 GB of planes; a larger grid, or one larger than the exposures by so much, comes from a wrong WCS.
_LARGEST, _SPARSE = 2**30, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an exposure lies on the grid.

    Parameters
    ----------
    corner
        Row and column of the first pixel of the grid that it may touch.
    shape
        Rows and columns of the grid that it may touch.
    pixels
        Its pixels to x and y from that corner.
    """

    corner: tuple[int, int]
    shape: tuple[int, int]
    pixels: PixelMap

    @property
    def cut(self) -> tuple[slice, slice]:
        """Its part of a plane of the grid."""
        (row, column), (rows, columns) = self.corner, self.shape
        return slice(row, row + rows), slice(column, column + columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid that holds all exposures.

    Parameters
    ----------
    plane
        In which its pixels are squares of side 1; (0, 0) is the middle of its first pixel.
    shape
        Rows and columns.
    places
        Of the exposures, in their order.
    """

    plane: Plane
    shape: tuple[int, int]
    places: tuple[Place, ...]


def choose_grid(outlines: Sequence[Exposure]) -> Grid:
    """Return the grid for exposures.

    Raises
    ------
    InputError
        When their WCS are in different frames, or they lie so far apart that one of them must be wrong.
    """
    frames = {one.name: str(one.wcs.output_frame.reference_frame) for one in outlines if one.wcs is not None}
    if len(set(frames.values())) > 1:
        raise InputError(f"outlier_detection: the exposures have different celestial frames: {frames}")
    plane = choose_plane(outlines)
    maps = [PixelMap.of(plane, one.wcs, one.shape) for one in outlines]
    origin = maps[0].nodes[:, 0, 0]
    low = np.array([np.floor(np.min(one.nodes, axis=(1, 2)) - origin) for one in maps])
    high = np.array([np.ceil(np.max(one.nodes, axis=(1, 2)) - origin) for one in maps])
    _check_size(low, high, outlines)
    first = low.min(axis=0)
    places = [_place(one, origin, bottom, top, first) for one, bottom, top in zip(maps, low, high, strict=True)]
    columns, rows = (high.max(axis=0) - first + 1).astype(int).tolist()
    return Grid(plane=replace(plane, origin=tuple(origin + first)), shape=(rows, columns), places=tuple(places))


def _place(pixels: PixelMap, origin: Doubles, low: Doubles, high: Doubles, first: Doubles) -> Place:
    columns, rows = (high - low + 1).astype(int).tolist()
    column, row = (low - first).astype(int).tolist()
    nodes = pixels.nodes - (origin + low)[:, np.newaxis, np.newaxis]
    return Place(corner=(row, column), shape=(rows, columns), pixels=replace(pixels, nodes=nodes).aligned())


def _check_size(low: Doubles, high: Doubles, outlines: Sequence[Exposure]) -> None:
    width, height = high.max(axis=0) - low.min(axis=0) + 1
    area = sum(one.shape[0] * one.shape[1] for one in outlines)
    if np.isfinite(width * height) and width * height <= min(_LARGEST, _SPARSE * area):
        return
    middle = (low + high) / 2
    apart = np.hypot(*(middle - np.nanmedian(middle, axis=0)).T)
    worst = outlines[int(np.argmax(np.nan_to_num(apart, nan=np.inf)))]
    raise InputError(
        f"outlier_detection: the exposures span {width:.0f} x {height:.0f} pixels, and have {area} together; "
        f"{worst.name} lies farthest from the others: see its WCS, or leave it out"
    )
