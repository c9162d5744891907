"""Where a pixel is on the sky: a polynomial distortion, then a tangent plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial.polynomial import polyder, polyval2d, polyvander, polyvander2d
from numpy.typing import ArrayLike

from iris_core import Array

if TYPE_CHECKING:
    from astropy.modeling import Model
    from astropy.wcs import WCS

__all__ = ["Distortion", "Pointing", "make_distortion", "spiral"]

Pair = tuple[Array, Array]

# Shape of the distortion: coefficients of u^i v^j [i, j], for an amplitude of 1; u and v go from -1 to 1.
_SHAPE_X = ((0, 0, -0.3, 0), (0, 0.4, 0.5, 0), (0.5, 0, 0, 0), (0.6, 0, 0, 0))
_SHAPE_Y = ((0, 0, 0.35, 0.6), (0, 0.5, 0, 0), (-0.3, 0.5, 0, 0), (0, 0, 0, 0))
_INVERSE_DEGREE = 7
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True, slots=True)
class Distortion:
    """Detector pixel, 0-based, to focal-plane arcsec: cubics in ``u = (x - x0) / half`` and ``v = (y - y0) / half``.

    Parameters
    ----------
    x0, y0
        Centre of the detector, 0-based pixels.
    half
        Pixels that are 1 in u and v.
    cx, cy
        ``(4, 4)``, arcsec: coefficients of ``u^i v^j`` of the two focal-plane axes.
    """

    x0: float
    y0: float
    half: float
    cx: Array
    cy: Array

    @property
    def pixel_scale(self) -> float:
        """Arcsec per pixel at the centre of the detector."""
        return float(self.cx[1, 0] / self.half)

    def to_focal(self, x: ArrayLike, y: ArrayLike) -> Pair:
        """Return the focal-plane position in arcsec."""
        u, v = (np.asarray(x) - self.x0) / self.half, (np.asarray(y) - self.y0) / self.half
        return polyval2d(u, v, self.cx), polyval2d(u, v, self.cy)

    def to_pixel(self, p: ArrayLike, q: ArrayLike) -> Pair:
        """Return the pixel of a focal-plane position, by iteration to 1e-10 pixel.

        So far off the detector that this does not converge, it is that without the distortion.
        """
        p, q = np.asarray(p), np.asarray(q)
        linear = u, v = self._normalised(p, q)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(50):
                du = (p - polyval2d(u, v, self.cx)) / self.cx[1, 0]
                dv = (q - polyval2d(u, v, self.cy)) / self.cy[0, 1]
                u, v = u + du, v + dv
                if np.max(np.abs([du, dv]), initial=0.0) * self.half < 1e-10:
                    break
        known = np.isfinite(u) & np.isfinite(v)
        u, v = np.where(known, u, linear[0]), np.where(known, v, linear[1])
        return u * self.half + self.x0, v * self.half + self.y0

    def _normalised(self, p: ArrayLike, q: ArrayLike) -> Pair:
        return (np.asarray(p) - self.cx[0, 0]) / self.cx[1, 0], (np.asarray(q) - self.cy[0, 0]) / self.cy[0, 1]

    def pixel_area(self, shape: tuple[int, int]) -> Array:
        """Return the area of each pixel in arcsec2, the determinant of the Jacobian at its centre."""
        # The determinant of polynomials is a polynomial, which a product of three matrices evaluates on all pixels.
        xu, xv, yu, yv = (polyder(c, axis=axis) for c in (self.cx, self.cy) for axis in (0, 1))
        determinant = _product(xu, yv) - _product(xv, yu)
        rows, columns = ((np.arange(size) - x) / self.half for size, x in zip(shape, (self.y0, self.x0), strict=True))
        along, across = (polyvander(axis, len(determinant) - 1) for axis in (rows, columns))
        area: Array = np.abs(along @ determinant.T @ across.T) / self.half**2
        return area

    def model(self) -> Model:
        """Return the astropy model of the distortion reference, with its inverse.

        The inverse is a polynomial fit, good to 1e-5 pixel.
        """
        from astropy.modeling.models import Scale, Shift

        first = Shift(-self.x0) & Shift(-self.y0) | Scale(1 / self.half) & Scale(1 / self.half)
        forward = first | _polynomials(self.cx, self.cy)
        back = Shift(-self.cx[0, 0]) & Shift(-self.cy[0, 0]) | Scale(1 / self.cx[1, 0]) & Scale(1 / self.cy[0, 1])
        forward.inverse = back | _polynomials(*self._fit_inverse())
        return forward

    def _fit_inverse(self) -> Pair:
        """Return coefficients that give the pixel from normalised focal-plane coordinates."""
        u, v = np.meshgrid(*2 * [1.05 * np.cos(np.linspace(0, np.pi, 20))])
        p, q = self._normalised(polyval2d(u, v, self.cx), polyval2d(u, v, self.cy))
        size = _INVERSE_DEGREE + 1
        low = np.add.outer(np.arange(size), np.arange(size)) <= _INVERSE_DEGREE
        terms = polyvander2d(p.ravel(), q.ravel(), [size - 1, size - 1])[:, low.ravel()]
        pixels = np.column_stack([u.ravel() * self.half + self.x0, v.ravel() * self.half + self.y0])
        fitted = np.zeros((2, size, size))
        fitted[:, low] = np.linalg.lstsq(terms, pixels, rcond=None)[0].T
        return fitted[0], fitted[1]


def _product(a: Array, b: Array) -> Array:
    """Return the coefficients of the product of two polynomials in u and v."""
    product = np.zeros((len(a) + len(b) - 1, a.shape[1] + b.shape[1] - 1))
    for (i, j), coefficient in np.ndenumerate(a):
        product[i : i + len(b), j : j + b.shape[1]] += coefficient * b
    return product


def _polynomials(cx: Array, cy: Array) -> Model:
    from astropy.modeling.models import Mapping

    return Mapping((0, 1, 0, 1)) | _polynomial(cx) & _polynomial(cy)


def _polynomial(coefficients: Array) -> Model:
    # iris-wcs has these lines too: what simulates the truth shares no code with the stage that is tested against it.
    from astropy.modeling.models import Polynomial2D

    degree = len(coefficients) - 1
    terms = {f"c{i}_{j}": coefficients[i, j] for i in range(degree + 1) for j in range(degree + 1 - i)}
    return Polynomial2D(degree, **terms)


def make_distortion(
    offset: tuple[float, float], shape: tuple[int, int], pixel_scale: float, amplitude: float
) -> Distortion:
    """Return the distortion of a detector.

    Parameters
    ----------
    offset
        Of the detector's centre from the optical axis, where the focal plane has its origin, in arcsec.
    shape
        Rows and columns.
    pixel_scale
        arcsec per pixel at the centre.
    amplitude
        In pixels; at the corners the distortion is 1 to 2 times that.
    """
    half = max(shape) / 2
    linear = pixel_scale * half
    cx, cy = (amplitude * pixel_scale * np.array(coefficients) for coefficients in (_SHAPE_X, _SHAPE_Y))
    cx[0, 0], cy[0, 0] = offset
    cx[1, 0] = cy[0, 1] = linear
    return Distortion((shape[1] - 1) / 2, (shape[0] - 1) / 2, half, cx, cy)


def spiral(step: float, number: int) -> list[tuple[float, float]]:
    """Return offsets of a dither, in the unit of `step`: a spiral that repeats no vector and no fraction of a pixel."""
    radii = step * np.sqrt(np.arange(number))
    angles = _GOLDEN_ANGLE * np.arange(number)
    return list(zip((radii * np.cos(angles)).tolist(), (radii * np.sin(angles)).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where the optical axis points, in degrees (ICRS), and the position angle of the detector's columns.

    Focal-plane y points to the position angle (north over east); x points west where that is 0, so that east is left.
    """

    ra: float
    dec: float
    position_angle: float = 0.0

    @property
    def matrix(self) -> Array:
        """Focal-plane (x, y) to (east, north), determinant -1."""
        angle = np.deg2rad(self.position_angle)
        return np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def keywords(self, pixel_scale: float, crpix: tuple[float, float]) -> dict[str, Any]:
        """Return the FITS keywords of the linear WCS with the optical axis at `crpix` (1-based)."""
        (cd11, cd12), (cd21, cd22) = (self.matrix * pixel_scale / 3600).tolist()
        return {
            "WCSAXES": 2,
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRPIX1": crpix[0],
            "CRPIX2": crpix[1],
            "CRVAL1": self.ra,
            "CRVAL2": self.dec,
            "CD1_1": cd11,
            "CD1_2": cd12,
            "CD2_1": cd21,
            "CD2_2": cd22,
            "RADESYS": "ICRS",
        }

    def to_sky(self, p: ArrayLike, q: ArrayLike) -> Pair:
        """Return RA and Dec in degrees of a focal-plane position in arcsec."""
        ra, dec = self._plane().wcs_pix2world(p, q, 1)
        return np.asarray(ra), np.asarray(dec)

    def to_focal(self, ra: ArrayLike, dec: ArrayLike) -> Pair:
        """Return the focal-plane position in arcsec of RA and Dec in degrees."""
        p, q = self._plane().wcs_world2pix(ra, dec, 1)
        return np.asarray(p), np.asarray(q)

    def moved(self, p: float, q: float) -> Pointing:
        """Return the pointing with the axis at what is now the focal-plane position (p, q)."""
        ra, dec = self.to_sky(p, q)
        return Pointing(float(ra), float(dec), self.position_angle)

    def _plane(self) -> WCS:
        """Return the tangent plane as a WCS whose pixels are arcsec of the focal plane, with the origin at (0, 0)."""
        from astropy.io.fits import Header
        from astropy.wcs import WCS

        return WCS(Header(list(self.keywords(1.0, (0.0, 0.0)).items())))
