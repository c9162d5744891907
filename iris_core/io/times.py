"""What a header says and what it does not: keywords that cannot be understood, the middle of the exposure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.arrays import Array
from iris_core.keywords import KEYWORDS, NOT_UNDERSTOOD, iso_time, mjd_of, parse_keyword, parse_time
from iris_core.meta import Meta

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["doubts", "in_utc", "with_times"]

_SECONDS = 86400.0
# The scales of FITS 4.0 (table 30) that are not UTC to a second, as astropy names them; ET, TDT and IAT are old names.
_SCALES = {scale: scale.lower() for scale in ("TAI", "TT", "TDB", "TCG", "TCB")} | {
    "ET": "tt",
    "TDT": "tt",
    "IAT": "tai",
}
_TIMES = ("DATE-OBS", *(f"{kind}-{which}" for kind in ("DATE", "MJD") for which in ("BEG", "AVG", "END")), "MJD-OBS")
_START = next(one for one in KEYWORDS if one.name == "DATE-OBS")


def doubts(primary: Header, science: Header) -> Iterator[str]:
    """Yield a remark on each keyword that is given and cannot be understood: it counts as not known."""
    header = ChainMap(primary, science)
    if not _is_utc(header):
        yield f"TIMESYS = {header['TIMESYS']}: its times are taken as UTC, wrong by the seconds between the two"
    for keyword in KEYWORDS:
        for name in (keyword.name, *keyword.aliases):
            try:
                parse_keyword(header, keyword, name)
            except NOT_UNDERSTOOD:
                yield f"{name} = {header[name]!r} is not understood ({keyword.meaning}): it counts as not known"


def in_utc(primary: Header, science: Header, remarks: list[str]) -> tuple[Header, Header]:
    """Return the two headers of an exposure with their times in UTC, where TIMESYS says that they are in another scale.

    Parameters
    ----------
    primary, science
        Those of the file.
    remarks
        Gets a word on what was converted.
    """
    given = ChainMap(primary, science)
    scale = _SCALES.get(str(given.get("TIMESYS", "")).strip().upper())
    if scale is None:
        return primary, science
    remarks.append(f"TIMESYS = {given['TIMESYS']}: its times were converted to UTC")
    return _converted(primary, given, scale), _converted(science, given, scale)


def _converted(header: Header, given: Mapping[str, Any], scale: str) -> Header:
    converted = header.copy()
    for name in (one for one in (*_TIMES, "TIMESYS") if one in header):
        if name == "TIMESYS":
            converted[name] = "UTC"
            continue
        with suppress(*NOT_UNDERSTOOD):  # `doubts` names it
            when = parse_keyword(given, _START, name) if name == "DATE-OBS" else parse_time(header[name])
            when += timedelta(seconds=_seconds_to_utc(when, scale))
            converted[name] = round(mjd_of(when), 9) if name.startswith("MJD") else iso_time(when)
    return converted


def _seconds_to_utc(when: datetime, scale: str) -> float:
    """Return UTC minus another time scale, to the millisecond."""
    from astropy.time import Time

    time = Time(when.replace(tzinfo=None), scale=scale)
    return round(_SECONDS * float(time.utc.jd1 - time.jd1 + time.utc.jd2 - time.jd2), 3)


def _is_utc(header: Mapping[str, Any]) -> bool:
    return str(header.get("TIMESYS", "UTC")).strip().upper() in ("", "UTC", "UT", "UT1", "GMT")


def with_times(header: Header, sci_header: Header, meta: Meta, int_times: Array | None) -> Header:
    """Return the primary header with MJD-BEG, MJD-AVG and MJD-END (UTC) as far as they are known and it lacks them.

    Parameters
    ----------
    header, sci_header
        Those of the exposure.
    meta
        Gives the start, and the exposure time where no end is given.
    int_times
        The table INT_TIMES of jwst, whose ``int_mid_MJD_UTC`` are the middles of the integrations.
    """
    given = ChainMap(header, sci_header)
    if meta.start_time is None or "MJD-AVG" in given or not _is_utc(given):
        return header
    start, seconds = mjd_of(meta.start_time), meta.exposure_time
    end = _end(header) or (None if seconds is None else start + seconds / _SECONDS)
    middle = _mean_of(int_times) or (None if end is None else (start + end) / 2)
    if end is None or middle is None or not start <= middle <= end:
        return header
    known = header.copy()
    for keyword, value, what in (("MJD-BEG", start, "start"), ("MJD-AVG", middle, "middle"), ("MJD-END", end, "end")):
        if keyword not in sci_header:
            known.setdefault(keyword, round(value, 9))
            known.comments[keyword] = f"[d] {what} of the exposure, UTC"
    return known


def _end(header: Header) -> float | None:
    for keyword in ("MJD-END", "DATE-END"):
        try:
            return mjd_of(parse_time(header[keyword]))
        except (KeyError, ValueError, TypeError, OverflowError):
            continue
    return None


def _mean_of(int_times: Array | None) -> float | None:
    if int_times is None or "int_mid_MJD_UTC" not in (int_times.dtype.names or ()):
        return None
    middle = float(np.mean(int_times["int_mid_MJD_UTC"]))
    return middle if np.isfinite(middle) and middle > 0 else None
