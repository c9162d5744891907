"""How a command ends: what went wrong in a line, the streams written to their end, the exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import TextIO

import click

from iris_core.cli.tables import print_errors, print_json, say
from iris_core.errors import IrisError, one_line

__all__ = ["EachOnce", "ending"]

_INTERRUPTED = 130
_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT)


@contextmanager
def ending(arguments: Sequence[str]) -> Iterator[None]:
    """Turn whatever ends a command into a line and an exit code, and show what is logged as a warning once.

    Parameters
    ----------
    arguments
        Of the command line; with ``--traceback`` an error is raised as it is, with ``--json`` it is printed as JSON.

    Raises
    ------
    SystemExit
        At the end of every command.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a terminal may not have every character
        sys.stdout.reconfigure(errors="backslashreplace")
    shown, root = _Warnings(logging.WARNING), logging.getLogger()
    root.addHandler(shown)
    try:
        with _output(), _errors(arguments):
            yield
    finally:
        root.removeHandler(shown)


@contextmanager
def _errors(arguments: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        text = StringIO()
        error.show(text)
        say(text.getvalue().rstrip(), err=True)
        raise SystemExit(error.exit_code) from None
    except (click.Abort, KeyboardInterrupt):
        say("interrupted", "red", err=True)
        raise SystemExit(_INTERRUPTED) from None
    except Exception as error:
        if "--traceback" in arguments or _is_of_output(error):
            raise
        words = [_in_words(one) for one in getattr(error, "problems", (error,))]
        if "--json" in arguments:
            print_json({"problems": words})
        print_errors("\n".join(words))
        raise SystemExit(1) from None


@contextmanager
def _output() -> Iterator[None]:
    """Write all output, and end quietly where nobody reads it."""
    try:
        try:
            yield
        finally:
            for stream in _streams():
                stream.flush()
    except OSError as error:
        if not _is_of_output(error):
            raise
        with suppress(OSError):  # standard error may be the one that is full
            print_errors("" if error.errno == errno.EPIPE else f"the output cannot be written: {error.strerror}")
        _give_up()
        raise SystemExit(1) from None


def _is_of_output(error: Exception) -> bool:
    """Whether it is a standard stream that cannot be written: errors of files name them."""
    return isinstance(error, OSError) and error.errno in _OUTPUT and not error.filename


def _streams() -> list[TextIO]:
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None and not stream.closed]


def _give_up() -> None:
    """Point the standard streams elsewhere: Python itself would complain of what it cannot write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in _streams():
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _in_words(error: Exception) -> str:
    """Return an error as it is shown to people; one that nobody foresaw says where it arose, for a report."""
    if isinstance(error, IrisError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"unexpected {one_line(error)} (in {Path(where.filename).name}, line {where.lineno}; please report it)"


class EachOnce(logging.Filter):
    """Passes a warning once; what is no warning each time."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is new."""
        text = record.getMessage()
        is_new = record.levelno != logging.WARNING or text not in self._seen
        self._seen.add(text)
        return is_new


class _Warnings(logging.Handler):
    """Prints warnings while no command has a log of its own."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.addFilter(EachOnce())

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        with suppress(OSError):  # that nobody can read it is no failure of a stage
            say(f"{record.levelname.lower()}: {record.getMessage()}", "yellow", err=True)
