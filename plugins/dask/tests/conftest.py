"""A Dask cluster on this machine as on many: scheduler and workers are processes of their own, in another folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from iris_testkit import make_exposure

from iris_core import Plugins, load_plugins, write_fits

STAGES = """\
import logging, os, time
from pathlib import Path
import numpy as np
from iris_core import InputError, stage, stage_spec

@stage_spec(status="S_LEVEL", group=True, product="lev")
def level(exposures, params, references, instrument):
    "Subtract from each the lowest of all. Units: unchanged."

@stage_spec(status="S_MEAN", group=True, makes="one", product="mean")
def mean(exposures, params, references, instrument):
    "The mean of all. Units: unchanged."

@stage("dark_current")
def dark(exposure):
    return exposure.scale(2)

@stage("flat_field")
def flat(exposure):
    path, what = Path(exposure.meta.path), exposure.meta.target
    logging.getLogger("lab").warning("%s by process %d", path.name, os.getpid())
    path.with_suffix(f".{os.getpid()}").touch()
    if what == "bad":
        raise InputError("no luck")
    if what == "slow":
        while not path.with_name("go").exists():
            time.sleep(0.05)
    died = path.with_suffix(".died")
    if what == "fatal" or (what in ("once", "raced") and not died.exists()):
        died.touch()
        if what == "raced":
            path.with_name("x_dark.fits").write_bytes(path.read_bytes())
        os.kill(os.getpid(), 9)
    return exposure.scale(1 / 3).replace(data=np.sqrt(exposure.data))

def subtract(exposure, lowest):
    return exposure.replace(data=exposure.data - np.float32(lowest))

def lowest_of(exposure):
    Path(exposure.meta.path).with_suffix(f".{os.getpid()}").touch()
    return float(np.nanmin(exposure.data))

@stage("level")
def subtract_lowest(exposures):
    return exposures.changed(subtract, lowest=min(exposures.each(lowest_of)))

@stage("mean")
def take_mean(exposures):
    data, variance, dq = [], [], []
    for rows in exposures.rows(budget=1000):
        data.append(np.nansum(rows.data, axis=0, dtype=float) / np.isfinite(rows.data).sum(axis=0))
        variance.append(np.nansum(rows.variance, axis=0, dtype=float) / len(rows.data) ** 2)
        dq.append(np.bitwise_and.reduce(rows.dq, axis=0))
    made = exposures.merged().replace(data=np.vstack(data), dq=np.vstack(dq), variance={"total": np.vstack(variance)})
    return made.mask_invalid()
"""
IRIS = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}
PATIENCE = 60


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IRIS_DASK_ADDRESS", raising=False)


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Return whether something has become so."""
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., bool]:
    """Return a function that returns whether something has become so."""
    return wait_until


class Cluster:
    """A scheduler, and workers of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.scheduler, self.workers = folder, None, list[subprocess.Popen[bytes]]()

    def start(self, workers: int = 3, port: int = 0) -> str:
        """Start both, and return the address."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        options = ["--host", "127.0.0.1", "--port", port, "--no-dashboard", "--scheduler-file", file]
        self.scheduler = self._popen("dask_scheduler", *options)
        assert wait_until(file.exists)
        with Client(scheduler_file=str(file), timeout=PATIENCE, set_as_default=False) as client:
            self.address = str(client.scheduler.address)
            self.workers = [
                self._popen("dask_worker", self.address, "--nthreads", 1, "--no-dashboard") for _ in range(workers)
            ]
            client.wait_for_workers(workers, PATIENCE)
        return self.address

    def _popen(self, module: str, *arguments: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *map(str, arguments)]
        log = (self.folder / f"{module}.log").open("ab")
        with log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)

    def kill_scheduler(self) -> None:
        """Kill it, and wait for its workers, which end without it."""
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def stop_workers(self) -> None:
        """Kill the workers with their nannies."""
        for process in self.workers:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ask(self, function: Callable[..., Any]) -> Any:
        """Return what a function of the scheduler, ``dask_scheduler``, returns."""
        with Client(self.address, set_as_default=False) as client:
            return client.run_on_scheduler(function)

    def run_on_workers(self, function: Callable[[], Any]) -> list[Any]:
        """Return what each worker's answer holds."""
        with Client(self.address, set_as_default=False) as client:
            return [one for answer in client.run(function).values() for one in answer]

    def count(self) -> int:
        """Return how many workers there are."""
        return int(self.ask(lambda dask_scheduler: len(dask_scheduler.workers)))

    def left(self) -> list[str]:
        """Return the tasks and marks that the scheduler still has."""
        return list(self.ask(_left))

    def stop(self) -> None:
        """End all of it."""
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _left(dask_scheduler: Any) -> list[str]:
    return [*dask_scheduler.tasks, *dask_scheduler.extensions["events"]._events]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of three workers that serves several tests."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """Return it with all of its workers, also where a test before has killed some."""
    assert wait_until(lambda: shared.count() == 3)
    return shared


@pytest.fixture
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster that the test may break; it has not been started."""
    cluster = Cluster(tmp_path_factory.mktemp("own"))
    yield cluster
    cluster.stop()


@pytest.fixture
def plugins() -> Plugins:
    """Return the mode of the imager, and this package."""
    return load_plugins(only=("iris-imager", "iris-dask"))


@pytest.fixture
def stages(tmp_path: Path) -> Path:
    """Return the file of a plugin whose stages do what the exposure's target says."""
    path = tmp_path / "lab_stages.py"
    path.write_text(STAGES)
    return path


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a recipe: its steps, and further lines."""

    def write(steps: str = "dark_current, flat_field", *lines: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text("\n".join(["recipe: 1", "name: lab", f"steps: [{steps}]", *lines]))
        return path

    return write


@pytest.fixture
def write_exposures(tmp_path: Path) -> Callable[..., list[Path]]:
    """Return a function that writes an exposure for each target, and returns their paths."""

    def write(*targets: str) -> list[Path]:
        paths = []
        for at, target in enumerate(targets):
            header = {**IRIS, "OBJECT": target}
            path = tmp_path / f"x{at:02}_rate.fits"
            write_fits(make_exposure(value=10.0 + at, shape=(24, 25), seed=at, header=header), path)
            paths.append(path)
        return paths

    return write
