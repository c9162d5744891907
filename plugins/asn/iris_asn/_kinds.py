"""What an exposure is: IMTYPE, and the lamp and the shutter, which may contradict it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from iris_asn._member import Member
from iris_asn._spellings import CLOSED, IMAGE_TYPES, LAMPS, MASTERS, OFF, ON, OPEN, SHUTTERS, SKY, UNSTATED

__all__ = ["Kind", "kind_of"]

_KINDS = {spelling: kind for kind, spellings in IMAGE_TYPES.items() for spelling in spellings}
# What cannot be true together: kinds, and what the header must then not say of the shutter, and of the lamp.
_SHUTTER = {"dark": "open", "science": "closed", "subarray": "closed", "background": "closed", "sky_flat": "closed"}
_SHUTTER |= {"flat": "closed", "flat_on": "closed", "flat_off": "closed"}
_LAMP = {"science": "on", "subarray": "on", "background": "on", "flat_off": "on", "flat_on": "off"}
_SILENT = "IMTYPE is not stated"


@dataclass(frozen=True, slots=True)
class Kind:
    """What an exposure is, ``""`` where that is not clear, and what in its header says so."""

    name: str
    evidence: str

    @property
    def is_stated(self) -> bool:
        """Whether the header speaks of what it is, be it unclear."""
        return self.evidence != _SILENT


def kind_of(member: Member) -> Kind:
    """Return what an exposure is: science, subarray, background, dark, flat, flat_on, flat_off, sky_flat or a master.

    Where IMTYPE is not stated, a closed shutter makes a dark, a lamp that is on a flat, and anything else is science.
    Of flats the lamp makes flat_on or flat_off, and sky_flat where it is the sky. Where IMTYPE contradicts lamp or
    shutter, or says nothing that is known, the kind is not clear.
    """
    if reftype := member.text("REFTYPE"):
        return Kind(MASTERS.get(reftype.casefold(), ""), f"REFTYPE is {reftype}")
    stated = "" if member.meta.image_type.casefold() in UNSTATED else member.meta.image_type
    shutter, lamp = _state(member, SHUTTERS, OPEN, CLOSED), _state(member, LAMPS, ON, OFF)
    name = _KINDS.get(re.sub(r"[\s_-]", "", stated).casefold(), "") if stated else _unstated(shutter, lamp)
    evidence = f"IMTYPE is {stated}" if stated else _evidence(name, shutter, lamp)
    if name == "flat" and lamp.value.casefold() in SKY:
        name, evidence = "sky_flat", f"{evidence} and {lamp}"
    if name == "flat" and lamp.is_unknown:
        return Kind("", f"{evidence}, but whether the lamp is on is not clear: {lamp}")
    if name == "flat" and lamp.word:
        name, evidence = f"flat_{lamp.word}", f"{evidence} and {lamp}"
    if against := _contradiction(name, shutter, lamp):
        return Kind("", f"{evidence}, but {against}")
    if name == "science" and member.meta.subarray_id:
        return Kind("subarray", f"SUBARRID is {member.meta.subarray_id}")
    return Kind(name, evidence)


@dataclass(frozen=True, slots=True)
class _State:
    """What the header says of a lamp or a shutter: one of two words, ``""`` where nothing or nothing that is known."""

    word: str = ""
    keyword: str = ""
    value: str = ""

    @property
    def is_unknown(self) -> bool:
        """Whether there is a keyword, and its value is not understood."""
        return bool(self.keyword) and not self.word

    def __str__(self) -> str:
        return f"{self.keyword} is {self.value or repr('')}"


def _state(member: Member, keywords: Sequence[str], first: Sequence[str], second: Sequence[str]) -> _State:
    """Return the state of the keyword that counts: one that says `first`, then one that is not known, then `second`."""
    states = [_State("", name, member.text(name)) for name in keywords if name in member.header]
    words = {**dict.fromkeys(second, second[0]), **dict.fromkeys(first, first[0])}
    found = [_State(words.get(one.value.casefold(), ""), one.keyword, one.value) for one in states]
    order = (first[0], "", second[0])
    return min(found, key=lambda one: order.index(one.word), default=_State())


def _unstated(shutter: _State, lamp: _State) -> str:
    return "dark" if shutter.word == "closed" else "flat_on" if lamp.word == "on" else "science"


def _evidence(name: str, shutter: _State, lamp: _State) -> str:
    return {"dark": str(shutter), "flat_on": str(lamp)}.get(name, _SILENT)


def _contradiction(name: str, shutter: _State, lamp: _State) -> str:
    if shutter.word and _SHUTTER.get(name) == shutter.word:
        return str(shutter)
    return str(lamp) if lamp.word and _LAMP.get(name) == lamp.word else ""
