"""The executor itself: what it gives to the scheduler, and what it refuses."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, wait
from importlib.metadata import version
from multiprocessing import parent_process
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import iris_dask
import pytest
from distributed import LocalCluster
from iris_dask import start_dask
from iris_dask._cluster import _versions
from iris_dask._options import check_options
from iris_dask._worker import Setup, WorkerLost, faults, python_and
from iris_testkit import ExecutorConformance

from iris_core import PluginError, RecipeError

# Modules that a worker has no use for before its first exposure, and this package none at all.
HEAVY = {"scipy", "matplotlib", "pandas", "bokeh", "gwcs", "asdf"}


@pytest.mark.slow
class TestDask(ExecutorConformance):
    """On a cluster of this machine."""

    plugin = iris_dask


@pytest.fixture
def executor(cluster: Any) -> Iterator[Executor]:
    """Return an executor on the three workers."""
    with start_dask(2, cluster.address) as started:
        yield started


def threads_and_modules(_number: int) -> tuple[int, bool, set[str]]:
    from iris_core.rows import usable_threads

    return usable_threads(), parent_process() is not None, HEAVY & set(sys.modules)


@pytest.mark.slow
def test_workers_use_one_thread_each_and_have_imported_nothing_in_vain() -> None:
    with start_dask(1) as executor:
        assert executor.submit(threads_and_modules, 0).result(60) == (1, True, set())


@pytest.mark.slow
def test_workers_of_a_scheduler_elsewhere_use_one_thread_each(executor: Executor) -> None:
    assert {found[:2] for found in executor.map(threads_and_modules, range(9))} == {(1, True)}


@pytest.mark.slow
def test_of_many_tasks_a_window_is_with_the_scheduler(
    executor: Executor, cluster: Any, wait_until: Callable[..., bool]
) -> None:
    """Two for each of its three workers; the others wait in this process."""
    futures = [executor.submit(time.sleep, 0.02) for _ in range(200)]
    seen = []
    while not all(future.done() for future in futures):
        seen.append(cluster.ask(lambda dask_scheduler: len(dask_scheduler.tasks)))
    assert 0 < max(seen) <= 6
    assert [future.result() for future in futures] == [None] * 200
    assert wait_until(lambda: cluster.left() == [])


@pytest.mark.slow
def test_no_more_is_worked_on_at_a_time_than_the_recipe_says(cluster: Any) -> None:
    with start_dask(2, cluster.address, workers=2) as executor:
        futures = [executor.submit(time.sleep, 0.05) for _ in range(20)]
        seen = []
        while not all(future.done() for future in futures):
            seen.append(cluster.ask(lambda dask_scheduler: len(dask_scheduler.tasks)))
    assert 0 < max(seen) <= 2


@pytest.mark.slow
def test_a_task_whose_worker_ends_is_not_begun_again(executor: Executor, tmp_path: Path) -> None:
    """Also not by Dask: its caller decides, who knows what may have been written. The next tasks are done."""
    future = executor.submit(end, tmp_path)
    others = [executor.submit(operator.add, number, 1) for number in range(20)]
    with pytest.raises(BrokenExecutor, match="worker process"):
        future.result(60)
    assert [one.result(60) for one in others] == list(range(1, 21))
    assert len(list(tmp_path.iterdir())) == 1


def end(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    os._exit(1)


@pytest.mark.slow
def test_workers_have_the_folder_and_the_variables_of_the_run_while_they_work_for_it(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IRIS_REFERENCES", "store")
    with start_dask(2, cluster.address) as executor:
        assert executor.submit(os.getcwd).result(60) == str(tmp_path)
        assert executor.submit(os.getenv, "IRIS_REFERENCES").result(60) == "store"
    assert {str(tmp_path), "store"}.isdisjoint(cluster.run_on_workers(here))


def here() -> tuple[str, str | None]:
    return os.getcwd(), os.environ.get("IRIS_REFERENCES")


@pytest.mark.slow
def test_what_cannot_be_sent_fails_alone(executor: Executor) -> None:
    assert isinstance(executor.submit(lambda: 1).exception(60), Exception)
    assert executor.submit(operator.add, 1, 2).result(60) == 3


@pytest.mark.slow
def test_a_worker_that_takes_more_memory_than_its_part_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of this process, and its folders, stay as they were."""
    monkeypatch.setenv("PYTHONSAFEPATH", "0")
    before = dict(os.environ)
    with start_dask(1, memory=64 << 20) as executor:
        assert executor.submit(take, 64).result(60) == 64
        with pytest.raises(WorkerLost, match="out of memory"):
            executor.submit(take, 1024).result(60)
    assert dict(os.environ) == before


def take(size: int) -> int:
    taken = []
    for _ in range(size):
        taken.append(bytearray(os.urandom(1 << 20)))
        time.sleep(0.003)
    return len(taken)


@pytest.mark.slow
def test_without_workers_for_long_a_run_ends(own_cluster: Any, wait_until: Callable[..., bool]) -> None:
    """Those that have not begun, too, and those that come after."""
    with start_dask(2, own_cluster.start(workers=1), patience=3) as executor:
        futures = [executor.submit(time.sleep, 100) for _ in range(5)]
        time.sleep(1)
        own_cluster.stop_workers()
        done, _ = wait(futures, timeout=30)
        assert len(done) == 5
        for future in (*futures, executor.submit(operator.add, 1, 2)):
            error = future.exception(0)
            assert isinstance(error, PluginError)
            assert "has had no worker for 3 s" in str(error)
            assert "--resume" in str(error)


