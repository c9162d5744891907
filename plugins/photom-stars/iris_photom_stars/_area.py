"""The solid angle of pixels, from a gWCS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from gwcs import WCS

    from iris_core import Doubles, Image

__all__ = ["SQUARE_ARCSEC", "area_map", "solid_angle"]

SQUARE_ARCSEC = float(np.deg2rad(1 / 3600) ** 2)

# Distortion is smooth: the area is computed in nodes this far apart and interpolated.
_STEP = 64


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
    along_x = _direction(wcs, x + 0.5, y) - _direction(wcs, x - 0.5, y)
    along_y = _direction(wcs, x, y + 0.5) - _direction(wcs, x, y - 0.5)
    area: Doubles = np.linalg.norm(np.cross(along_x, along_y), axis=-1)
    return area


def _direction(wcs: WCS, x: Doubles, y: Doubles) -> Doubles:
    lon, lat = (np.deg2rad(angle) for angle in wcs(x, y, with_bounding_box=False))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def area_map(wcs: WCS, shape: tuple[int, int]) -> tuple[float, Image]:
    """Return the mean solid angle of the pixels of an image in sr, and each pixel's over that mean, ``(ny, nx)``."""
    from scipy.interpolate import RectBivariateSpline

    rows, columns = (_nodes(size) for size in shape)
    nodes = solid_angle(wcs, *reversed(np.meshgrid(rows, columns, indexing="ij")))
    degrees = {"kx": min(3, len(rows) - 1), "ky": min(3, len(columns) - 1)}
    # The areas are of the order 1e-16 sr, too small for the spline's own sense of zero.
    area: Any = RectBivariateSpline(rows, columns, nodes / nodes[0, 0], **degrees)(*map(np.arange, shape))
    mean = float(area.mean())
    return mean * float(nodes[0, 0]), (area / mean).astype(np.float32)


def _nodes(size: int) -> Doubles:
    return np.linspace(0, max(size - 1, 1), max(size // _STEP, 3) + 1)
