"""A gWCS as TAN with SIP polynomials (Shupe et al. 2005): least squares on a grid of its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from astropy.io.fits import Header
from astropy.wcs.utils import celestial_frame_to_wcs

from iris_core import Doubles, InputError
from iris_wcs._inverse import grid
from iris_wcs._plane import Plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwcs import WCS

__all__ = ["MAX_DEGREE", "Samples", "SipFit"]

# Of the polynomials: beyond it their terms are lost in the digits of each other.
MAX_DEGREE = 6
_POINTS = 24


@dataclass(frozen=True, slots=True)
class SipFit:
    """Pixels to the tangent plane: ``(xi, eta) = CD (u + f(u, v), v + g(u, v))``, u and v from the reference pixel.

    Parameters
    ----------
    degree
        Of f and g.
    matrix
        CD [deg/pixel], ``(2, 2)``.
    terms
        By powers of u and v, the coefficients of f and g; linear terms there are none.
    error
        Largest distance of the fit to the gWCS at its own points [pixel].
    """

    degree: int
    matrix: Doubles
    terms: dict[tuple[int, int], Doubles]
    error: float


@dataclass(frozen=True)
class Samples:
    """Where the gWCS puts pixels of a grid.

    Parameters
    ----------
    wcs
        Pixel (0-based) to longitude and latitude [deg], with a bounding box.
    crpix
        The reference pixel, 0-based: the middle of the bounding box.
    crval
        Where it is on the sky [deg]: the tangent point.
    pixels
        u and v, ``(2, k)``, from the reference pixel.
    plane
        xi and eta [deg], ``(2, k)``.
    """

    wcs: WCS
    crpix: tuple[float, float]
    crval: tuple[float, float]
    pixels: Doubles
    plane: Doubles

    @classmethod
    def of(cls, wcs: WCS, name: str) -> Samples:
        """Return the samples of a gWCS from edge to edge.

        Raises
        ------
        InputError
            When its middle is not on the sky.
        """
        x_range, y_range = wcs.bounding_box.bounding_box(order="F")
        crpix = round(sum(x_range) / 2, 1), round(sum(y_range) / 2, 1)
        x, y = (np.append(axis, middle) for axis, middle in zip(grid(x_range, y_range, _POINTS), crpix, strict=True))
        longitude, latitude = wcs(x, y, with_bounding_box=False)
        if not np.isfinite(longitude[-1] + latitude[-1]):
            raise InputError(f"{name}: the middle of the image is not on the sky")
        crval = float(longitude[-1]), float(latitude[-1])
        plane = Plane(crval, np.eye(2)).of_sky(longitude[:-1], latitude[:-1])
        pixels = np.stack([x[:-1] - crpix[0], y[:-1] - crpix[1]])
        seen = np.isfinite(plane).all(axis=0)
        return cls(wcs, crpix, crval, pixels[:, seen], plane[:, seen])

    @cached_property
    def _polynomials(self) -> _Polynomials:
        return _Polynomials.of(self.pixels)

    def fit(self, degree: int) -> SipFit:
        """Return the fit of one degree; it has no error at the reference pixel."""
        terms, left = self._polynomials.fit(self.plane, degree)
        matrix = np.stack([terms.pop((1, 0)), terms.pop((0, 1))], axis=1)
        to_pixels = np.linalg.inv(matrix)
        error = float(np.hypot(*(to_pixels @ left)).max())
        return SipFit(degree, matrix, {powers: to_pixels @ term for powers, term in terms.items()}, error)

    @cached_property
    def cards(self) -> Header:
        """What is the same whatever the degree."""
        fits = celestial_frame_to_wcs(self.wcs.output_frame.reference_frame, projection="TAN")
        cards = Header([("WCSAXES", 2, "number of WCS axes")])
        for axis in (1, 2):
            cards[f"CTYPE{axis}"] = (fits.wcs.ctype[axis - 1], "coordinate, and projection")
            cards[f"CUNIT{axis}"] = ("deg", "unit of CRVAL and CD")
            cards[f"CRPIX{axis}"] = (self.crpix[axis - 1] + 1, "[pixel] reference point")
            cards[f"CRVAL{axis}"] = (self.crval[axis - 1], "[deg] where the reference point is")
        cards["LONPOLE"] = (180.0, "[deg] native longitude of the celestial pole")
        cards["LATPOLE"] = (self.crval[1], "[deg] native latitude of the celestial pole")
        return cards

    def header(self, fit: SipFit, max_inverse_error: float) -> Header:
        """Return the cards of a fit, with inverse polynomials where they are as good as `max_inverse_error` [pixel].

        Without them a reader solves the others, which is right, where poor ones would be wrong.
        """
        cards = self.cards.copy()
        for row, column in np.ndindex(2, 2):
            cards[f"CD{row + 1}_{column + 1}"] = (float(fit.matrix[row, column]), "[deg/pixel] linear part")
        if fit.degree == 1:
            return cards
        for axis in (1, 2):
            cards[f"CTYPE{axis}"] += "-SIP"
        _write(cards, ("A", "B"), fit.degree, fit.terms)
        linear = np.linalg.inv(fit.matrix) @ self.plane
        inverse, left = _Polynomials.of(linear).fit(self.pixels - linear, MAX_DEGREE)
        if np.hypot(*left).max() <= max_inverse_error:
            _write(cards, ("AP", "BP"), MAX_DEGREE, inverse)
        return cards


def _write(cards: Header, names: Sequence[str], degree: int, terms: dict[tuple[int, int], Doubles]) -> None:
    for axis, name in enumerate(names):
        cards[f"{name}_ORDER"] = (degree, "degree of the SIP polynomial")
        for (i, j), term in terms.items():
            cards[f"{name}_{i}_{j}"] = float(term[axis])


@dataclass(frozen=True, slots=True)
class _Polynomials:
    """Polynomials in two coordinates that are 0 at 0, for least squares: those of a low degree are the first of them.

    Parameters
    ----------
    powers
        Of both coordinates, for each term, by their sum.
    units
        Of the terms: powers of the largest coordinates.
    basis, triangle
        The terms at the places, over their units, as Q and R.
    """

    powers: list[tuple[int, int]]
    units: Doubles
    basis: Doubles
    triangle: Doubles

    @classmethod
    def of(cls, places: Doubles) -> _Polynomials:
        """Return those at some places, ``(2, k)``."""
        powers = [(i, total - i) for total in range(1, MAX_DEGREE + 1) for i in range(total, -1, -1)]
        scales = np.abs(places).max(axis=1)
        x, y = (np.vander(axis, MAX_DEGREE + 1, increasing=True) for axis in places / scales[:, np.newaxis])
        basis, triangle = np.linalg.qr(np.stack([x[:, i] * y[:, j] for i, j in powers], axis=1))
        return cls(powers, np.array([scales[0] ** i * scales[1] ** j for i, j in powers]), basis, triangle)

    def fit(self, values: Doubles, degree: int) -> tuple[dict[tuple[int, int], Doubles], Doubles]:
        """Return the coefficients of two of them by their powers, ``(2,)`` each, and what is left of the values."""
        kept = sum(sum(powers) <= degree for powers in self.powers)
        basis = self.basis[:, :kept]
        along = basis.T @ values.T
        found = np.linalg.solve(self.triangle[:kept, :kept], along) / self.units[:kept, np.newaxis]
        return dict(zip(self.powers, found, strict=False)), values - (basis @ along).T
