"""The index of a store of reference files: one SQLite file beside them, safe for several processes at once."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import W_OK, access
from os.path import getsize, isfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from iris_core import Entry, InputError, sha256_of, state_of
from iris_references._before import is_unfinished, restore_unfinished

__all__ = ["INDEX", "IndexEntry", "ReferenceIndex", "drop", "put", "read", "state_text"]

INDEX = "references.sqlite"
_VERSION = 1
_WAIT = 60.0  # seconds for another process to finish its change
_SELECTORS = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE")
_OTHERS = ("REFTYPE", "USEAFTER", "REFVER", "PEDIGREE", "DESCRIP", "AUTHOR", "DETXSIZE", "DETYSIZE")
_KEYWORDS = (*_SELECTORS, *_OTHERS)
# A file with one of these fits every exposure; which of the files that are found fits is for the framework to say.
_MATCHES_ALL = ("", "any", "n/a")
# REFTYPE, INSTRUME and DETECTOR stand a second time, in lower case, for the look-up.
_TABLE = f"""
CREATE TABLE reference (
  name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  type TEXT NOT NULL, camera TEXT NOT NULL, chip TEXT NOT NULL,
  {", ".join(f"{keyword} TEXT NOT NULL" for keyword in _KEYWORDS)});
CREATE INDEX by_selectors ON reference (type, camera, chip);
PRAGMA user_version = {_VERSION};
"""
# A table of its own: what has an index without it is still read, by earlier versions too.
_STATES = "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, state TEXT NOT NULL)"
_COLUMNS = ("name", "sha256", "size", "mtime_ns", *_KEYWORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry(Entry):
    """One reference file of an index.

    Parameters
    ----------
    name
        Its path in the folder.
    header
        The keywords that the index keeps.
    sha256, size, mtime_ns
        Of the file when it was added; empty and 0 for a file that is not in the index.
    """

    size: int = 0
    mtime_ns: int = 0

    @classmethod
    def make(cls, name: str, header: Mapping[str, Any], **file: Any) -> Self:
        """Return an entry with those keywords of a header that an index keeps."""
        return cls(name=name, header={key: str(header.get(key, "")).strip() for key in _KEYWORDS}, **file)


@dataclass(frozen=True, slots=True)
class ReferenceIndex:
    """The index in a folder; it is opened anew for every question, so that the answer is always up to date."""

    folder: Path

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.folder / INDEX

    def exists(self) -> bool:
        """Whether the folder has an index."""
        # An empty file is what is left of a first change that came to nothing.
        return isfile(self.path) and getsize(self.path) > 0

    def candidates(self, reftype: str, instrument: str | None = None, detector: str | None = None) -> list[IndexEntry]:
        """Return the entries of a type that may fit an instrument and a detector (None: any), by name."""
        where, values = ["type = ?"], [reftype.casefold()]
        for column, value in (("camera", instrument), ("chip", detector)):
            if value is not None:
                choice = [value.strip().casefold(), *_MATCHES_ALL]
                where.append(f"{column} IN ({', '.join('?' * len(choice))})")
                values += choice
        return self._select(f"WHERE {' AND '.join(where)}", values)

    def entries(self) -> list[IndexEntry]:
        """Return all entries, by type and name."""
        return self._select("", [], "type, name")

    def state(self, name: str) -> str:
        """Return the state of a file, as `state_text` gives it, in which it had the SHA-256 of its entry; or ``""``."""
        with self._opened(write=False) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
                return ""
            found = connection.execute("SELECT state FROM state WHERE name = ?", [name]).fetchone()
            return found[0] if found else ""

    def remember(self, entries: Iterable[IndexEntry]) -> None:
        """Keep the states of files that have the hashes of their entries: as long as they stay, they need no other."""
        paths = {one: self.folder / one.name for one in entries}
        states = {one: state_text(path) for one, path in paths.items()}
        same = [one for one, path in paths.items() if states[one] and sha256_of(path) == one.sha256]
        with self.changing() as connection:
            connection.execute(_STATES)
            connection.executemany("REPLACE INTO state VALUES (?, ?)", [(one.name, states[one]) for one in same])

    def _select(self, where: str, values: list[str], order: str = "name") -> list[IndexEntry]:
        if is_unfinished(self.folder) and self._is_writable():
            with self.changing():  # waits for the process that is at it, and restores what a killed one has left
                pass
        with self._opened(write=False) as connection:
            return read(connection, where, values, order)

    def _is_writable(self) -> bool:
        return access(self.path, W_OK) and access(self.folder, W_OK)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Change the index while no other process does; an error in the block leaves it as it was."""
        with self._opened(write=True) as connection:
            connection.execute("BEGIN EXCLUSIVE")  # nobody reads the index while the files do not fit it
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                for statement in _TABLE.split(";"):
                    connection.execute(statement)
            if is_unfinished(self.folder):
                restore_unfinished(self.folder, {one.name: one.sha256 for one in read(connection)})
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def _opened(self, write: bool) -> Iterator[sqlite3.Connection]:
        # Without a write-ahead log the index can be read on a disk that cannot be written. Where it can be written,
        # a reader rolls back what a process left half done when it was killed.
        try:
            with self._rolled_back(write) as (path, mode):
                uri = f"{path.absolute().as_uri()}?mode={mode}"
                with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)) as connection:
                    self._check_version(connection, write)
                    yield connection
        except sqlite3.Error as error:
            raise InputError(f"the index {self.path}: {error}") from error

    @contextmanager
    def _rolled_back(self, write: bool) -> Iterator[tuple[Path, str]]:
        """Give the file to open, and how; a copy where it has to be rolled back and must not be written."""
        journal = self.path.with_name(f"{INDEX}-journal")
        if write or self._is_writable():
            yield self.path, "rwc" if write else "rw"
        elif not isfile(journal):
            yield self.path, "ro"
        else:
            with TemporaryDirectory() as folder:
                copies = [shutil.copy(one, folder) for one in (self.path, journal)]
                yield Path(copies[0]), "rw"

    def _check_version(self, connection: sqlite3.Connection, write: bool) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION and not (write and version == 0):
            raise InputError(
                f"the index {self.path} has version {version}; this iris-references reads version {_VERSION}"
            )


