"""Many exposures: each is calibrated alone, here or in another process, and fails alone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_testkit import iris_mode, make_exposure, make_reference
from numpy.testing import assert_array_equal

from iris_core import (
    Exposure,
    ExposureResult,
    InstrumentMode,
    PluginError,
    Plugins,
    References,
    StageSkipped,
    as_plugin,
    calibrate,
    check,
    hookimpl,
    load_plugins,
    read_fits,
    run,
    stage,
)
from iris_core.recipes.reading import load_recipe
from iris_core.workers import start_processes
from iris_core.workers.elsewhere import run_of_worker

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
    return load_plugins(["iris-imager", "lab-stages"])


@pytest.fixture
def recipe(write_recipe: Write, tmp_path: Path) -> Path:
    make_reference(tmp_path / "flat.fits", "flat", np.arange(1.0, 73).reshape(8, 9))
    return write_recipe("flat_field, background: {save: true}", "references: {flat: flat.fits}", "backgrounds: others")


@pytest.mark.slow
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


@pytest.mark.slow
def test_processes_are_others() -> None:
    with start_processes(1) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


@pytest.mark.parametrize("executor", ["serial", pytest.param("processes", marks=pytest.mark.slow)])
def test_one_bad_exposure_fails_alone(plugins: Plugins, recipe: Path, write_exposure: Write, executor: str) -> None:
    paths = [write_exposure(f"{name}_rate.fits", header={"OBJECT": name}) for name in ("x", "bad", "y")]
    report = run(recipe, *paths, plugins=plugins, executor=executor, skip={"background": "why"})
    assert [bool(result.error) for result in report.results] == [False, True, False]
    for fact in ("bad_rate.fits: ", "ValueError: no luck", "'flat_field'", "lab-stages 1.2"):
        assert fact in report.failed[0].error
    assert "Traceback" in report.failed[0].traceback


@pytest.mark.slow
def test_a_process_that_dies_is_an_error_of_the_run_and_not_its_end(
    plugins: Plugins, recipe: Path, write_exposure: Write
) -> None:
    path = write_exposure("x_rate.fits", header={"OBJECT": "fatal"})
    report = run(recipe, path, plugins=plugins, executor="processes", workers=1, skip={"background": "why"})
    (result,) = report.failed
    for fact in ("x_rate.fits: ", "crashed twice"):
        assert fact in result.error


@pytest.mark.slow
def test_a_process_that_dies_takes_no_other_exposure_along(
    plugins: Plugins, recipe: Path, write_exposure: Write
) -> None:
    paths = [write_exposure(f"{name}_rate.fits", header={"OBJECT": name}) for name in ("fatal", "x", "y")]
    report = run(recipe, *paths, plugins=plugins, executor="processes", workers=1, skip={"background": "why"})
    assert [bool(result.error) for result in report.results] == [True, False, False]


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


class Taking:
    """Brings an executor with an option of its own, and keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[object] = []

    @hookimpl
    def executors(self) -> dict[str, Callable[..., Executor]]:
        def start(workers: int, host: str = "here", memory: int | None = None) -> Executor:
            self.given += [workers, host, memory]
            return ThreadPoolExecutor(1)

        return {"taking": start}


@pytest.mark.parametrize(
    ("line", "options", "given"),
    [
        ("{name: taking}", {}, [2, "here", None]),
        ("{name: taking, host: there, workers: 3, scratch: .}", {}, [3, "there", None]),
        ("{host: there}", {"executor": "taking", "memory": "1G"}, [2, "there", 1 << 30]),
    ],
)
def test_an_executor_is_given_what_it_names_of_the_options(
    plugins: Plugins,
    write_recipe: Write,
    write_exposure: Write,
    line: str,
    options: dict[str, Any],
    given: list[object],
) -> None:
    plugins.add("lab-taking", taking := Taking())
    report = run(
        write_recipe("background: {save: true}", f"executor: {line}"), write_exposure(), plugins=plugins, **options
    )
    assert not report.failed
    assert taking.given == given


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("{name: taking, hots: x}", ["line 4", "'taking' has no 'hots'", "did you mean 'host'?", "host, memory, name"]),
        ("{worker: 3}", ["line 4", "'serial' has no 'worker'", "did you mean 'workers'?"]),
        ("{name: processes, host: x}", ["line 4", "'processes' has no 'host'", "memory, name, scratch, workers"]),
    ],
)
def test_an_option_that_the_executor_does_not_know_is_an_error_with_its_line(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, line: str, facts: list[str]
) -> None:
    plugins.add("lab-taking", Taking())
    recipe = write_recipe("background: {save: true}", f"executor: {line}")
    (error,) = check(recipe, write_exposure(), plugins=plugins).errors
    assert all(fact in str(error) for fact in facts), error


