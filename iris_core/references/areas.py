"""The solid angles of pixels, from a gWCS: what an area reference would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from iris_core.arrays import Doubles, Image

if TYPE_CHECKING:
    from gwcs import WCS

__all__ = ["area_map", "mean_solid_angle", "solid_angle"]

# Of the polynomial through the nodes: exact for distortions up to the degree 9, whose areas have twice that less two.
_DEGREE = 16
# A rule of Gauss of this order is exact for distortions up to the degree 15.
_ORDER = 8


def solid_angle(wcs: WCS, x: ArrayLike, y: ArrayLike) -> Doubles:
    """Return the solid angle of pixels in sr: the parallelogram of unit vectors to the middles of their sides.

    Parameters
    ----------
    wcs
        0-based detector pixel to longitude and latitude in degrees.
    x, y
        Centres of the pixels; whole numbers are not needed.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    # All at once: a call of a gWCS takes longer than some hundred places do.
    sides = np.stack([x + 0.5, x - 0.5, x, x]), np.stack([y, y, y + 0.5, y - 0.5])
    lon, lat = (np.deg2rad(angle) for angle in wcs(*sides, with_bounding_box=False))
    right, left, up, down = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    area: Doubles = np.linalg.norm(np.cross(right - left, up - down), axis=-1)
    return area


def mean_solid_angle(wcs: WCS, shape: tuple[int, int], start: tuple[int, int] = (0, 0)) -> float:
    """Return the mean solid angle in sr of the pixels of a rectangle; NaN where the WCS does not cover it.

    Parameters
    ----------
    wcs
        0-based detector pixel to longitude and latitude in degrees.
    shape
        Rows and columns of the rectangle.
    start
        Row and column of its first pixel, in the pixels of `wcs`: negative for the detector around a window.
    """
    points, weights = np.polynomial.legendre.leggauss(_ORDER)
    y, x = (first + (size - 1) / 2 + points * size / 2 for first, size in zip(start, shape, strict=True))
    return float(weights @ solid_angle(wcs, *np.meshgrid(x, y)) @ weights / 4)


def area_map(wcs: WCS, shape: tuple[int, int]) -> tuple[float, Image]:
    """Return the mean solid angle of the pixels of an image in sr, and each pixel's over that mean, ``(ny, nx)``.

    It is interpolated by a polynomial through 17 x 17 nodes, as smooth as the polynomials that distortions are.
    """
    nodes = np.polynomial.chebyshev.chebpts1(_DEGREE + 1)
    # Row k of the inverse holds what the nodes give to the polynomial of degree k.
    fit = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, _DEGREE))
    y, x = ((size - 1) / 2 + nodes * size / 2 for size in shape)
    mean = mean_solid_angle(wcs, shape)
    # How far each area is from the mean: single precision is enough for that, and ten times as fast.
    terms = fit @ (solid_angle(wcs, *np.meshgrid(x, y)) / mean - 1) @ fit.T
    rows, columns = (_polynomials(size) for size in shape)
    area = rows.astype(np.float32) @ (terms @ columns.T).astype(np.float32)
    area += np.float32(1)
    return mean, area


def _polynomials(size: int) -> Doubles:
    """Return the Chebyshev polynomials of all degrees in the centres of pixels, ``(size, degrees)``."""
    place = (2 * np.arange(size) - (size - 1)) / size
    return np.asarray(np.polynomial.chebyshev.chebvander(place, _DEGREE))
