"""The catalogue of the reference type `refcat`: where its stars were when the exposures were taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_align._plane import directions
from iris_core import Doubles, InputError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Catalog", "faults_of", "read_catalog"]

# Columns, and the units in which they are taken.
_UNITS = {
    "ra": "deg",
    "dec": "deg",
    "ra_error": "mas",
    "dec_error": "mas",
    "pmra": "mas/yr",
    "pmdec": "mas/yr",
    "ref_epoch": "yr",
    "mag": "mag",
}
_NEEDED = ("ra", "dec")
# What is taken where the catalogue says nothing: error of a position [mas], motion of a star [mas/yr].
_ERROR, _MOTION = 100.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Stars at one time.

    Parameters
    ----------
    vectors
        Unit vectors in ICRS, ``(n, 3)``.
    sigma
        Standard deviation along one axis [arcsec], ``(n,)``.
    name
        Of the file.
    notes
        What had to be assumed.
    """

    vectors: Doubles
    sigma: Doubles
    name: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sigma)


def faults_of(table: Table) -> list[str]:
    """Return what is wrong with the table of a catalogue; nothing where it can be used."""
    missing = [name for name in _NEEDED if name not in table.colnames]
    if missing:
        return [
            f"it has no column {' and no column '.join(missing)}; it needs ra and dec [deg], and may have ra_error, "
            f"dec_error [mas], pmra, pmdec [mas/yr], ref_epoch, mag; it has {', '.join(table.colnames) or 'none'}"
        ]
    faults = [fault for name in _UNITS if name in table.colnames if (fault := _unit_fault(table, name))]
    if faults:
        return faults
    return [fault for fault in (_position_fault(table), _error_fault(table), _epoch_fault(table)) if fault]


def _unit_fault(table: Table, name: str) -> str:
    from astropy import units as u

    column = table[name]
    if np.asarray(column).dtype.kind not in "fiu":
        return f"its column {name} holds no numbers, but {np.asarray(column).dtype}"
    unit = column.unit
    if unit is not None and not u.Unit(unit).is_equivalent(u.Unit(_UNITS[name])):
        return f"its column {name} is in {unit}; {_UNITS[name]} is needed"
    return ""


def _position_fault(table: Table) -> str:
    ra, dec = (_column(table, name) for name in _NEEDED)
    known = np.isfinite(ra) & np.isfinite(dec)
    if not known.any():
        return "no star has a position"
    if np.any(np.abs(dec[known]) > 90) or np.any((ra[known] < -360) | (ra[known] > 360)):
        return "its positions are not in degrees: ra is beyond 360, or dec beyond 90"
    return ""


def _error_fault(table: Table) -> str:
    bad = [name for name in ("ra_error", "dec_error") if name in table.colnames and np.any(_column(table, name) < 0)]
    return f"its column {bad[0]} has negative errors" if bad else ""


def _epoch_fault(table: Table) -> str:
    moves = {"pmra", "pmdec"} & set(table.colnames)
    if len(moves) == 1:
        return f"it has {moves.pop()}, but not the motion along the other axis"
    if moves and "ref_epoch" not in table.colnames:
        return "it has proper motions, but no ref_epoch [yr] to count them from"
    if "ref_epoch" in table.colnames:
        epoch = _column(table, "ref_epoch")
        if np.any((epoch < 1800) | (epoch > 2200)):
            return "its ref_epoch is no year"
    return ""


def _column(table: Table, name: str) -> Doubles:
    """Return a column in the unit it is taken in, NaN where it is masked."""
    column: Any = table[name]
    values: Any = np.ma.filled(np.ma.asarray(getattr(column, "value", column), dtype=float), np.nan)
    if column.unit is None:
        return np.asarray(values)
    from astropy import units as u

    return np.asarray((values * u.Unit(column.unit)).to_value(u.Unit(_UNITS[name])))


def read_catalog(table: Table, name: str, when: datetime | None) -> Catalog:
    """Return the stars of a catalogue where they were at a time.

    Positions move by pm dt; those of stars without proper motion stay, and (5 mas/yr dt)^2 is added to the variance.

    Parameters
    ----------
    table
        See `faults_of` for its columns.
    name
        Of its file.
    when
        Mean time of the exposures; None where it is not known.

    Raises
    ------
    InputError
        When the table is no such catalogue.
    """
    if faults := faults_of(table):
        raise InputError(f"the refcat {name} cannot be used: {'; '.join(faults)}")
    number = len(table)
    ra, dec = (_column(table, one) for one in _NEEDED)
    errors = [_given(table, one, number) for one in ("ra_error", "dec_error")]
    motions = [_given(table, one, number) for one in ("pmra", "pmdec")]
    years, notes = _years(table, when, number)
    moves = np.isfinite(motions[0]) & np.isfinite(motions[1])
    variance = sum(np.where(np.isfinite(one), one, _ERROR) ** 2 for one in errors) / 2
    variance = variance + np.where(moves, 0.0, (_MOTION * years) ** 2)
    if not all(np.isfinite(one).all() for one in errors):
        notes.append(f"stars of the refcat without errors are taken to have {_ERROR:g} mas")
    if np.any(~moves & (years != 0)):
        notes.append(f"stars of the refcat without proper motion are given the error of {_MOTION:g} mas/yr")
    shift = [np.where(moves, one, 0.0) * years / 3.6e6 for one in motions]
    known = np.isfinite(ra) & np.isfinite(dec)
    vectors = directions(ra + shift[0] / np.cos(np.deg2rad(dec)), dec + shift[1])
    sigma = np.maximum(np.sqrt(variance) / 1000, 1e-6)
    return Catalog(vectors=vectors[known], sigma=sigma[known], name=name, notes=tuple(notes))


def _given(table: Table, name: str, number: int) -> Doubles:
    return _column(table, name) if name in table.colnames else np.full(number, np.nan)


def _years(table: Table, when: datetime | None, number: int) -> tuple[Doubles, list[str]]:
    """Return by how many years the positions are to be moved, and what is to be said of it."""
    epoch = _given(table, "ref_epoch", number)
    if when is None or not np.isfinite(epoch).any():
        why = "the refcat has no ref_epoch" if when is not None else "the time of the exposures is not known"
        return np.zeros(number), [f"{why}: its positions are taken as they are"]
    start = datetime(when.year, 1, 1, tzinfo=when.tzinfo)
    length = (datetime(when.year + 1, 1, 1, tzinfo=when.tzinfo) - start).total_seconds()
    year = when.year + (when - start).total_seconds() / length
    return np.where(np.isfinite(epoch), year - epoch, 0.0), []
