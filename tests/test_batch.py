"""Many exposures: each is calibrated alone, here or in another process, and fails alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from iris_core import Exposure, hookimpl, read_fits, run
from iris_core.errors import Problems
from iris_core.loading import load_plugins
from iris_core.plugins import Plugins
from iris_core.testing import make_reference

Lab = Callable[..., Plugins]
Write = Callable[..., Path]
Install = Callable[..., None]

STAGES = """\
import os
import numpy as np
from iris_core import InputError, StageSkipped, stage

@stage("flat_field", references=("flat",))
def flat(exposure, references):
    if exposure.meta.target == "bad":
        raise ValueError("no luck")
    if exposure.meta.target == "fatal":
        os._exit(1)
    return exposure.scale(1 / references["flat"].image(exposure).data).note(f"process {os.getpid()}")

@stage("background")
def background(exposure, background_exposures):
    if not background_exposures:
        raise StageSkipped("no background exposures")
    return exposure.replace(data=exposure.data - np.mean([one.data for one in background_exposures], axis=0))
"""


@pytest.fixture
def plugins(install: Install) -> Plugins:
    install("lab-stages", STAGES)
    return load_plugins(["lab-stages"])


@pytest.fixture
def recipe(write_recipe: Write, tmp_path: Path) -> Path:
    make_reference(tmp_path / "flat.fits", "flat", np.arange(1.0, 73).reshape(8, 9))
    return write_recipe("flat_field, background: {save: true}", "references: {flat: flat.fits}", "backgrounds: others")


def test_serial_and_processes_give_the_same_products(
    plugins: Plugins, recipe: Path, write_exposure: Write, tmp_path: Path
) -> None:
    paths = [write_exposure(f"x{number}_rate.fits", value=number) for number in range(3)]
    here = run(recipe, *paths, plugins=plugins, directory=tmp_path / "serial")
    there = run(recipe, *paths, plugins=plugins, directory=tmp_path / "processes", executor="processes", workers=1)
    assert not here.failed
    assert not there.failed
    assert [path.name for path in here.products] == [path.name for path in there.products] == [
        f"x{number}_bsub.fits" for number in range(3)
    ]  # fmt: skip
    for one, other in zip(here.products, there.products, strict=True):
        first, second = read_fits(one), read_fits(other)
        assert_array_equal(first.data, second.data)
        assert_array_equal(first.err, second.err)
        assert first.header.tostring() == second.header.tostring().replace(*_processes(second, first))
    assert {result.history[0].notes[0] for result in here.results} == {f"process {os.getpid()}"}
    assert f"process {os.getpid()}" not in {result.history[0].notes[0] for result in there.results}


def _processes(*exposures: Exposure) -> tuple[str, str]:
    first, second = (one.history[0].notes[0] for one in exposures)
    return first.ljust(len(second)), second.ljust(len(first))


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_one_bad_exposure_fails_alone(
    plugins: Plugins, recipe: Path, write_exposure: Write, tmp_path: Path, executor: str
) -> None:
    names = ["x", "bad", "y"]
    paths = [write_exposure(f"{name}_rate.fits", header={"OBJECT": name}) for name in names]
    report = run(recipe, *paths, plugins=plugins, executor=executor, workers=1, skip={"background": "why"})
    assert [bool(result.error) for result in report.results] == [False, True, False]
    error = report.failed[0].error
    assert (
        "bad_rate.fits: ValueError: no luck (in stage 'flat_field' of plugin lab-stages 1.2, exposure bad_rate.fits)"
        in error
    )
    assert "Traceback" in report.failed[0].traceback


def test_a_process_that_dies_is_an_error_of_the_run_and_not_its_end(
    plugins: Plugins, recipe: Path, write_exposure: Write
) -> None:
    path = write_exposure("x_rate.fits", header={"OBJECT": "fatal"})
    report = run(recipe, path, plugins=plugins, executor="processes", workers=1, skip={"background": "why"})
    (result,) = report.failed
    assert "x_rate.fits: its process died, twice" in result.error


def test_a_process_that_dies_takes_no_other_exposure_along(
    plugins: Plugins, recipe: Path, write_exposure: Write
) -> None:
    paths = [write_exposure(f"{name}_rate.fits", header={"OBJECT": name}) for name in ("fatal", "x", "y")]
    report = run(recipe, *paths, plugins=plugins, executor="processes", workers=1, skip={"background": "why"})
    assert [bool(result.error) for result in report.results] == [True, False, False]


def test_an_unknown_executor_is_named_before_anything_runs(
    plugins: Plugins, recipe: Path, write_exposure: Write
) -> None:
    with pytest.raises(
        Problems, match="no executor 'proceses'; did you mean 'processes'\\? Executors: processes, serial"
    ):
        run(recipe, write_exposure(), plugins=plugins, executor="proceses")


def test_an_executor_of_a_plugin_is_used(plugins: Plugins, recipe: Path, write_exposure: Write) -> None:
    asked: list[int] = []

    class Threads:
        @hookimpl
        def executors(self) -> dict[str, Callable[[int], Executor]]:
            def start(workers: int) -> Executor:
                asked.append(workers)
                return ThreadPoolExecutor(1)

            return {"threads": start}

    plugins.add("lab-threads", Threads())
    report = run(recipe, write_exposure(), write_exposure("y.fits"), plugins=plugins, executor="threads", workers=7)
    assert asked == [7]
    assert not report.failed


def test_a_plugin_of_this_process_only_is_refused_where_another_process_would_miss_it(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    plugins = lab(flat_field=lambda exposure: exposure)
    with pytest.raises(Problems, match="these plugins are in this process only: lab-flat_field; use 'serial'"):
        run(write_recipe(), write_exposure(), plugins=plugins, executor="processes", workers=1)
