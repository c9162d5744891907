"""The stars of a catalogue that lie in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iris_core import Doubles, InputError, Mask
from iris_photom_stars._area import SQUARE_ARCSEC, solid_angle
from iris_photom_stars._catalog import Catalog

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from gwcs import WCS

    from iris_photom_stars._params import ZeroPointParams

__all__ = ["inside", "on_sky", "place_stars", "require_stars", "shift_in_pixels"]


def place_stars(catalog: Catalog, wcs: WCS, shape: tuple[int, int], margin: float) -> tuple[Catalog, Doubles]:
    """Return the stars in or near an image, the brightest first, and their 0-based pixels ``(n, 2)``.

    Parameters
    ----------
    catalog
        Stars of the whole sky or of a part of it.
    wcs
        Of the image.
    shape
        Rows and columns.
    margin
        How far outside of the image a star may be, in pixels.
    """
    rows, columns = shape
    corners = np.array(
        [[0, columns - 1, 0, columns - 1, (columns - 1) / 2], [0, 0, rows - 1, rows - 1, (rows - 1) / 2]]
    )
    sky = on_sky(wcs, *corners)
    reach = sky[:4].separation(sky[4]).max() * (1 + 2 * margin / min(shape))
    near = np.flatnonzero(catalog.places().transform_to(sky.frame).separation(sky[4]) <= reach)
    near = near[np.argsort(catalog.mag[near], kind="stable")]
    nearby = catalog.take(near)
    if not len(nearby):
        return nearby, np.empty((0, 2))
    stars = nearby.places().transform_to(sky.frame)
    x, y = wcs.invert(stars.spherical.lon.deg, stars.spherical.lat.deg, with_bounding_box=False)
    places = np.column_stack([x, y])
    kept = inside(places, shape, -margin)
    return nearby.take(kept), places[kept]


def on_sky(wcs: WCS, x: Doubles, y: Doubles) -> SkyCoord:
    """Return where 0-based pixels are on the sky, in the frame of their WCS; ICRS where it states none."""
    from astropy.coordinates import SkyCoord

    frame = getattr(wcs.output_frame, "reference_frame", None)
    # A frame without data counts as false.
    return SkyCoord(*wcs(x, y, with_bounding_box=False), unit="deg", frame="icrs" if frame is None else frame)


def inside(places: Doubles, shape: tuple[int, int], distance: float = 0.0) -> Mask:
    """Return which places are in an image, `distance` pixels or more from its edges."""
    size = np.array([shape[1], shape[0]])
    within: Mask = np.all((places >= distance - 0.5) & (places <= size - 0.5 - distance), axis=1)
    return within


def shift_in_pixels(wcs: WCS, shape: tuple[int, int], shift: float) -> float:
    """Return an angle in arcsec as pixels in the middle of an image."""
    pixel = float(solid_angle(wcs, (shape[1] - 1) / 2, (shape[0] - 1) / 2)) / SQUARE_ARCSEC
    return float(shift / np.sqrt(pixel))


def require_stars(
    catalog: Catalog, places: Doubles, shape: tuple[int, int], margin: float, params: ZeroPointParams, name: str
) -> NDArray[np.intp]:
    """Return which stars lie in an image, or up to `margin` pixels outside of it.

    Raises
    ------
    InputError
        When they are too few for a zero point.
    """
    there = np.flatnonzero(inside(places, shape, -margin))
    if len(there) < params.min_stars:
        raise InputError(
            f"{name}: {len(there)} of the stars of band '{catalog.band}' in {catalog.name} fall on it, or next to it "
            f"by up to 'max_shift', and {params.min_stars} are needed ('min_stars'); is it the right field, and is the "
            f"WCS right?"
        )
    return there
