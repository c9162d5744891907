"""Warnings of libraries: in the log, each as one line."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler
from multiprocessing import parent_process
from queue import SimpleQueue
from typing import Any, TypeVar

from iris_core.errors import one_line

__all__ = ["logged", "replay", "warnings_in_log"]

Made = TypeVar("Made")

_ASTROPY = "astropy"


@contextmanager
def warnings_in_log() -> Iterator[None]:
    """Log what is warned of in the block as ``py.warnings``; warnings of astropy, which prints them, as ``astropy``."""
    before = logging.getLogRecordFactory()

    def make(name: str, *rest: Any, **more: Any) -> logging.LogRecord:
        record = before(name, *rest, **more)
        if name == _ASTROPY:  # it comes with a handler that prints, whenever it is imported
            logging.getLogger(name).handlers.clear()
            record.msg, record.args = " ".join(record.getMessage().split()), ()
        return record

    with warnings.catch_warnings():
        warnings.showwarning = _log
        logging.setLogRecordFactory(make)
        try:
            yield
        finally:
            logging.setLogRecordFactory(before)


def _log(message: Warning | str, *_: object, **__: object) -> None:
    words = one_line(message) if isinstance(message, Warning) else " ".join(message.split())
    logging.getLogger("py.warnings").warning("%s", words)


def logged(function: Callable[..., Made], *arguments: Any) -> tuple[Made, list[logging.LogRecord]]:
    """Call a function in a process that has no log, and return the records for that of the run."""
    if parent_process() is None:
        return function(*arguments), []
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    logging.basicConfig(level=logging.INFO, handlers=[QueueHandler(records)], format="%(message)s", force=True)
    with warnings_in_log():
        result = function(*arguments)
    return result, [records.get() for _ in range(records.qsize())]


def replay(records: Iterable[logging.LogRecord]) -> None:
    """Give records of another process to the log of this one."""
    for record in records:
        logging.getLogger(record.name).handle(record)
