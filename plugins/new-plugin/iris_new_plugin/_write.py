"""Write a package, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import W_OK, X_OK, access, listdir
from os.path import isdir, islink, lexists
from pathlib import Path, PurePosixPath

from iris_core import InputError, atomic

__all__ = ["check_folder", "tree_of", "write_package"]


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not empty.

    Raises
    ------
    InputError
        When it is not empty, is no folder, or cannot be made.
    """
    if lexists(folder) and (islink(folder) or not isdir(folder)):
        raise InputError(f"{folder} exists and is not a folder; choose another name, or another folder with --out")
    parent = next(one for one in folder.absolute().parents if lexists(one))
    if not (isdir(parent) and access(parent, W_OK | X_OK)):
        raise InputError(f"{parent} cannot be written to, or is not a folder; choose another with --out")
    if isdir(folder) and _has_something(folder):
        raise InputError(f"the folder {folder} is not empty; choose another name, or another folder with --out")


def _has_something(folder: Path) -> bool:
    try:
        return bool(listdir(folder))
    except OSError as error:
        raise InputError(f"{folder} cannot be looked into: {error.strerror}") from error


def write_package(files: Mapping[PurePosixPath, str], folder: Path) -> None:
    """Write files into a temporary folder beside the one that is wanted, and rename it when all are written.

    Raises
    ------
    InputError
        When the folder is not empty, or cannot be written.
    """
    check_folder(folder)
    with atomic(folder, replace=False) as made:
        for path, text in files.items():
            target = made / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")


def tree_of(files: Mapping[PurePosixPath, str]) -> Iterator[str]:
    """Yield the lines of a short tree: folders after the files that are beside them."""
    yield from _branch(sorted(files), PurePosixPath(), 1)


def _branch(files: list[PurePosixPath], under: PurePosixPath, depth: int) -> Iterator[str]:
    inside = [path for path in files if under in path.parents]
    for path in inside:
        if path.parent == under:
            yield f"{'  ' * depth}{path.name}"
    for name in sorted({path.relative_to(under).parts[0] for path in inside if path.parent != under}):
        yield f"{'  ' * depth}{name}/"
        yield from _branch(inside, under / name, depth + 1)
