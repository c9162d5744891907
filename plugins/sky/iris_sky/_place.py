"""Where the pixels of dithered images lie on one common grid: that of the first image, made larger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from iris_objects import celestial_wcs
from iris_wcs import Plane

from iris_core import Array, Doubles, Exposure, InputError

if TYPE_CHECKING:
    from iris_core import Mask

__all__ = [
    "Grid",
    "Index",
    "Placement",
    "linear_map",
    "make_grid",
    "onto_grid",
    "plane_of",
    "tangent_header",
    "world_of",
]

World = Callable[[Doubles, Doubles], Any]
Index = tuple[Any, Any]

# Points along each axis of an image at which its WCS is asked.
_POINTS = 5
# A grid of more than so many times the pixels of an image holds exposures of different fields.
_LARGEST = 25


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies on the grid: its pixel (x, y), 0-based, at ``matrix @ (x, y) + shift``.

    Parameters
    ----------
    matrix, shift
        ``(2, 2)`` and ``(2,)``, pixels, x first.
    shape
        Rows and columns of the image.
    """

    matrix: Doubles
    shift: Doubles
    shape: tuple[int, int]

    @property
    def turned(self) -> bool:
        """Whether the image is not merely shifted: a corner is off by more than half a pixel."""
        (a, b), (c, d) = self.matrix.tolist()
        x, y = _centre(self.shape).tolist()
        return bool(max(abs(a - 1) * x + abs(b) * y, abs(c) * x + abs(d - 1) * y) > 0.5)

    @property
    def offset(self) -> tuple[int, int]:
        """Rows and columns by which the image is shifted, to whole pixels."""
        middle = _centre(self.shape)
        x, y = np.rint(self.matrix @ middle + self.shift - middle).astype(int)
        return int(y), int(x)

    def index(self, rows: slice) -> Index:
        """Return what takes the pixels of some rows of the image out of a plane on the grid, to whole pixels."""
        if not self.turned:
            down, right = self.offset
            return slice(rows.start + down, rows.stop + down), slice(right, right + self.shape[1])
        y, x = np.mgrid[rows.start : rows.stop, : self.shape[1]].astype(np.float64)
        column, row = self.at(x, y)
        return row.astype(np.intp), column.astype(np.intp)

    def at(self, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
        """Return the column and the row on the grid of pixels of the image, whole numbers."""
        (a, b), (c, d) = self.matrix
        right, up = self.shift
        return np.rint(a * x + b * y + right), np.rint(c * x + d * y + up)


@dataclass(frozen=True, slots=True)
class Grid:
    """The common grid.

    Parameters
    ----------
    shape
        Rows and columns.
    placements
        Of each image.
    origin
        ``(2,)``: where the first pixel of the grid lies among those of the first image, x first.
    """

    shape: tuple[int, int]
    placements: tuple[Placement, ...]
    origin: Doubles

    @property
    def distances(self) -> Doubles:
        """How far apart the centres of the images are, ``(n, n)`` pixels."""
        centres = np.array([one.matrix @ _centre(one.shape) + one.shift for one in self.placements])
        return np.asarray(np.hypot(*np.moveaxis(centres[:, np.newaxis] - centres, -1, 0)))


def make_grid(outlines: Sequence[Exposure]) -> Grid:
    """Return the grid on which all images fit, and where each lies on it.

    The WCS of each is taken to be linear: what distortions the images have in common drops out.

    Raises
    ------
    InputError
        When one has no celestial WCS, or lies so far off that it cannot be one of the dither.
    """
    plane = plane_of(outlines[0])
    maps = [linear_map(world_of(one), one.shape, plane) for one in outlines]
    (first, at), *_ = maps
    back = np.linalg.inv(first)
    placements = [
        Placement(back @ matrix, back @ (shift - at), one.shape)
        for (matrix, shift), one in zip(maps, outlines, strict=True)
    ]
    corners = np.array([_corners(one.shape) @ one.matrix.T + one.shift for one in placements])
    _refuse_strangers(outlines, corners)
    low = np.floor(np.round(corners.min(axis=(0, 1)), 3)) - 1
    width, height = (np.ceil(corners.max(axis=(0, 1))) - low + 2).astype(int)
    moved = tuple(replace(one, shift=one.shift - low) for one in placements)
    return Grid((int(height), int(width)), moved, low)


def _refuse_strangers(outlines: Sequence[Exposure], corners: Doubles) -> None:
    width, height = corners.max(axis=(0, 1)) - corners.min(axis=(0, 1))
    rows, columns = outlines[0].shape
    if not width * height <= _LARGEST * rows * columns:
        centres = corners.mean(axis=1)
        far = int(np.argmax(np.hypot(*(centres - np.median(centres, axis=0)).T)))
        raise InputError(
            f"the exposures cover {width:.0f} x {height:.0f} pixels, too far apart for dithers of one field; "
            f"{outlines[far].name} is farthest from the others: reduce other fields by themselves"
        )


def world_of(outline: Exposure) -> World:
    """Return the function of 0-based x and y that gives right ascension and declination, degrees.

    Raises
    ------
    InputError
        When there is neither a gWCS nor a celestial WCS in the science header.
    """
    if outline.wcs is not None:
        wcs = outline.wcs
        return lambda x, y: wcs(x, y, with_bounding_box=False)
    found = celestial_wcs(outline.sci_header)
    if found is None:
        raise InputError(
            f"{outline.name} has no WCS; a dither cannot be put together without: run assign_wcs before this stage"
        )
    return lambda x, y: found.all_pix2world(x, y, 0)


def plane_of(first: Exposure) -> Plane:
    """Return the plane that touches the sky at the middle of the first image, arcsec east and north."""
    ra, dec = world_of(first)(*_centre(first.shape))
    return Plane((float(ra), float(dec)), 3600 * np.eye(2))


def linear_map(world: World, shape: tuple[int, int], plane: Plane) -> tuple[Doubles, Doubles]:
    """Return matrix and shift from the pixels of an image to a plane.

    Parameters
    ----------
    world
        See `world_of`.
    shape
        Rows and columns of the image.
    plane
        See `plane_of`.
    """
    points = _points(shape)
    places = plane.of_sky(*map(np.asarray, world(*points.T))).T
    if not np.isfinite(places).all():
        raise InputError("the WCS of an exposure has no sky at its edges, or is on another side than the first")
    design = np.column_stack([points, np.ones(len(points))])
    (a, b, c), *_ = np.linalg.lstsq(design, places, rcond=None)
    return np.stack([a, b], axis=1), np.asarray(c)


def tangent_header(first: Exposure, grid: Grid) -> Any:
    """Return FITS keywords of the WCS of the grid."""
    from astropy.io.fits import Header

    plane = plane_of(first)
    matrix, shift = linear_map(world_of(first), first.shape, plane)
    # The pixel of the grid, 1-based, where the plane touches the sky.
    x, y = -np.linalg.solve(matrix, shift) - grid.origin + 1
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"}
    frame = {name: first.sci_header[name] for name in ("RADESYS", "EQUINOX") if name in first.sci_header}
    numbers = {"CRVAL1": plane.crval[0], "CRVAL2": plane.crval[1], "CRPIX1": x, "CRPIX2": y}
    numbers |= {f"CD{i + 1}_{j + 1}": matrix[i, j] / 3600 for i in (0, 1) for j in (0, 1)}
    return Header(list({**cards, "RADESYS": "ICRS", **frame, **numbers}.items()))


def _points(shape: tuple[int, int]) -> Doubles:
    y, x = (np.linspace(0, length - 1, _POINTS) for length in shape)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _corners(shape: tuple[int, int]) -> Doubles:
    ny, nx = shape
    return np.array([[0, 0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1]], dtype=np.float64)


def _centre(shape: tuple[int, int]) -> Doubles:
    return np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])


def onto_grid(plane: Array, pixels: Placement, shape: tuple[int, int]) -> Mask:
    """Return where a plane of another image is not 0, at the pixels of the grid; outside of it nothing is.

    Parameters
    ----------
    plane
        ``(ny, nx)``.
    pixels
        Where the grid lies among the pixels of the plane.
    shape
        Of the grid.
    """
    found = np.zeros(shape, dtype=np.bool_)
    for start in range(0, shape[0], 256):
        y, x = np.mgrid[start : min(start + 256, shape[0]), : shape[1]].astype(np.float64)
        column, row = pixels.at(x, y)
        inside = (row >= 0) & (row < plane.shape[0]) & (column >= 0) & (column < plane.shape[1])
        part = found[start : start + 256]
        part[inside] = plane[row[inside].astype(np.intp), column[inside].astype(np.intp)] != 0
    return found
