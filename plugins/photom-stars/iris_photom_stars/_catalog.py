"""The catalogue: stars with known magnitudes in one band, as AB magnitudes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from iris_core import Doubles, InputError, choices

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.table import Table

__all__ = ["ZERO_JY", "Catalog", "find_faults", "read_catalog"]

# Flux density of AB = 0.
ZERO_JY = 3631.0

_COLUMNS = ("ra", "dec", "mag", "mag_err", "band")
_SYSTEMS = {"AB": "AB", "VEGA": "Vega"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Stars with magnitudes in one band.

    Parameters
    ----------
    ra, dec
        Degrees, ``(n,)``, in `frame`.
    mag, mag_err
        AB magnitude and its standard deviation, ``(n,)``.
    frame
        ``icrs`` or ``fk5``.
    band
        As the catalogue names it.
    name
        What to call it in a message.
    incomplete
        Number of stars of the band that are not used because they lack a place, a magnitude or its error.
    """

    ra: Doubles
    dec: Doubles
    mag: Doubles
    mag_err: Doubles
    frame: str
    band: str
    name: str
    incomplete: int = 0

    def __len__(self) -> int:
        return len(self.ra)

    def take(self, which: ArrayLike) -> Catalog:
        """Return some of the stars, by mask or index."""
        columns = {key: getattr(self, key)[which] for key in ("ra", "dec", "mag", "mag_err")}
        return replace(self, **columns)

    def places(self) -> SkyCoord:
        """Return where the stars are."""
        from astropy.coordinates import SkyCoord

        return SkyCoord(self.ra, self.dec, unit="deg", frame=self.frame)


def read_catalog(table: Table, band: str, name: str, system: str = "", ab_offset: float | None = None) -> Catalog:
    """Return the stars of one band of a table.

    Parameters
    ----------
    table
        Columns ``ra``, ``dec``, ``mag``, ``mag_err``, ``band``, in any case, and ``ab_offset`` where there is one;
        keywords MAGSYS, ABOFFSET and RADESYS.
    band
        Whose rows to take.
    name
        What to call the table in a message.
    system, ab_offset
        ``AB`` or ``Vega``, and AB - Vega in mag, instead of what the table states.

    Raises
    ------
    InputError
        When a column, a unit or the system of the magnitudes is missing or invalid, or no row is of the band.
    """
    columns = {column.lower(): column for column in table.colnames}
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        has = ", ".join(table.colnames)
        raise InputError(f"{name} has no column {missing[0]}; it needs {', '.join(_COLUMNS)}; its columns are: {has}")
    keywords = {str(key).upper(): value for key, value in table.meta.items()}
    rows = _rows_of(table, columns["band"], band, name)
    numbers = {
        "ra": _angle(rows, columns["ra"], name),
        "dec": _angle(rows, columns["dec"], name),
        "mag": _numbers(rows, columns["mag"], name) + _to_ab(rows, columns, keywords, name, system, ab_offset),
        "mag_err": _magnitude_error(rows, columns["mag_err"], name),
    }
    complete = np.logical_and.reduce([np.isfinite(column) for column in numbers.values()]) & (numbers["mag_err"] >= 0)
    stars = {key: column[complete] for key, column in numbers.items()}
    incomplete = int(np.count_nonzero(~complete))
    return Catalog(**stars, frame=_frame(keywords, name), band=band, name=name, incomplete=incomplete)


def find_faults(table: Table, name: str) -> list[str]:
    """Return what is wrong with a catalogue in any of its bands; a table without bands has one fault."""
    column = next((column for column in table.colnames if column.lower() == "band"), "")
    faults = []
    for band in dict.fromkeys(str(value).strip() for value in table[column]) if column else [""]:
        try:
            read_catalog(table, band, name)
        except InputError as error:
            faults.append(str(error))
    return list(dict.fromkeys(faults)) if len(table) or not column else [f"{name} has no stars"]


def _rows_of(table: Table, column: str, band: str, name: str) -> Table:
    bands = np.array([_text(value) for value in table[column]])
    mine = bands == band.strip()
    if not mine.any():
        known = choices({one or "(none)" for one in bands.tolist()})
        raise InputError(
            f"{name} has no star in band '{band}'; its bands are: {known}; "
            f"the parameter 'band' names the one that is that of the filter"
        )
    return table[mine]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode()
    return "" if value is np.ma.masked else str(value).strip()


def _numbers(rows: Table, column: str, name: str) -> Doubles:
    """Return a column as float64, NaN where it is masked."""
    values = rows[column]
    if values.dtype.kind not in "fiu":
        raise InputError(f"{name}: the column {column} is text ({_text(values[0])!r}); it has to be numbers")
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)


def _angle(rows: Table, column: str, name: str) -> Doubles:
    from astropy import units as u

    unit = rows[column].unit
    if unit is None or not unit.is_equivalent(u.deg):
        raise InputError(f"{name}: the column {column} is in {_unit(unit)}; it needs a unit of angle, deg for example")
    return _numbers(rows, column, name) * float(unit.to(u.deg))


def _unit(unit: Any) -> str:
    return "no unit" if unit is None else str(unit)


def _magnitude_error(rows: Table, column: str, name: str) -> Doubles:
    if _unit(rows[column].unit) != "mag":
        raise InputError(f"{name}: the column {column} is in {_unit(rows[column].unit)}; it has to be in mag")
    return _numbers(rows, column, name)


def _to_ab(
    rows: Table, columns: dict[str, str], keywords: dict[str, Any], name: str, system: str, ab_offset: float | None
) -> Doubles | float:
    """Return what has to be added to the magnitudes to make them AB magnitudes."""
    stated = system or _stated_system(_unit(rows[columns["mag"]].unit), columns["mag"], keywords, name)
    if stated == "AB":
        return 0.0
    if ab_offset is not None:
        return ab_offset
    if "ab_offset" in columns:
        return _magnitude_error(rows, columns["ab_offset"], name)
    if isinstance(keywords.get("ABOFFSET"), int | float):
        return float(keywords["ABOFFSET"])
    raise InputError(
        f"{name} has Vega magnitudes and does not say what AB - Vega is in its band; "
        f"give it in the parameter 'ab_offset', the column ab_offset or the keyword ABOFFSET, in mag"
    )


def _stated_system(unit: str, column: str, keywords: dict[str, Any], name: str) -> str:
    keyword = str(keywords.get("MAGSYS", "")).strip()
    if unit == "mag(AB)" and keyword.upper() in ("", "AB"):
        return "AB"
    if unit != "mag":
        raise InputError(f"{name}: the column {column} is in {unit}; it has to be in mag, of the system in MAGSYS")
    if keyword.upper() not in _SYSTEMS:
        raise InputError(
            f"{name} does not say whether its magnitudes are AB or Vega (MAGSYS is {keyword or 'not there'!r}); "
            f"give the keyword MAGSYS, the unit mag(AB) or the parameter 'system'"
        )
    return _SYSTEMS[keyword.upper()]


def _frame(keywords: dict[str, Any], name: str) -> str:
    frame = str(keywords.get("RADESYS", "ICRS")).strip().lower()
    if frame not in ("icrs", "fk5"):
        raise InputError(f"{name}: RADESYS is '{frame}'; places in ICRS or FK5 (J2000) are understood")
    return frame
