"""What makes exposures alike, and what a group of them is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from iris_asn._member import Member
from iris_asn._rules import Rule
from iris_core import KEYWORDS, exposure_stem

__all__ = ["Keys", "name_of", "text_of", "unique"]

_TOLERANCE = 1e-3  # relative difference of exposure times that does not count
_FIELDS = {keyword.name: keyword.field for keyword in KEYWORDS} | {"INSTRUME": "instrument"}
_NOTHING = ("open", "clear", "none")


class Keys:
    """The keys of exposures; exposure times that differ by less than 1e-3 are one.

    Parameters
    ----------
    members
        All exposures.
    """

    def __init__(self, members: Iterable[Member]) -> None:
        self._times = _levels(one.meta.exposure_time for one in members)

    def of(self, member: Member, rule: Rule) -> tuple[str, ...]:
        """Return what an exposure has in common with others of its group."""
        return tuple(self._value(member, keyword) for keyword in rule.each)

    def _value(self, member: Member, keyword: str) -> str:
        if keyword == "EXPTIME":
            seconds = member.meta.exposure_time
            return "" if seconds is None else f"{self._times[seconds]:020.9f}"  # sorts as the number does
        if keyword == "COADDS":
            return (member.text(keyword) or "1").zfill(9)
        return (str(member.window or "") if keyword == "WINDOW" else text_of(member, keyword)).casefold()


def _levels(values: Iterable[float | None]) -> Mapping[float, float]:
    """Return the lowest of the values that count as equal to each."""
    levels: dict[float, float] = {}
    lowest = -1.0
    for value in sorted({value for value in values if value is not None}):
        if value > lowest * (1 + _TOLERANCE) or lowest < 0:
            lowest = value
        levels[value] = lowest
    return levels


def text_of(member: Member, keyword: str) -> str:
    """Return what the header says of a keyword, for people."""
    if keyword == "WINDOW":
        return "" if member.meta.window is None else str(member.meta.window)
    value = getattr(member.meta, _FIELDS[keyword]) if keyword in _FIELDS else member.text(keyword)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def name_of(members: Sequence[Member], rule: Rule) -> str:
    """Return the name of the product of a group: values of the keywords that make it, as a file can be called."""
    if not rule.name:
        return exposure_stem(members[0].path)
    words = (re.sub(r"[^A-Za-z0-9.+-]+", "-", _word(members[0], keyword)).strip("-.") for keyword in rule.name)
    return "_".join(filter(None, words)) or rule.first


def _word(member: Member, keyword: str) -> str:
    text, window = text_of(member, keyword), member.meta.window
    if keyword == "EXPTIME" and text:
        return f"{text}s"
    if keyword == "COADDS":
        return f"{text}coadds" if text not in ("", "1") else ""
    if keyword == "WINDOW":
        if window is None or (window.xstart, window.ystart) == (1, 1):
            return ""
        return f"{window.xsize}x{window.ysize}at{window.xstart}-{window.ystart}"
    return "" if keyword == "PUPIL" and text.casefold() in _NOTHING else text


def unique(names: Iterable[str]) -> list[str]:
    """Return names with a number after those that came before, in either case."""
    given: list[str] = []
    taken: set[str] = set()
    for name in names:
        numbered = (name if number == 1 else f"{name}_{number}" for number in range(1, len(taken) + 2))
        given.append(next(one for one in numbered if one.casefold() not in taken))
        taken.add(given[-1].casefold())
    return given
