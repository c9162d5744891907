"""The kit for plugin authors gives exposures, reference files and fixtures that make a test of a stage short."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_array_equal

import iris_core
from iris_core import DQ, Exposure, IrisError, Plugins, Reference, StageContractError, StageSkipped, Window, stage
from iris_core.asdfio import read_asdf, write_asdf
from iris_core.cli import main
from iris_core.testing import add_wcs, cut_window, iris_mode, make_exposure, make_reference, run_stage

FLAT_ONLY = Path(__file__).parent / "data" / "flat-only.yaml"


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2.0)


def test_an_exposure_is_constant_and_says_what_it_is() -> None:
    exposure = make_exposure((3, 4), value=5, nint=2, unit="DN/s", poisson=4, rnoise=12, detector="IMG3")
    assert exposure.data.shape == (2, 3, 4)
    assert (exposure.data == 5).all()
    assert exposure.err is not None
    assert (exposure.err == 4).all()
    assert not exposure.dq.any()
    assert str(exposure.unit) == "DN / s"
    assert (exposure.meta.instrument, exposure.meta.detector, exposure.meta.filter) == ("IRIS", "IMG3", "Kbb")
    assert iris_mode().matches(exposure)


def test_headers_are_those_that_are_given_and_what_the_exposure_is() -> None:
    exposure = make_exposure(header={"A": 1, "FILTER": "J"}, sci_header={"B": 2}, window=Window(1, 2, 32, 32))
    assert list(exposure.sci_header) == ["B"]
    assert (exposure.header["A"], exposure.header["DETECTOR"], exposure.header["FILTER"]) == (1, "IMG1", "J")
    assert (exposure.header["EXPTIME"], exposure.header["SUBSTRT2"]) == (100.0, 2)


def test_an_exposure_that_is_written_and_read_is_the_same(tmp_path: Path) -> None:
    exposure = add_wcs(make_exposure(value=3, program="P1", ra=150.0, window=Window(3, 2, 32, 32)))
    write_asdf(exposure, tmp_path / "x_rate.asdf")
    back = read_asdf(tmp_path / "x_rate.asdf")
    assert back.meta == replace(exposure.meta, path=back.meta.path)
    assert back.wcs is not None
    assert_array_equal(back.wcs(3.0, 4.0), exposure.wcs(3.0, 4.0))  # type: ignore[misc]


def test_the_truth_may_be_a_plane_with_noise_and_bad_pixels_in_any_mode() -> None:
    truth = np.arange(1000.0 * 90).reshape(1000, 90)
    bad = truth % 10 == 0
    exposure = make_exposure((1000, 90), value=truth, poisson=3, rnoise=1, bad=bad, seed=7, mode=iris_mode())
    assert (exposure.meta.mode, exposure.meta.detector, str(exposure.unit)) == ("iris-imager", "IMG1", "electron / s")
    assert_array_equal(np.isnan(exposure.data), bad)
    assert_array_equal(exposure.dq, np.where(bad, DQ.DO_NOT_USE, 0))
    assert exposure.err is not None
    pulls = ((exposure.data - truth) / exposure.err)[~bad]
    assert abs(pulls.std() - 1) < 0.02
    again = make_exposure((1000, 90), value=truth, poisson=3, rnoise=1, bad=bad, seed=7)
    assert_array_equal(again.data, exposure.data)


def test_a_reference_is_a_file_that_a_stage_can_read(tmp_path: Path) -> None:
    truth = np.arange(6.0).reshape(2, 3)
    reference = make_reference(tmp_path / "d.fits", "dark", truth, err=truth, dq=truth, unit="DN/s", READMODE="CDS")
    image = reference.image(make_exposure((2, 3)))
    for plane in (image.data, image.err, image.dq):
        assert_array_equal(plane, truth)
    assert (image.meta.read_mode, str(image.unit)) == ("CDS", "DN / s")
    assert reference.path.is_file()


def test_a_window_sees_the_sky_that_the_full_frame_sees_there() -> None:
    full = add_wcs(make_exposure((30, 40), value=np.arange(1200.0).reshape(30, 40)))
    part = cut_window(full, Window(11, 6, 20, 15))
    assert_array_equal(part.data, full.data[5:20, 10:30])
    assert part.meta.window == Window(11, 6, 20, 15)
    assert full.wcs is not None
    assert part.wcs is not None
    np.testing.assert_allclose(part.wcs(2.0, 3.0), full.wcs(12.0, 8.0), rtol=0, atol=1e-12)


class TestRunStage:
    """`run_stage` runs one stage as the runner does."""

    def test_a_function_is_enough(self, run_stage: Callable[..., Exposure]) -> None:
        assert run_stage(double, make_exposure(value=3), stage="flat_field").data[0, 0] == 6

    def test_a_module_is_given_its_references_and_parameters(
        self, run_stage: Callable[..., Exposure], make_reference: Callable[..., Reference]
    ) -> None:
        module = ModuleType("my_dark")

        class Factor(iris_core.Params):
            factor: float = iris_core.parameter(1.0, "Factor on the dark.")

        @stage("dark_current", params=Factor, references=("dark",))
        def subtract(exposure: Exposure, params: Factor, references: Any) -> Exposure:
            return exposure.replace(data=exposure.data - params.factor * references["dark"].image(exposure).data)

        vars(module)["subtract"] = subtract
        dark = make_reference("dark", np.full((32, 32), 2.0))
        assert run_stage(module, make_exposure(value=10), references=[dark], factor=0.5).data[0, 0] == 9

    def test_what_breaks_the_contract_is_an_error(self) -> None:
        with pytest.raises(StageContractError, match="returned NoneType, not an Exposure; does its function end"):
            run_stage(lambda exposure: None, make_exposure(), stage="flat_field")

    def test_a_stage_that_has_nothing_to_do_says_so(self) -> None:
        def skip(exposure: Exposure) -> Exposure:
            raise StageSkipped("no need")

        with pytest.raises(StageSkipped, match="no need"):
            run_stage(skip, make_exposure(), stage="flat_field")


class TestRunRecipe:
    """`run_recipe` loads what the test names and nothing else."""

    def test_steps_plugins_and_references_are_those_of_the_test(
        self, run_recipe: Callable[..., dict[str, Exposure]], make_reference: Callable[..., Reference]
    ) -> None:
        @stage("flat_field", references=("flat",))
        def divide(exposure: Exposure, references: Any) -> Exposure:
            return exposure.scale(1 / references["flat"].image(exposure).data)

        module = ModuleType("my_flat")
        vars(module)["divide"] = divide
        flat = make_reference("flat", np.full((32, 32), 0.5))
        products = run_recipe(["flat_field"], make_exposure(value=1), plugins=[module], references=[flat])
        assert products["cal"].data[0, 0] == 2
        assert products["cal"].history[0].plugin == "my_flat"
        named = run_recipe(
            [{"flat_field": {"use": "my-flat"}}],
            make_exposure(value=1),
            plugins={"my-flat": module},
            references=[flat],
        )
        assert named["cal"].history[0].plugin == "my-flat"

    def test_what_is_installed_plays_no_part_unless_named(self, run_recipe: Callable[..., dict[str, Exposure]]) -> None:
        with pytest.raises(IrisError, match="no installed plugin implements it"):
            run_recipe(["flat_field"], make_exposure())
        assert run_recipe(FLAT_ONLY, make_exposure(value=1), stages={"flat_field": double})["cal"].data[0, 0] == 2


def test_the_plugin_manager_holds_nothing_that_is_installed(plugin_manager: Plugins) -> None:
    assert plugin_manager.names() == ["iris-core"]


class TestSwapStage:
    """A swapped stage is used by every run in the test, and by no other."""

    @pytest.mark.usefixtures("log_as_it_was")
    def test_a_swapped_stage_is_used_by_run_calibrate_and_the_command_line(
        self, swap_stage: Callable[..., None], write_exposure: Callable[..., Path], tmp_path: Path
    ) -> None:
        swap_stage("flat_field", double)
        assert iris_core.calibrate(make_exposure(value=1), FLAT_ONLY)["cal"].data[0, 0] == 2
        path = write_exposure(value=1)
        report = iris_core.run(FLAT_ONLY, path, use={"flat_field": "iris-flat"})
        assert iris_core.read_fits(report.products[0]).data[0, 0] == 2
        assert CliRunner().invoke(main, ["run", str(FLAT_ONLY), str(path), "--overwrite"]).exit_code == 0

    def test_parameters_that_the_recipe_gives_to_another_do_not_matter(
        self, swap_stage: Callable[..., None], write_recipe: Callable[..., Path]
    ) -> None:
        swap_stage("flat_field", double)
        recipe = write_recipe("flat_field: {use: nobody, params: {inverse: true}}")
        assert iris_core.calibrate(make_exposure(value=1), recipe)["cal"].data[0, 0] == 2

    def test_the_last_one_counts(self, swap_stage: Callable[..., None]) -> None:
        swap_stage("flat_field", double)
        swap_stage("flat_field", lambda exposure: exposure.scale(7))
        assert iris_core.calibrate(make_exposure(value=1), FLAT_ONLY)["cal"].data[0, 0] == 7

    def test_the_swap_ends_with_the_test(self, plugin_manager: Plugins) -> None:
        with pytest.raises(IrisError, match="no installed plugin implements it"):
            iris_core.calibrate(make_exposure(), FLAT_ONLY, plugins=plugin_manager)

    def test_no_such_stage_is_an_error(self, swap_stage: Callable[..., None]) -> None:
        with pytest.raises(IrisError, match="no stage 'flat_feild'; did you mean 'flat_field'"):
            swap_stage("flat_feild", double)


def test_the_pytest_plugin_costs_nothing_until_a_fixture_is_asked_for() -> None:
    code = "import sys, iris_core.pytest_plugin; print('numpy' in sys.modules, 'pydantic' in sys.modules)"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["False", "False"]