def state_text(path: Path) -> str:
    """Return what changes with every change of a file; without its device, which may have another number tomorrow."""
    return " ".join(map(str, state_of(path)[1:]))


def read(
    connection: sqlite3.Connection, where: str = "", values: Sequence[str] = (), order: str = "name"
) -> list[IndexEntry]:
    """Return entries."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM reference {where} ORDER BY {order}", values)
    return [_entry(row) for row in rows]


def put(connection: sqlite3.Connection, entries: Iterable[IndexEntry]) -> None:
    """Write entries in place of those of the same names."""
    rows = [
        (one.name, one.sha256, one.size, one.mtime_ns, *_folded(one), *(one.header[key] for key in _KEYWORDS))
        for one in entries
    ]
    connection.executemany(f"REPLACE INTO reference VALUES ({', '.join('?' * (7 + len(_KEYWORDS)))})", rows)


def drop(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Remove entries."""
    connection.executemany("DELETE FROM reference WHERE name = ?", [(name,) for name in names])


def _folded(entry: IndexEntry) -> tuple[str, ...]:
    return tuple(entry.header[key].casefold() for key in ("REFTYPE", "INSTRUME", "DETECTOR"))


def _entry(row: tuple[Any, ...]) -> IndexEntry:
    name, sha256, size, mtime_ns, *values = row
    header = dict(zip(_KEYWORDS, values, strict=True))
    return IndexEntry(name=name, sha256=sha256, size=size, mtime_ns=mtime_ns, header=header)
