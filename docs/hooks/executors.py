"""Processes that start from one that has imported everything already: ``executor: {name: forkserver, workers: 4}``."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from iris_core import hookimpl


def start(workers):
    context = get_context("forkserver")
    context.set_forkserver_preload(["iris_core.runner", "astropy.io.fits"])
    return ProcessPoolExecutor(workers, mp_context=context)


@hookimpl
def executors():
    return {"forkserver": start}
