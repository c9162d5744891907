"""The catalogue: stars with known magnitudes in one band, as AB magnitudes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from iris_core import Doubles, Exposure, InputError, choices

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.table import Table

    from iris_photom_stars._params import ZeroPointParams

__all__ = ["ZERO_JY", "Catalog", "catalog_of", "find_faults", "read_catalog"]

# Flux density of AB = 0.
ZERO_JY = 3631.0

_COLUMNS = ("ra", "dec", "mag", "mag_err", "band")
_MOTION = {"pmra", "pmdec"}
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


def catalog_of(table: Table, name: str, exposure: Exposure, params: ZeroPointParams) -> Catalog:
    """Return the stars of a table for an exposure: in its band, at its time; see `read_catalog`."""
    return read_catalog(
        table,
        params.band or exposure.meta.filter,
        name,
        params.system,
        params.ab_offset,
        color_term=params.color_term,
        when=exposure.meta.start_time,
    )


def read_catalog(
    table: Table,
    band: str,
    name: str,
    system: str = "",
    ab_offset: float | None = None,
    *,
    color_term: float = 0.0,
    when: datetime | None = None,
) -> Catalog:
    """Return the stars of one band of a table.

    Parameters
    ----------
    table
        Columns ``ra``, ``dec``, ``mag``, ``mag_err``, ``band``, in any case, and ``ab_offset`` where there is one;
        ``pmra`` (times cos(dec)), ``pmdec`` and ``epoch`` where there are proper motions; ``color`` for a colour term;
        keywords MAGSYS, ABOFFSET, EPOCH and RADESYS.
    band
        Whose rows to take.
    name
        What to call the table in a message.
    system, ab_offset
        ``AB`` or ``Vega``, and AB - Vega in mag, instead of what the table states.
    color_term
        What is added to a magnitude for each magnitude of the colour.
    when
        Time of the exposure, to which the places are moved; None where it is not known: they stay.

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
    ra, dec = (_angle(rows, columns[axis], name) for axis in ("ra", "dec"))
    if when is not None and columns.keys() & _MOTION:
        ra, dec = _moved(ra, dec, rows, columns, keywords, name, when)
    to_ab = _to_ab(rows, columns, keywords, name, system, ab_offset)
    numbers = {
        "ra": ra,
        "dec": dec,
        "mag": _numbers(rows, columns["mag"], name) + to_ab + _of_color(rows, columns, name, color_term),
        "mag_err": _magnitude_error(rows, columns["mag_err"], name),
    }
    complete = np.logical_and.reduce([np.isfinite(column) for column in numbers.values()]) & (numbers["mag_err"] >= 0)
    stars = {key: column[complete] for key, column in numbers.items()}
    incomplete = int(np.count_nonzero(~complete))
    return Catalog(**stars, frame=_frame(keywords, name), band=band, name=name, incomplete=incomplete)


def _of_color(rows: Table, columns: dict[str, str], name: str, term: float) -> Doubles | float:
    if not term:
        return 0.0
    if "color" not in columns:
        raise InputError(f"{name} has no column color, which the parameter 'color_term' ({term:g}) needs")
    return term * _magnitude_error(rows, columns["color"], name)


def _moved(
    ra: Doubles,
    dec: Doubles,
    rows: Table,
    columns: dict[str, str],
    keywords: dict[str, Any],
    name: str,
    when: datetime,
) -> tuple[Doubles, Doubles]:
    """Return places in degrees at the time of the exposure; a star without a proper motion stays."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    epoch = next((columns[one] for one in ("epoch", "ref_epoch") if one in columns), None)
    missing = [one for one in sorted(_MOTION) if one not in columns]
    if missing or (epoch is None and not isinstance(keywords.get("EPOCH"), int | float)):
        raise InputError(
            f"{name} has proper motions, but no {missing[0] if missing else 'epoch'}: the columns pmra, pmdec and "
            f"epoch (or the keyword EPOCH, as a year like 2016.0) are needed together"
        )
    years = _year(when) - (float(keywords["EPOCH"]) if epoch is None else _numbers(rows, epoch, name))
    east, north = (np.nan_to_num(_motion(rows, columns[one], name)) * years for one in ("pmra", "pmdec"))
    start = SkyCoord(ra, dec, unit="deg")
    end = start.directional_offset_by(np.arctan2(east, north) * u.rad, np.hypot(east, north) * u.deg)
    return np.asarray(end.ra.deg), np.asarray(end.dec.deg)


def _motion(rows: Table, column: str, name: str) -> Doubles:
    """Return proper motions in degrees a year."""
    from astropy import units as u

    unit = rows[column].unit
    if unit is None or not unit.is_equivalent(u.deg / u.yr):
        raise InputError(f"{name}: the column {column} is in {_unit(unit)}; it needs a unit like mas/yr")
    return _numbers(rows, column, name) * float(unit.to(u.deg / u.yr))


def _year(when: datetime) -> float:
    """Return a time in UTC as a Julian year, without the minute to TDB."""
    since = when.replace(tzinfo=None) - datetime(2000, 1, 1, 12)
    return 2000.0 + since.total_seconds() / (365.25 * 86400)


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