def test_options_of_an_unknown_executor_are_not_judged(
    plugins: Plugins, write_recipe: Write, write_exposure: Write
) -> None:
    recipe = write_recipe("background", "executor: {name: takng, host: x}")
    (error,) = check(recipe, write_exposure(), plugins=plugins).errors
    assert "no executor 'takng'" in str(error)


def test_an_exposure_for_which_no_worker_can_be_had_again_fails_alone(
    plugins: Plugins, recipe: Path, write_exposure: Write
) -> None:
    """Its process died, and the executor cannot be started a second time."""

    class Broken(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor())
            return future

    class Once:
        started = False

        @hookimpl
        def executors(self) -> dict[str, Callable[..., Executor]]:
            def start(workers: int) -> Executor:
                if self.started:
                    raise PluginError("the scheduler has gone")
                self.started = True
                return Broken()

            return {"once": start}

    plugins.add("lab-once", Once())
    report = run(recipe, write_exposure(), write_exposure("y_rate.fits"), plugins=plugins, executor="once")
    assert ["the scheduler has gone" in result.error for result in report.results] == [True, True]


class Counting:
    """Counts what is read, and reads nothing itself."""

    def __init__(self) -> None:
        self.reads = Counter[str]()

    @hookimpl
    def read_exposure(self, path: Path, pixels: bool) -> None:
        self.reads[f"{path.name} {'pixels' if pixels else 'header'}"] += 1


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: References) -> Exposure:
    return exposure.scale(1 / references["flat"].image(exposure).data)


@stage("background")
def subtract(exposure: Exposure, background_exposures: tuple[Exposure, ...]) -> Exposure:
    if not background_exposures:
        raise StageSkipped("no background exposures")
    return exposure.replace(data=exposure.data - np.mean([one.data for one in background_exposures], axis=0))


def test_a_reference_is_read_once_for_all_exposures_of_a_run_and_their_backgrounds(
    lab: Lab, recipe: Path, write_exposure: Write
) -> None:
    """Header and pixels; every exposure has the two others as backgrounds, which go through the stage, too."""
    counting, plugins = Counting(), lab(flat_field=divide, background=subtract)
    plugins.add("lab-counting", counting)
    paths = [write_exposure(f"x{number}_rate.fits", value=number) for number in range(3)]
    report = run(recipe, *paths, plugins=plugins, overwrite=True)
    assert not report.failed
    assert [record.stage for record in report.results[0].history] == ["flat_field", "background"]
    assert {name: number for name, number in counting.reads.items() if name.startswith("flat")} == {
        "flat.fits header": 1,
        "flat.fits pixels": 1,
    }


def test_a_reference_is_read_once_for_an_exposure_in_memory(lab: Lab, recipe: Path) -> None:
    counting, plugins = Counting(), lab(flat_field=divide, background=subtract)
    plugins.add("lab-counting", counting)
    exposure, *skies = (make_exposure((8, 9), value=value) for value in (5, 1, 2))
    calibrate(exposure, recipe, backgrounds=skies, plugins=plugins)
    assert dict(counting.reads) == {"flat.fits header": 1, "flat.fits pixels": 1}


def test_the_reference_of_a_stage_that_skips_itself_is_not_read(lab: Lab, recipe: Path, write_exposure: Write) -> None:
    def skip(exposure: Exposure) -> None:
        raise StageSkipped("nothing to do")

    skipping = stage("flat_field", references=("flat",), check=skip)(lambda exposure: exposure)
    counting, plugins = Counting(), lab(flat_field=skipping, background=subtract)
    plugins.add("lab-counting", counting)
    run(recipe, write_exposure(), write_exposure("y_rate.fits"), plugins=plugins, skip={"background": "why"})
    assert counting.reads["flat.fits header"] == 1
    assert counting.reads["flat.fits pixels"] == 0


