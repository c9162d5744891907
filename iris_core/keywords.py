"""What the framework reads from FITS headers, and the words in which it writes to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError
from iris_core.keyword_table import KEYWORDS, Keyword, to_integer, to_time
from iris_core.meta import Meta, Window

if TYPE_CHECKING:
    from astropy.units import UnitBase

__all__ = [
    "header_text",
    "is_wcs_keyword",
    "meta_from_header",
    "parse_unit",
    "text_card",
    "unit_string",
]

_CARD_ROOM = 65  # of 80 characters, without keyword, quotes and slash; astropy cuts what is longer, and warns


def meta_from_header(header: Mapping[str, Any], path: Path) -> Meta:
    """Return the typed header of an exposure.

    Parameters
    ----------
    header
        A FITS header, or anything that gives values by keyword.
    path
        The file it is from.

    Raises
    ------
    InputError
        When a keyword is there and cannot be understood.
    """
    values: dict[str, Any] = {"path": path, "window": _window(header, path)}
    for keyword in KEYWORDS:
        if keyword.field:
            value = _value(header, keyword, path)
            if value is not None:
                values[keyword.field] = value
    return Meta(**values)


def _value(header: Mapping[str, Any], keyword: Keyword, path: Path) -> Any:
    assert keyword.parse is not None
    for name in (keyword.name, *keyword.aliases):
        raw = _card(header, name, path)
        if raw is not None and raw != "":
            try:
                return keyword.parse(_with_time_of_day(header, name, raw, path))
            except (ValueError, TypeError, OverflowError):
                raise InputError(f"{path}: {name} = {raw!r} is not {_expected(keyword)}") from None
    return None


def _with_time_of_day(header: Mapping[str, Any], name: str, raw: Any, path: Path) -> Any:
    """Return DATE-OBS with the time that stands beside it, where it is a date alone."""
    if name != "DATE-OBS" or len(str(raw).strip()) != len("2026-11-23"):
        return raw
    time, mjd = _card(header, "TIME-OBS", path), _card(header, "MJD-OBS", path)
    if time:
        return f"{str(raw).strip()}T{time}"
    same_day = isinstance(mjd, int | float) and to_time(mjd).date().isoformat() == str(raw).strip()
    return mjd if same_day else raw


def _card(header: Mapping[str, Any], name: str, path: Path) -> Any:
    try:
        raw = header.get(name)
    except Exception as error:
        raise InputError(f"{path}: the header card {name} cannot be read: {error}") from error
    return None if type(raw).__name__ == "Undefined" else raw


def _expected(keyword: Keyword) -> str:
    if keyword.parse is to_time:
        return "a time (2026-11-23T01:02:03)"
    return f"a number ({keyword.meaning}{', ' + keyword.unit if keyword.unit else ''})"


def _window(header: Mapping[str, Any], path: Path) -> Window | None:
    names = ("SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2")
    values = [_card(header, name, path) for name in names]
    if all(value is None for value in values):
        return None
    try:
        window = Window(*(to_integer(value) for value in values))
    except (ValueError, TypeError, OverflowError):
        said = ", ".join(f"{name} = {value!r}" for name, value in zip(names, values, strict=True))
        raise InputError(f"{path}: a window needs four numbers of pixels; the header says {said}") from None
    if min(window.xstart, window.ystart, window.xsize, window.ysize) < 1:
        raise InputError(f"{path}: the window {window} is not on a detector; SUBSTRT1/2 and SUBSIZE1/2 count from 1")
    return window


_UNIT_NAMES: Mapping[str, str] = {
    "electrons": "electron",
    "e-": "electron",
    "e": "electron",
    "dn": "DN",
    "counts": "DN",
    "count": "DN",
    "adu": "DN",
    "ct": "DN",
    "cts": "DN",
    "sec": "s",
    "second": "s",
    "seconds": "s",
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
    except Exception:  # astropy's parser fails in its own ways on what nobody would take for a unit
        raise InputError(f"{text!r} is not a unit; rates are in electron/s, DN/s or MJy/sr") from None


def header_text(text: str) -> str:
    """Return a text as a FITS header can hold it: on one line, with ``?`` for what is not printable ASCII."""
    return re.sub(r"[^ -~]", "?", " ".join(text.split()))


def text_card(text: str, comment: str) -> tuple[str, str]:
    """Return value and comment of a card that holds a text; no comment where there is no room for it on the line."""
    said = header_text(text)
    return said, comment if len(said.replace("'", "''")) + len(comment) <= _CARD_ROOM else ""


def unit_string(unit: UnitBase) -> str:
    """Return a unit as BUNIT says it: ``electron/s``, ``MJy/sr``."""
    return str(unit.to_string("generic")).replace(" / ", "/")


_WCS_KEYWORD = re.compile(
    r"((WCSAXES|WCSNAME|(CRPIX|CRVAL|CTYPE|CUNIT|CDELT|CROTA|CNAME)\d|(PC|CD)\d_\d|P[VS]\d_\d+"
    r"|LONPOLE|LATPOLE|RADESYS)[A-Z]?|LTV\d|LTM\d_\d|RADECSYS|EPOCH|[AB]P?_(ORDER|DMAX|\d_\d)|S_REGION|WCSERR"
    r"|(PC|CD)0\d{2}0\d{2}|(CPDIS|CQDIS|D2IMDIS|DP|DQ|CPERR|CQERR|D2IMERR)\d|D2IMARR|D2IMEXT|AXISCORR)"
)


def is_wcs_keyword(name: str) -> bool:
    """Whether a keyword belongs to a FITS WCS (EQUINOX apart, which also describes the target)."""
    return _WCS_KEYWORD.fullmatch(name) is not None
