"""How two images on different grids lie on the sky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from iris_compare._stored import Planes
from iris_core import Exposure

__all__ = ["Footprints", "compare_footprints"]

_POINTS = 65  # along each side


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprints:
    """Two images on the sky.

    Parameters
    ----------
    covered
        Fraction of the first that the other covers.
    centres
        Distance of the centres [mas].
    scale
        Pixel scale of the other over that of the first.
    places
        How many of 65 x 65 places of the first have a value in both.
    medians
        Of the values there, in the first and in the other, each in its unit.
    """

    covered: float
    centres: float
    scale: float
    places: int
    medians: tuple[float, float]


def compare_footprints(given: Planes, found: Planes) -> Footprints | None:
    """Compare where two images lie, and their values at the places they have in common.

    Returns
    -------
    Footprints or None
        None unless both have a gWCS.
    """
    first, other = given.outline, found.outline
    if first.wcs is None or other.wcs is None:
        return None
    rows, columns = first.shape
    x, y = (grid.ravel() for grid in np.meshgrid(*(np.linspace(0, size - 1, _POINTS) for size in (columns, rows))))
    there = np.array(other.wcs.world_to_pixel(first.wcs.pixel_to_world(x, y)))
    with np.errstate(invalid="ignore"):
        sizes = np.array(other.shape[::-1])[:, np.newaxis]
        inside = ((there >= -0.5) & (there <= sizes - 0.5)).all(axis=0)
    values = np.array([_values(given, x[inside], y[inside]), _values(found, *there[:, inside])])
    known = values[:, np.isfinite(values).all(axis=0)]
    centres = [_sky(one, 0.0) for one in (first, other)]
    scales = [centre.separation(_sky(one, 1.0)).arcsec for centre, one in zip(centres, (first, other), strict=True)]
    return Footprints(
        covered=float(inside.mean()),
        centres=float(centres[0].separation(centres[1]).mas),
        scale=float(scales[1] / scales[0]),
        places=known.shape[1],
        medians=(float(np.median(known[0])), float(np.median(known[1]))) if known.size else (np.nan, np.nan),
    )


def _sky(exposure: Exposure, beside: float) -> Any:
    """Return the place on the sky of the centre of an image, or of as many pixels beside it."""
    rows, columns = exposure.shape
    assert exposure.wcs is not None
    return exposure.wcs.pixel_to_world((columns - 1) / 2 + beside, (rows - 1) / 2)


def _values(planes: Planes, x: Any, y: Any) -> Any:
    """Return the nearest pixels, of integrations those of the first one."""
    *cube, height, width = planes.data.shape
    rows, columns = (np.clip(np.rint(at).astype(int), 0, size - 1) for at, size in ((y, height), (x, width)))
    values = np.empty(rows.size, dtype=np.float32)
    for row in np.unique(rows):
        (line,) = planes.data[(*(0 for _ in cube), slice(row, row + 1))]
        values[rows == row] = line[columns[rows == row]]
    return values