def test_results_come_as_soon_as_they_are_there(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    """Each before the next exposure is calibrated; also in another order than that of the files."""
    order: list[str] = []

    def work(exposure: Exposure) -> Exposure:
        order.append(f"calibrated {exposure.name}")
        return exposure

    def tell(result: ExposureResult) -> None:
        order.append(f"told {result.name}")

    run(
        write_recipe(), write_exposure("x.fits"), write_exposure("y.fits"), plugins=lab(flat_field=work), on_result=tell
    )
    assert order == ["calibrated x.fits", "told x.fits", "calibrated y.fits", "told y.fits"]


def test_a_product_without_a_valid_pixel_is_written_with_a_warning(
    lab: Lab, write_recipe: Write, write_exposure: Write, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = lab(flat_field=lambda exposure: exposure)
    report = run(write_recipe(), write_exposure(value=np.nan), write_exposure("y.fits"), plugins=plugins)
    assert len(report.products) == 2
    assert [record.getMessage().split(": ")[0] for record in caplog.records if record.levelname == "WARNING"] == [
        str(report.products[0])
    ]


@pytest.mark.slow
def test_what_a_stage_logs_in_another_process_is_logged_here(
    plugins: Plugins, recipe: Path, write_exposure: Write, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "iris_core")
    run(recipe, write_exposure(), plugins=plugins, executor="processes", skip={"background": "why"})
    assert "x_rate.fits: flat_field: process " in caplog.text


@pytest.mark.parametrize(("level", "words"), [(3.0, ""), (7.0, "x_cal.fits: SKYLEV is 7, not from 1 to 5")])
def test_a_product_whose_quality_is_not_that_of_the_mode_is_a_warning(
    bare: Plugins,
    write_recipe: Callable[..., Path],
    write_exposure: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
    level: float,
    words: str,
) -> None:
    """The limits are data of the instrument mode; a keyword that the product does not have is no fault."""
    limits = {"SKYLEV": (1.0, 5.0), "MAGRAT": (0.9, 1.2)}
    strict = replace(iris_mode(), name="strict", instrument="CAM", quality=limits)

    class Mode:
        @hookimpl
        def instrument_modes(self) -> list[InstrumentMode]:
            return [strict]

    @stage("flat_field")
    def measure(exposure: Exposure) -> Exposure:
        return exposure.with_keywords({"SKYLEV": (level, "level of the sky")})

    bare.add("camera", Mode())
    bare.add("lab", as_plugin("flat_field", measure, "lab"))
    report = run(write_recipe("flat_field: {save: cal}"), write_exposure(header={"INSTRUME": "CAM"}), plugins=bare)
    assert not report.failed, report.failed
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text.rpartition("/")[2] for text in warned] == ([f"{words} (quality of strict)"] if words else [])


def test_a_worker_makes_the_run_of_a_recipe_once_and_shares_it_with_no_other(write_recipe: Write) -> None:
    recipe = load_recipe(write_recipe("flat_field"), {})
    names = ("iris-imager",)
    mine = [run_of_worker(one, names, ()) for one in (recipe, recipe, replace(recipe, name="another"), recipe)]
    assert mine[0] is mine[1]
    assert len({id(one) for one in mine}) == 3
    with ThreadPoolExecutor(1) as other:
        assert other.submit(run_of_worker, recipe, names, ()).result() is not mine[-1]


def test_a_worker_that_is_kept_reads_the_header_of_a_file_anew(write_recipe: Write, write_exposure: Write) -> None:
    """Between two runs the file may have become another one."""
    recipe = load_recipe(write_recipe("background"), {})
    targets = []
    for target in ("M31", "M33"):
        path = write_exposure(target=target)
        targets.append(run_of_worker(recipe, (), ()).outline(path).meta.target)
    assert targets == ["M31", "M33"]
