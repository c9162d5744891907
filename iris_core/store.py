"""A store of reference files: a folder with an index. Files are added whole and judged first, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from iris_core.errors import InputError, Problems, choices, did_you_mean
from iris_core.index import Entry, ReferenceIndex, drop, put, read
from iris_core.plugins import Plugins
from iris_core.providers import not_indexed
from iris_core.references import sha256_of
from iris_core.validation import Verdict, judge_reference

__all__ = ["Added", "Listed", "add_references", "list_references", "remove_references"]


@dataclass(frozen=True, slots=True)
class Added:
    """One file that was added: its entry, what might be better, and whether it was there already."""

    entry: Entry
    remarks: tuple[str, ...] = ()
    known: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a store, and what is wrong with its file."""

    entry: Entry
    problem: str = ""


def add_references(folder: Path, files: Sequence[Path], plugins: Plugins, *, replace: bool = False) -> list[Added]:
    """Judge files, copy them into a store and enter them into its index: all of them, or none.

    Parameters
    ----------
    folder
        The store; it is made where it is missing. A file that lies in it is entered where it is, not copied.
    files
        FITS, ASDF or ECSV files.
    plugins
        Whose readers and checks judge them.
    replace
        Whether a file takes the place of another one of its name.

    Raises
    ------
    Problems
        Everything that is wrong with any of them; nothing was added then.
    """
    verdicts = [judge_reference(path, plugins) for path in files]
    _refuse([fault for verdict in verdicts for fault in verdict.faults])
    _make_folder(folder)
    copies: dict[Path, Path] = {}
    try:
        found = [_copy(folder, verdict, copies) for verdict in verdicts]
        index = ReferenceIndex(folder)
        with index.changing() as connection:
            known = {row[0]: row[1] for row in connection.execute("SELECT name, sha256 FROM reference")}
            faults = [fault for one in found if not replace for fault in _taken(folder, one, known, copies)]
            others = [one for one in read(connection) if one.name not in {entry.name for entry in found}]
            _refuse(faults + list(_ambiguous(found, others)))
            _move(copies)
            put(connection, found)
    finally:
        for temporary in copies:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return [
        Added(entry, verdict.remarks, known.get(entry.name) == entry.sha256)
        for entry, verdict in zip(found, verdicts, strict=True)
    ]


def _refuse(faults: Iterable[str]) -> None:
    problems = [InputError(fault) for fault in faults]
    if problems:
        raise Problems(problems)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the store {folder} cannot be made: {error.strerror}") from None


def _copy(folder: Path, verdict: Verdict, copies: dict[Path, Path]) -> Entry:
    """Copy a file under a temporary name, where it is not in the store already, and return its entry."""
    source, inside = verdict.path.resolve(), folder.resolve()
    if source.is_relative_to(inside):
        path, final = source, source
    else:
        final = inside / verdict.path.name
        path = final.with_name(f".{final.name}.{os.getpid()}.part")
        copies[path] = final
        try:
            shutil.copy2(source, path)
        except OSError as error:
            raise InputError(f"{verdict.path} cannot be copied to {folder}: {error.strerror}") from None
    status = path.stat()
    return Entry.make(
        final.relative_to(inside).as_posix(),
        verdict.header,
        sha256=sha256_of(path),
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def _move(copies: Mapping[Path, Path]) -> None:
    """Give the copies their names: all of them, or none."""
    new = [final for final in copies.values() if not final.exists()]
    try:
        for temporary, final in copies.items():
            temporary.replace(final)
    except OSError as error:
        for path in new:
            path.unlink(missing_ok=True)
        raise InputError(f"{final}: cannot be written: {error.strerror}") from None


def _taken(folder: Path, entry: Entry, known: dict[str, str], copies: dict[Path, Path]) -> Iterable[str]:
    """Yield what speaks against a new entry of this name."""
    final = folder.resolve() / entry.name
    there = known.get(entry.name) or (sha256_of(final) if final in copies.values() and final.is_file() else "")
    if there and there != entry.sha256:
        yield f"{final}: another file of this name is in the store; give it another name, or --replace"


def _ambiguous(new: Sequence[Entry], there: Sequence[Entry]) -> Iterable[str]:
    """Yield what would leave two files equally good for the same exposures."""
    owners = {_claim(one): one.name for one in there}
    for one in new:
        other = owners.setdefault(_claim(one), one.name)
        if other != one.name:
            yield (
                f"{one.name}: {other} is for the same exposures from the same USEAFTER on; "
                f"give it a later USEAFTER, or remove {other}"
            )


def _claim(entry: Entry) -> tuple[str, ...]:
    keywords = ("REFTYPE", "INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE", "USEAFTER")
    return tuple(entry.header[key].casefold() for key in keywords)


def list_references(folder: Path, *, verify: bool = False) -> list[Listed]:
    """Return the entries of a store, and the files that lie in it without one.

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
    index = _index_of(folder)
    listed = [Listed(one, _changed(folder, one) if verify else _missing(folder, one)) for one in index.entries()]
    others = [Entry.make(path.relative_to(folder).as_posix(), {}) for path in not_indexed(index)]
    return listed + [Listed(one, "not in the index, so not used") for one in others]


def _index_of(folder: Path) -> ReferenceIndex:
    index = ReferenceIndex(folder)
    if not index.exists():
        raise InputError(f"{folder} has no index; iris references add FILES --store {folder} makes one")
    return index


def _missing(folder: Path, entry: Entry) -> str:
    return "" if (folder / entry.name).is_file() else "the file is missing"


def _changed(folder: Path, entry: Entry) -> str:
    problem = _missing(folder, entry)
    if not problem and sha256_of(folder / entry.name) != entry.sha256:
        problem = "the file has changed since it was added"
    return problem


def remove_references(folder: Path, names: Sequence[str], *, delete: bool = False) -> list[Entry]:
    """Take files out of the index of a store; they stay on the disk unless `delete` is true.

    Raises
    ------
    Problems
        When a name is not in the index; nothing was removed then.
    """
    index = _index_of(folder)
    with index.changing() as connection:
        there = {one.name: one for one in read(connection)}
        unknown = [name for name in names if name not in there]
        _refuse(
            f"{folder} has no reference file '{name}'{did_you_mean(name, there)} Files: {choices(list(there)[:20])}"
            for name in unknown
        )
        drop(connection, names)
    if delete:
        for name in names:
            (folder / name).unlink(missing_ok=True)
    return [there[name] for name in dict.fromkeys(names)]
