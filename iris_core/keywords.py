"""What the framework reads from FITS headers, and how it writes to them."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError
from iris_core.meta import Meta, Window

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.units import UnitBase


# Warning: astropy's of 60 s.
NOT_UNDERSTOOD = (ValueError, TypeError, LookupError, OverflowError, AttributeError, Warning)
_JD_MINUS_MJD = 2400000.5
_CARD_ROOM = 65  # of 80 characters, without keyword, quotes and slash; astropy cuts what is longer, and warns


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: `field` is where its value goes in `Meta`, `aliases` are other names that are understood."""

    name: str
    meaning: str
    field: str
    parse: Callable[[Any], Any]
    unit: str = ""
    aliases: tuple[str, ...] = ()


def _to_text(value: Any) -> str:
    return str(value).strip()


def _to_duration(value: Any) -> float:
    number = float(value)
    if not 0 < number < inf:
        raise ValueError(value)
    return number


def _to_integer(value: Any) -> int:
    number = int(value)
    if number != float(value):
        raise ValueError(value)
    return number


def parse_time(value: Any) -> datetime:
    """Parse ISO 8601, also with a second 60 or as DD/MM/YY of before 1999, a modified Julian date or a Julian date."""
    if isinstance(value, int | float):
        mjd = value - _JD_MINUS_MJD if value > _JD_MINUS_MJD else value
        return datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=mjd)
    text = re.sub(r"^(\d\d)/(\d\d)/(\d\d)(?!\d)", r"19\3-\2-\1", _to_text(value))
    text, leap = re.subn(r"(\d\d:\d\d):60", r"\1:59", text)  # a datetime has no second 60, but the one after it
    when = datetime.fromisoformat(text) + timedelta(seconds=leap)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def mjd_of(when: datetime) -> float:
    """Return a time as a modified Julian date."""
    return 40587 + when.timestamp() / 86400


