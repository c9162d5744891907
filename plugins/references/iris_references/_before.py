"""Files of a store are replaced together: what was there before is kept until the index is written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from iris_core import InputError, atomic, sha256_of

__all__ = ["is_unfinished", "restorable", "restore_unfinished"]

# One name is enough: who changes a store has the lock of its index.
_BEFORE = ".before"
_PLAN = "plan.json"


@contextmanager
def restorable(folder: Path, new: Mapping[str, str]) -> Iterator[None]:
    """Where the block raises, or its process is killed in it, the files that it replaces are as they were before.

    Parameters
    ----------
    folder
        The store; its index is locked, and written at the end of the block.
    new
        SHA-256 of the files that the block puts there, by name.

    Raises
    ------
    InputError
        When the store cannot be written.
    """
    before = folder / _BEFORE
    try:
        before.mkdir(mode=0o700)
        old = {name: str(number) for number, name in enumerate(new) if (folder / name).is_file()}
        for name, copy in old.items():
            _keep(folder / name, before / copy)
        plan = {name: {"new": sha256, "old": old.get(name)} for name, sha256 in new.items()}
        with atomic(before / _PLAN) as temporary:  # from here on a kill is noticed
            temporary.write_text(json.dumps(plan), encoding="utf-8")
        yield
    except BaseException as error:
        restore_unfinished(folder, {})
        if isinstance(error, OSError):
            raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error
        raise
    shutil.rmtree(before, ignore_errors=True)


def _keep(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except (OSError, AttributeError):  # not every file system has links
        with atomic(copy) as temporary:
            shutil.copy2(path, temporary)


def is_unfinished(folder: Path) -> bool:
    """Whether a process is replacing files of a store, or was killed when it did."""
    return os.path.lexists(folder / _BEFORE)


def restore_unfinished(folder: Path, indexed: Mapping[str, str]) -> None:
    """Restore the files of a store as they were before a change that came to no end.

    Parameters
    ----------
    folder
        The store; its index is locked.
    indexed
        SHA-256 of the files by name, as the index has them. Where it has those of the change, that was the end of it.
    """
    before = folder / _BEFORE
    if before.is_symlink():
        raise InputError(f"{before} is a link, which iris references does not make; remove it")
    for name, one in _plan_of(before).items():
        if indexed.get(name) != one["new"]:
            _restore(_inside(folder, name), None if one["old"] is None else _inside(before, one["old"]), one["new"])
    shutil.rmtree(before, ignore_errors=True)


def _plan_of(before: Path) -> dict[str, dict[str, str]]:
    try:
        plan: dict[str, dict[str, str]] = json.loads((before / _PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError:  # nothing was changed yet
        return {}
    return plan


def _inside(folder: Path, name: str) -> Path:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"{folder}: {name} is not a name of a file in it; remove {_BEFORE}")
    return folder / name


def _restore(place: Path, copy: Path | None, new: str) -> None:
    if copy is None:
        if place.is_file() and sha256_of(place) == new:
            place.unlink()
    elif copy.is_file():  # otherwise it was restored before
        copy.replace(place)
