"""Which files a block of code opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["opened_files"]

_EVENTS = ("open", "sqlite3.connect", "socket.connect")
# What an import opens, and what the operating system offers as files.
_ENDINGS = (".py", ".pyc", ".pyd", ".so")
_SYSTEM = ("/dev/", "/proc/", "/sys/")

_lists: list[list[str]] = []


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """Give a list that grows by every file, database and connection that the process opens in the block.

    Python modules that are imported do not count.
    """
    opened: list[str] = []
    _lists.append(opened)
    try:
        yield opened
    finally:
        _lists.pop()


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _lists and event in _EVENTS:
        name = _name(arguments[-1] if event == "socket.connect" else arguments[0])
        if name and not name.endswith(_ENDINGS) and not name.startswith(_SYSTEM):
            for opened in _lists:
                opened.append(name)


def _name(what: Any) -> str:
    """Return the name of what is opened; ``""`` for a file descriptor, which was opened before."""
    if isinstance(what, int):
        return ""
    return os.fsdecode(what) if isinstance(what, str | bytes | os.PathLike) else str(what)


# Python cannot remove such a hook again: it is added once, with this module, and is idle outside the blocks.
sys.addaudithook(_note)
