"""The FITS keywords equivalent to a gWCS, and by how much they differ from it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from astropy.io.fits import Header

from iris_core import s_region
from iris_wcs._header import parse_fits, positions
from iris_wcs._inverse import grid
from iris_wcs._keywords import WCS_CARD

if TYPE_CHECKING:
    from astropy import wcs as fits_wcs
    from astropy.coordinates import BaseCoordinateFrame
    from gwcs import WCS

__all__ = ["described", "fit_sip", "largest_difference"]

MAX_DEGREE = 6
_RADESYS = {"icrs": "ICRS", "fk5": "FK5", "fk4": "FK4", "fk4noeterms": "FK4-NO-E"}


def described(cards: Header, wcs: WCS) -> Header:
    """Return `cards` with the frame, where it is an equatorial one, in today's keywords, and the footprint."""
    header = cards.copy()
    frame = wcs.output_frame.reference_frame
    if {"RA", "DEC"} == {str(header[f"CTYPE{axis}"])[:4].strip(" -").upper() for axis in (1, 2)}:
        for keyword in ("RADECSYS", "EPOCH"):
            header.remove(keyword, ignore_missing=True)
        header["RADESYS"] = (_RADESYS[frame.name], "celestial reference frame")
        if frame.name != "icrs":
            header["EQUINOX"] = (_equinox(frame), "[yr] equinox of the coordinates")
    footprint = s_region(wcs.footprint(), frame)
    if footprint:
        header["S_REGION"] = (footprint, "outer corners of the image")
    return header


def _equinox(frame: BaseCoordinateFrame) -> float:
    return round(float(frame.equinox.jyear if frame.name == "fk5" else frame.equinox.byear), 6)


def largest_difference(wcs: WCS, fits: fits_wcs.WCS) -> float:
    """Return the largest distance between two WCSs over the image, in pixels of `fits`; infinite where one has no sky.

    The 41 x 41 points reach from edge to edge and are not those of the fit.
    """
    x_range, y_range = wcs.bounding_box.bounding_box(order="F")
    x, y = grid(x_range, y_range, 41)
    longitude, latitude = wcs(x, y, with_bounding_box=False)
    fits_longitude, fits_latitude = positions(fits, x, y)
    turn = (longitude - fits_longitude + 180) % 360 - 180
    distance = np.hypot(turn * np.cos(np.deg2rad(latitude)), latitude - fits_latitude)
    if np.any(np.isnan(longitude) != np.isnan(fits_longitude)):
        return np.inf
    scale = np.sqrt(abs(np.linalg.det(fits.pixel_scale_matrix)))
    return float(np.max(distance, initial=0.0, where=np.isfinite(distance)) / scale)


def fit_sip(wcs: WCS, max_error: float, name: str) -> Header:
    """Return a TAN or TAN-SIP header of the lowest degree that comes within `max_error` [pixel], the best of 6 if none.

    WCSERR holds its largest error, measured off the grid of the fit on the header as it is written.
    """
    tried: list[tuple[float, Header]] = []
    degree = 1
    while degree <= MAX_DEGREE:
        cards = _sip(wcs, degree, max_error)
        error = largest_difference(wcs, fits := parse_fits(cards, name))
        tried.append((error, cards))
        if error <= max_error:
            break
        degree = max(degree + 1, _degree_for(wcs, fits, max_error)) if degree == 1 else degree + 1
    error, cards = min(tried, key=lambda one: one[0])
    cards["WCSERR"] = (float(f"{error:.3g}"), "[pixel] largest error of this WCS")
    return described(cards, wcs)


def _degree_for(wcs: WCS, linear: fits_wcs.WCS, max_error: float) -> int:
    """Return the lowest degree of polynomials that bring a linear WCS to `max_error` [pixel] of another, or the best.

    Least squares on a grid take a thousandth of the time of a fit by gwcs.
    """
    x_range, y_range = wcs.bounding_box.bounding_box(order="F")
    pixels = np.stack([axis.ravel() for axis in grid(x_range, y_range, 41)])
    sky = wcs(*pixels, with_bounding_box=False)
    order = (0, 1) if linear.wcs.lng < linear.wcs.lat else (1, 0)
    moved = np.stack(linear.wcs_world2pix(*(sky[axis] for axis in order), 0)) - pixels
    seen = np.isfinite(moved).all(axis=0)
    x, y = (np.interp(axis, (axis.min(), axis.max()), (-1, 1)) for axis in pixels[:, seen])
    terms = np.polynomial.polynomial.polyvander2d(x, y, (MAX_DEGREE, MAX_DEGREE)).reshape(len(x), -1)
    total = np.add.outer(np.arange(MAX_DEGREE + 1), np.arange(MAX_DEGREE + 1)).ravel()
    errors = {}
    for degree in range(2, MAX_DEGREE + 1):
        basis = terms[:, total <= degree]
        left = moved[:, seen].T - basis @ np.linalg.lstsq(basis, moved[:, seen].T, rcond=None)[0]
        errors[degree] = float(np.hypot(*left.T).max())
        if errors[degree] <= max_error:
            return degree
    return min(errors, key=lambda degree: errors[degree])


def _sip(wcs: WCS, degree: int, max_inverse_error: float | None = None) -> Header:
    """Return a fit of one degree, with inverse polynomials if they are as good as `max_inverse_error` [pixel].

    One degree at a time: the search of gwcs ends where an even degree brings nothing to an odd distortion. And without
    inverse polynomials a reader solves the others, which is right, where poor ones would be wrong.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how good the fit is, is measured on its result
        fitted = wcs.to_fits_sip(degree=degree, inv_degree=MAX_DEGREE, max_inv_pix_error=max_inverse_error, npoints=16)
    cards = Header([card for card in fitted.cards if WCS_CARD.fullmatch(card.keyword)])
    cards.insert(0, ("WCSAXES", 2, "number of WCS axes"))
    cards["LONPOLE"] = 180.0  # which the fit assumes; the default that wcslib writes is 0 at the pole itself
    if max_inverse_error is not None and fitted.get("sipiverr", 0.0) > max_inverse_error:
        for keyword in [*cards["AP_*"], *cards["BP_*"]]:
            del cards[keyword]
    return cards
