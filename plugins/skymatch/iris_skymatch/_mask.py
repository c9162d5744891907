"""The sources that the user knows: a mask on the sky."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Doubles, Exposure, InputError, Mask

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["SkyMask", "read_mask"]

# Pixels of an exposure whose places on the sky are computed at a time.
_ROWS = 64


@dataclass(frozen=True, slots=True)
class SkyMask:
    """An image on the sky that is true where there are sources.

    Parameters
    ----------
    sources
        ``(ny, nx)``.
    wcs
        Its WCS.
    """

    sources: Mask
    wcs: WCS

    def of_exposure(self, exposure: Exposure) -> Mask:
        """Return where the sources lie in an exposure, ``(ny, nx)``; beyond the mask there are none."""
        height, width = exposure.shape
        found = np.zeros(exposure.shape, dtype=np.bool_)
        for start in range(0, height, _ROWS):
            y, x = np.mgrid[start : min(start + _ROWS, height), :width].astype(np.float64)
            found[start : start + _ROWS] = self._at(*exposure.wcs(x, y, with_bounding_box=False))  # type: ignore[misc]
        return found

    def _at(self, longitude: Doubles, latitude: Doubles) -> Mask:
        column, row = (np.rint(np.nan_to_num(one, nan=-1)) for one in self.wcs.wcs_world2pix(longitude, latitude, 0))
        rows, columns = self.sources.shape
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        there: Mask = np.zeros(inside.shape, dtype=np.bool_)
        there[inside] = self.sources[row[inside].astype(np.intp), column[inside].astype(np.intp)]
        return there


def read_mask(path: str | Path) -> SkyMask:
    """Return the mask in a FITS file: true where its first image is neither 0 nor NaN.

    Raises
    ------
    InputError
        When there is no such file, it has no image, or the image has no WCS on the sky.
    """
    from astropy.io import fits
    from astropy.wcs import WCS

    if not Path(path).is_file():
        raise InputError(f"sky_match: there is no mask {path}; 'mask' names a FITS image with a WCS, not 0 at sources")
    with fits.open(path) as file:
        images = [
            hdu for hdu in file if hdu.data is not None and getattr(hdu, "is_image", False) and hdu.data.ndim == 2
        ]
        if not images:
            raise InputError(f"sky_match: the mask {path} has no image of two axes")
        sources = np.nan_to_num(np.asarray(images[0].data, dtype=np.float32), nan=0.0) != 0
        wcs = WCS(images[0].header)
    if not wcs.has_celestial:
        raise InputError(f"sky_match: the mask {path} has no WCS on the sky; it lies on no exposure in particular")
    return SkyMask(sources, wcs.celestial)
