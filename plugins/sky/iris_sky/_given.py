"""The objects that the user knows, on the common grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_sky._place import Placement, linear_map, onto_grid, plane_of, tangent_header, world_of

if TYPE_CHECKING:
    from iris_objects import ObjectMask

    from iris_core import Exposure, Mask
    from iris_sky._place import Grid

__all__ = ["of_grid"]


def of_grid(objects: ObjectMask, grid: Grid, first: Exposure) -> Mask:
    """Return where there are objects on the sky among the pixels of the grid.

    Parameters
    ----------
    objects
        Regions, or an image with a WCS; what is the same in every exposure is not on the grid.
    grid, first
        The grid, and the outline of the first exposure, along which it lies.
    """
    masked = np.zeros(grid.shape, dtype=np.bool_)
    if objects.plane is not None and objects.wcs is not None:
        masked |= onto_grid(objects.plane, _pixels(objects, grid, first), grid.shape)
    if objects.on_sky:
        from astropy.wcs import WCS

        objects.paint(masked, WCS(tangent_header(first, grid)))
    return masked


def _pixels(objects: ObjectMask, grid: Grid, first: Exposure) -> Placement:
    """Return where the grid lies among the pixels of the FITS image."""
    assert objects.plane is not None
    assert objects.wcs is not None
    shape, wcs = (int(objects.plane.shape[0]), int(objects.plane.shape[1])), objects.wcs
    plane = plane_of(first)
    theirs, at = linear_map(lambda x, y: wcs.all_pix2world(x, y, 0), shape, plane)
    ours, here = linear_map(world_of(first), first.shape, plane)
    back = np.linalg.inv(theirs)
    return Placement(back @ ours, back @ (here + ours @ grid.origin - at), grid.shape)
