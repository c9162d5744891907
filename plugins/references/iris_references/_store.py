"""A store of reference files: a folder with an index. Files are validated and added together, or none of them is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from os.path import realpath
from pathlib import Path
from typing import Any

from iris_core import (
    InputError,
    Plugins,
    Problems,
    ReferenceType,
    agree,
    atomic,
    choices,
    did_you_mean,
    read_reference_header,
    sha256_of,
    useafter,
)
from iris_references._before import restorable
from iris_references._index import IndexEntry, ReferenceIndex, drop, put, read
from iris_references._provider import not_indexed
from iris_references._validate import Validation, validate_reference

__all__ = ["Added", "Listed", "add_references", "list_references", "remove_references"]


@dataclass(frozen=True, slots=True)
class Added:
    """One file that was added: its entry, notes for its author, and whether it was in the store already."""

    entry: IndexEntry
    notes: tuple[str, ...] = ()
    known: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a store, and what is wrong with its file."""

    entry: IndexEntry
    problem: str = ""


def add_references(
    folder: str | Path, files: Iterable[str | Path], plugins: Plugins, *, replace: bool = False
) -> list[Added]:
    """Validate files, copy them into a store and add them to its index: all of them, or none.

    Parameters
    ----------
    folder
        The store; it is made where there is none. A file that lies in it is indexed where it is, not copied.
    files
        FITS, ASDF or ECSV files.
    plugins
        Their readers and checks validate the files.
    replace
        Whether a file may replace another one of its name.

    Raises
    ------
    Problems
        Everything that is wrong with any of the files; nothing was added then.
    InputError
        When the store cannot be written; nothing was added then.
    """
    folder = Path(folder)
    valid = [validate_reference(path, plugins) for path in _distinct(files)]
    _refuse(problem for one in valid for problem in one.problems)
    places = {one.path: _place_in(folder, one.path) for one in valid}
    _refuse(_same_names(places))
    with ExitStack() as copies:
        new = [_copy(one, places[one.path], folder, copies) for one in valid]
        with ReferenceIndex(folder).changing() as connection:
            known = {one.name: one for one in read(connection)}
            others = [one for name, one in known.items() if name not in {entry.name for entry in new}]
            taken = () if replace else _taken(new, known, places.values())
            headers = {entry.name: one.header for entry, one in zip(new, valid, strict=True)}
            _refuse((*taken, *_ambiguous(new, others, plugins, _Headers(folder, headers))))
            with restorable(folder, {entry.name: entry.sha256 for entry in new}):
                copies.close()  # each copy gets its name
                put(connection, new)
                connection.commit()
    with suppress(InputError):  # the files are in the store; without this they are hashed when they are used
        ReferenceIndex(folder).remember(new)
    return [
        Added(entry, one.notes, entry.name in known and known[entry.name].sha256 == entry.sha256)
        for entry, one in zip(new, valid, strict=True)
    ]


def _distinct(files: Iterable[str | Path]) -> list[Path]:
    return list({realpath(file): Path(file) for file in files}.values())


def _refuse(problems: Iterable[str]) -> None:
    found = [InputError(problem) for problem in problems]
    if found:
        raise Problems(found)


def _place_in(folder: Path, path: Path) -> Path:
    """Return the path that a file will have in the store: its own where it lies in the store already."""
    source, inside = Path(realpath(path.parent), path.name), Path(realpath(folder))
    return source if source.is_relative_to(inside) else inside / path.name


def _same_names(places: Mapping[Path, Path]) -> Iterator[str]:
    """Yield a problem for each file that would replace another one of those to be added."""
    first: dict[Path, Path] = {}
    for path, place in places.items():
        other = first.setdefault(place, path)
        if other != path:
            yield f"{path}: {other} has the same name; give one of them another name"


def _copy(valid: Validation, place: Path, folder: Path, copies: ExitStack) -> IndexEntry:
    """Copy a file under a temporary name, where it is not in the store already, and return its entry."""
    path = valid.path
    if Path(realpath(path.parent), path.name) != place:
        path = copies.enter_context(atomic(place))
        try:
            shutil.copy2(valid.path, path)
        except OSError as error:
            raise InputError(f"{valid.path} cannot be copied to {folder}: {error.strerror}") from None
    status, name = path.stat(), place.relative_to(realpath(folder)).as_posix()
    return IndexEntry.make(name, valid.header, sha256=sha256_of(path), size=status.st_size, mtime_ns=status.st_mtime_ns)


