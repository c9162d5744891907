"""Which grid, and where on it an image falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Doubles, Exposure, InputError
from iris_resample._grid import Grid, Pair, plane_to_sky
from iris_resample._params import GridParams

if TYPE_CHECKING:
    from astropy.modeling import Model
    from gwcs import WCS

__all__ = ["Place", "Pointing", "check_touch", "choose_grid", "place_on", "pointing_of", "ratio_on", "whole_grid"]

# A sliver of an image narrower than this [pixel] gets no row or column of its own.
_SLIVER = 1e-3
# Drizzle finds the input pixels of the grid by a search that misses some where their angles have a smaller sine.
_SQUARE = 0.966
# 2^30 pixels are 20 GB of planes; a larger grid comes from a wrong unit.
_LARGEST = 2**30
# Of the area of all images together: a larger grid is empty but for an image that is not where it should be.
_SPARSE = 20
# Input pixels around a grid that cuts the image: near the cut drizzle leaves out pixels that overlap by a corner.
_MARGIN = 32
# Output pixels around every other grid: the corners of the image may lie on its edges, but for rounding.
_ROUNDING = 2
# Input pixels by which the shape of a drop may reach beyond the image.
_REACH = 4


@dataclass(frozen=True, slots=True)
class Pointing:
    """An image on the sky: its WCS (pixel, 0-based, to longitude and latitude [deg]), rows and columns, name."""

    wcs: WCS
    shape: tuple[int, int]
    name: str

    @property
    def centre(self) -> Doubles:
        """Its middle, x and y [pixel]."""
        return np.array([(self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2])

    @property
    def sky(self) -> Pair:
        """Longitude and latitude of its middle [deg]."""
        longitude, latitude = self.wcs(*self.centre, with_bounding_box=False)
        return float(longitude), float(latitude)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where on a grid an image falls.

    Parameters
    ----------
    rows, columns
        The part of the grid that is looked at.
    ratio
        Pixel scale of the grid over that of the image.
    margin
        Output pixels around that part which are drizzled as well, so that none of it lacks an input pixel.
    """

    rows: slice
    columns: slice
    ratio: float
    margin: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the part."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def offset(self) -> Doubles:
        """What takes a place (x, y) on the grid to one in the part with its margin."""
        return np.array([self.margin - self.columns.start, self.margin - self.rows.start], dtype=np.float64)


def pointing_of(exposure: Exposure, stage: str = "resample") -> Pointing:
    """Return where an exposure, or an outline, lies.

    Raises
    ------
    InputError
        When it has no WCS, or one that does not lead to the sky; or when it is tiny.
    """
    if exposure.wcs is None:
        raise InputError(f"{exposure.name}: {stage} needs a WCS and there is none; run assign_wcs before it")
    frame = exposure.wcs.output_frame
    if getattr(frame, "reference_frame", None) is None or exposure.wcs.world_n_dim != 2:
        raise InputError(f"{exposure.name}: {stage} needs a WCS from pixels to the sky; this one leads to {frame}")
    if min(exposure.shape) < 3:
        size = f"{exposure.shape[1]} x {exposure.shape[0]}"
        raise InputError(f"{exposure.name}: an image of {size} pixels cannot be drizzled; it takes 3 x 3")
    return Pointing(exposure.wcs, exposure.shape, exposure.name)


def choose_grid(images: Sequence[Pointing], request: GridParams) -> Grid:
    """Return the grid for one image or several, as far as `request` does not fix it: around all of them.

    Its axes and its pixel scale are those of the first one, its tangent point is in the middle of their centres.

    Raises
    ------
    InputError
        When an image is not on the sky or folded, none touches the grid, or the grid would be far too large.
    """
    first = images[0]
    crval = request.crval or _middle([image.sky for image in images])
    plane = plane_to_sky(crval).inverse
    local, *_ = [_local(image, plane, crval) for image in images]
    matrix = _matrix(local, request)
    spans = [_span(image, plane, matrix) for image in images]
    low, high = (np.array([span[side] for span in spans]) for side in (0, 1))
    origin, size = _extent(low.min(axis=0), high.max(axis=0), request)
    _refuse_beside(images, low + origin, high + origin, size)
    _check_size(images, low, high, size, request.output_shape is None)
    x, y = map(float, origin)
    return Grid(sky=first.wcs, crval=crval, origin=(x, y), matrix=matrix, shape=(size[1], size[0]))


