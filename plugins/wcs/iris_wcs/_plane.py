"""The plane in which exposures are compared, a TAN projection along the detector of the first, and maps into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from iris_core import Array, Doubles, Exposure

if TYPE_CHECKING:
    from gwcs import WCS

__all__ = ["PixelMap", "Plane", "choose_plane"]

# Pixels between the nodes at which the WCS is evaluated: between them the distortion of a camera is linear to 1e-3.
_STEP = 32
# A shift by whole pixels to so much is one: no value need be interpolated.
_WHOLE = 0.01
# Newton's steps to the pixel of a place, at most, and the step [pixel] that is the last one.
_ITERATIONS, _CONVERGED = 12, 1e-9


@dataclass(frozen=True, slots=True)
class Plane:
    """A tangent plane, in pixels.

    Parameters
    ----------
    crval
        Tangent point, longitude and latitude [deg].
    matrix
        Pixels per degree east and north, ``(2, 2)``: rows are x and y.
    origin
        x and y, from the tangent point, of what is x = y = 0.
    """

    crval: tuple[float, float]
    matrix: Doubles
    origin: tuple[float, float] = (0.0, 0.0)

    def of_sky(self, longitude: Doubles, latitude: Doubles) -> Doubles:
        """Return x and y [pixel], ``(2, ...)``, of places on the sky [deg]; NaN on the far side of the sky."""
        lon, lat, lat0 = (np.deg2rad(angle) for angle in (longitude - self.crval[0], latitude, self.crval[1]))
        depth = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon)
        depth = np.where(depth > 0, depth, np.nan)
        east = np.cos(lat) * np.sin(lon) / depth
        north = (np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon)) / depth
        places = np.tensordot(self.matrix, np.rad2deg(np.stack([east, north])), 1)
        return np.asarray(places - np.reshape(self.origin, (2,) + (1,) * (places.ndim - 1)))

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
    """Where the pixels of an image fall in a plane, or in another image: known at nodes, linear between them.

    Parameters
    ----------
    nodes
        x and y, ``(2, ny, nx)``, from the first to the last row and column of the image.
    shape
        Rows and columns of the image.
    shift
        x and y of the first pixel, where the map is a shift by whole pixels.

    Attributes
    ----------
    quantum
        Places are whole multiples of it [pixel]: the same whatever rows are computed together.
    """

    nodes: Doubles
    shape: tuple[int, int]
    shift: tuple[int, int] | None = None
    quantum: ClassVar = 2.0**-10

    @classmethod
    def of(cls, plane: Plane, wcs: WCS, shape: tuple[int, int]) -> PixelMap:
        """Return the map of an exposure onto a plane."""
        return cls(plane.of_pixels(wcs, *_lattice(shape)), shape)

    def aligned(self) -> PixelMap:
        """Return the map, as a shift where it is one by whole pixels to 1/100."""
        offset = self.nodes - _lattice(self.shape)
        whole = np.rint(offset[:, 0, 0])
        if np.all(np.abs(offset - whole[:, np.newaxis, np.newaxis]) < _WHOLE):
            return replace(self, shift=(int(whole[0]), int(whole[1])))
        return self

    def rows(self, where: slice) -> Doubles:
        """Return x and y of the pixels of some rows, ``(2, rows, columns)``, to 1/1024 pixel."""
        places = _linear(*self.lines(where), axis=2)
        np.rint(places, out=places)
        places *= self.quantum
        return places

    def lines(self, where: slice) -> tuple[Doubles, Array, Doubles]:
        """Return what the places of the pixels of some rows are made of.

        Returns
        -------
        along
            x and y at the nodes of each row, in units of `quantum`, ``(2, rows, nodes)``.
        cell, share
            The node before each column, and the place between it, 0, and the next, 1, ``(columns,)``.
        """
        along = _between(self.nodes / self.quantum, np.arange(where.start, where.stop), self.shape[0], axis=1)
        return along, *_cells(np.arange(self.shape[1]), self.nodes.shape[2], self.shape[1])

    def span(self, where: slice) -> tuple[float, float]:
        """Return the least and the largest y of the pixels of some rows, to 1/1024 pixel."""
        if self.shift is not None:
            return float(where.start + self.shift[1]), float(where.stop - 1 + self.shift[1])
        # Between nodes the map is linear: the extremes along a row are at nodes.
        y = _between(self.nodes[1:], np.arange(where.start, where.stop), self.shape[0], axis=1)
        return float(y.min()), float(y.max())

    def inverse(self, shape: tuple[int, int]) -> PixelMap:
        """Return the map of the pixels of the plane, ``(rows, columns)`` from (0, 0), to those of this image."""
        if self.shift is not None:
            x, y = self.shift
            return replace(self, shape=shape, shift=(-x, -y))
        return PixelMap(self.find(_lattice(shape)), shape)

    def find(self, places: Doubles) -> Doubles:
        """Return the x and y of pixels that fall onto places, ``(2, ...)``; beyond the image it is continued."""
        slopes = np.stack([self.nodes[:, 0, -1] - self.nodes[:, 0, 0], self.nodes[:, -1, 0] - self.nodes[:, 0, 0]], 1)
        steps = np.linalg.inv(slopes / np.maximum(np.array(self.shape[::-1]) - 1, 1))
        first = self.nodes[:, 0, 0].reshape(2, *(1,) * (places.ndim - 1))
        found = np.tensordot(steps, places - first, 1)
        for _ in range(_ITERATIONS):
            change = np.tensordot(steps, places - self.at(found), 1)
            found += change
            if np.all(np.abs(change) < _CONVERGED):
                break
        return np.asarray(found)

    def at(self, places: Doubles) -> Doubles:
        """Return the map at any x and y, ``(2, ...)``; beyond the image it is continued."""
        (x, u), (y, v) = (_cells(places[axis], self.nodes.shape[2 - axis], self.shape[1 - axis]) for axis in (0, 1))
        corners = ((1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v)
        steps = ((0, 0), (0, 1), (1, 0), (1, 1))
        parts = [
            weight * self.nodes[:, y + down, x + right] for weight, (down, right) in zip(corners, steps, strict=True)
        ]
        return np.asarray(sum(parts))


def _lattice(shape: tuple[int, int]) -> Doubles:
    """Return x and y of the nodes of an image, ``(2, ny, nx)``."""
    y, x = (np.linspace(0, size - 1, max(2, -(-(size - 1) // _STEP) + 1)) for size in shape)
    return np.stack(np.meshgrid(x, y))


def _between(nodes: Doubles, at: Array, size: int, axis: int) -> Doubles:
    """Return values at some rows or columns of an image of `size` of them, linear between the nodes."""
    return _linear(nodes, *_cells(at, nodes.shape[axis], size), axis)


def _linear(nodes: Doubles, first: Array, share: Doubles, axis: int) -> Doubles:
    """Return values linear between the nodes `first` and the next."""
    share = share.reshape([-1 if one == axis else 1 for one in range(nodes.ndim)])
    values = np.take(np.diff(nodes, axis=axis), first, axis=axis)
    values *= share
    values += np.take(nodes, first, axis=axis)
    return values


def _cells(at: Array, nodes: int, size: int) -> tuple[Array, Doubles]:
    """Return the node before each place on an axis of `size` pixels, and the place between it and the next."""
    place = at * ((nodes - 1) / max(size - 1, 1))
    first = np.clip(np.floor(place), 0, nodes - 2).astype(np.intp)
    return first, place - first
