"""The executor ``dask``: exposures are calibrated by the workers of a Dask cluster, or of one on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from iris_core import hookimpl

__all__ = ["executors", "start_dask"]


def start_dask(
    number: int,
    address: str | None = None,
    patience: float = 30.0,
    workers: int | None = None,
    memory: int | None = None,
) -> Executor:
    """Return an executor on a Dask cluster.

    Parameters
    ----------
    number
        Workers of a cluster on this machine.
    address
        Of the scheduler, ``tcp://host:8786``; None for the environment variable ``IRIS_DASK_ADDRESS``. Without either a
        cluster is started on this machine, which ends with the executor.
    patience
        How long there may be no scheduler, or no worker, before the run ends [s].
    workers
        How many tasks the cluster at an address works on at a time; None for as many as it has workers.
    memory
        What all tasks may take together, beside Python and its libraries [byte]; None for what there is.

    Raises
    ------
    RecipeError
        When address or patience cannot be right.
    PluginError
        When there is no such scheduler, it has no workers, or one of them cannot do the work.
    """
    from iris_dask._cluster import connect, start_here
    from iris_dask._executor import DaskExecutor
    from iris_dask._options import check_options

    address = check_options(address, patience)
    cluster = connect(address, patience, workers, memory) if address else start_here(number, patience, memory)
    return DaskExecutor(cluster)


@hookimpl
def executors() -> Mapping[str, Callable[..., Executor]]:
    """Return the executor."""
    return {"dask": start_dask}
