"""The rules by which a reference file is chosen for an exposure."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isclose
from typing import Any

from iris_core.exposure import Exposure
from iris_core.keywords import KEYWORDS, agree, matches_all, parse_time
from iris_core.meta import Meta
from iris_core.reference import ReferenceType

__all__ = [
    "differences",
    "mismatches",
    "not_stated",
    "selectors",
    "selects",
    "unlikeness",
    "unstated",
    "useafter",
    "why_not",
]

_KNOWN = ("INSTRUME", "DETECTOR")
_TOLERANCE = 1e-3  # to which exposure times are equal
_NAMES = {one.name: (one.name, *one.aliases) for one in KEYWORDS}
# Times as they are written in USEAFTER, besides those of FITS.
_FORMS = ("%b %d %Y %H:%M:%S", "%b %d %Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%d/%m/%Y", "%d-%b-%Y", "%d %b %Y")


def selects(stated: str, value: str) -> bool:
    """Whether a value stated in a reference file fits the value of an exposure.

    They have to agree; an exposure that gives none is fitted only by a file that is for all.
    """
    return agree(stated, value) and (bool(value.strip()) or not stated.strip() or matches_all(stated))


def selectors(meta: Meta) -> dict[str, str]:
    """Return the values of an exposure's keywords that select reference files."""
    return {
        "INSTRUME": meta.instrument,
        "DETECTOR": meta.detector,
        "FILTER": meta.filter,
        "PUPIL": meta.pupil,
        "READMODE": meta.read_mode,
    }


def not_stated(reftype: ReferenceType, header: Mapping[str, Any]) -> list[str]:
    """Return the selectors that a reference file has to give and does not."""
    return [name for name in reftype.stated if not str(header.get(name, "")).strip()]


def unstated(reftype: ReferenceType, header: Mapping[str, Any], exposure: Exposure) -> dict[str, bool]:
    """Return, for each selector that a reference file has to give and does not, whether that matters.

    It does not where the exposure does not give it either: its camera has none. Camera and detector have to be known.
    """
    ours = selectors(exposure.meta)
    return {name: name in _KNOWN or ours.get(name, name).strip() != "" for name in not_stated(reftype, header)}


def mismatches(reftype: ReferenceType, header: Mapping[str, Any], exposure: Exposure) -> dict[str, str]:
    """Return, by keyword, how a reference file's selectors differ from what an exposure needs."""
    found: dict[str, str] = {}
    values = selectors(exposure.meta)
    for name in reftype.selectors:
        stated, ours = header.get(name, ""), values[name]
        if stated == ours:
            continue
        theirs = str(stated).strip()
        if not selects(theirs, ours):
            found[name] = f"{name} is {theirs}, " + (f"not {ours}" if ours else "and the exposure does not give it")
    return found


def differences(names: Iterable[str], header: Mapping[str, Any], exposure: Exposure) -> dict[str, str]:
    """Return, by keyword, how what a file states differs from what an exposure states.

    Parameters
    ----------
    names
        Keywords; EXPTIME is known by its other names, too.
    header
        The keywords of the file.
    exposure
        Numbers agree with its numbers to 1e-3.
    """
    return {
        name: f"{name} is {_shown(theirs)}, not {_shown(ours)}"
        for name, theirs, ours in _pairs(names, header, exposure)
        if None not in (theirs, ours) and not _equal(theirs, ours)
    }


def unlikeness(names: Iterable[str], header: Mapping[str, Any], exposure: Exposure) -> tuple[int, ...]:
    """Return, for each keyword, 0 where a file is like an exposure, 1 where one of them does not say, 2 elsewhere."""
    return tuple(
        0 if theirs == ours or _equal(theirs, ours) else 1 if None in (theirs, ours) else 2
        for _, theirs, ours in _pairs(names, header, exposure)
    )


def _pairs(names: Iterable[str], header: Mapping[str, Any], exposure: Exposure) -> Iterator[tuple[str, Any, Any]]:
    own = ChainMap(exposure.header, exposure.sci_header)
    yield from ((name, _stated(header, name), _stated(own, name)) for name in names)


def _stated(header: Mapping[str, Any], name: str) -> Any:
    """Return the value of a keyword or of one of its other names; None where a header gives none."""
    values = (header.get(one) for one in _NAMES.get(name, (name,)))
    return next((one for one in values if one not in (None, "") and type(one).__name__ != "Undefined"), None)


def _equal(one: Any, other: Any) -> bool:
    with suppress(ValueError, TypeError):
        return isclose(float(one), float(other), rel_tol=_TOLERANCE)
    return str(one).strip().casefold() == str(other).strip().casefold()


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def why_not(reftype: ReferenceType, header: Mapping[str, Any], exposure: Exposure) -> str | None:
    """Return why a reference file does not fit an exposure, None when it does."""
    missing = next((name for name, matters in unstated(reftype, header, exposure).items() if matters), "")
    if missing:
        return f"keyword {missing} is missing"
    different = mismatches(reftype, header, exposure)
    if different:
        return "; ".join(different.values())
    try:
        since = useafter(header)
    except ValueError:
        return f"USEAFTER {header.get('USEAFTER')!r} is not a time"
    start = exposure.meta.start_time
    if start is not None and since > start:
        return f"USEAFTER {since:%Y-%m-%dT%H:%M:%S} is after the exposure ({start:%Y-%m-%dT%H:%M:%S})"
    return None


def useafter(header: Mapping[str, Any]) -> datetime:
    """Return the time from which a reference file applies; the beginning of time where it gives none.

    Raises
    ------
    ValueError
        When USEAFTER is no time: ISO 8601, also at a leap second, ``Mar 20 2026 00:00:00``, ``2026/03/20``,
        ``20/03/2026``, ``20-Mar-2026``.
    """
    text = " ".join(str(header.get("USEAFTER", "")).split())
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    return _time(text)


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        for form in _FORMS:
            with suppress(ValueError):
                return datetime.strptime(text, form).replace(tzinfo=UTC)
        raise
