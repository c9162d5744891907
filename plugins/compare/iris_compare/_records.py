"""What differs between two products beside their pixels: headers, and what each stage did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from iris_core import Exposure, StageRecord

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["Card", "compare_headers", "compare_histories", "compare_values"]

# Cards that say which file this is and which run wrote it, not what is in it.
_OF_RUN = frozenset(("DATE", "FILENAME", "IRISKEY", "RUNID", "DRSVER", "DRSFMT", "CHECKSUM", "DATASUM", "ORIGFILE"))
_TEXTS = ("COMMENT", "HISTORY", "")


@dataclass(frozen=True, slots=True)
class Card:
    """A keyword whose value differs.

    Parameters
    ----------
    keyword
        The keyword.
    first, other
        Its values; None where a header does not have it.
    kind
        ``run`` where it says which file this is and which run wrote it, ``wcs`` where the gWCS says the same, else
        ``""``.
    """

    keyword: str
    first: Any
    other: Any
    kind: str = ""


def compare_headers(first: Exposure, other: Exposure) -> tuple[Card, ...]:
    """Return the cards that differ in the primary header or that of the science image; those of the run last."""
    without = [one.replace(wcs=None, fits_wcs=None) for one in (first, other)]
    kept = {key for one in without for header in (one.header, one.sci_header) for key in header}
    found = (
        card if card.keyword in kept else replace(card, kind="wcs")
        for one, two in ((first.header, other.header), (first.sci_header, other.sci_header))
        for card in compare_values(_values(one), _values(two))
    )
    return tuple(sorted(dict.fromkeys(found), key=lambda card: card.kind == "run"))


def _values(header: Header) -> dict[str, Any]:
    values = {key: header[key] for key in header if key not in _TEXTS}
    return values | {key: "\n".join(map(str, header[key])) for key in _TEXTS[:2] if key in header}


def compare_values(first: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Card, ...]:
    """Return the keywords whose values differ; those of the run last."""
    keys = (key for key in dict.fromkeys((*first, *other)) if first.get(key) != other.get(key))
    cards = (Card(key, first.get(key), other.get(key), "run" if key in _OF_RUN else "") for key in keys)
    return tuple(sorted(cards, key=lambda card: card.kind))


def compare_histories(first: Exposure, other: Exposure) -> Iterator[str]:
    """Yield in words what stages, and what each did, differ."""
    before, after = ({one.stage: one for one in exposure.history} for exposure in (first, other))
    for stage in dict.fromkeys((*before, *after)):
        if stage not in before or stage not in after:
            yield f"{stage}: in the {'first' if stage in before else 'other'} only"
        else:
            yield from (f"{stage}: {change}" for change in _changes(before[stage], after[stage]))
    if list(before) != list(after) and set(before) == set(after):
        yield "the stages were run in another order"


def _changes(before: StageRecord, after: StageRecord) -> Iterator[str]:
    pairs = ((f"{one.plugin} {one.version}".strip(), one.status) for one in (before, after))
    for old, new in zip(*pairs, strict=True):
        if old != new:
            yield f"{old or 'none'} -> {new or 'none'}"
    for name in dict.fromkeys((*before.params, *after.params)):
        if before.params.get(name) != after.params.get(name):
            yield f"{name} {before.params.get(name)} -> {after.params.get(name)}"
    yield from _references(before, after)
    if before.backgrounds != after.backgrounds:
        yield f"backgrounds {', '.join(before.backgrounds) or 'none'} -> {', '.join(after.backgrounds) or 'none'}"
    yield from (f"note of the first: {note}" for note in before.notes if note not in after.notes)
    yield from (f"note of the other: {note}" for note in after.notes if note not in before.notes)


def _references(before: StageRecord, after: StageRecord) -> Iterator[str]:
    old, new = ({use.reftype: use for use in one.references} for one in (before, after))
    for kind in dict.fromkeys((*old, *new)):
        names = [f"{one[kind].path} ({one[kind].sha256[:6]})" if kind in one else "none" for one in (old, new)]
        if names[0] != names[1]:
            yield f"{kind} {names[0]} -> {names[1]}"
