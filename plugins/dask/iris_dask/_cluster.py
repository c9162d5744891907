"""The cluster of a run: that at an address, or one on this machine for as long as the run takes."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, entry_points
from typing import Any

import dask
from distributed import Client, LocalCluster
from distributed.system import MEMORY_LIMIT

from iris_core import PluginError, one_line
from iris_dask._worker import Setup, faults, python_and, restored_environment

__all__ = ["Cluster", "connect", "start_here"]

log = logging.getLogger(__name__)

# What Python and the libraries of a worker take, beside what a run allows for exposures [byte].
_PYTHON = 384 << 20
# A worker has one task to do, and the next one: it does not wait for this process.
_AHEAD = 2
# A worker holds nothing that could be written to disk; it is ended before the machine has no memory left.
_CONFIG = {
    **{f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")},
    "distributed.worker.memory.terminate": 0.95,
    "distributed.worker.profile.enabled": False,
}
_SAFE_PATH = "PYTHONSAFEPATH"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connection to a scheduler.

    Parameters
    ----------
    client
        Dask's.
    name
        Of the scheduler, for errors.
    setup
        What its workers have to share with the run.
    patience
        How long it may be without scheduler or worker [s].
    limit
        How many tasks may be worked on at a time; None for as many as there are workers.
    stack
        Closes it.
    """

    client: Client
    name: str
    setup: Setup
    patience: float
    limit: int | None
    stack: ExitStack

    def count_workers(self) -> int | None:
        """Return how many workers there are; None where the scheduler does not answer."""
        if self.client.status != "running":
            return None
        with suppress(Exception):  # whatever it is, there was no answer
            return int(self.ask("identity", n_workers=0)["n_workers"])
        return None

    def has_begun(self, key: str) -> bool:
        """Return whether a worker has begun a task, which leaves a mark, an event of Dask's, with the scheduler."""
        return bool(self.ask("event_is_set", name=key))

    def forget(self, keys: Iterable[str]) -> None:
        """Take the marks of tasks from the scheduler."""
        with suppress(Exception):  # they go with it
            for key in keys:
                self.ask("event_clear", name=key)

    def ask(self, question: str, **about: Any) -> Any:
        """Return the answer of the scheduler; an error where there is none in time."""
        scheduler: Any = self.client.scheduler
        return self.client.sync(getattr(scheduler, question), callback_timeout=self.patience, **about)

    def window(self, workers: int) -> int:
        """Return how many tasks may be with the scheduler at a time."""
        return self.limit if self.limit is not None and self.limit < workers else _AHEAD * workers


def connect(address: str, patience: float, limit: int | None, memory: int | None) -> Cluster:
    """Return the cluster at an address.

    Raises
    ------
    PluginError
        When there is no scheduler, no worker, or one that cannot do the work.
    """
    name = f"the Dask scheduler at {address}"
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        client = _client(address, name, patience, stack)
        try:
            client.wait_for_workers(1, timeout=patience)
        except Exception:
            start = f"start some with 'dask worker {address} --nthreads 1'"
            raise PluginError(f"{name} has had no worker for {patience:g} s; {start}") from None
        variables = {name: value for name, value in os.environ.items() if name.startswith("IRIS_")}
        setup = Setup(os.getcwd(), variables, _versions())
        _check_workers(client, name, setup)
        if memory is not None:
            _warn_of_memory(client, name, memory, limit)
        return Cluster(client, name, setup, patience, limit, stack.pop_all())


def start_here(number: int, patience: float, memory: int | None) -> Cluster:
    """Return a cluster on this machine, of worker processes of one thread each."""
    limit = MEMORY_LIMIT // number if memory is None else memory // number + _PYTHON
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(_environment())
        with dask.config.set(_CONFIG):
            cluster = LocalCluster(
                n_workers=number,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                memory_limit=limit,
                silence_logs=logging.CRITICAL,
                preload=["iris_dask._worker"],
            )
        stack.callback(_end, cluster)
        client = _client(cluster, "the Dask scheduler of this run", patience, stack)
        setup = Setup(os.getcwd(), {}, {})
        return Cluster(client, "the Dask scheduler of this run", setup, patience, None, stack.pop_all())


def _client(where: Any, name: str, patience: float, stack: ExitStack) -> Client:
    try:
        client = Client(where, timeout=patience, set_as_default=False, name="iris")
    except Exception as error:
        raise PluginError(f"{name} does not answer: {one_line(error)}") from None
    stack.callback(_end, client)
    return client


def _end(what: Any) -> None:
    with suppress(Exception):  # a scheduler that has gone cannot be taken leave of
        what.close(timeout=10)


def _versions() -> dict[str, str]:
    """Return the versions of all that has a part in the pixels: the core, the plugins, and what they require."""
    named = os.environ.get("IRIS_LOAD_PLUGINS")
    wanted = None if named is None else {name.strip() for name in named.split(",")}
    points = [one for one in entry_points(group="iris_core") if wanted is None or one.name in wanted]
    found = [distribution("iris-nir"), *(point.dist for point in points if point.dist)]
    return python_and(sorted({name for one in found for name in (one.name, *_required(one)) if name}))


def _required(package: Distribution) -> list[str]:
    lines = [line for line in package.requires or () if "extra ==" not in line]
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines]


def _check_workers(client: Client, name: str, setup: Setup) -> None:
    """Refuse a cluster of which a worker cannot do the work; one that comes later refuses its tasks itself."""
    answers = client.run(faults, setup, on_error="return")
    wrong = {
        worker: [one_line(found)] if isinstance(found, BaseException) else found
        for worker, found in answers.items()
        if found
    }
    if wrong:
        lines = [f"worker {worker}: {'; '.join(found)}" for worker, found in sorted(wrong.items())]
        raise PluginError(f"{name}: {len(wrong)} of {len(answers)} workers cannot do the work: {' | '.join(lines[:3])}")


def _warn_of_memory(client: Client, name: str, memory: int, limit: int | None) -> None:
    """Warn where workers may take more than the run: their limits are those they were started with."""
    workers = client.scheduler_info()["workers"].values()
    part = memory // min(limit or len(workers), len(workers)) + _PYTHON
    if any(not one["memory_limit"] or one["memory_limit"] > part for one in workers):
        log.warning("%s: workers may take more than --memory; start them with --memory-limit %dMiB", name, part >> 20)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask logs of lost connections from the screen: the executor says it."""
    names = [name for name in logging.root.manager.loggerDict if f"{name}.".startswith("distributed.")]
    loggers = [logging.getLogger(name) for name in (*names, "tornado.application")]
    before = [one for one in loggers if not one.disabled]
    _disable(before, True)
    try:
        yield
    finally:
        _disable(before, False)


def _disable(loggers: list[logging.Logger], disabled: bool) -> None:
    for one in loggers:
        one.disabled = disabled


@contextmanager
def _environment() -> Iterator[None]:
    """Keep the current folder out of the path of processes that are started; Dask leaves variables of its own."""
    names = (_SAFE_PATH, *dask.config.get("distributed.nanny.pre-spawn-environ"))
    with restored_environment((*names, "PYTHONHASHSEED")):
        os.environ[_SAFE_PATH] = "1"
        yield
