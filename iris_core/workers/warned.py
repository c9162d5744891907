"""Warnings of libraries: in the log, each as one line."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from iris_core.errors import one_line

__all__ = ["warnings_in_log"]

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
