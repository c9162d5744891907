"""Write a package, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from shutil import rmtree

from iris_core import InputError

__all__ = ["check_folder", "tree_of", "write_package"]


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not empty.

    Raises
    ------
    InputError
        When it is not empty, is no folder, or cannot be made.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} exists and is not a folder; choose another name, or another folder with --out")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"the folder {folder} is not empty; choose another name, or another folder with --out")
    parent = next(one for one in folder.absolute().parents if one.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise InputError(f"{parent} cannot be written to, or is not a folder; choose another with --out")


def write_package(files: Mapping[PurePosixPath, str], folder: Path) -> None:
    """Write files into a temporary folder beside the one that is wanted, and rename it when all are written.

    Raises
    ------
    InputError
        When the folder is not empty, or cannot be written.
    """
    check_folder(folder)
    made = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for path, text in files.items():
            target = made / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        if folder.is_dir():
            folder.rmdir()  # empty; not every system renames a folder onto an existing one
        made.rename(folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from error
    finally:
        rmtree(made, ignore_errors=True)


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
