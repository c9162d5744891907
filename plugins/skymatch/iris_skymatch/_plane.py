"""The plane in which exposures are compared: a TAN projection along the detector of the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Array, Doubles, Exposure

if TYPE_CHECKING:
    from gwcs import WCS

__all__ = ["PixelMap", "Plane", "choose_plane"]

# Pixels between the nodes at which the WCS is evaluated: between them the distortion of a camera is linear to 1e-3.
_STEP = 32


@dataclass(frozen=True, slots=True)
class Plane:
    """A tangent plane, in pixels.

    Parameters
    ----------
    crval
        Tangent point, longitude and latitude [deg].
    matrix
        Pixels per degree east and north, ``(2, 2)``: rows are x and y.
    """

    crval: tuple[float, float]
    matrix: Doubles

    def of_sky(self, longitude: Doubles, latitude: Doubles) -> Doubles:
        """Return x and y [pixel], ``(2, ...)``, of places on the sky [deg]; NaN on the far side of the sky."""
        lon, lat, lat0 = (np.deg2rad(angle) for angle in (longitude - self.crval[0], latitude, self.crval[1]))
        depth = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon)
        depth = np.where(depth > 0, depth, np.nan)
        east = np.cos(lat) * np.sin(lon) / depth
        north = (np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon)) / depth
        return np.tensordot(self.matrix, np.rad2deg(np.stack([east, north])), 1)

    def of_pixels(self, wcs: WCS, x: Doubles, y: Doubles) -> Doubles:
        """Return x and y in this plane, ``(2, ...)``, of pixels of an exposure."""
        return self.of_sky(*map(np.asarray, wcs(x, y, with_bounding_box=False)))


def choose_plane(outlines: Sequence[Exposure]) -> Plane:
    """Return the plane for exposures: at the middle of their centres, with the pixels of the first."""
    middles = [tuple((size - 1) / 2 for size in one.shape[::-1]) for one in outlines]
    places = [_wcs_of(one)(*middle, with_bounding_box=False) for one, middle in zip(outlines, middles, strict=True)]
    crval = _mean_direction(*np.array(places, dtype=np.float64).T)
    degrees = Plane(crval, np.eye(2))
    (x, y), step = middles[0], max(1.0, min(outlines[0].shape) / 4)
    across = degrees.of_pixels(
        outlines[0].wcs, np.array([x - step, x + step, x, x]), np.array([y, y, y - step, y + step])
    )
    slopes = np.stack([across[:, 1] - across[:, 0], across[:, 3] - across[:, 2]], axis=1) / (2 * step)
    left, _, right = np.linalg.svd(slopes)
    return Plane(crval, np.linalg.inv(left @ right) / np.sqrt(abs(np.linalg.det(slopes))))


def _wcs_of(outline: Exposure) -> WCS:
    assert outline.wcs is not None  # the check of the stage has seen to it
    return outline.wcs


def _mean_direction(longitude: Doubles, latitude: Doubles) -> tuple[float, float]:
    lon, lat = np.deg2rad(longitude), np.deg2rad(latitude)
    x, y, z = (part.mean() for part in (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
    return float(np.rad2deg(np.arctan2(y, x))) % 360, float(np.rad2deg(np.arctan2(z, np.hypot(x, y))))


@dataclass(frozen=True, slots=True)
class PixelMap:
    """Where the pixels of an image fall in a plane: known at nodes, linear between them.

    Parameters
    ----------
    nodes
        x and y, ``(2, ny, nx)``, from the first to the last row and column of the image.
    shape
        Rows and columns of the image.
    """

    nodes: Doubles
    shape: tuple[int, int]

    @classmethod
    def of(cls, plane: Plane, wcs: WCS, shape: tuple[int, int]) -> PixelMap:
        """Return the map of an exposure onto a plane."""
        y, x = (np.linspace(0, size - 1, max(2, -(-(size - 1) // _STEP) + 1)) for size in shape)
        return cls(plane.of_pixels(wcs, *np.meshgrid(x, y)), shape)

    def rows(self, where: slice) -> Doubles:
        """Return x and y of the pixels of some rows, ``(2, rows, columns)``."""
        along = _between(self.nodes, np.arange(where.start, where.stop), self.shape[0], axis=1)
        return _between(along, np.arange(self.shape[1]), self.shape[1], axis=2)


def _between(nodes: Doubles, at: Array, size: int, axis: int) -> Doubles:
    """Return values at some rows or columns of an image of `size` of them, linear between the nodes."""
    place = at * ((nodes.shape[axis] - 1) / max(size - 1, 1))
    first = np.minimum(place.astype(np.intp), nodes.shape[axis] - 2)
    share = (place - first).reshape([-1 if one == axis else 1 for one in range(nodes.ndim)])
    low, high = (np.take(nodes, index, axis=axis) for index in (first, first + 1))
    return np.asarray(low + share * (high - low))
