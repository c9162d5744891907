"""What a reference file says of itself: from when it applies, and how it was taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import atan2, degrees, isclose
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import KEYWORDS, InputError

if TYPE_CHECKING:
    from iris_core import Array, Exposure, InstrumentMode

__all__ = ["equal_in_all", "longitude", "noon_before", "single_exposure_cards"]

# Keywords with the longitude of the telescope, degrees, positive to the east.
_LONGITUDES = ("OBSGEO-L", "LONG-OBS", "SITELONG")
# From the start of the first exposure back to the noon before it, where the longitude is not known.
_NIGHT = timedelta(hours=18)
_TOLERANCE = 1e-3
_EXPTIME = next((one.name, *one.aliases) for one in KEYWORDS if one.name == "EXPTIME")


def longitude(exposure: Exposure, instrument: InstrumentMode) -> float | None:
    """Return the longitude of the telescope, degrees, positive to the east; None where it is not known.

    Parameters
    ----------
    exposure
        Its header may give OBSGEO-L, OBSGEO-X and OBSGEO-Y, LONG-OBS or SITELONG.
    instrument
        Its fact ``longitude`` comes first.
    """
    if "longitude" in instrument.facts:
        return float(instrument.facts["longitude"]["value"])
    header = {**dict(exposure.sci_header), **dict(exposure.header)}
    x, y = header.get("OBSGEO-X"), header.get("OBSGEO-Y")
    given = [header.get(name) for name in _LONGITUDES]
    if isinstance(x, int | float) and isinstance(y, int | float) and (x or y):
        given.insert(1, degrees(atan2(y, x)))
    return next((float(one) for one in given if isinstance(one, int | float) and -360 <= one <= 360), None)


def noon_before(start: datetime, east: float | None) -> datetime:
    """Return the last local noon before a time (mean solar time), or 18 h before it where the longitude is not known.

    A night lies between two noons: what is taken before, during or after it applies to all of it.

    Parameters
    ----------
    start
        UTC.
    east
        Longitude in degrees, positive to the east.
    """
    if east is None:
        return start - _NIGHT
    ahead = timedelta(hours=east / 15)
    local = start.astimezone(UTC) + ahead
    noon = local.replace(hour=12, minute=0, second=0, microsecond=0)
    noon = noon if noon <= local else noon - timedelta(days=1)
    return (noon - ahead).replace(microsecond=0)


def single_exposure_cards(exposure: Exposure) -> tuple[dict[str, tuple[Any, str]], list[str]]:
    """Return EXPTIME and COADDS of one member, and notes on those that differ.

    Parameters
    ----------
    exposure
        Made of many: its EXPTIME is the sum, its plane HDRTAB has a row for each.
    """
    cards: dict[str, tuple[Any, str]] = {}
    table = exposure.planes.get("HDRTAB")
    if table is None:
        return cards, []
    texts = {"EXPTIME": "[s] exposure time of one exposure", "COADDS": "coadds of one exposure"}
    notes = []
    for name, names in {"EXPTIME": _EXPTIME, "COADDS": ("COADDS",)}.items():
        column = next((one for one in names if one in (table.dtype.names or ())), None)
        if column is None:
            continue
        value = equal_in_all(table[column])
        if value is None:
            notes.append(f"{name} is not the same in all exposures: it is that of all of them together, or not given")
        else:
            cards[name] = (value, texts[name])
    return cards, notes


def equal_in_all(column: Array) -> Any:
    """Return the value that all rows of a column have, to 1e-3; None where they differ."""
    values = column.tolist()
    first = values[0]
    if column.dtype.kind not in "if":
        return first if all(one == first for one in values) and not isinstance(first, bytes) else None
    same = np.isfinite(first) and all(isclose(one, first, rel_tol=_TOLERANCE) for one in values)
    return first if same else None


def start_of(exposure: Exposure) -> datetime:
    """Return when the first exposure began.

    Raises
    ------
    InputError
        When the header does not say.
    """
    start = exposure.meta.start_time
    if start is None:
        raise InputError(
            f"{exposure.name}: make_reference needs the time from which the file applies, and the header has no "
            f"DATE-OBS (or EXPDTST, MJD-OBS, EXPJDST) in all exposures; give it with 'since'"
        )
    return start


def documented(cards: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the cards that say what a file is, those that are given."""
    texts = {"PEDIGREE": "origin of the data", "DESCRIP": "what it is", "AUTHOR": "who made it"}
    return {name: (value, texts[name]) for name, value in cards.items() if value}
