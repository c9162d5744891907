"""What no model says in closed form: a polynomial fitted to the positions that astropy.wcs gives."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from astropy.modeling import fitting, models

from iris_core import Doubles, InputError
from iris_wcs._header import positions
from iris_wcs._inverse import Range, with_inverse

if TYPE_CHECKING:
    from astropy.modeling import Model
    from astropy.wcs import WCS

    from iris_wcs._header import HeaderWcs

__all__ = ["LIMIT", "fit_plane"]

LIMIT = 0.01  # pixel, beyond which a fit is refused
_MAX_DEGREE = 9
_GOAL = 1e-7


def fit_plane(fits: WCS, own: HeaderWcs, shape: tuple[int, int], name: str) -> Model:
    """Return pixel, 0-based, to the projection plane of ``own.sky`` [deg], with its inverse.

    Two polynomials of the lowest degree that comes within 1e-7 pixel, at most 9. Those of TPV and TNX, which distort
    the gnomonic plane, are found again; the projections ZPN and ZPX are smooth functions of that plane.

    Parameters
    ----------
    fits
        Of the whole header: it is what is fitted.
    own
        What of it is not fitted.
    shape
        Rows and columns of the image.
    name
        Of the exposure and its WCS, for messages.

    Raises
    ------
    InputError
        When a pixel has no position, or `LIMIT` cannot be reached.
    """
    rows, columns = shape
    ranges = ((-0.5, columns - 0.5), (-0.5, rows - 0.5))
    fitted = _samples(fits, own, *ranges, 2 * _MAX_DEGREE + 3)
    others = _samples(fits, own, *ranges, 2 * _MAX_DEGREE + 4)
    if not (np.all(np.isfinite(fitted)) and np.all(np.isfinite(others))):
        raise InputError(f"{name} gives some pixels no position within 90 deg of CRVAL")
    best, least = None, np.inf
    for degree in range(1, _MAX_DEGREE + 1):
        model = _fit(degree, fitted, *ranges)
        error = float(np.hypot(*(model(*others[:2]) - others[2:])).max()) / own.scale
        if error < least:
            best, least = model, error
        if error < _GOAL:
            break
    if best is None or least > LIMIT:
        raise InputError(
            f"{name} cannot be represented: polynomials of degree {_MAX_DEGREE} are off by {least:.2g} pixel from "
            f"astropy.wcs; {LIMIT} is the limit"
        )
    return with_inverse(best, *ranges, name)


def _samples(fits: WCS, own: HeaderWcs, x_range: Range, y_range: Range, points: int) -> Doubles:
    """Return x, y and the position on the plane, ``(4, points, points)``, the points closer at the edges."""
    nodes = np.cos(np.pi * np.arange(points) / (points - 1))
    x, y = np.meshgrid(*(np.interp(nodes[::-1], (-1, 1), one) for one in (x_range, y_range)))
    return np.stack([x, y, *own.sky.inverse(*positions(fits, x, y))])


def _fit(degree: int, samples: Doubles, x_range: Range, y_range: Range) -> Model:
    x, y, *plane = samples
    start = models.Polynomial2D(degree, x_domain=x_range, y_domain=y_range)
    fit = fitting.LinearLSQFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how good the fit is, is measured on its result
        to_u, to_v = (fit(start, x, y, target) for target in plane)
    return models.Mapping((0, 1, 0, 1)) | to_u & to_v
