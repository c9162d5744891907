"""What the framework reads from FITS headers, and how it writes to them."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError
from iris_core.meta import Meta, Window

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.units import UnitBase


_UNIX_EPOCH_MJD = 40587.0
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


def _to_number(value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _to_integer(value: Any) -> int:
    number = int(value)
    if number != float(value):
        raise ValueError(value)
    return number


def parse_time(value: Any) -> datetime:
    """Parse ISO 8601, a modified Julian date or a Julian date."""
    if isinstance(value, int | float):
        mjd = value - _JD_MINUS_MJD if value > _JD_MINUS_MJD else value
        return datetime.fromtimestamp(0, UTC) + timedelta(days=mjd - _UNIX_EPOCH_MJD)
    when = datetime.fromisoformat(_to_text(value))
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _degrees(per_unit: float) -> Callable[[Any], float]:
    """Return a parser of degrees: a number as it is, ``hh:mm:ss`` or ``dd:mm:ss`` times `per_unit`."""

    def parse(value: Any) -> float:
        text = _to_text(value)
        if not re.fullmatch(r"[-+]?[0-9]+([:\s]+[0-5]?[0-9]){1,2}(\.[0-9]*)?", text):
            return _to_number(text)
        from astropy.coordinates import Angle

        return per_unit * float(Angle(text, "deg").value)

    return parse


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
    Keyword("EXPTIME", "exposure time", "exposure_time", _to_number, "s", ("EFFEXPTM", "XPOSURE", "EXP_TIME")),
    Keyword("DATE-OBS", "start of the exposure, UTC", "start_time", parse_time, "", ("EXPDTST", "MJD-OBS", "EXPJDST")),
    Keyword("RA", "pointing, right ascension", "ra", _degrees(15.0), "deg"),
    Keyword("DEC", "pointing, declination", "dec", _degrees(1.0), "deg"),
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
        When a keyword is there and cannot be understood.
    """
    values: dict[str, Any] = {"path": path, "window": _window(header, path)}
    for keyword in KEYWORDS:
        value = _value(header, keyword, path)
        if value is not None:
            values[keyword.field] = value
    return Meta(**values)


def meta_of_headers(primary: Header, science: Header, path: Path) -> Meta:
    """Return the typed header of an exposure: the primary header counts, then that of the science extension."""
    return meta_from_header(ChainMap(primary, science), path)


def _value(header: Mapping[str, Any], keyword: Keyword, path: Path) -> Any:
    for name in (keyword.name, *keyword.aliases):
        raw = _card(header, name, path)
        if raw is not None and raw != "":
            try:
                return keyword.parse(_with_time_of_day(header, name, raw, path))
            except (ValueError, TypeError, OverflowError):
                expected = (
                    "a time (2026-11-23T01:02:03)" if keyword.parse is parse_time else f"a number ({keyword.meaning})"
                )
                raise InputError(f"{path}: {name} = {raw!r} is not {expected}") from None
    return None


def _with_time_of_day(header: Mapping[str, Any], name: str, raw: Any, path: Path) -> Any:
    """Return DATE-OBS with the time in TIME-OBS or MJD-OBS, where it is a date alone."""
    if name != "DATE-OBS" or len(str(raw).strip()) != len("2026-11-23"):
        return raw
    time, mjd = _card(header, "TIME-OBS", path), _card(header, "MJD-OBS", path)
    if time:
        return f"{str(raw).strip()}T{time}"
    same_day = isinstance(mjd, int | float) and parse_time(mjd).date().isoformat() == str(raw).strip()
    return mjd if same_day else raw


def _card(header: Mapping[str, Any], name: str, path: Path) -> Any:
    try:
        raw = header.get(name)
    except Exception as error:
        raise InputError(f"{path}: the header card {name} cannot be read: {error}") from error
    return None if type(raw).__name__ == "Undefined" else raw


def _window(header: Mapping[str, Any], path: Path) -> Window | None:
    values = [_card(header, name, path) for name in _WINDOW]
    if all(value is None for value in values):
        return None
    try:
        window = Window(*(_to_integer(value) for value in values))
    except (ValueError, TypeError, OverflowError):
        given = ", ".join(f"{name} = {value!r}" for name, value in zip(_WINDOW, values, strict=True))
        raise InputError(f"{path}: a window needs four numbers of pixels; the header has {given}") from None
    if min(window.xstart, window.ystart, window.xsize, window.ysize) < 1:
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
            _put(headers, key.name, _as_card(getattr(meta, key.field)), key.aliases)
    if meta.window != stated.window:
        numbers = (None,) * 4 if meta.window is None else meta.window.numbers
        for name, number in zip(_WINDOW, numbers, strict=True):
            _put(headers, name, number)
    return headers


def _as_card(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return parse_time(value.isoformat()).astimezone(UTC).replace(tzinfo=None).isoformat()


def _put(headers: tuple[Header, Header], name: str, value: Any, aliases: tuple[str, ...] = ()) -> None:
    primary, science = headers
    for header in headers:
        for keyword in (name, *aliases) if value in (None, "") else aliases:
            header.remove(keyword, ignore_missing=True, remove_all=True)
    if value not in (None, ""):
        primary[name] = value
        if name in science:
            science[name] = value


def matches_all(value: str) -> bool:
    """Whether the value of a keyword matches any other: ANY or N/A, in either case."""
    return value.strip().upper() in ("ANY", "N/A")


def agree(one: str, other: str) -> bool:
    """Whether two values of a keyword that selects files agree: equal but for their case, or one of them unspecific.

    An empty value, ``ANY`` and ``N/A`` agree with everything.
    """
    one, other = one.strip().casefold(), other.strip().casefold()
    return one == other or not one or not other or matches_all(one) or matches_all(other)


def selects(stated: str, value: str) -> bool:
    """Whether a value stated in a reference file fits the value of an exposure.

    They have to agree; an exposure that gives none is fitted only by a file that is for all.
    """
    return agree(stated, value) and (bool(value.strip()) or not stated.strip() or matches_all(stated))


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
