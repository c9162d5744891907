"""The rectified grid: a TAN projection without distortion, in the sky frame of what falls onto it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Doubles, s_region

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.modeling import Model
    from gwcs import WCS

__all__ = ["Grid", "Pair", "pixel_to_sky", "plane_to_sky"]

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A TAN projection.

    Parameters
    ----------
    sky
        gWCS whose sky frame this grid shares.
    crval
        Tangent point, longitude and latitude [deg].
    origin
        Its pixel (x, y), 0-based.
    matrix
        Degrees per pixel, ``(2, 2)``: rows are east and north, columns x and y.
    shape
        Rows and columns.
    """

    sky: WCS
    crval: Pair
    origin: Pair
    matrix: Doubles
    shape: tuple[int, int]

    @property
    def pixel_area(self) -> float:
        """Solid angle of a pixel at the tangent point [deg2]."""
        return float(abs(np.linalg.det(self.matrix)))

    @property
    def model(self) -> Model:
        """Pixel, 0-based, to longitude and latitude [deg]; its inverse is analytic."""
        return pixel_to_sky(self.origin, self.matrix, self.crval)

    def places(self, wcs: WCS) -> Callable[[Doubles, Doubles], tuple[Doubles, Doubles]]:
        """Return what takes the pixels (x, y) of a WCS to those of the grid."""
        to_pixel = self.model.inverse
        return lambda x, y: to_pixel(*wcs(x, y, with_bounding_box=False))

    @property
    def wcs(self) -> WCS:
        """The gWCS, with the bounding box of the image."""
        from gwcs import WCS

        ny, nx = self.shape
        wcs = WCS([(self.sky.input_frame, self.model), (self.sky.output_frame, None)])
        wcs.bounding_box = ((-0.5, nx - 0.5), (-0.5, ny - 0.5))
        wcs.pixel_shape = (nx, ny)
        return wcs

    @property
    def header(self) -> Header:
        """The equivalent FITS keywords, without error."""
        from astropy.io.fits import Header
        from astropy.wcs.utils import celestial_frame_to_wcs

        fits = celestial_frame_to_wcs(self.sky.output_frame.reference_frame, "TAN").wcs
        header = Header([("WCSAXES", 2, "number of WCS axes")])
        for axis, what in enumerate(("longitude", "latitude")):
            header[f"CTYPE{axis + 1}"] = (fits.ctype[axis], f"{what}, gnomonic projection")
            header[f"CUNIT{axis + 1}"] = ("deg", "unit of CRVAL and CD")
            header[f"CRPIX{axis + 1}"] = (self.origin[axis] + 1, "[pixel] reference pixel, from 1")
            header[f"CRVAL{axis + 1}"] = (self.crval[axis], f"[deg] {what} of the reference pixel")
            for column in (0, 1):
                header[f"CD{axis + 1}_{column + 1}"] = (float(self.matrix[axis, column]), "[deg/pixel]")
        header["LONPOLE"] = (180.0, "[deg] native longitude of the pole")
        if fits.radesys:
            header["RADESYS"] = (fits.radesys, "celestial reference frame")
        if np.isfinite(fits.equinox):
            header["EQUINOX"] = (float(fits.equinox), "[yr] equinox of the coordinates")
        header["WCSERR"] = (0.0, "[pixel] largest error of this WCS")
        header["S_REGION"] = (self.region, "outer corners of the image")
        return header

    @property
    def region(self) -> str:
        """The footprint."""
        ny, nx = self.shape
        corners = np.array([(0, 0), (nx, 0), (nx, ny), (0, ny)]) - 0.5
        return s_region(np.transpose(self.model(*corners.T)), self.sky.output_frame.reference_frame)


def pixel_to_sky(origin: Pair, matrix: Doubles, crval: Pair) -> Model:
    """Return the projection of a `Grid`: pixel, 0-based, to longitude and latitude [deg]."""
    from astropy.modeling.models import AffineTransformation2D, Shift

    x, y = origin
    return Shift(-x) & Shift(-y) | AffineTransformation2D(matrix) | plane_to_sky(crval)


def plane_to_sky(crval: Pair) -> Model:
    """Return the projection: degrees on the tangent plane, east and north, to longitude and latitude [deg]."""
    from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial

    return Pix2Sky_TAN() | RotateNative2Celestial(*crval, 180.0)
