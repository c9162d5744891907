"""A run that is killed at any moment leaves no product under its final name that is not whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, read_asdf, read_fits, write_fits

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that can be forked is needed"),
]

# Starts runs in children, so that what takes long (importing) is done once and a kill hits the run itself.
# Reads "<seconds> <folder> <format>" from its input, kills the run after that time, and tells how it ended.
RUNS = """\
import os, signal, sys, time, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import asdf, gwcs, astropy.io.fits
import iris_core

def start(recipe, exposure, folder, form):
    plugins = iris_core.load_plugins(only=("iris-imager",))
    for name in ("flat_field", "dark_current"):
        plugins.add(name, iris_core.as_plugin(name, lambda exposure: exposure.scale(2).note("done"), name))
    iris_core.run(recipe, exposure, plugins=plugins, directory=folder, format=form, overwrite=True)

recipe, exposure = sys.argv[1:]
start(recipe, exposure, Path(exposure).parent / "first", "fits")
print("ready", flush=True)
for line in sys.stdin:
    seconds, folder, form = line.split()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            start(recipe, exposure, folder, form)
            status = 0
        finally:
            os._exit(status)
    ended = 0
    while not ended and time.monotonic() - began < float(seconds):
        time.sleep(0.001)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else f"exit-{status}", time.monotonic() - began, flush=True)
"""
Run = Callable[[float, Path, str], tuple[str, float]]


@pytest.fixture(scope="module")
def run_for(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Return a function that runs a recipe with two products and kills it after some seconds."""
    folder = tmp_path_factory.mktemp("kill")
    recipe, exposure = folder / "kill.yaml", folder / "x_rate.fits"
    recipe.write_text("recipe: 1\nname: kill\nsteps: [flat_field: {save: flat}, dark_current]\n")
    write_fits(make_exposure((1024, 1024), header={"INSTRUME": "IRIS", "DETECTOR": "IMG1"}), exposure)
    command = [sys.executable, "-c", RUNS, str(recipe), str(exposure)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def run(seconds: float, folder: Path, form: str) -> tuple[str, float]:
            process.stdin.write(f"{seconds} {folder} {form}\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            how, took = process.stdout.readline().split()  # type: ignore[union-attr]
            return how, float(took)

        yield run
        process.stdin.close()
    assert process.returncode == 0


def read(path: Path) -> Exposure:
    return read_asdf(path) if path.suffix == ".asdf" else read_fits(path)


def is_whole(path: Path, truth: Exposure) -> bool:
    found = read(path)
    same = [
        (found.data, truth.data),
        (found.dq, truth.dq),
        *zip(found.variance.values(), truth.variance.values(), strict=True),
    ]
    return all(np.array_equal(one, other) for one, other in same) and len(found.history) == len(truth.history)


@pytest.mark.parametrize("form", ["fits", "asdf"])
def test_a_product_under_its_final_name_is_whole_whenever_the_run_is_killed(
    run_for: Run, tmp_path: Path, form: str
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    how, took = run_for(60, whole, form)
    assert how == "exit-0"
    truth = {path.name: read(path) for path in whole.iterdir()}
    assert sorted(truth) == [f"x_cal.{form}", f"x_flat.{form}"]
    runs = 0
    how = "killed"
    while how == "killed":
        how, _ = run_for(runs * took / 14, out, form)
        runs += 1
        products = [path for path in out.iterdir() if not path.name.startswith(".")] if out.exists() else []
        left = [path for path in out.iterdir() if path.name.startswith(".")] if out.exists() else []
        assert all(is_whole(path, truth[path.name]) for path in products)
        assert all(".part" in path.name for path in left)
        assert how == "killed" or (len(products) == 2 and not left)
        for path in (*products, *left):
            path.unlink()
    assert how == "exit-0"
    assert runs > 3


def test_a_product_that_is_being_replaced_is_the_old_one_or_the_new_one(run_for: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _, took = run_for(60, out, "fits")
    truth = {path.name: read(path) for path in out.iterdir()}
    inodes: set[tuple[int, ...]] = set()
    for moment in (*np.linspace(took * 0.2, took, 8), 60):
        run_for(moment, out, "fits")
        products = sorted(path for path in out.iterdir() if not path.name.startswith("."))
        assert [path.name for path in products] == sorted(truth)
        assert all(is_whole(path, truth[path.name]) for path in products)
        inodes.add(tuple(path.stat().st_ino for path in products))
    assert len(inodes) > 1


def test_a_run_that_is_interrupted_from_the_keyboard_leaves_nothing_behind(
    install: Callable[..., None], write_exposure: Callable[..., Path], write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    """SIGINT ends `iris run` while a stage is at work: no product, no part of one."""
    install(
        "lab-slow",
        "import sys, time\nfrom iris_core import stage\n@stage('flat_field')\ndef slow(exposure):\n"
        "    print('at work', file=sys.stderr, flush=True)\n    time.sleep(60)\n",
    )
    code = "from iris_core.cli import main; main()"
    arguments = ["run", str(write_recipe()), str(write_exposure())]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "IRIS_LOAD_PLUGINS": "lab-slow,iris-imager"}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        output = process.stderr.read()
    assert process.returncode not in (0, None)
    assert "Traceback" not in output
    assert [path.name for path in tmp_path.glob("*x_*")] == ["x_rate.fits"]
    assert not list(tmp_path.glob(".*"))
