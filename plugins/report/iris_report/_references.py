"""The reference files of a product: which, how old beside the exposure, and why they were chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iris_verify import Ingredient, Search

from iris_core import InputError, ReferenceUse, read_reference_header
from iris_report._night import Observation, Product

__all__ = ["UsedReference", "UsedReferences", "ages"]

_CHOSEN_BY = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE", "EXPTIME")
_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedReference:
    """A reference file as it was used.

    Parameters
    ----------
    reftype, file, sha256
        What it is.
    chosen
        How it was chosen, in words.
    date, useafter
        When it was taken, and from when on it applies; ``""`` where the file was not found or does not say.
    age
        Time between it and the exposure [days]; None where it is not known when it was taken.
    why_not
        Why the age is not known.
    """

    reftype: str
    file: str
    sha256: str
    chosen: str
    date: str = ""
    useafter: str = ""
    age: float | None = None
    why_not: str = ""


class UsedReferences:
    """Describes the reference files of products, and finds their exposures; each file is read once.

    Parameters
    ----------
    search
        Where the files are looked for, by name and by SHA-256.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._known: dict[Path, tuple[Mapping[str, Any], str]] = {}

    def of(self, product: Product) -> list[UsedReference]:
        """Return the reference files of a product."""
        uses = dict.fromkeys(use for record in product.record.history for use in record.references)
        return [self._describe(use, product) for use in uses]

    def exposure(self, observation: Observation) -> Path | None:
        """Return the file of an exposure itself, None where it is not found."""
        if not observation.sha256:
            return None
        return self._find(observation.main, Ingredient("science", observation.file, observation.sha256))

    def _find(self, product: Product, ingredient: Ingredient) -> Path | None:
        return self._search.find(product.record, ingredient, renamed=False)[0]

    def _describe(self, use: ReferenceUse, product: Product) -> UsedReference:
        name = Path(use.path).name
        path = self._find(product, Ingredient(use.reftype, name, use.sha256, is_reference=True))
        cards, why_not = self._cards(path)
        date, start = _date(cards), product.outline.meta.start_time
        if date is None or start is None:
            why_not = why_not or ("the exposure has no time" if date else "the file has no DATE-OBS")
        return UsedReference(
            reftype=use.reftype,
            file=name,
            sha256=use.sha256,
            chosen=_chosen(use.provider, cards, product.cards),
            date=str(cards.get("DATE-OBS", "")),
            useafter=str(cards.get("USEAFTER", "")),
            age=None if date is None or start is None else abs((start - date).total_seconds()) / _DAY,
            why_not=why_not,
        )

    def _cards(self, path: Path | None) -> tuple[Mapping[str, Any], str]:
        """Return the keywords of a file, or why there are none."""
        if path is None:
            return {}, "the file was not found; --search names its folder"
        if path not in self._known:
            try:
                self._known[path] = read_reference_header(path), ""
            except InputError as error:
                self._known[path] = {}, str(error)
        return self._known[path]


def _date(cards: Mapping[str, Any]) -> datetime | None:
    """Return when the exposures were taken that a reference file was made of."""
    with suppress(ValueError):
        date = datetime.fromisoformat(str(cards.get("DATE-OBS", "")))
        return date.replace(tzinfo=date.tzinfo or UTC)
    return None


def _chosen(provider: str, cards: Mapping[str, Any], exposure: Mapping[str, Any]) -> str:
    """Return how a reference file was chosen, with the keywords that it shares with the exposure."""
    by = "named by hand" if provider == "by hand" else f"by its header ({provider})"
    same = [f"{one} {cards[one]}" for one in _CHOSEN_BY if one in cards and _alike(cards[one], exposure.get(one))]
    return f"{by}: {', '.join(same)}" if same and provider != "by hand" else by


def _alike(one: Any, other: Any) -> bool:
    return str(one).casefold() == str(other).casefold()


def ages(references: list[UsedReference]) -> Iterator[tuple[str, float]]:
    """Yield the ages of reference files as figures: ``dark_age`` ..., the oldest of each type."""
    found: dict[str, float] = {}
    for one in references:
        if one.age is not None:
            found[one.reftype] = max(one.age, found.get(one.reftype, 0.0))
    yield from ((f"{reftype}_age", age) for reftype, age in found.items())
