"""The rows of a table of conversion factors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from iris_core import InputError, matches_all, parse_unit, selects

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import UnitBase

__all__ = ["Entry", "find_faults", "parse_quotient", "read_entries"]

_SELECTORS = ("filter", "detector", "pupil", "readmode", "subarray", "instrume")
_NUMBERS = ("photmjsr", "uncertainty", "pixar_sr", "pixar_a2")
_AREAS = ("pixar_sr", "pixar_a2")
# Columns of words that tell of a row, and select none.
_REMARKS = {"author", "comment", "comments", "date", "descrip", "description", "history", "magsys", "note", "notes"}
_REMARKS |= {"pedigree", "photsys", "reference", "remark", "remarks", "source", "standard", "star", "stars"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a table.

    Parameters
    ----------
    cells
        Its cells by the lower-case names of their columns, a missing value as None.
    units
        Units of the columns of numbers that have one.
    """

    cells: Mapping[str, Any]
    units: Mapping[str, UnitBase]

    def is_for(self, selectors: Mapping[str, str]) -> bool:
        """Whether the row is for an exposure of this filter, detector and pupil."""
        wanted = {key: value for key, value in selectors.items() if key in self.cells}
        return all(selects(self.text(key), value) for key, value in wanted.items())

    def text(self, key: str) -> str:
        """Return a cell as text."""
        value = self.cells.get(key)
        return "" if value is None else str(value).strip()

    def number(self, key: str) -> float | None:
        """Return a cell as a finite number, None where there is none."""
        value = self.cells.get(key)
        return float(value) if isinstance(value, int | float | np.number) and np.isfinite(value) else None

    def __str__(self) -> str:
        return " ".join(f"{key} {self.text(key)}" for key in (*_SELECTORS, "photmjsr") if key in self.cells)


def read_entries(table: Table, name: str, keywords: Collection[str] = ()) -> list[Entry]:
    """Return the rows of a table.

    Parameters
    ----------
    table
        Columns in upper or lower case; ``PIXAR_SR`` and ``PIXAR_A2`` may be keywords instead.
    name
        What to call the table in a message.
    keywords
        Those of the exposure, in lower case: a column of whole numbers that is called like one of them selects rows.

    Raises
    ------
    InputError
        When a column is missing, or has an invalid unit, or would select rows by what the stage does not compare.
    """
    columns = {column.lower(): column for column in table.colnames}
    missing = [column for column in ("filter", "photmjsr") if column not in columns]
    if missing:
        raise InputError(f"{name} has no column {missing[0]}; its columns are: {', '.join(table.colnames)}")
    unknown = [columns[key] for key in columns if _is_unknown_selector(table, columns[key], keywords)]
    if unknown:
        raise InputError(
            f"{name} has the column {', '.join(unknown)}, which would select rows and is not known; those that "
            f"select are: {', '.join(_SELECTORS)}; name it comment where it does not, or give a table without it"
        )
    units = {key: _unit(table[columns[key]].unit, key, name) for key in _NUMBERS if key in columns}
    areas = {key.lower(): value for key, value in table.meta.items() if key.lower() in _AREAS}
    return [
        Entry({**areas, **{key: _cell(row[column]) for key, column in columns.items()}}, _without_none(units))
        for row in table
    ]


def _is_unknown_selector(table: Table, column: str, keywords: Collection[str]) -> bool:
    """Whether a column that is not known tells rows apart, by words or by the number of a keyword."""
    if column.lower() in {*_SELECTORS, *_NUMBERS, *_REMARKS}:
        return False
    kind = table[column].dtype.kind
    return (kind in "iub" and column.lower() in keywords) or (kind in "SUO" and any(_words(table, column)))


def _words(table: Table, column: str) -> Iterator[str]:
    """Yield the texts of a column that do not fit every exposure."""
    for value in table[column]:
        text = value.decode() if isinstance(value, bytes) else value
        if isinstance(text, str) and text.strip() and not matches_all(text):
            yield text


def find_faults(entries: list[Entry]) -> list[str]:
    """Return what is wrong with a whole table, whatever exposure may ask for one of its rows."""
    if not entries:
        return ["the table has no rows"]
    faults = (
        [] if "photmjsr" in entries[0].units else ["the column photmjsr has no unit, like MJy / sr / (electron / s)"]
    )
    faults += [f"photmjsr has to be a number above 0, not as in: {one}" for one in entries if not _is_factor(one)]
    faults += [f"the uncertainty {one.text('uncertainty')} is negative: {one}" for one in entries if _is_negative(one)]
    claims = [tuple(one.text(key).casefold() for key in _SELECTORS) for one in entries]
    twice = dict.fromkeys(claim for claim in claims if claims.count(claim) > 1)
    return faults + [f"{claims.count(claim)} rows are for: {' '.join(filter(None, claim))}" for claim in twice]


def _is_factor(entry: Entry) -> bool:
    factor = entry.number("photmjsr")
    return factor is not None and factor > 0


def _is_negative(entry: Entry) -> bool:
    uncertainty = entry.number("uncertainty")
    return uncertainty is not None and uncertainty < 0


def _cell(value: Any) -> Any:
    return None if value is np.ma.masked else value


def _without_none(units: Mapping[str, UnitBase | None]) -> dict[str, UnitBase]:
    return {key: unit for key, unit in units.items() if unit is not None}


def _unit(unit: UnitBase | None, column: str, name: str) -> UnitBase | None:
    # FITS knows no electron and no DN: the factor of a table in FITS always has a unit that astropy did not read.
    if not isinstance(unit, u.UnrecognizedUnit):
        return unit
    try:
        return parse_quotient(str(unit))
    except InputError as error:
        raise InputError(f"{name}: the column {column}: {error}") from None


def parse_quotient(text: str) -> UnitBase:
    """Return the unit of a conversion factor.

    Parameters
    ----------
    text
        ``MJy s / (sr electron)``, ``MJy/sr/(DN/s)``, ``MJy/sr per electron/s`` ...

    Raises
    ------
    InputError
        When it is no unit.
    """
    quotient = re.fullmatch(r"(.+?)(?:/\s*\(|\sper\s+\(?)([^()]+)\)?", text.strip())
    if quotient is None:
        return parse_unit(text)
    numerator, denominator = (parse_unit(part.strip(" ()")) for part in quotient.groups())
    return numerator / denominator
