"""The provider for an indexed store: its index finds the candidates, the rules of the framework rank them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iris_core import (
    Candidate,
    Exposure,
    Reference,
    ReferenceNotFound,
    ReferenceType,
    hookimpl,
    matches_all,
    rank,
    reference_files,
    selectors,
    sha256_of,
)
from iris_references._index import IndexEntry, ReferenceIndex

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

    @hookimpl
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the best file of the store."""
        kind, values = self.find_type(reftype), selectors(exposure.meta)
        instrument, detector = (
            None if name not in kind.selectors or matches_all(values[name]) else values[name]
            for name in ("INSTRUME", "DETECTOR")
        )
        entries = {one.name: one for one in self.index.candidates(reftype, instrument, detector)}
        ranking = rank(self.index.folder, kind, entries.values(), exposure)
        found = ranking.choose()
        if found is not None:
            _check_unchanged(self.index.folder, entries[ranking.best[0].name])
        return found

    @hookimpl
    def explain_reference(self, reftype: str, exposure: Exposure) -> list[Candidate]:
        """Return every file of the type that is not chosen, and why; files outside the index where none is chosen."""
        entries = self.index.candidates(reftype)
        ranking = rank(self.index.folder, self.find_type(reftype), entries, exposure)
        return ranking.rejected() + ([] if ranking.best else self._not_indexed())

    def _not_indexed(self) -> list[Candidate]:
        if self._others is None:
            reason = "it is not in the index; iris references add adds it"
            self._others = [Candidate(path, reason) for path in not_indexed(self.index)]
        return self._others


def not_indexed(index: ReferenceIndex) -> list[Path]:
    """Return what may be reference files in the folder of an index and is not in it."""
    known = {one.name for one in index.entries()}
    return [path for path in reference_files(index.folder) if path.relative_to(index.folder).as_posix() not in known]


def _check_unchanged(folder: Path, entry: IndexEntry) -> None:
    """Refuse a file that is gone, or has changed since it was added."""
    path = folder / entry.name
    try:
        now = path.stat()
    except OSError as error:
        raise ReferenceNotFound(f"{path} is in the index of {folder} and cannot be read: {error.strerror}") from None
    if (now.st_size, now.st_mtime_ns) == (entry.size, entry.mtime_ns):
        return
    if now.st_size != entry.size or sha256_of(path) != entry.sha256:
        raise ReferenceNotFound(
            f"{path} has changed since it was added to the index; 'iris references add --replace' adds it as it is "
            f"now, 'iris references remove' removes it from the index"
        )
