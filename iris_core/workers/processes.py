"""Processes on this machine: they run no code of the current folder, and end when the run does, however it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import Thread

__all__ = ["executor_of", "start_server"]

_HAS_SERVER: ContextVar[bool] = ContextVar("_HAS_SERVER", default=False)
_SIGNALS = {signal.SIGINT} if sys.platform == "win32" else {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

# No folder in the path of Python in which a file ``pickle.py`` would be imported; and with glibc, what is freed stays
# with the process: see `keep_memory`.
_ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_ARENA_MAX": "1",
}


def executor_of(workers: int) -> Executor:
    """Return an executor of processes that share nothing with this one."""
    context = _Copying() if _HAS_SERVER.get() else _Spawning()
    with _environment():  # the locks of an executor start a process already, which keeps an account of them
        return ProcessPoolExecutor(workers, context, _begin, ({**os.environ},))


def start_server() -> None:
    """Start the process of which workers will be copies: it imports what they need, while this one goes on.

    Python has one such server for all who use `multiprocessing`, and ours is of no use to others: it is for the command
    line. Where there is none, each worker is started anew, and imports all by itself.
    """
    if sys.platform != "linux":  # libraries of other systems do not work in copies
        return
    from multiprocessing import forkserver, resource_tracker

    forkserver.set_forkserver_preload(["iris_core.workers.preload"])
    with _environment(), suppress(OSError):  # no folder for its socket, or one with a very long name
        resource_tracker.ensure_running()  # first: it blocks no signal when it is done
        # What ends all processes at once, Ctrl-C, say, is for this one to heed: the server ends after it, and tidies.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            forkserver.ensure_running()
            _HAS_SERVER.set(True)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Process(SpawnProcess):
    def start(self) -> None:
        with _environment():
            super().start()


class _Spawning(SpawnContext):
    Process = _Process


if sys.platform == "linux":
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class _Copy(ForkServerProcess):
        def start(self) -> None:
            start_server()  # it may have been killed
            super().start()

    class _Copying(ForkServerContext):
        Process = _Copy


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


def _begin(environment: Mapping[str, str]) -> None:
    """Take over the environment, and end with the parent, also one that was killed; an interruption ends both."""
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    if sys.platform == "linux":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if "numpy.random" in sys.modules:  # all copies would draw the same numbers
        sys.modules["numpy.random"].seed()
    Thread(target=_wait_for_end, name="end-with-parent", daemon=True).start()


def _wait_for_end() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()  # a pipe that closes when the parent ends: every system has that
        os._exit(1)
