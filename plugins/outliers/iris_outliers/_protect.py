"""Stars that are not outliers although they move or vary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_core import Array, Doubles, InputError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["places_of", "protect_stars"]


def places_of(table: Table, name: str) -> tuple[Doubles, Doubles]:
    """Return the right ascensions and declinations [deg] of a catalogue.

    Raises
    ------
    InputError
        When it has no columns ra and dec.
    """
    columns = {column.lower(): column for column in table.colnames}
    if missing := [column for column in ("ra", "dec") if column not in columns]:
        raise InputError(f"outlier_detection: the {name} has no column {' and '.join(missing)}; {', '.join(columns)}")
    ra, dec = (
        np.ma.filled(np.ma.asarray(table[columns[column]], dtype=np.float64), np.nan) for column in ("ra", "dec")
    )
    return np.asarray(ra), np.asarray(dec)


def protect_stars(count: Array, places: Doubles, radius: float) -> None:
    """Set the count of values to 0 around stars: what is not compared is not flagged.

    Parameters
    ----------
    count
        ``(ny, nx)``, changed in place.
    places
        x and y of the stars, ``(2, k)``.
    radius
        In pixels.
    """
    reach = int(np.ceil(radius)) + 1
    for x, y in places[:, np.isfinite(places).all(axis=0)].T:
        rows, columns = (slice(max(round(at) - reach, 0), max(round(at) + reach + 1, 0)) for at in (y, x))
        part = count[rows, columns]
        row, column = np.ogrid[: part.shape[0], : part.shape[1]]
        part[np.hypot(column + columns.start - x, row + rows.start - y) <= radius] = 0