@pytest.mark.slow
def test_a_scheduler_that_hangs_ends_the_run_in_bounded_time(own_cluster: Any) -> None:
    """Its machine answers still, so that the connection stays."""
    start = time.monotonic()
    with start_dask(2, own_cluster.start(workers=1), patience=2) as executor:
        futures = [executor.submit(time.sleep, 100) for _ in range(5)]
        time.sleep(1)
        os.kill(own_cluster.scheduler.pid, signal.SIGSTOP)
        wait(futures, timeout=30)
        assert ["has not answered for 2 s" in str(future.exception(0)) for future in futures] == [True] * 5
    assert time.monotonic() - start < 40


def test_where_no_scheduler_is_it_is_said_in_time() -> None:
    start = time.monotonic()
    with pytest.raises(PluginError, match=r"the Dask scheduler at tcp://127\.0\.0\.1:9 does not answer"):
        start_dask(2, "tcp://127.0.0.1:9", patience=1)
    assert time.monotonic() - start < 10


def in_this_process(workers: int, threads: int = 1) -> LocalCluster:
    options = {"processes": False, "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}
    return LocalCluster(n_workers=workers, threads_per_worker=threads, **options)


def test_a_scheduler_without_workers_is_refused() -> None:
    with in_this_process(0) as empty, pytest.raises(PluginError, match="has had no worker for 1 s; start some with"):
        start_dask(2, empty.scheduler_address, patience=1)


def test_workers_that_would_take_more_cores_than_their_own_are_refused() -> None:
    with in_this_process(1, threads=3) as odd, pytest.raises(PluginError) as caught:
        start_dask(2, odd.scheduler_address)
    for fact in (odd.scheduler_address, "1 of 1 workers", "3 threads", "--nthreads 1 --nworkers 3", "--no-nanny"):
        assert fact in str(caught.value)


def worker(threads: int = 1) -> Any:
    return SimpleNamespace(state=SimpleNamespace(nthreads=threads))


def test_workers_with_other_packages_or_another_file_system_are_refused(tmp_path: Path) -> None:
    versions = {**python_and(["iris-dask", "numpy"]), "numpy": "1.0", "no-such-package": "3.1"}
    found = " ".join(faults(Setup(str(tmp_path / "elsewhere"), {}, versions), worker()))
    for fact in (f"numpy {version('numpy')} (not 1.0)", "no-such-package none (not 3.1)", str(tmp_path / "elsewhere")):
        assert fact in found
    assert "iris-dask" not in found
    assert "Python" not in found


def test_a_worker_that_is_fine_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iris_dask._worker.parent_process", lambda: "nanny")
    good, setup = worker(), Setup(str(tmp_path), {}, python_and(["numpy"]))
    assert faults(setup, good) == []
    good.state.nthreads = 2
    assert faults(setup, good) == []
    assert faults(Setup(str(tmp_path), {}, {}), good) != []


def test_packages_are_those_that_have_a_part_in_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _versions()
    assert {"Python", "iris-nir", "iris-dask", "iris-imager", "numpy", "astropy"} <= found.keys()
    assert found["numpy"] == version("numpy")
    assert "pytest" not in found
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "iris-dask")
    assert "iris-imager" not in _versions()


@pytest.mark.parametrize("address", ["head:8786", "tcp://head", "http://head:80", "tcp:// :1", 8786, ["tcp://a:1"]])
def test_an_address_that_cannot_be_one_is_refused(address: object) -> None:
    with pytest.raises(RecipeError, match=r"executor\.address: .* is like tcp://host:8786, not"):
        check_options(address, 30)


@pytest.mark.parametrize("patience", [0, -1, float("inf"), float("nan"), "long", True, None])
def test_a_patience_that_cannot_be_one_is_refused(patience: object) -> None:
    with pytest.raises(RecipeError, match=r"executor\.patience: seconds, more than 0"):
        check_options("tcp://head:8786", patience)


def test_an_address_of_the_environment_serves_recipes_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_options(None, 30) == ""
    monkeypatch.setenv("IRIS_DASK_ADDRESS", "tls://head:8786")
    assert check_options(None, 30) == "tls://head:8786"
    assert check_options("tcp://other:1", 30) == "tcp://other:1"
    monkeypatch.setenv("IRIS_DASK_ADDRESS", "head")
    with pytest.raises(RecipeError, match="IRIS_DASK_ADDRESS: "):
        check_options(None, 30)


@pytest.mark.slow
def test_workers_that_may_take_more_than_the_run_are_warned_of(cluster: Any, caplog: pytest.LogCaptureFixture) -> None:
    start_dask(2, cluster.address, memory=300 << 20).shutdown()
    (warned,) = [record.getMessage() for record in caplog.records if record.name.startswith("iris_dask")]
    assert "--memory-limit 484MiB" in warned
    caplog.clear()
    start_dask(2, cluster.address).shutdown()
    assert not caplog.records


def test_to_load_the_plugin_imports_no_dask() -> None:
    code = "import iris_dask, sys; assert iris_dask.executors(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"dask", "distributed", "tornado"} & set(loaded)