def _taken(new: Iterable[IndexEntry], known: Mapping[str, IndexEntry], places: Iterable[Path]) -> Iterator[str]:
    """Yield a problem for each new file that would replace another one."""
    for entry, place in zip(new, places, strict=True):
        there = known[entry.name].sha256 if entry.name in known else sha256_of(place) if place.is_file() else ""
        if there and there != entry.sha256:
            yield f"{place}: another file of this name is in the store; rename the new one, or give --replace"


class _Headers(dict[str, Mapping[str, Any]]):
    """The headers of new files by name, and of those in the store, which are read where they are asked for."""

    def __init__(self, folder: Path, known: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(known)
        self._folder = folder

    def __missing__(self, name: str) -> Mapping[str, Any]:
        header: Mapping[str, Any] = {}
        with suppress(InputError):  # what cannot be read is not told apart from any other file
            header = read_reference_header(self._folder / name)
        return self.setdefault(name, header)


def _ambiguous(
    new: Iterable[IndexEntry], others: Iterable[IndexEntry], plugins: Plugins, headers: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a problem for each new file that would be as good as another one for the same exposures."""
    there: dict[object, list[IndexEntry]] = {}
    for entry in others:
        there.setdefault((entry.reftype, useafter(entry.header)), []).append(entry)
    for entry in new:
        same = there.setdefault((entry.reftype, useafter(entry.header)), [])
        kind = plugins.reference_type(entry.reftype, Path(entry.name))
        rivals = [one.name for one in same if _fit_the_same(kind, entry, one) and _alike(kind, entry, one, headers)]
        if rivals:
            yield (
                f"{entry.name}: {rivals[0]} fits the same exposures and has the same USEAFTER; "
                f"give it a later USEAFTER, or remove {rivals[0]}"
            )
        same.append(entry)


def _fit_the_same(kind: ReferenceType, one: IndexEntry, other: IndexEntry) -> bool:
    return all(agree(one.header[name], other.header[name]) for name in kind.selectors)


def _alike(kind: ReferenceType, one: IndexEntry, other: IndexEntry, headers: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether no exposure is more like one of the files than like the other."""
    return all(headers[one.name].get(name) == headers[other.name].get(name) for name in kind.preferred)


def list_references(folder: str | Path, *, verify: bool = False) -> list[Listed]:
    """Return the entries of a store, and the files in its folder that are not indexed.

    Parameters
    ----------
    folder
        The store.
    verify
        Whether every file is read and its SHA-256 compared.

    Raises
    ------
    InputError
        When there is no index.
    """
    folder = Path(folder)
    index = _index_of(folder)
    listed = [Listed(one, _changed(folder, one) if verify else _missing(folder, one)) for one in index.entries()]
    others = [IndexEntry.make(path.relative_to(folder).as_posix(), {}) for path in not_indexed(index)]
    return listed + [Listed(one, "not in the index, so not used") for one in others]


def _index_of(folder: Path) -> ReferenceIndex:
    index = ReferenceIndex(folder)
    if not index.exists():
        raise InputError(f"{folder} has no index; 'iris references add FILES --store {folder}' makes one")
    return index


def _missing(folder: Path, entry: IndexEntry) -> str:
    return "" if (folder / entry.name).is_file() else "the file is missing"


def _changed(folder: Path, entry: IndexEntry) -> str:
    problem = _missing(folder, entry)
    if not problem and sha256_of(folder / entry.name) != entry.sha256:
        problem = "the file has changed since it was added"
    return problem


def remove_references(folder: str | Path, names: Sequence[str], *, delete: bool = False) -> list[IndexEntry]:
    """Remove files from the index of a store; they stay on the disk unless `delete` is true.

    Parameters
    ----------
    folder
        The store.
    names
        Names as `list_references` gives them.
    delete
        Whether the files are deleted, too.

    Raises
    ------
    Problems
        When a name is not in the index; nothing was removed then.
    """
    folder = Path(folder)
    with _index_of(folder).changing() as connection:
        known = {one.name: one for one in read(connection)}
        _refuse(
            f"{folder} has no reference file '{name}'{did_you_mean(name, known)} Files: {choices(list(known)[:20])}"
            for name in names
            if name not in known
        )
        drop(connection, names)
    if delete:
        _delete(folder / name for name in names)
    return [known[name] for name in dict.fromkeys(names)]


def _delete(paths: Iterable[Path]) -> None:
    try:
        for path in paths:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{error.filename} is no longer in the index, but cannot be deleted: {error.strerror}"
        ) from error
