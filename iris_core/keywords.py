"""The FITS keywords the framework reads and writes: one declaration for the code and for the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError
from iris_core.meta import Meta, Window

if TYPE_CHECKING:
    from astropy.units import UnitBase

__all__ = [
    "KEYWORDS",
    "Keyword",
    "header_text",
    "is_wcs_keyword",
    "meta_from_header",
    "parse_unit",
    "text_card",
    "unit_string",
]

_UNIX_EPOCH_MJD = 40587.0
_JD_MINUS_MJD = 2400000.5
_CARD_ROOM = 65  # of 80 characters, without keyword, quotes and slash; astropy cuts what is longer, and warns


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: `field` is where its value goes in `Meta`, `aliases` other names that are understood."""

    name: str
    meaning: str
    unit: str = ""
    field: str = ""
    parse: Callable[[Any], Any] | None = None
    aliases: tuple[str, ...] = ()


def _text(value: Any) -> str:
    return str(value).strip()


def _number(value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _integer(value: Any) -> int:
    number = int(value)
    if number != float(value):
        raise ValueError(value)
    return number


def _time(value: Any) -> datetime:
    """Parse ISO 8601, a modified Julian date or a Julian date."""
    if isinstance(value, int | float):
        mjd = value - _JD_MINUS_MJD if value > _JD_MINUS_MJD else value
        return datetime.fromtimestamp(0, UTC) + timedelta(days=mjd - _UNIX_EPOCH_MJD)
    when = datetime.fromisoformat(_text(value))
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _degrees(per_unit: float) -> Callable[[Any], float]:
    """Return a parser of degrees: a number as it is, ``hh:mm:ss`` or ``dd:mm:ss`` times `per_unit`."""

    def parse(value: Any) -> float:
        first, *sixtieths = parts = re.split(r"[:\s]+", _text(value))
        if not sixtieths:
            return _number(first)
        if len(parts) > 3 or not all(0 <= float(part) < 60 for part in sixtieths):
            raise ValueError(value)
        size = sum(abs(float(part)) / 60.0**power for power, part in enumerate(parts))
        return per_unit * (-size if parts[0].startswith("-") else size)

    return parse


KEYWORDS: tuple[Keyword, ...] = (
    Keyword("TELESCOP", "telescope", field="telescope", parse=_text),
    Keyword("INSTRUME", "instrument; chooses the mode", field="instrument", parse=_text),
    Keyword("DETECTOR", "detector; chooses the mode and the reference files", field="detector", parse=_text),
    Keyword("FILTER", "filter; chooses flat, photom and distortion", field="filter", parse=_text),
    Keyword("PUPIL", "element in the pupil wheel", field="pupil", parse=_text),
    Keyword("READMODE", "read mode; chooses the dark", field="read_mode", parse=_text),
    Keyword("IMTYPE", "what was observed: SCI, SKY, DARK ...", field="image_type", parse=_text),
    Keyword("OBJECT", "target", field="target", parse=_text),
    Keyword("PROGNUM", "program", field="program", parse=_text),
    Keyword("EXPTIME", "exposure time", "s", "exposure_time", _number),
    Keyword("DATE-OBS", "start of the exposure, UTC", "", "start_time", _time, ("EXPDTST", "MJD-OBS", "EXPJDST")),
    Keyword("TIME-OBS", "time of day, where DATE-OBS is a date alone"),
    Keyword("RA", "pointing, right ascension", "deg", "ra", _degrees(15.0)),
    Keyword("DEC", "pointing, declination", "deg", "dec", _degrees(1.0)),
    Keyword("SUBARRID", "number of the subarray; 0 is the full frame", "", "subarray_id", _integer),
    Keyword("SUBSTRT1", "first column of the window, 1-based", "pixel"),
    Keyword("SUBSTRT2", "first row of the window, 1-based", "pixel"),
    Keyword("SUBSIZE1", "columns of the window", "pixel"),
    Keyword("SUBSIZE2", "rows of the window", "pixel"),
    Keyword("BUNIT", "unit of the data", aliases=("UNIT",)),
    Keyword("DATALVL", "1 rate, 2 calibrated"),
    Keyword("FILENAME", "name of this file"),
    Keyword("DRSVER", "version of iris-core that wrote the file"),
    Keyword("RECIPE", "recipe that made the product"),
    Keyword(
        "S_<STEP>", "COMPLETE or SKIPPED, one for each stage; the reason stands in HISTORY and in the ASDF extension"
    ),
    Keyword("R_<TYPE>", "reference file that was used, one for each type"),
    Keyword("BKG_DARK", "the dark went with the background"),
    Keyword("BKG_METH", "how the background was removed, where a part of the dark went with it"),
    Keyword("PHOTMJSR", "flux density per rate", "MJy/sr per electron/s or DN/s"),
    Keyword("PHOTUJA2", "flux density per rate", "uJy/arcsec2 per electron/s or DN/s"),
    Keyword("PIXAR_SR", "mean area of a pixel", "sr"),
    Keyword("PIXAR_A2", "mean area of a pixel", "arcsec2"),
    Keyword("PHOTUNC", "relative uncertainty of PHOTMJSR, common to all pixels"),
    Keyword("S_REGION", "footprint on the sky"),
    Keyword("WCSERR", "largest error of the FITS WCS against the gWCS", "pixel"),
    Keyword("PXSCLRT", "scale of the rectified grid over that of the detector"),
    Keyword("PIXFRAC", "linear size of the drop over that of the pixel"),
    Keyword("KERNEL", "drizzle kernel"),
    Keyword("RESWHT", "weights of the input pixels"),
    Keyword("CORRFAC", "noise of a large aperture over what ERR says, from correlated pixels"),
)


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
    same_day = isinstance(mjd, int | float) and _time(mjd).date().isoformat() == str(raw).strip()
    return mjd if same_day else raw


def _card(header: Mapping[str, Any], name: str, path: Path) -> Any:
    try:
        raw = header.get(name)
    except Exception as error:
        raise InputError(f"{path}: the header card {name} cannot be read: {error}") from error
    return None if type(raw).__name__ == "Undefined" else raw


def _expected(keyword: Keyword) -> str:
    if keyword.parse is _time:
        return "a time (2026-11-23T01:02:03)"
    return f"a number ({keyword.meaning}{', ' + keyword.unit if keyword.unit else ''})"


def _window(header: Mapping[str, Any], path: Path) -> Window | None:
    names = ("SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2")
    values = [_card(header, name, path) for name in names]
    if all(value is None for value in values):
        return None
    try:
        window = Window(*(_integer(value) for value in values))
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