def whole_grid(grid: Grid, image: Pointing) -> Place:
    """Return all of a grid as the place of an image."""
    return _place(_edges(grid, image), np.zeros(2), np.array(grid.shape[::-1]), ratio_on(grid, image))


def place_on(grid: Grid, image: Pointing) -> Place | None:
    """Return the part of a grid onto which an image falls, None where it does not touch the grid."""
    low, high = _edges(grid, image)
    size = np.array(grid.shape[::-1])
    if np.any(high <= 0) or np.any(low >= size):
        return None
    ratio = ratio_on(grid, image)
    reach = np.ceil(_REACH / ratio) + _ROUNDING
    start, stop = np.maximum(np.floor(low) - reach, 0), np.minimum(np.ceil(high) + reach, size)
    return _place((low, high), start, stop, ratio)


def _place(edges: tuple[Doubles, Doubles], start: Doubles, stop: Doubles, ratio: float) -> Place:
    low, high = edges
    cuts = bool(np.any(low < start - _SLIVER) or np.any(high > stop + _SLIVER))
    columns, rows = (slice(int(one), int(other)) for one, other in zip(start, stop, strict=True))
    return Place(rows=rows, columns=columns, ratio=ratio, margin=int(np.ceil(_MARGIN / ratio)) if cuts else _ROUNDING)


def _edges(grid: Grid, image: Pointing) -> tuple[Doubles, Doubles]:
    """Return the least and the largest x and y of an image [pixel of the grid, from its outer corner]."""
    low, high = _span(image, plane_to_sky(grid.crval).inverse, grid.matrix)
    return low + grid.origin + 0.5, high + grid.origin + 0.5


def ratio_on(grid: Grid, image: Pointing) -> float:
    """Return the pixel scale of a grid over that of an image; rounded, so that one that was asked for is exact."""
    local = _local(image, plane_to_sky(grid.crval).inverse, grid.crval)
    return float(f"{np.sqrt(grid.pixel_area) / _scale(local):.14g}")


def _middle(places: Sequence[Pair]) -> Pair:
    """Return the direction, longitude and latitude [deg], in the middle of some."""
    if len(places) == 1:
        return places[0]
    longitude, latitude = np.deg2rad(np.transpose(places))
    east = np.cos(latitude)
    x, y, z = (float(np.mean(part)) for part in (east * np.cos(longitude), east * np.sin(longitude), np.sin(latitude)))
    return float(np.rad2deg(np.arctan2(y, x))) % 360, float(np.rad2deg(np.arctan2(z, np.hypot(x, y))))


def _local(image: Pointing, plane: Model, crval: Pair) -> Doubles:
    """Return degrees on the plane per pixel, the mean over the central half of the image."""
    centre, wcs = image.centre, image.wcs
    step = np.maximum(centre / 2, 0.5)
    offsets = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)]) * step
    u, v = plane(*wcs(*(centre + offsets).T, with_bounding_box=False))
    slopes: Doubles = np.array([(u[0] - u[1], u[2] - u[3]), (v[0] - v[1], v[2] - v[3])]) / (2 * step)
    if not np.all(np.isfinite(slopes)) or np.linalg.det(slopes) == 0:
        where = f"no position within 90 deg of crval {crval}"
        raise InputError(f"{image.name}: the WCS gives the centre of the image {where}")
    return slopes


def _scale(local: Doubles) -> float:
    return float(np.sqrt(abs(np.linalg.det(local))))


def _matrix(local: Doubles, request: GridParams) -> Doubles:
    """Return the matrix of the grid.

    Along the detector it is the orthogonal matrix nearest to `local`, which keeps the parity of the detector.
    """
    given = request.pixel_scale
    scale = _scale(local) * request.pixel_scale_ratio if given is None else given / 3600
    if request.rotation is None:
        left, _, right = np.linalg.svd(local)
        axes = left @ right
    else:
        sine, cosine = np.sin(np.deg2rad(request.rotation)), np.cos(np.deg2rad(request.rotation))
        axes = np.array([(-cosine, sine), (sine, cosine)])
    return np.asarray(scale * axes, dtype=np.float64)


