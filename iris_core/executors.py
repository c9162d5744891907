"""Where exposures are worked on: in this process, or in several."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

__all__ = ["SerialExecutor", "start_processes"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class SerialExecutor(Executor):
    """Runs each call at once, in this process; an exception is raised where the result is asked for.

    Parameters
    ----------
    workers
        Not used: there is one.
    """

    def __init__(self, workers: int = 1) -> None:
        del workers

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Call `fn` now and return its finished future."""
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def start_processes(workers: int) -> Executor:
    """Return an executor of `workers` fresh processes on this machine; they share nothing with this one."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    options: dict[str, Any] = {"max_workers": workers, "mp_context": get_context("spawn")}
    return ProcessPoolExecutor(**options)
