"""The rectified grid: a TAN projection without distortion, in the sky frame of the exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Doubles, Exposure, InputError, s_region
from iris_resample._params import ResampleParams

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.modeling import Model
    from gwcs import WCS

__all__ = ["Grid", "celestial", "choose_grid"]

Pair = tuple[float, float]

# A sliver of the image narrower than this [pixel] gets no row or column of its own.
_SLIVER = 1e-3
# Drizzle finds the input pixels of the grid by a search that misses some where their angles have a smaller sine.
_SQUARE = 0.966
# 2^30 pixels are 20 GB of planes; a larger grid comes from a wrong unit.
_LARGEST = 2**30


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
    ratio
        Its pixel scale over that of the exposure.
    cuts
        Whether the exposure reaches beyond it.
    """

    sky: WCS
    crval: Pair
    origin: Pair
    matrix: Doubles
    shape: tuple[int, int]
    ratio: float
    cuts: bool

    @property
    def pixel_area(self) -> float:
        """Solid angle of a pixel at the tangent point [deg2]."""
        return float(abs(np.linalg.det(self.matrix)))

    @property
    def model(self) -> Model:
        """Pixel, 0-based, to longitude and latitude [deg]; its inverse is analytic."""
        from astropy.modeling.models import AffineTransformation2D, Shift

        x, y = self.origin
        return Shift(-x) & Shift(-y) | AffineTransformation2D(self.matrix) | _plane_to_sky(self.crval)

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


def _plane_to_sky(crval: Pair) -> Model:
    from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial

    return Pix2Sky_TAN() | RotateNative2Celestial(*crval, 180.0)


def celestial(exposure: Exposure) -> WCS:
    """Return the gWCS of an exposure.

    Raises
    ------
    InputError
        When it has none, or one that does not lead to the sky.
    """
    if exposure.wcs is None:
        raise InputError(f"{exposure.name}: resample needs a WCS and there is none; run assign_wcs before it")
    frame = exposure.wcs.output_frame
    if getattr(frame, "reference_frame", None) is None or exposure.wcs.world_n_dim != 2:
        raise InputError(f"{exposure.name}: resample needs a WCS from pixels to the sky; this one leads to {frame}")
    return exposure.wcs


def choose_grid(wcs: WCS, shape: tuple[int, int], request: ResampleParams, name: str) -> Grid:
    """Return the grid for an image.

    Parameters
    ----------
    wcs
        Of the image: pixel, 0-based, to longitude and latitude [deg].
    shape
        Its rows and columns.
    request
        The parameters of the grid.
    name
        Of the image, for messages.

    Raises
    ------
    InputError
        When the image is tiny, not on the sky or folded, or the grid would not touch it or be beyond any memory.
    """
    if min(shape) < 3:
        raise InputError(f"{name}: an image of {shape[1]} x {shape[0]} pixels cannot be drizzled; it takes 3 x 3")
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    crval = request.crval or _sky(wcs, *centre)
    plane = _plane_to_sky(crval).inverse
    local = _jacobian(wcs, plane, centre)
    if not np.all(np.isfinite(local)) or np.linalg.det(local) == 0:
        raise InputError(f"{name}: the WCS gives the centre of the image no position within 90 deg of crval {crval}")
    matrix, ratio = _matrix(local, request)
    mesh = np.tensordot(np.linalg.inv(matrix), np.stack(plane(*wcs(*_mesh(shape), with_bounding_box=False))), 1)
    if _squareness(mesh) < _SQUARE:
        raise InputError(
            f"{name}: the WCS folds the image, or shears its pixels by more than 15 deg; drizzle would lose some"
        )
    low, high = np.nanmin(mesh, axis=(1, 2)), np.nanmax(mesh, axis=(1, 2))
    origin, size = _extent(low, high, request)
    _check(low + origin, high + origin, size, name)
    x, y = map(float, origin)
    low, high = low + origin + 0.5, high + origin + 0.5
    cuts = bool(np.any(low < -_SLIVER) or np.any(high > np.array(size) + _SLIVER))
    return Grid(sky=wcs, crval=crval, origin=(x, y), matrix=matrix, shape=(size[1], size[0]), ratio=ratio, cuts=cuts)


def _sky(wcs: WCS, x: float, y: float) -> Pair:
    longitude, latitude = wcs(x, y, with_bounding_box=False)
    return float(longitude), float(latitude)


def _jacobian(wcs: WCS, plane: Model, centre: Doubles) -> Doubles:
    """Return degrees on the plane per pixel, the mean over the central half of the image."""
    step = np.maximum(centre / 2, 0.5)
    offsets = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)]) * step
    u, v = plane(*wcs(*(centre + offsets).T, with_bounding_box=False))
    slopes = np.array([(u[0] - u[1], u[2] - u[3]), (v[0] - v[1], v[2] - v[3])]) / (2 * step)
    return np.asarray(slopes, dtype=np.float64)


def _matrix(local: Doubles, request: ResampleParams) -> tuple[Doubles, float]:
    """Return the matrix of the grid, and its scale over that of the image.

    Along the detector it is the orthogonal matrix nearest to `local`, which keeps the parity of the detector.
    """
    scale = np.sqrt(abs(np.linalg.det(local)))
    ratio = request.pixel_scale_ratio if request.pixel_scale is None else request.pixel_scale / 3600 / scale
    if request.rotation is None:
        left, _, right = np.linalg.svd(local)
        axes = left @ right
    else:
        sine, cosine = np.sin(np.deg2rad(request.rotation)), np.cos(np.deg2rad(request.rotation))
        axes = np.array([(-cosine, sine), (sine, cosine)])
    return scale * ratio * axes, float(ratio)


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


def _extent(low: Doubles, high: Doubles, request: ResampleParams) -> tuple[Doubles, tuple[int, int]]:
    """Return the 0-based pixel of the tangent point and the columns and rows, for a footprint from `low` to `high`."""
    given = None if request.crpix_fits is None else np.array(request.crpix_fits) - 1
    needed = high - low if given is None else high + given + 0.5
    size = np.ceil(needed - _SLIVER) if request.output_shape is None else np.array(request.output_shape)
    origin = (size - 1 - low - high) / 2 if given is None else given
    return origin, (int(size[0]), int(size[1]))


def _check(low: Doubles, high: Doubles, size: tuple[int, int], name: str) -> None:
    if np.any(high <= -0.5) or np.any(low >= np.array(size) - 0.5):
        raise InputError(
            f"{name}: the output grid of {size[0]} x {size[1]} pixels does not touch the exposure, which would be "
            f"at columns {low[0]:.0f} to {high[0]:.0f}, rows {low[1]:.0f} to {high[1]:.0f}; "
            f"see crval, crpix_fits, output_shape"
        )
    if size[0] * size[1] > _LARGEST:
        raise InputError(
            f"{name}: the output grid would have {size[0]} x {size[1]} pixels; see pixel_scale [arcsec], "
            f"pixel_scale_ratio, crval and crpix_fits, or cut it with output_shape"
        )
