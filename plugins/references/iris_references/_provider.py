"""The provider for an indexed store: its index finds the candidates, the rules of the framework rank them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iris_core import (
    Candidate,
    Exposure,
    InputError,
    Ranking,
    Reference,
    ReferenceNotFound,
    ReferenceType,
    hookimpl,
    matches_all,
    rank,
    read_reference_header,
    reference_files,
    selectors,
    sha256_of,
    why_not,
)
from iris_references._index import IndexEntry, ReferenceIndex, state_text

__all__ = ["IndexedStore", "not_indexed"]


@dataclass(slots=True, eq=False)
class IndexedStore:
    """A provider that chooses among the files that an index lists; a file that has changed since is refused.

    Parameters
    ----------
    index
        The index of the folder.
    find_type
        Returns the declared type of a name.
    """

    index: ReferenceIndex
    find_type: Callable[[str], ReferenceType]
    _others: list[Candidate] | None = None
    _unchanged: dict[IndexEntry, str] = field(default_factory=dict)
    _headers: dict[IndexEntry, Mapping[str, Any]] = field(default_factory=dict)

    @hookimpl
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the best file of the store."""
        kind, values = self.find_type(reftype), selectors(exposure.meta)
        instrument, detector = (
            None if name not in kind.selectors or matches_all(values[name]) else values[name]
            for name in ("INSTRUME", "DETECTOR")
        )
        entries = {one.name: one for one in self.index.candidates(reftype, instrument, detector)}
        ranking = self._rank(kind, entries.values(), exposure)
        found = ranking.choose()
        if found is not None:
            self._check_unchanged(entries[ranking.best[0].name])
        return found

    def _check_unchanged(self, entry: IndexEntry) -> None:
        """Refuse a file that is gone, or has changed since it was added, even where its size and its time are kept.

        It is hashed, once, unless it is in the state in which it was when it was added.
        """
        path = self.index.folder / entry.name
        now = state_text(path)
        if not now:
            raise ReferenceNotFound(f"{path} is in the index of {self.index.folder}, and there is no such file")
        if self._unchanged.get(entry) == now:
            return
        if now != self.index.state(entry.name) and sha256_of(path) != entry.sha256:
            raise ReferenceNotFound(
                f"{path} has changed since it was added to the index; 'iris references add --replace' adds it as it is "
                f"now, 'iris references remove' removes it from the index"
            )
        self._unchanged[entry] = now

    @hookimpl
    def explain_reference(self, reftype: str, exposure: Exposure) -> list[Candidate]:
        """Return every file of the type that is not chosen, and why; files outside the index where none is chosen."""
        entries = self.index.candidates(reftype)
        ranking = self._rank(self.find_type(reftype), entries, exposure)
        return ranking.rejected() + ([] if ranking.best else self._not_indexed())

    def _rank(self, kind: ReferenceType, entries: Iterable[IndexEntry], exposure: Exposure) -> Ranking:
        """Rank files, by what their own headers say where their type prefers some of those that fit."""
        if kind.preferred:
            fitting = [one for one in entries if why_not(kind, one.header, exposure) is None]
            whole = {one: self._whole(one) for one in (fitting if len(fitting) > 1 else ())}
            entries = [whole.get(one, one) for one in entries]
        return rank(self.index.folder, kind, entries, exposure)

    def _whole(self, entry: IndexEntry) -> IndexEntry:
        if entry not in self._headers:
            self._headers[entry] = {}
            with suppress(InputError):  # a file that cannot be read is refused where it is the best
                self._headers[entry] = read_reference_header(self.index.folder / entry.name)
        return replace(entry, header={**self._headers[entry], **entry.header})

    def _not_indexed(self) -> list[Candidate]:
        if self._others is None:
            reason = "it is not in the index; iris references add adds it"
            self._others = [Candidate(path, reason) for path in not_indexed(self.index)]
        return self._others


def not_indexed(index: ReferenceIndex) -> list[Path]:
    """Return what may be reference files in the folder of an index and is not in it."""
    known = {one.name for one in index.entries()}
    return [path for path in reference_files(index.folder) if path.relative_to(index.folder).as_posix() not in known]