def iso_time(when: datetime) -> str:
    """Return a time as FITS has it: UTC, ISO 8601."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat()


def _degrees(unit: str, value: Any) -> float:
    """Parse degrees: a number, or sexagesimal text in `unit`."""
    if isinstance(value, str):
        from astropy.coordinates import Angle

        value = Angle(value, unit if re.search(r"\d[ :]", value.strip()) else "deg").degree
    if not abs(value) <= (90 if unit == "deg" else 360):
        raise ValueError(value)
    return float(value)


KEYWORDS: tuple[Keyword, ...] = (
    Keyword("TELESCOP", "telescope", "telescope", _to_text),
    Keyword("INSTRUME", "instrument; chooses the mode", "instrument", _to_text),
    Keyword("DETECTOR", "detector; chooses the mode and the reference files", "detector", _to_text),
    Keyword("FILTER", "filter; chooses reference files", "filter", _to_text),
    Keyword("PUPIL", "element in the pupil wheel", "pupil", _to_text),
    Keyword("READMODE", "read mode; chooses reference files", "read_mode", _to_text, "", ("READPATT", "SAMP_SEQ")),
    Keyword("IMTYPE", "what was observed: SCI, SKY, DARK ...", "image_type", _to_text, "", ("IMAGETYP",)),
    Keyword("OBJECT", "target", "target", _to_text, "", ("TARGNAME", "TARGPROP")),
    Keyword("PROGNUM", "program", "program", _to_text, "", ("PROGRAM", "PROPOSID")),
    Keyword("EXPTIME", "exposure time", "exposure_time", _to_duration, "s", ("EFFEXPTM", "XPOSURE", "EXP_TIME")),
    Keyword("DATE-OBS", "start of the exposure, UTC", "start_time", parse_time, "", ("EXPDTST", "MJD-OBS", "EXPJDST")),
    Keyword("RA", "pointing, right ascension", "ra", partial(_degrees, "hourangle"), "deg"),
    Keyword("DEC", "pointing, declination", "dec", partial(_degrees, "deg"), "deg"),
    Keyword("SUBARRID", "number of the subarray; 0 is the full frame", "subarray_id", _to_integer),
)
_WINDOW = ("SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2")


def meta_from_header(header: Mapping[str, Any], path: Path) -> Meta:
    """Return the typed header of an exposure.

    Parameters
    ----------
    header
        A FITS header, or any mapping of values by keyword.
    path
        The file it comes from.

    Raises
    ------
    InputError
        When the window, or the number of the subarray, cannot be understood; whatever else cannot be is not known.
    """
    values = {one.field: value for one in KEYWORDS if (value := _value(header, one, path)) is not None}
    return Meta(path=path, window=_window(header, path), **values)


def meta_of_headers(primary: Header, science: Header, path: Path) -> Meta:
    """Return the typed header of an exposure: the primary header counts, then that of the science extension."""
    return meta_from_header(ChainMap(primary, science), path)


def _value(header: Mapping[str, Any], keyword: Keyword, path: Path) -> Any:
    for name in (keyword.name, *keyword.aliases):
        try:
            value = parse_keyword(header, keyword, name)
        except NOT_UNDERSTOOD:
            value = None
            if keyword.parse is _to_integer:  # it says which pixels these are
                raise InputError(f"{path}: {name} = {header[name]!r} is no number ({keyword.meaning})") from None
        if value is not None:
            return value
    return None


def parse_keyword(header: Mapping[str, Any], keyword: Keyword, name: str) -> Any:
    """Return the value of a keyword, or of one of its aliases; None where it is not given."""
    raw = _card(header, name)
    return None if raw in (None, "") else keyword.parse(_with_time_of_day(header, name, raw))


def _with_time_of_day(header: Mapping[str, Any], name: str, raw: Any) -> Any:
    """Return DATE-OBS with the time in a keyword of its own, or MJD-OBS, where it is a date alone."""
    text, mjd = str(raw).strip(), _card(header, "MJD-OBS")
    if name != "DATE-OBS" or not re.fullmatch(r"[\d/-]{8,10}", text):
        return raw
    times = (str(_card(header, keyword)).strip() for keyword in ("TIME-OBS", "UT", "UTC", "UTSTART"))
    time = next((one for one in times if re.match(r"\d\d:\d\d:\d\d", one)), "")
    same_day = isinstance(mjd, int | float) and parse_time(mjd).date() == parse_time(text).date()
    return f"{text}T{time}" if time else mjd if same_day else raw


def _card(header: Mapping[str, Any], name: str) -> Any:
    raw = header.get(name)
    return None if type(raw).__name__ == "Undefined" else raw


def _window(header: Mapping[str, Any], path: Path) -> Window | None:
    values = [_card(header, name) for name in _WINDOW]
    if all(value is None for value in values):
        return None
    try:
        window = Window(*(_to_integer(value) for value in values))
    except NOT_UNDERSTOOD:
        given = ", ".join(f"{name} = {value!r}" for name, value in zip(_WINDOW, values, strict=True))
        raise InputError(f"{path}: a window needs four numbers of pixels; the header has {given}") from None
    if min(window.numbers) < 1:
        raise InputError(f"{path}: the window {window} is not on a detector; SUBSTRT1/2 and SUBSIZE1/2 count from 1")
    return window


def with_meta(meta: Meta, primary: Header, science: Header) -> tuple[Header, Header]:
    """Return the two headers of an exposure, changed where they contradict `meta`.

    A value goes into the primary header, and into that of the science extension where the keyword stands there too;
    a keyword whose value is empty in `meta` is removed, and so are the aliases of each that changes. Headers that
    agree are returned as they are.
    """
    stated = replace(meta_of_headers(primary, science, meta.path), mode=meta.mode)
    if stated == meta:
        return primary, science
    headers = primary.copy(), science.copy()
    for key in KEYWORDS:
        if getattr(meta, key.field) != getattr(stated, key.field):
            _put(headers, key.name, getattr(meta, key.field), key.aliases)
    if meta.window != stated.window:
        numbers = (None,) * 4 if meta.window is None else meta.window.numbers
        for name, number in zip(_WINDOW, numbers, strict=True):
            _put(headers, name, number)
    return headers


def _put(headers: tuple[Header, Header], name: str, value: Any, aliases: tuple[str, ...] = ()) -> None:
    for number, header in enumerate(headers):
        for keyword in (name, *aliases) if value in (None, "") else aliases:
            header.remove(keyword, ignore_missing=True, remove_all=True)
        if value not in (None, "") and (number == 0 or name in header):
            header[name] = iso_time(parse_time(value.isoformat())) if isinstance(value, datetime) else value


def matches_all(value: str) -> bool:
    """Whether the value of a keyword matches any other: ANY or N/A, in either case."""
    return value.strip().upper() in ("ANY", "N/A")


def agree(one: str, other: str) -> bool:
    """Whether two values of a keyword that selects files agree: equal but for their case, or one of them unspecific.

    An empty value, ``ANY`` and ``N/A`` agree with everything.
    """
    one, other = one.strip().casefold(), other.strip().casefold()
    return one == other or not one or not other or matches_all(one) or matches_all(other)


_UNIT_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("electrons", "e-", "e"), "electron"),
    **dict.fromkeys(("dn", "counts", "count", "adu", "ct", "cts"), "DN"),
    **dict.fromkeys(("sec", "second", "seconds"), "s"),
}


def parse_unit(text: str) -> UnitBase:
    """Return the astropy unit of a BUNIT, tolerant of the ways in which rates are written.

    Parameters
    ----------
    text
        ``electron/s``, ``ELECTRONS/S``, ``e-/s``, ``ADU/s``, ``MJy/sr`` ...; counts and ADU mean DN.

    Raises
    ------
    InputError
        When it is no unit.
    """
    from astropy import units

    words = re.split(r"([/\s*()]+)", text.strip())
    named = "".join(_UNIT_NAMES.get(word.casefold(), word if word != "S" else "s") for word in words)
    try:
        return units.Unit(named)
    except Exception:  # astropy's parser raises many kinds of errors
        raise InputError(f"{text!r} is not a unit; rates are in electron/s, DN/s or MJy/sr") from None


def is_counts(unit: UnitBase) -> bool:
    """Whether a unit is that of counts, not of a rate."""
    return {base.name for base in unit.bases} <= {"electron", "DN", "adu", "ct", "ph"} and bool(unit.bases)


def unit_string(unit: UnitBase) -> str:
    """Return a unit as BUNIT has it: ``electron/s``, ``MJy/sr``."""
    return str(unit.to_string("generic")).replace(" / ", "/")


def header_text(text: str) -> str:
    """Return a text as a FITS header can hold it: on one line, with ``?`` for what is not printable ASCII."""
    return re.sub(r"[^ -~]", "?", " ".join(text.split()))


def text_card(text: str, comment: str) -> tuple[str, str]:
    """Return value and comment of a card that holds a text; no comment where there is no room for it on the line."""
    value = header_text(text)
    return value, comment if len(value.replace("'", "''")) + len(comment) <= _CARD_ROOM else ""
