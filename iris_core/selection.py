"""The rules by which a reference file is chosen for an exposure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from iris_core.meta import Meta
from iris_core.model import Exposure

__all__ = [
    "MATCH_ALL",
    "SELECTORS",
    "firm_selectors",
    "mismatches",
    "not_stated",
    "selectors",
    "useafter",
    "wanted",
    "why_not",
]

# Which keywords must match, by reference type; a type that is not listed here is matched on all of them.
_ALWAYS = ("INSTRUME", "DETECTOR")
_SELECTORS: Mapping[str, tuple[str, ...]] = {
    "dark": (*_ALWAYS, "READMODE"),
    "flat": (*_ALWAYS, "FILTER", "PUPIL", "READMODE"),
    "photom": _ALWAYS,
    "area": (*_ALWAYS, "FILTER"),
    "distortion": (*_ALWAYS, "FILTER"),
    "mask": _ALWAYS,
}
# What a file in a folder has to say itself; what it leaves out beyond that matches all.
_STATED: Mapping[str, tuple[str, ...]] = {
    "dark": (*_ALWAYS, "READMODE"),
    "flat": (*_ALWAYS, "FILTER"),
    "area": (*_ALWAYS, "FILTER"),
    "distortion": (*_ALWAYS, "FILTER"),
}
# What even a file that is named by hand must not contradict; other differences are noted.
_BY_HAND: Mapping[str, tuple[str, ...]] = {"dark": (*_ALWAYS, "READMODE")}
MATCH_ALL = ("", "ANY", "N/A")
SELECTORS = (*_ALWAYS, "FILTER", "PUPIL", "READMODE")


def firm_selectors(reftype: str) -> tuple[str, ...]:
    """Return the selectors that a file named by hand must not contradict."""
    return _BY_HAND.get(reftype, _ALWAYS)


def selectors(meta: Meta) -> dict[str, str]:
    """Return the values of `SELECTORS` of an exposure."""
    return {
        "INSTRUME": meta.instrument,
        "DETECTOR": meta.detector,
        "FILTER": meta.filter,
        "PUPIL": meta.pupil,
        "READMODE": meta.read_mode,
    }


def wanted(reftype: str, exposure: Exposure) -> dict[str, str]:
    """Return what the selectors of a type have to be for an exposure."""
    values = selectors(exposure.meta)
    return {name: values[name] for name in _SELECTORS.get(reftype, SELECTORS)}


def not_stated(reftype: str, header: Mapping[str, Any]) -> list[str]:
    """Return the selectors that a file in a store must give, and does not."""
    return [name for name in _STATED.get(reftype, _ALWAYS) if not str(header.get(name, "")).strip()]


def mismatches(reftype: str, header: Mapping[str, Any], exposure: Exposure) -> dict[str, str]:
    """Return, by keyword, how a reference file's selectors differ from what an exposure needs."""
    lost: dict[str, str] = {}
    for name, value in wanted(reftype, exposure).items():
        said = str(header.get(name, "")).strip()
        if said.upper() in MATCH_ALL or said.casefold() == value.casefold() or value.upper() in MATCH_ALL[1:]:
            continue
        lost[name] = f"{name} is {said}, " + (f"not {value}" if value else "and the exposure does not say its own")
    return lost


def why_not(reftype: str, header: Mapping[str, Any], exposure: Exposure) -> str | None:
    """Return why a reference file does not fit an exposure, None when it does."""
    missing = not_stated(reftype, header)
    if missing:
        return f"it does not say its {missing[0]}"
    lost = mismatches(reftype, header, exposure)
    if lost:
        return "; ".join(lost.values())
    try:
        since = useafter(header)
    except ValueError:
        return f"USEAFTER {header.get('USEAFTER')!r} is not a time"
    start = exposure.meta.start_time
    if start is not None and since > start:
        return f"USEAFTER {since:%Y-%m-%dT%H:%M:%S} is after the exposure ({start:%Y-%m-%dT%H:%M:%S})"
    return None


def useafter(header: Mapping[str, Any]) -> datetime:
    """Return from when on a reference file applies; the beginning of time where it does not say.

    Raises
    ------
    ValueError
        When USEAFTER is not an ISO 8601 time.
    """
    said = str(header.get("USEAFTER", "")).strip()
    if not said:
        return datetime.min.replace(tzinfo=UTC)
    when = datetime.fromisoformat(said)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