def _span(image: Pointing, plane: Model, matrix: Doubles) -> tuple[Doubles, Doubles]:
    """Return the least and the largest x and y of an image, in pixels of the grid from its tangent point."""
    places = np.stack(plane(*image.wcs(*_mesh(image.shape), with_bounding_box=False)))
    mesh = np.tensordot(np.linalg.inv(matrix), places, 1)
    if _squareness(mesh) < _SQUARE:
        raise InputError(
            f"{image.name}: the WCS folds the image, or shears its pixels by more than 15 deg; drizzle would lose some"
        )
    return np.nanmin(mesh, axis=(1, 2)), np.nanmax(mesh, axis=(1, 2))


def _mesh(shape: tuple[int, int]) -> Doubles:
    """Return x and y, ``(2, 65, 65)``, from outer edge to outer edge of an image: distortion bends its edges."""
    ny, nx = shape
    return np.stack(np.meshgrid(np.linspace(-0.5, nx - 0.5, 65), np.linspace(-0.5, ny - 0.5, 65)))


def _squareness(mesh: Doubles) -> float:
    """Return the least sine of the angles of the cells of a mesh, ``(2, rows, columns)``; negative where it folds."""
    along_x, along_y = np.diff(mesh, axis=2)[:, :-1], np.diff(mesh, axis=1)[:, :, :-1]
    area = along_x[0] * along_y[1] - along_x[1] * along_y[0]
    sines = area / np.hypot(*along_x) / np.hypot(*along_y)
    return float(max(np.nanmin(sines), np.nanmin(-sines)))


def _extent(low: Doubles, high: Doubles, request: GridParams) -> tuple[Doubles, tuple[int, int]]:
    """Return the 0-based pixel of the tangent point and the columns and rows, for a footprint from `low` to `high`."""
    given = None if request.crpix_fits is None else np.array(request.crpix_fits) - 1
    needed = high - low if given is None else high + given + 0.5
    size = np.ceil(needed - _SLIVER) if request.output_shape is None else np.array(request.output_shape)
    origin = (size - 1 - low - high) / 2 if given is None else given
    return origin, (int(size[0]), int(size[1]))


def _refuse_beside(images: Sequence[Pointing], low: Doubles, high: Doubles, size: tuple[int, int]) -> None:
    beside = np.any(high <= -0.5, axis=1) | np.any(low >= np.array(size) - 0.5, axis=1)
    if not beside.all():
        return
    what = images[0].name if len(images) == 1 else f"{images[0].name} and {len(images) - 1} others"
    left, right = low.min(axis=0), high.max(axis=0)
    raise InputError(
        f"{what}: the output grid of {size[0]} x {size[1]} pixels does not touch the exposure, which would be "
        f"at columns {left[0]:.0f} to {right[0]:.0f}, rows {left[1]:.0f} to {right[1]:.0f}; "
        f"see crval, crpix_fits, output_shape"
    )


def check_touch(images: Sequence[Pointing], grid: Grid) -> None:
    """Refuse a grid that none of the images touches."""
    edges = [_edges(grid, image) for image in images]
    low, high = (np.array([span[side] for span in edges]) - 0.5 for side in (0, 1))
    _refuse_beside(images, low, high, grid.shape[::-1])


def _check_size(images: Sequence[Pointing], low: Doubles, high: Doubles, size: tuple[int, int], free: bool) -> None:
    """Refuse a grid that is too large; one of several images that is mostly empty, too, where its size is `free`."""
    area = float(np.sum(np.prod(high - low, axis=1)))
    sparse = free and len(images) > 1 and size[0] * size[1] > _SPARSE * area
    if size[0] * size[1] <= _LARGEST and not sparse:
        return
    remedy = "see pixel_scale [arcsec], pixel_scale_ratio, crval and crpix_fits, or cut it with output_shape"
    if len(images) == 1:
        raise InputError(f"{images[0].name}: the output grid would have {size[0]} x {size[1]} pixels; {remedy}")
    middles = (low + high) / 2
    away = np.linalg.norm(middles - np.median(middles, axis=0), axis=1)
    far = int(np.argmax(away))
    raise InputError(
        f"the output grid around {len(images)} exposures would have {size[0]} x {size[1]} pixels, "
        f"{size[0] * size[1] / area:.0f} times the area of all of them; {images[far].name} lies farthest off, "
        f"{away[far]:.0f} pixels from the middle of the others: is its pointing right? Otherwise {remedy}"
    )
