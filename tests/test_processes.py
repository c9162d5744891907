"""The worker processes of a run: they end with it, and run no code of the folder in which the data are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from iris_core import load_plugins, run
from iris_core.workers import start_processes

pytestmark = pytest.mark.slow

Write = Callable[..., Path]
Install = Callable[..., None]

SLOW = """\
import os, time, warnings
from pathlib import Path
from iris_core import stage

@stage("flat_field")
def flat(exposure):
    warnings.warn("odd\\n value", stacklevel=1)
    Path(exposure.meta.path).with_suffix(f".{os.getpid()}").touch()
    if exposure.meta.target == "slow":
        time.sleep(300)
    return exposure.scale(2)
"""
RUN = "from iris_core.cli import main; main()"


@pytest.fixture(autouse=True)
def installed(install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install("lab", SLOW)
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab,iris-imager")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


def is_alive(process: int) -> bool:
    """Whether a process is there; one that has ended and that nobody has asked about counts as ended."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
    return bool(told.strip()) and not told.strip().startswith("Z")


def wait_until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 120
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


@pytest.mark.parametrize(
    ("by", "together"),
    [
        *((by, False) for by in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)),
        *((by, True) for by in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)),
    ],
)
def test_workers_end_with_the_run_however_it_ends(
    write_recipe: Write,
    write_exposure: Write,
    tmp_path: Path,
    by: signal.Signals,
    together: bool,
    monkeypatch: pytest.MonkeyPatch,
    stack: ExitStack,
) -> None:
    files = [write_exposure(f"{name}.fits", header={"OBJECT": "slow"}) for name in "ab"]
    scratch = Path(stack.enter_context(TemporaryDirectory()))  # of a short name: it is for a socket
    monkeypatch.setenv("TMPDIR", str(scratch))
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}; {RUN}", "run", write_recipe(), *files, "--executor", "processes"]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )

    def workers() -> list[int]:
        return [int(path.suffix[1:]) for path in tmp_path.glob("[ab].[0-9]*")]

    assert wait_until(lambda: len(workers()) == 2)
    assert bool(list(scratch.iterdir())) == (sys.platform == "linux")
    if together:  # from a keyboard, a terminal that is closed, a batch system
        os.killpg(process.pid, by)
    else:
        process.send_signal(by)
    _, errors = process.communicate(timeout=120)
    assert wait_until(lambda: not any(map(is_alive, workers())))
    if not (together and by is signal.SIGKILL):  # then there is nobody left to tidy
        assert wait_until(lambda: not list(scratch.iterdir()))
    assert "Traceback" not in errors


DYING = """\
import os
from pathlib import Path
from iris_core import stage

@stage("dark_current")
def dark(exposure):
    return exposure.scale(2)

@stage("flat_field")
def flat(exposure):
    path = Path(exposure.meta.path)
    died = path.with_suffix(".died")
    if not died.exists():
        died.touch()
        if exposure.meta.target == "raced":
            path.with_name("x_dark.fits").write_bytes(path.read_bytes())
        os._exit(1)
    return exposure
"""


@pytest.mark.parametrize("target", ["alone", "raced"])
def test_an_exposure_whose_process_died_replaces_its_own_products_only(
    install: Install, write_recipe: Write, write_exposure: Write, tmp_path: Path, target: str
) -> None:
    """Tried once more it finds the first product: its own, or that which another run has written in the meantime."""
    install("lab-dying", DYING)
    plugins = load_plugins(["lab-dying", "iris-imager"])
    path = write_exposure(header={"OBJECT": target})
    report = run(write_recipe("dark_current: {save: dark}, flat_field"), path, plugins=plugins, executor="processes")
    assert (tmp_path / "x_rate.died").exists()
    assert bool(report.failed) == (target == "raced")
    assert ((tmp_path / "x_dark.fits").read_bytes() == path.read_bytes()) == (target == "raced")


