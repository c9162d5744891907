"""The rules by which a reference file is chosen for an exposure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from iris_core.exposure import Exposure
from iris_core.keywords import agree, matches_all, parse_time
from iris_core.meta import Meta
from iris_core.reference import ReferenceType

__all__ = ["mismatches", "not_stated", "selectors", "selects", "useafter", "why_not"]


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


def why_not(reftype: ReferenceType, header: Mapping[str, Any], exposure: Exposure) -> str | None:
    """Return why a reference file does not fit an exposure, None when it does."""
    missing = not_stated(reftype, header)
    if missing:
        return f"keyword {missing[0]} is missing"
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
        When USEAFTER is not an ISO 8601 time.
    """
    text = str(header.get("USEAFTER", "")).strip()
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    return parse_time(text)
