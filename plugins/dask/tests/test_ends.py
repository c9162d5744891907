"""How a run ends that cannot go on: in bounded time, with what is complete, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from iris_core import load_plugins, run

pytestmark = pytest.mark.slow

Write = Callable[..., Any]
# From a keyboard, or to one process that heeds it as in a terminal.
RUN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from iris_core.cli import main; main()"


def begin(recipe: Path, *files: Path, stages: Path, options: tuple[Any, ...] = ()) -> subprocess.Popen[str]:
    """Return `iris run` as a process of its own."""
    arguments = ["run", recipe, *files, "--executor", "dask", "--plugin", stages, "--output-dir", recipe.parent / "out"]
    command = [sys.executable, "-c", RUN, *arguments, *options]
    environment = {**os.environ, "IRIS_LOAD_PLUGINS": "iris-imager,iris-dask"}
    return subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment,
    )


def sums(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.fits")}


def begun(folder: Path, name: str) -> list[int]:
    """Return the processes that have begun an exposure."""
    return [int(path.suffix[1:]) for path in folder.glob(f"{name}_rate.[0-9]*")]


def is_alive(process: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
    return bool(told.strip()) and not told.strip().startswith("Z")


def test_a_run_without_its_scheduler_fails_and_is_resumed_with_another(
    own_cluster: Any, write_recipe: Write, write_exposures: Write, stages: Path, tmp_path: Path, wait_until: Write
) -> None:
    address = own_cluster.start()
    recipe = write_recipe("flat_field: {save: cal}", f"executor: {{name: dask, address: '{address}', patience: 20}}")
    files, out = write_exposures(*["star"] * 4, *["slow"] * 6), tmp_path / "out"
    log = tmp_path / "run.log"
    running = begin(recipe, *files, stages=stages, options=("--log-file", log))
    assert wait_until(lambda: log.exists() and log.read_text().count(": wrote ") == 4 and bool(begun(tmp_path, "x05")))
    own_cluster.kill_scheduler()
    killed = time.monotonic()
    output, errors = running.communicate(timeout=120)
    assert time.monotonic() - killed < 30
    assert running.returncode == 1
    assert "4 of 10 exposures calibrated" in output
    assert f"the Dask scheduler at {address} was lost" in errors
    assert "--resume" in errors
    assert "Traceback" not in errors, errors
    own_cluster.stop()
    before = sums(out)
    assert len(before) == 4
    (tmp_path / "go").touch()
    again = own_cluster.start(port=int(address.rpartition(":")[2]))
    assert again == address
    resumed = begin(recipe, *files, stages=stages, options=("--resume",))
    output, errors = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, errors
    assert output.count("  kept") == 4
    assert len(sums(out)) == 10
    assert before.items() <= sums(out).items()
    assert not [path for path in out.iterdir() if path.name.endswith(".part")]
    assert own_cluster.left() == []


def test_an_interruption_cancels_what_has_not_begun_and_leaves_nothing_with_the_scheduler(
    cluster: Any, write_recipe: Write, write_exposures: Write, stages: Path, tmp_path: Path, wait_until: Write
) -> None:
    recipe = write_recipe("flat_field", f"executor: {{name: dask, address: '{cluster.address}'}}")
    running = begin(recipe, *write_exposures(*["slow"] * 9), stages=stages)
    assert wait_until(lambda: len(list(tmp_path.glob("*_rate.[0-9]*"))) == 3)
    running.send_signal(signal.SIGINT)
    assert wait_until(lambda: len(cluster.left()) <= 6)  # three tasks and their marks
    assert running.poll() is None  # what has begun is waited for
    (tmp_path / "go").touch()
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted after" in errors
    assert "waiting for 3 tasks" in errors
    assert "Traceback" not in errors
    assert len(sums(tmp_path / "out")) == 3
    assert cluster.left() == []
    assert cluster.count() == 3


def test_a_second_interruption_waits_for_nothing(
    cluster: Any, write_recipe: Write, write_exposures: Write, stages: Path, tmp_path: Path, wait_until: Write
) -> None:
    recipe = write_recipe("flat_field", f"executor: {{name: dask, address: '{cluster.address}'}}")
    log = tmp_path / "run.log"
    running = begin(recipe, *write_exposures("slow", "slow"), stages=stages, options=("--log-file", log))
    try:
        assert wait_until(lambda: len(list(tmp_path.glob("*_rate.[0-9]*"))) == 2)
        running.send_signal(signal.SIGINT)
        assert wait_until(lambda: "waiting for 2 tasks" in log.read_text())
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "Traceback" not in errors
        assert sums(tmp_path / "out") == {}
        assert wait_until(lambda: cluster.left() == [])
    finally:
        (tmp_path / "go").touch()  # the workers are free for the next test


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_cluster_of_this_machine_ends_with_the_run(
    write_recipe: Write, write_exposures: Write, stages: Path, tmp_path: Path, wait_until: Write, by: signal.Signals
) -> None:
    """An interruption from the keyboard goes to all processes: the workers finish what they have begun."""
    log = tmp_path / "run.log"
    files = write_exposures(*["slow"] * 5)
    running = begin(write_recipe("flat_field"), *files, stages=stages, options=("--log-file", log))

    def workers() -> list[int]:
        return [int(path.suffix[1:]) for path in tmp_path.glob("*_rate.[0-9]*")]

    assert wait_until(lambda: len(workers()) == 2)
    if by is signal.SIGINT:
        os.killpg(running.pid, by)
        assert wait_until(lambda: "waiting for 2 tasks" in log.read_text())
        (tmp_path / "go").touch()
    else:
        running.send_signal(by)
    _, errors = running.communicate(timeout=60)
    assert wait_until(lambda: not any(map(is_alive, workers())), 20)
    assert "Traceback" not in errors
    assert len(sums(tmp_path / "out")) == (2 if by is signal.SIGINT else 0)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
def test_workers_run_no_code_of_the_current_folder(
    cluster: Any,
    write_recipe: Write,
    write_exposures: Write,
    stages: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: bool,
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("pickle", "sitecustomize", "usercustomize", "numpy", "click", "multiprocessing", "conftest", "dask"):
        (folder / f"{name}.py").write_text("open('RAN', 'a').close()\nraise SystemExit(9)\n")
    recipe = write_recipe("flat_field", f"executor: {{name: dask, address: '{cluster.address if elsewhere else ''}'}}")
    (path,) = write_exposures("star")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    report = run(recipe, path, plugin_files=[stages], plugins=load_plugins(only=("iris-imager", "iris-dask")))
    assert not report.failed, report.failed
    assert not (folder / "RAN").exists()
