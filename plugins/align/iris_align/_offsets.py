"""Corrections by hand: a table with a row for each exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import Doubles, InputError, choices

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Offsets", "faults_of", "read_offsets"]

_COLUMNS = ("file", "dx", "dy")
_ERRORS = ("dx_error", "dy_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """By how much the stars of each exposure are to be moved.

    Parameters
    ----------
    values
        ``(n, 2)``: along x and y of the detector [pixel], or to the east and to the north [arcsec].
    errors
        ``(n, 2)``; NaN where they are not known.
    in_pixels
        Whether they are in pixels.
    name
        Of the file.
    """

    values: Doubles
    errors: Doubles
    in_pixels: bool
    name: str


def faults_of(table: Table) -> list[str]:
    """Return what is wrong with a table of offsets; nothing where it can be used."""
    from astropy import units as u

    missing = [name for name in _COLUMNS if name not in table.colnames]
    if missing:
        has = ", ".join(table.colnames) or "none"
        return [f"it has no column {choices(missing)}; it needs file, dx, dy, in pixels or arcsec; it has {has}"]
    numbers = [name for name in ("dx", "dy", *_ERRORS) if name in table.colnames]
    units = {str(table[name].unit) for name in numbers}
    if len(units) > 1 or units & {"None", ""}:
        return [
            f"its columns {', '.join(numbers)} need one unit, pixel or arcsec; they have {', '.join(sorted(units))}"
        ]
    unit = u.Unit(units.pop())
    if not (unit == u.pixel or unit.is_equivalent(u.arcsec)):
        return [f"its offsets are in {unit}; pixel or arcsec is needed"]
    if not all(np.isfinite(_numbers(table, name)).all() for name in ("dx", "dy")):
        return ["some of its offsets are no numbers"]
    return []


def _numbers(table: Table, name: str) -> Doubles:
    from astropy import units as u

    column: Any = table[name]
    values: Any = np.ma.filled(np.ma.asarray(getattr(column, "value", column), dtype=float), np.nan)
    unit = u.Unit(column.unit)
    return np.asarray(values if unit == u.pixel else (values * unit).to_value(u.arcsec))


def read_offsets(table: Table, name: str, files: Sequence[str]) -> Offsets:
    """Return the offsets of some files, in their order.

    Parameters
    ----------
    table
        Columns ``file``, ``dx``, ``dy`` and, where they are known, ``dx_error`` and ``dy_error``.
    name
        Of the file.
    files
        Names of the exposures; those in the table may lack folder, suffix and what follows the last ``_``.

    Raises
    ------
    InputError
        When the table cannot be used, or does not have each exposure once.
    """
    from astropy import units as u

    if faults := faults_of(table):
        raise InputError(f"the offsets {name} cannot be used: {'; '.join(faults)}")
    known = [_stem(str(one)) for one in table["file"]]
    wrong = [file for file in files if known.count(_stem(file)) != 1]
    if wrong:
        has = ", ".join(map(str, table["file"]))
        raise InputError(
            f"the offsets {name} need one row for each exposure; not so for {', '.join(wrong)}; it has {has}"
        )
    rows = [known.index(_stem(file)) for file in files]
    unknown = np.full(len(table), np.nan)
    errors = [_numbers(table, one) if one in table.colnames else unknown for one in _ERRORS]
    values = [_numbers(table, one) for one in ("dx", "dy")]
    return Offsets(
        values=np.column_stack(values)[rows],
        errors=np.column_stack(errors)[rows],
        in_pixels=u.Unit(table["dx"].unit) == u.pixel,
        name=name,
    )


def _stem(file: str) -> str:
    from iris_core import exposure_stem

    return exposure_stem(file.replace("\\", "/").rsplit("/", 1)[-1])
