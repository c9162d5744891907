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

# No folder in the path of Python in which a file ``pickle.py`` would be imported; and with glibc, what is freed stays
# with the process: see `keep_memory`.
_ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_ARENA_MAX": "1",
}


def executor_of(workers: int) -> Executor:
    """Return an executor of processes that are started anew, not copied."""
    with _environment():  # the locks of an executor start a process already, which keeps an account of them
        return ProcessPoolExecutor(max_workers=workers, mp_context=_Context(), initializer=_end_with_parent)


class _Process(SpawnProcess):
    def start(self) -> None:
        with _environment():
            super().start()


class _Context(SpawnContext):
    Process = _Process


@contextmanager
def _environment() -> Iterator[None]:
    """Start Python in the environment of a worker."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    """End this process with its parent, also with one that was killed; an interruption ends both, and has no words."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    Thread(target=_wait_for_end, name="end-with-parent", daemon=True).start()


def _wait_for_end() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()  # a pipe that closes when the parent ends: every system has that
        os._exit(1)
