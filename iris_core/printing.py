"""Standard output belongs to results: what a plugin prints goes to standard error, and its author is told."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

__all__ = ["diverted"]

log = logging.getLogger(__name__)


class _Forward(io.TextIOBase):
    """Passes everything on to standard error at once, so that a debugger can be used, and keeps the beginning."""

    def __init__(self) -> None:
        self.begin = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if len(self.begin) < 60:
            self.begin += text
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


@contextmanager
def diverted(who: str) -> Iterator[None]:
    """Send what is printed to standard error; `who` begins the warning that says so."""
    said = _Forward()
    try:
        with redirect_stdout(said):
            yield
    finally:
        if said.begin:
            words = " ".join(said.begin.split())[:60]
            log.warning("%s to standard output, which is for results: %r; use logging, or exposure.note()", who, words)
