"""The footprint of an image on the sky, as the keyword S_REGION has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame
    from numpy.typing import ArrayLike

__all__ = ["s_region"]


def s_region(corners: ArrayLike, frame: BaseCoordinateFrame) -> str:
    """Return ``POLYGON ICRS`` and the corners of an image [deg], counterclockwise on the sky.

    Parameters
    ----------
    corners
        Longitude and latitude [deg] of each corner, ``(n, 2)``, in the order in which they are met along the edge.
    frame
        Their celestial frame.

    Returns
    -------
    str
        ``""`` where a corner is not on the sky.
    """
    from astropy.coordinates import SkyCoord

    points = np.asarray(corners, dtype=np.float64)
    if not np.all(np.isfinite(points)):
        return ""
    sky = SkyCoord(*points.T, unit="deg", frame=frame).icrs
    first, second, *_, last = sky.cartesian.xyz.value.T
    # Seen from inside the sphere, so that the triple product is negative where the turn is counterclockwise.
    if np.dot(np.cross(second - first, last - first), first) > 0:
        sky = sky[::-1]
    return "POLYGON ICRS " + " ".join(f"{point.ra.deg:.9f} {point.dec.deg:.9f}" for point in sky)
