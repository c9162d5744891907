"""Files that this package writes: a later plan may replace them, and no other file."""

from __future__ import annotations

import os
from pathlib import Path

from iris_core import InputError, atomic

__all__ = ["MARK", "write_generated"]

MARK = "iris plan"
_HEAD = 200  # bytes in which the mark stands


def write_generated(path: Path, text: str) -> Path:
    """Write a text that holds `MARK` in its first lines; one that is there and the same keeps its time.

    Parameters
    ----------
    path
        The file; folders are made.
    text
        Its content, in which file names may hold bytes that are no UTF-8.

    Raises
    ------
    InputError
        When a file of that name is there that no plan has written, or it cannot be written.
    """
    content = os.fsencode(text)
    if os.path.lexists(path):
        there = _read(path)
        if there == content:
            return path
        if MARK.encode() not in there[:_HEAD]:
            raise InputError(f"{path} exists, and is no file that 'iris plan' wrote; name another one")
    with atomic(path, replace=True) as temporary:
        temporary.write_bytes(content)
    return path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
