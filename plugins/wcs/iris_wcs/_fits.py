"""The FITS keywords equivalent to a gWCS, and by how much they differ from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_core import s_region
from iris_wcs._header import parse_fits, positions
from iris_wcs._inverse import grid
from iris_wcs._sip import MAX_DEGREE, Samples

if TYPE_CHECKING:
    from astropy import wcs as fits_wcs
    from astropy.coordinates import BaseCoordinateFrame
    from astropy.io.fits import Header
    from gwcs import WCS

__all__ = ["described", "fit_sip", "largest_difference"]

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

    The 61 x 61 points reach from edge to edge and are not those of the fit.
    """
    x_range, y_range = wcs.bounding_box.bounding_box(order="F")
    x, y = grid(x_range, y_range, 61)
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
    samples = Samples.of(wcs, name)
    fits = [samples.fit(degree) for degree in range(1, MAX_DEGREE + 1)]
    tried: list[tuple[float, Header]] = []
    for fit in [fit for fit in fits if fit.error <= max_error] or [min(fits, key=lambda fit: fit.error)]:
        cards = samples.header(fit, max_error)
        tried.append((largest_difference(wcs, parse_fits(cards, name)), cards))
        if tried[-1][0] <= max_error:
            break
    error, cards = min(tried, key=lambda one: one[0])
    cards["WCSERR"] = (float(f"{error:.3g}"), "[pixel] largest error of this WCS")
    return described(cards, wcs)
