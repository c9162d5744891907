"""What runs in the workers: one task, in the folder of the run, and none a second time."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import parent_process
from platform import python_version
from typing import Any

from iris_core import PluginError

__all__ = ["Setup", "WorkerLost", "dask_setup", "faults", "python_and", "restored_environment", "run_once"]


class WorkerLost(PluginError, BrokenExecutor):  # noqa: N818 - what has happened
    """The process that was at a task has ended."""

    def __init__(self, words: str = "the worker process that was at it has ended (out of memory?)") -> None:
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Setup:
    """What workers have to share with the run.

    Parameters
    ----------
    folder
        That of the run, from which its paths go.
    environment
        The variables of the run that are ours: IRIS_REFERENCES, say.
    versions
        Of Python and the packages, by name; empty where they are those of the run anyway.
    """

    folder: str
    environment: Mapping[str, str]
    versions: Mapping[str, str]


def python_and(packages: Mapping[str, Any] | list[str]) -> dict[str, str]:
    """Return the versions of Python, and of packages as far as they are installed."""
    found = {"Python": python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def faults(setup: Setup, dask_worker: Any) -> list[str]:
    """Return why a worker cannot do the work of a run; Dask gives the worker by the name of the argument."""
    if getattr(dask_worker, "iris_setup", None) == setup:
        return []
    found = list(_faults(setup, dask_worker.state.nthreads))
    if not found:
        dask_worker.iris_setup = setup
    return found


def _faults(setup: Setup, threads: int) -> Iterator[str]:
    if threads != 1:
        yield f"it has {threads} threads: start it with --nthreads 1 --nworkers {threads}"
    if parent_process() is None:  # what tells a stage that it is to use one thread, and logs to go to the run
        yield "it was started with --no-nanny, and has to be restarted by one where it takes too much memory"
    if not os.path.isdir(setup.folder):
        yield f"it does not see the folder {setup.folder}: every machine needs the same files under the same paths"
    here = python_and([name for name in setup.versions if name != "Python"])
    other = [f"{name} {here[name]} (not {wanted})" for name, wanted in setup.versions.items() if here[name] != wanted]
    if other:
        yield f"it has other packages than this machine: {', '.join(other)}"


def run_once(setup: Setup, key: str, call: bytes) -> Any:
    """Return what a pickled call returns.

    Raises
    ------
    WorkerLost
        When the task has begun before: its worker has ended, and Dask gives the task to another one, which would meet
        the products that the first one may have written.
    """
    from distributed import Event, get_worker

    worker = get_worker()
    if found := faults(setup, worker):
        raise PluginError(f"worker {worker.address}: {'; '.join(found)}")
    begun = Event(key)
    if begun.is_set():
        raise WorkerLost
    begun.set()
    with chdir(setup.folder), restored_environment(setup.environment):
        os.environ.update(setup.environment)
        function, args, kwargs = pickle.loads(call)
        return function(*args, **kwargs)


@contextmanager
def restored_environment(names: Iterable[str]) -> Iterator[None]:
    """Put variables of the environment back to what they are now."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def dask_setup(_worker: Any) -> None:
    """Leave an interruption from the keyboard to the run; Dask calls this in each worker of a cluster here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
