"""The published distortion tables as distortion references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import Doubles, InputError
from iris_nirc2._camera import BASE, camera_number, number
from iris_nirc2._keywords import FULL_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from astropy.modeling import Model

__all__ = ["Pair", "distortion_tree", "pair_tables", "read_table"]

_DEGREES = range(3, 13)
# Shifts beyond this are not NIRC2's: its distortion is a few pixels.
_LARGEST_SHIFT = 30.0
_PARTNERS = {"_X_": "_Y_", "_xgeoim": "_ygeoim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two tables of one solution.

    Parameters
    ----------
    x, y
        FITS images of the shifts in x and y.
    since
        First day of the frames that they hold for.
    """

    x: Path
    y: Path
    since: date


def pair_tables(paths: Iterable[Path], since: date | None = None) -> list[Pair]:
    """Return the pairs among files, each with the day from which it holds.

    The names of a pair differ in X and Y only: ``nirc2_distort_X_post20150413_v1.fits``. A name says post or pre and
    the day on which the camera changed; `since` takes its place where it does not.

    Raises
    ------
    InputError
        When a file has no partner, or the day is not known.
    """
    files = {path.name: path for path in paths}
    pairs = [Pair(x=files[x], y=files[y], since=_since(x, since)) for x, y in _names(files)]
    alone = sorted(files.keys() - {path.name for pair in pairs for path in (pair.x, pair.y)})
    if alone:
        raise InputError(f"{alone[0]}: no partner for this table; names of a pair differ in X and Y: _X_ and _Y_")
    if since is not None and len(pairs) > 1:
        raise InputError(f"--useafter is for one pair of tables; {len(pairs)} are given")
    return pairs


def _names(files: Iterable[str]) -> list[tuple[str, str]]:
    """Return the names of each pair: ``_X_`` and ``_Y_``, ``xgeoim`` and ``ygeoim``."""
    known = set(files)
    partners = [(x, re.sub(r"_X_|_xgeoim", lambda found: _PARTNERS[found[0]], x)) for x in sorted(known)]
    return [(x, y) for x, y in partners if x != y and y in known]


def _since(name: str, since: date | None) -> date:
    stated = re.search(r"(pre|post)(\d{4})(\d\d)(\d\d)", name)
    if since is not None:
        return since
    if stated is None:
        raise InputError(f"{name}: its name says neither 'pre' nor 'post' and a day; give --useafter YYYY-MM-DD")
    first: date = number("first_light")
    return first if stated[1] == "pre" else date(*(int(part) for part in stated.groups()[1:]))


def read_table(path: Path) -> Doubles:
    """Return a table of shifts, ``(1024, 1024)``, pixels.

    Raises
    ------
    InputError
        When it is no such table.
    """
    from astropy.io import fits

    try:
        with fits.open(path, memmap=False) as hdus:
            found = next((hdu.data for hdu in hdus if hdu.data is not None and hdu.data.ndim == 2), None)
    except Exception as error:
        raise InputError(f"{path}: cannot be read as FITS: {error}") from error
    if found is None or found.shape != FULL_FRAME:
        shape = "no image" if found is None else f"an image of {found.shape[1]} x {found.shape[0]} pixels"
        raise InputError(f"{path}: {shape}; a table of shifts has 1024 x 1024 pixels")
    table = np.asarray(found, dtype=np.float64)
    if not (np.abs(table) < _LARGEST_SHIFT).all():
        raise InputError(f"{path}: it has shifts that are not finite or above {_LARGEST_SHIFT:g} pixels")
    return table


def distortion_tree(pair: Pair, camera: str, max_error: float) -> tuple[dict[str, Any], float]:
    """Return the content of a distortion reference, and the largest difference to the tables, pixels.

    Parameters
    ----------
    pair
        The tables: what is added to the position of a star to put it where it were without distortion.
    camera
        ``narrow``, ``medium`` or ``wide``.
    max_error
        In pixels; the lowest degree that comes as near is taken.

    Raises
    ------
    InputError
        When no polynomial does.

    Notes
    -----
    ``scale (x + dx(x, y) - x0 - dx(x0, y0))``, and the same in y, with the centre of the array, to which RA and DEC
    point, in the origin. The shifts are Legendre polynomials, which go on smoothly beyond the edges.
    """
    from astropy.modeling import models

    when = _at(pair.since)
    scale = camera_number("pixel_scale", camera, when)
    fits = [_fit(read_table(path), max_error, path) for path in (pair.x, pair.y)]
    centre = (FULL_FRAME[1] - 1) / 2, (FULL_FRAME[0] - 1) / 2
    along = [
        (models.Mapping((axis,), n_inputs=2) + shifts) | models.Shift(-centre[axis] - float(shifts(*centre)))
        for axis, (shifts, _) in enumerate(fits)
    ]
    model = models.Mapping((0, 1, 0, 1)) | along[0] & along[1] | models.Scale(scale) & models.Scale(scale)
    error = max(error for _, error in fits)
    return {"meta": _keywords(pair, camera, [shifts.x_degree for shifts, _ in fits], error), "model": model}, error


def _at(day: date) -> datetime:
    from datetime import UTC, datetime

    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _fit(table: Doubles, max_error: float, path: Path) -> tuple[Model, float]:
    """Return the polynomial of the lowest degree that is within `max_error` of a table, and how near it is."""
    errors = dict[int, float]()
    for degree in _DEGREES:
        shifts = _legendre(table, degree)
        y, x = np.mgrid[: table.shape[0], : table.shape[1]]
        errors[degree] = float(np.abs(shifts(x, y) - table).max())
        if errors[degree] <= max_error:
            return shifts, errors[degree]
    best = min(errors, key=lambda degree: errors[degree])
    raise InputError(
        f"{path}: the best polynomial, of degree {best}, is off by up to {errors[best]:.3g} pixel; "
        f"--max-error {max_error:g} allows less"
    )


def _legendre(table: Doubles, degree: int) -> Model:
    """Return the least-squares fit of a polynomial of one degree in each direction; on a full grid it is separable."""
    from astropy.modeling.models import Legendre2D
    from numpy.polynomial import legendre

    ny, nx = table.shape
    along, across = (legendre.legvander(np.linspace(-1, 1, length), degree) for length in (nx, ny))
    coefficients = np.linalg.pinv(along) @ table.T @ np.linalg.pinv(across).T
    terms = {f"c{i}_{j}": coefficients[i, j] for i in range(degree + 1) for j in range(degree + 1)}
    return Legendre2D(degree, degree, x_domain=(0, nx - 1), y_domain=(0, ny - 1), **terms)


def _keywords(pair: Pair, camera: str, degrees: list[int], error: float) -> dict[str, str]:
    source = BASE.facts[f"pixel_scale_{camera}"]["source"]
    before = BASE.facts.get(f"pixel_scale_{camera}_before")
    if before is not None and pair.since < before["until"]:
        source = before["source"]
    return {
        "REFTYPE": "distortion",
        "INSTRUME": "NIRC2",
        "DETECTOR": camera,
        "FILTER": "ANY",
        "USEAFTER": f"{pair.since}T00:00:00",
        "PEDIGREE": "GROUND",
        "AUTHOR": source,
        "DESCRIP": (
            f"polynomials of degree {max(degrees)} within {error:.2g} pixel of {pair.x.name} and {pair.y.name}"
        ),
    }