def test_workers_run_no_code_of_the_current_folder(
    write_recipe: Write, write_exposure: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the process that keeps the account of their locks; the environment of the run stays as it was."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("pickle", "sitecustomize", "usercustomize", "numpy", "click", "multiprocessing", "conftest"):
        (folder / f"{name}.py").write_text("open('RAN', 'a').close()\nraise SystemExit(9)\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    report = run(write_recipe(), write_exposure(), plugins=load_plugins(["lab", "iris-imager"]), executor="processes")
    assert not report.failed
    assert not (folder / "RAN").exists()
    assert "PYTHONSAFEPATH" not in os.environ


def test_what_the_environment_said_before_it_says_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "0")
    before = dict(os.environ)
    with start_processes(1) as workers:
        assert workers.submit(os.getenv, "PYTHONSAFEPATH").result() == "1"
        assert workers.submit(os.getenv, "MALLOC_ARENA_MAX").result() == "1"
    assert dict(os.environ) == before


def test_workers_see_the_environment_of_the_run_and_not_that_of_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_processes(1) as workers:
        workers.submit(os.getpid).result()
    monkeypatch.setenv("IRIS_TEST", "new")
    monkeypatch.delenv("IRIS_LOAD_PLUGINS")
    with start_processes(1) as workers:
        assert workers.submit(os.getenv, "IRIS_TEST").result() == "new"
        assert workers.submit(os.getenv, "IRIS_LOAD_PLUGINS").result() is None


SERVED = """\
import os, signal, sys, time
from multiprocessing import forkserver
import numpy as np
from iris_core.workers import start_processes
from iris_core.workers.processes import start_server

def imported():
    return [name for name in sys.modules if name == "gwcs" or name.startswith("iris_")]

def told():
    return os.getenv("IRIS_TEST"), os.getenv("PYTHONSAFEPATH"), float(np.random.random())

def deaf():
    return len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

if __name__ == "__main__":
    start_server()
    os.environ["IRIS_TEST"] = "new"
    drawn = set()
    for again in range(3):
        with start_processes(1) as workers:
            names = workers.submit(imported).result()
            assert "gwcs" in names, names
            assert not [name for name in names if not name.startswith(("iris_core", "gwcs"))], names
            test, path, number = workers.submit(told).result()
            assert (test, path) == ("new", "1")
            assert workers.submit(deaf).result() == 0
            drawn.add(number)
        if again == 1:
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
            time.sleep(1)
    assert len(drawn) == 3
    assert "PYTHONSAFEPATH" not in os.environ
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker imports all by itself")
def test_workers_are_copies_of_a_process_that_has_imported_libraries_and_no_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has the environment of the run and its own random numbers, also after the first process was killed."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    (script := tmp_path / "served.py").write_text(SERVED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_where_no_socket_can_be_made_workers_are_started_anew(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    long = tmp_path / ("long" * 50)
    long.mkdir()
    command = [sys.executable, "-c", RUN, "run", write_recipe(), write_exposure(), "--executor", "processes"]
    done = subprocess.run(
        list(map(str, command)), env={**os.environ, "TMPDIR": str(long)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(long.iterdir())


TELLING = """\
import sys
class Told:
    def find_spec(self, name, *_):
        if name == "iris_core.cli.group":
            print(flush=True)
sys.meta_path.insert(0, Told())"""


def test_an_interruption_while_libraries_are_imported_has_no_words(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}\n{TELLING}\n{RUN}", "run", write_recipe(), write_exposure("slow.fits")]
    for delay in (0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3):
        process = subprocess.Popen(
            [*map(str, command), "--executor", "processes"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert "Traceback" not in errors, f"{errors}"


def test_what_libraries_warn_of_in_workers_is_one_line_once(write_recipe: Write, write_exposure: Write) -> None:
    files = [write_exposure(f"{name}.fits") for name in "abc"]
    command = [sys.executable, "-c", RUN, "run", write_recipe(), *files, "--executor", "processes", "--workers", "2"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.partition("WARNING ")[2] for line in done.stderr.splitlines()] == ["UserWarning: odd value"]
