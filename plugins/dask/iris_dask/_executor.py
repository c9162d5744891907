"""An executor over a Dask cluster: a window of tasks is with the scheduler, the others wait here."""

from __future__ import annotations

import logging
import pickle
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import suppress
from functools import partial
from itertools import count
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import Any
from uuid import uuid4

import distributed

from iris_core import PluginError
from iris_dask._cluster import Cluster
from iris_dask._worker import WorkerLost, run_once

__all__ = ["DaskExecutor"]

log = logging.getLogger(__name__)

# How often the cluster is asked whether it is there, and for the number of its workers [s].
_INTERVAL = 1.0


class DaskExecutor(Executor):
    """Calls functions in the workers of a cluster.

    A task whose worker ends is not begun again by itself: its future has a `WorkerLost`, and the caller decides.

    Parameters
    ----------
    cluster
        Is closed with the executor.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._client = cluster, cluster.client
        self._waiting: deque[tuple[Future[Any], Any]] = deque()
        self._sent: dict[str, tuple[Any, Future[Any]]] = {}
        self._cancelled: list[str] = []
        self._lost = ""
        self._lock, self._ended = Lock(), Flag()
        self._is_shut = False
        self._keys = (f"iris-{uuid4().hex}-{number}" for number in count())
        self._window = cluster.window(cluster.count_workers() or 1)
        self._watching = Thread(target=self._watch, name="iris-dask-watch", daemon=True)
        self._watching.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of a call.

        Raises
        ------
        RuntimeError
            After the shutdown.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._lost:
                future.set_exception(PluginError(self._lost))
            else:
                self._waiting.append((future, (fn, args, kwargs)))
        self._fill()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more tasks, cancel those not begun, if asked to, and close the cluster after the others."""
        with self._lock:
            if self._is_shut:
                return
            self._is_shut = True
        end = partial(self._end, cancel_futures)
        if wait:
            end()
        else:
            Thread(target=end, name="iris-dask-end").start()

    def _end(self, cancel: bool) -> None:
        try:
            if cancel:
                self._cancel()
            wait(self._futures())
        finally:
            self._ended.set()
            self._forget([*self._sent, *self._cancelled])
            self._cluster.stack.close()
            self._watching.join()

    def _futures(self) -> list[Future[Any]]:
        with self._lock:
            return [future for future, _ in self._waiting] + [future for _, future in self._sent.values()]

    def _cancel(self) -> None:
        """Cancel what no worker has begun; what has begun cannot be stopped, and is waited for."""
        with self._lock:
            dropped = [future for future, _ in self._waiting]
            self._waiting.clear()
            sent = [(key, there) for key, (there, _) in self._sent.items() if there is not None]
        idle: dict[str, Any] = {}
        with suppress(Exception):  # without an answer all counts as begun
            idle |= {key: there for key, there in sent if not self._cluster.has_begun(key)}
        self._cancelled = list(idle)
        dropped += [future for key in idle if (future := self._pop(key)) is not None]
        with suppress(Exception):  # the scheduler may have gone
            self._client.cancel(list(idle.values()))
        for future in dropped:
            future.cancel()
            future.set_running_or_notify_cancel()
        if self._sent:
            log.warning("waiting for %d tasks that workers have begun; interrupt again to leave them", len(self._sent))

    def _fill(self) -> None:
        """Give tasks to the scheduler while there is room in the window."""
        while task := self._next():
            key, future, call = task
            try:
                there = self._send(key, call)
            except Exception as error:  # it cannot be pickled
                self._pop(key)
                _resolve(future, error=error)
                continue
            with self._lock:
                if key in self._sent:
                    self._sent[key] = there, future
            there.add_done_callback(partial(self._take, key))

    def _next(self) -> tuple[str, Future[Any], Any] | None:
        with self._lock:
            if not self._waiting or len(self._sent) >= self._window:
                return None
            future, call = self._waiting.popleft()
            key = next(self._keys)
            self._sent[key] = None, future
        return key, future, call

    def _send(self, key: str, call: Any) -> Any:
        data = pickle.dumps(call)
        return self._client.submit(run_once, self._cluster.setup, key, data, key=key, pure=False)

    def _pop(self, key: str) -> Future[Any] | None:
        """Return the future of a task, once."""
        with self._lock:
            return self._sent.pop(key, (None, None))[1]

    def _take(self, key: str, there: Any) -> None:
        """Give the future of a task what has come of it."""
        try:
            value, error = self._outcome(there)
        except (OSError, CancelledError):
            if key in self._sent:  # nobody here has cancelled it
                self._lose("was lost")
            return
        there.release()  # before the next task takes its place
        if (future := self._pop(key)) is not None:
            _resolve(future, value, error)
            self._forget([key])
            self._fill()

    def _outcome(self, there: Any) -> tuple[Any, BaseException | None]:
        """Return what a task has returned, or raised.

        Raises
        ------
        OSError, CancelledError
            When the connection to the scheduler, or to all that it knew, is gone.
        """
        if there.status == "error":
            error = there.exception(self._cluster.patience)
            return None, WorkerLost() if isinstance(error, distributed.KilledWorker) else error
        try:
            return there.result(self._cluster.patience), None
        except (OSError, CancelledError):
            raise
        except Exception as error:  # a result that cannot be read
            return None, error

    def _forget(self, keys: list[str]) -> None:
        if not self._lost:
            self._cluster.forget(keys)

    def _lose(self, words: str) -> None:
        """Give up all tasks."""
        with self._lock:
            if self._lost:
                return
            self._lost = f"{self._cluster.name} {words}; what is complete stays, and --resume makes the rest"
            futures = [future for future, _ in self._waiting] + [future for _, future in self._sent.values()]
            self._waiting.clear()
            self._sent.clear()
        for future in futures:  # each has an error of its own, to which is added where it is raised
            _resolve(future, error=PluginError(self._lost))

    def _watch(self) -> None:
        """Follow the number of workers, and give up where there is none, or no scheduler, for too long."""
        since = monotonic()
        while not self._ended.wait(_INTERVAL):
            number = self._cluster.count_workers()
            if number or not self._sent:
                since = monotonic()
            elif monotonic() - since > self._cluster.patience:
                what = "has not answered" if number is None else "has had no worker"
                self._lose(f"{what} for {self._cluster.patience:g} s")
            if number:
                self._widen(number)

    def _widen(self, workers: int) -> None:
        """Use workers that have come since."""
        self._window = self._cluster.window(workers)
        self._fill()


def _resolve(future: Future[Any], value: Any = None, error: BaseException | None = None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
