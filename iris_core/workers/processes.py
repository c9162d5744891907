"""Processes on this machine: they run no code of the current folder, and end when the run does, however it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import Thread

__all__ = ["executor_of"]

_SAFE_PATH = "PYTHONSAFEPATH"


def executor_of(workers: int) -> Executor:
    """Return an executor of processes that are started anew, not copied."""
    with _safe_path():  # the locks of an executor start a process already, which keeps an account of them
        return ProcessPoolExecutor(max_workers=workers, mp_context=_Context(), initializer=_end_with_parent)


class _Process(SpawnProcess):
    def start(self) -> None:
        with _safe_path():
            super().start()


class _Context(SpawnContext):
    Process = _Process


@contextmanager
def _safe_path() -> Iterator[None]:
    """Start Python without the current folder in its path, where a file ``pickle.py`` would be imported."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _end_with_parent() -> None:
    """End this process with its parent, also with one that was killed; an interruption ends both, and has no words."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    Thread(target=_wait_for_end, name="end-with-parent", daemon=True).start()


def _wait_for_end() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()  # a pipe that closes when the parent ends: every system has that
        os._exit(1)
