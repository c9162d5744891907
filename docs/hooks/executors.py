"""Processes that start from one that has imported modules: ``executor: {name: forkserver, preload: [scipy]}``."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from iris_core import hookimpl


def start(workers, preload=("iris_core.runner", "astropy.io.fits")):
    context = get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return ProcessPoolExecutor(workers, mp_context=context)


@hookimpl
def executors():
    return {"forkserver": start}
