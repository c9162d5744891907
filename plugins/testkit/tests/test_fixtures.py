"""The kit gives exposures, reference files and fixtures that make a test of a stage short."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import iris_testkit
import numpy as np
import pytest
from click.testing import CliRunner
from iris_testkit import add_wcs, bent_nodes, cut_window, iris_mode, make_exposure, make_reference, run_stage
from numpy.testing import assert_array_equal

import iris_core
from iris_core import (
    DQ,
    Exposure,
    IrisError,
    PluginError,
    Plugins,
    Problems,
    Reference,
    Removal,
    StageContractError,
    StageSkipped,
    Window,
    load_plugins,
    read_asdf,
    read_fits,
    stage,
    write_asdf,
    write_fits,
)
from iris_core.cli import main

README = Path(__file__).parents[3] / "README.md"
Run = Callable[..., dict[str, Exposure]]


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2.0)


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a recipe of some steps."""

    def write(*steps: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text("\n".join(["recipe: 1", "name: flat-only", "steps:", *(f"  - {step}" for step in steps)]))
        return path

    return write


@pytest.fixture
def flat_only(write_recipe: Callable[..., Path]) -> Path:
    """Return a recipe with one step, flat_field."""
    return write_recipe("flat_field")


@pytest.fixture
def rate(tmp_path: Path) -> Path:
    """Return the file of an exposure of 1 electron/s."""
    return write_fits(make_exposure((8, 9), value=1), tmp_path / "x_rate.fits")


def readme_code(first_line: str) -> str:
    """Return the block of code in the README that begins with a line."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if block.startswith(first_line))


class TestMakeExposure:
    """`make_exposure` makes exposures whose truth is known."""

    def test_an_exposure_is_constant_and_tells_what_it_is(self) -> None:
        exposure = make_exposure((3, 4), value=5, nint=2, unit="DN/s", poisson=4, rnoise=12, detector="IMG3")
        assert exposure.data.shape == (2, 3, 4)
        assert (exposure.data == 5).all()
        assert exposure.err is not None
        assert (exposure.err == 4).all()
        assert not exposure.dq.any()
        assert str(exposure.unit) == "DN / s"
        assert (exposure.meta.instrument, exposure.meta.detector, exposure.meta.filter) == ("IRIS", "IMG3", "Kbb")
        assert iris_mode().matches(exposure)

    def test_headers_are_those_that_are_given_and_what_the_exposure_is(self) -> None:
        exposure = make_exposure(header={"A": 1, "FILTER": "J"}, sci_header={"B": 2}, window=Window(1, 2, 32, 32))
        assert list(exposure.sci_header) == ["B"]
        assert (exposure.header["A"], exposure.header["DETECTOR"], exposure.header["FILTER"]) == (1, "IMG1", "J")
        assert (exposure.header["EXPTIME"], exposure.header["SUBSTRT2"]) == (100.0, 2)

    def test_headers_and_meta_are_one_truth(self) -> None:
        exposure = make_exposure(
            header={"FILTER": "J", "DATE-OBS": "2026-11-23T01:02:03"}, sci_header={"OBJECT": "M 92"}
        )
        assert (exposure.meta.filter, exposure.meta.target) == ("J", "M 92")
        assert exposure.meta.start_time is not None
        assert exposure.meta.start_time.year == 2026
        assert make_exposure(header={"FILTER": "J"}, filter="H").header["FILTER"] == "H"

    def test_an_exposure_that_is_written_and_read_is_the_same(self, tmp_path: Path) -> None:
        exposure = add_wcs(make_exposure(value=3, program="P1", ra=150.0, window=Window(3, 2, 32, 32)))
        write_asdf(exposure, tmp_path / "x_rate.asdf")
        back = read_asdf(tmp_path / "x_rate.asdf")
        assert back.meta == replace(exposure.meta, path=back.meta.path)
        assert back.wcs is not None
        assert_array_equal(back.wcs(3.0, 4.0), exposure.wcs(3.0, 4.0))  # type: ignore[misc]

    def test_the_truth_may_be_a_plane_with_noise_and_bad_pixels_in_any_mode(self) -> None:
        truth = np.arange(1000.0 * 90).reshape(1000, 90)
        bad = truth % 10 == 0
        exposure = make_exposure((1000, 90), value=truth, poisson=3, rnoise=1, bad=bad, seed=7, mode=iris_mode())
        meta = exposure.meta
        assert (meta.mode, meta.detector, str(exposure.unit)) == ("iris-imager", "IMG1", "electron / s")
        assert_array_equal(np.isnan(exposure.data), bad)
        assert_array_equal(exposure.dq, np.where(bad, DQ.DO_NOT_USE, 0))
        assert exposure.err is not None
        pulls = ((exposure.data - truth) / exposure.err)[~bad]
        assert abs(pulls.std() - 1) < 0.02
        again = make_exposure((1000, 90), value=truth, poisson=3, rnoise=1, bad=bad, seed=7)
        assert_array_equal(again.data, exposure.data)


class TestMakeReference:
    """`make_reference` writes a file and reads it, as the framework does for a stage."""

    def test_a_reference_is_a_file_that_has_been_read(self, tmp_path: Path) -> None:
        truth = np.arange(6.0).reshape(2, 3)
        planes = {"err": truth, "dq": truth}
        reference = make_reference(str(tmp_path / "d.fits"), "dark", truth, **planes, unit="DN/s", READMODE="CDS")
        image = reference.image(make_exposure((2, 3)))
        for plane in (image.data, image.err, image.dq):
            assert_array_equal(plane, truth)
        assert (image.meta.read_mode, str(image.unit)) == ("CDS", "DN / s")
        assert reference.path.is_file()

    def test_a_file_that_cannot_be_read_is_there_all_the_same(self, make_reference: Callable[..., Reference]) -> None:
        reference = make_reference("dark", np.zeros((2, 3)), unit="furlong per fortnight")
        assert reference.path.is_file()
        with pytest.raises(IrisError, match=r"not been read"):
            reference.image(make_exposure((2, 3)))


class TestSky:
    """`add_wcs` puts a sky on an exposure, `cut_window` takes a part of it."""

    def test_a_window_sees_the_sky_that_the_full_frame_sees_there(self) -> None:
        full = add_wcs(make_exposure((30, 40), value=np.arange(1200.0).reshape(30, 40)))
        part = cut_window(full, Window(11, 6, 20, 15))
        assert_array_equal(part.data, full.data[5:20, 10:30])
        assert part.meta.window == Window(11, 6, 20, 15)
        assert part.header["SUBSTRT1"] == 11
        assert full.wcs is not None
        assert part.wcs is not None
        np.testing.assert_allclose(part.wcs(2.0, 3.0), full.wcs(12.0, 8.0), rtol=0, atol=1e-12)
        assert (full.sci_header["CRPIX1"], part.sci_header["CRPIX1"], part.sci_header["CRPIX2"]) == (20.5, 10.5, 10.5)

    def test_the_keywords_and_the_gwcs_are_the_same_sky(self) -> None:
        from astropy.wcs import WCS

        exposure = add_wcs(make_exposure((30, 40)), pixel_scale=0.1)
        assert exposure.wcs is not None
        np.testing.assert_allclose(
            WCS(exposure.fits_wcs).all_pix2world(3.0, 4.0, 0), exposure.wcs(3.0, 4.0), atol=1e-12
        )

    def test_a_window_of_an_exposure_with_keywords_only_has_them_shifted(self) -> None:
        part = cut_window(make_exposure((30, 40), sci_header={"CRPIX1": 20.0, "CRPIX2": 9.0}), Window(11, 6, 20, 15))
        assert (part.wcs, part.sci_header["CRPIX1"], part.sci_header["CRPIX2"]) == (None, 10.0, 4.0)

    def test_a_window_that_is_not_inside_is_an_error(self) -> None:
        with pytest.raises(IrisError, match="20 x 15"):
            cut_window(make_exposure((30, 40)), Window(30, 6, 20, 15))


class TestRunStage:
    """`run_stage` runs one stage as the runner does."""

    def test_a_function_is_enough(self, run_stage: Callable[..., Exposure]) -> None:
        assert run_stage(double, make_exposure(value=3), stage="flat_field").data[0, 0] == 6

    def test_a_function_needs_a_stage(self) -> None:
        with pytest.raises(PluginError, match=r"double.*'stage = \.\.\.'"):
            run_stage(double, make_exposure())

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
        with pytest.raises(StageContractError, match="NoneType"):
            run_stage(lambda exposure: None, make_exposure(), stage="flat_field")

    def test_a_stage_that_has_nothing_to_do_tells_why(self) -> None:
        def skip(exposure: Exposure) -> Exposure:
            raise StageSkipped("no need")

        with pytest.raises(StageSkipped, match="no need"):
            run_stage(skip, make_exposure(), stage="flat_field")

    def test_a_stage_that_gives_no_reason_is_skipped_all_the_same(self) -> None:
        def skip(exposure: Exposure) -> Exposure:
            raise StageSkipped

        with pytest.raises(StageSkipped, match="nothing to do"):
            run_stage(skip, make_exposure(), stage="flat_field")

    def test_the_exposure_is_prepared(self) -> None:
        seen: list[Exposure] = []

        def look(exposure: Exposure, background_exposures: Any) -> Exposure:
            seen.extend([exposure, *background_exposures])
            return exposure

        nan = np.where(np.eye(32, dtype=bool), np.nan, 1.0)
        exposure = make_exposure(value=nan, header={"S_DARK": "COMPLETE"}).replace(unit=None)
        run_stage(look, exposure, stage="background", backgrounds=[make_exposure(value=nan)])
        science, sky = seen
        assert (science.dq[0, 0], sky.dq[0, 0], science.dq[0, 1]) == (DQ.DO_NOT_USE, DQ.DO_NOT_USE, 0)
        assert (science.meta.mode, str(science.unit)) == ("iris-imager", "electron / s")
        assert science.done == {"dark_current"}
        assert science.removed == {"dark": Removal.WHOLE}

    def test_the_check_of_the_stage_comes_first(self) -> None:
        def refuse(exposure: Exposure) -> None:
            raise iris_core.InputError(f"{exposure.name} is too short")

        @stage("flat_field", check=refuse)
        def checked(exposure: Exposure) -> Exposure:
            return exposure

        with pytest.raises(IrisError, match="too short"):
            run_stage(checked, make_exposure())

    def test_what_was_removed_already_is_not_removed_again(self, make_reference: Callable[..., Reference]) -> None:
        @stage("dark_current", references=("dark",))
        def subtract(exposure: Exposure, references: Any) -> Exposure:
            return exposure.replace(data=exposure.data - references["dark"].image(exposure).data)

        dark = make_reference("dark", np.full((32, 32), 2.0), dq=np.full((32, 32), DQ.HOT))
        exposure = make_exposure(value=10).replace(removed={"dark": Removal.WHOLE})
        result = run_stage(subtract, exposure, references=[dark])
        assert (result.data[0, 0], result.dq[0, 0]) == (10, DQ.HOT)

    def test_a_stage_that_was_done_is_refused(self) -> None:
        with pytest.raises(IrisError, match="S_FLAT"):
            run_stage(double, make_exposure(header={"S_FLAT": "COMPLETE"}), stage="flat_field")


class TestRunRecipe:
    """`run_recipe` loads what the test names and nothing else."""

    def test_steps_plugins_and_references_are_those_of_the_test(
        self, run_recipe: Run, make_reference: Callable[..., Reference]
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
        steps = [{"flat_field": {"use": "my-flat"}}]
        named = run_recipe(steps, make_exposure(value=1), plugins={"my-flat": module}, references=[flat])
        assert named["cal"].history[0].plugin == "my-flat"

    def test_what_is_installed_plays_no_part_unless_named(self, run_recipe: Run, flat_only: Path) -> None:
        with pytest.raises(IrisError, match=r"'flat_field'.*no installed plugin"):
            run_recipe(["flat_field"], make_exposure())
        assert run_recipe(flat_only, make_exposure(value=1), stages={"flat_field": double})["cal"].data[0, 0] == 2

    def test_an_installed_plugin_that_is_named_is_loaded(
        self, run_recipe: Run, make_reference: Callable[..., Reference]
    ) -> None:
        flat = make_reference("flat", np.full((32, 32), 0.5), FILTER="Kbb")
        products = run_recipe(["flat_field"], make_exposure(value=1), installed=["iris-flat"], references=[flat])
        assert products["cal"].data[0, 0] == 2


def test_the_plugin_manager_holds_nothing_that_is_installed(plugin_manager: Plugins) -> None:
    assert plugin_manager.names() == Plugins().names()
    assert not plugin_manager.implementations("flat_field")


class TestSwapStage:
    """A swapped stage is used by every run in the test, and by no other."""

    @pytest.mark.usefixtures("log_as_it_was")
    def test_a_swapped_stage_is_used_by_run_calibrate_and_the_command_line(
        self, swap_stage: Callable[..., None], flat_only: Path, rate: Path
    ) -> None:
        swap_stage("flat_field", double)
        assert iris_core.calibrate(make_exposure(value=1), flat_only)["cal"].data[0, 0] == 2
        report = iris_core.run(flat_only, rate, use={"flat_field": "iris-flat"})
        assert read_fits(report.products[0]).data[0, 0] == 2
        report.products[0].unlink()
        assert CliRunner().invoke(main, ["run", str(flat_only), str(rate)]).exit_code == 0
        assert read_fits(report.products[0]).data[0, 0] == 2

    def test_the_check_of_a_recipe_uses_it(self, swap_stage: Callable[..., None], flat_only: Path, rate: Path) -> None:
        assert not iris_core.check(flat_only, rate)  # there is no flat
        swap_stage("flat_field", double)
        assert iris_core.check(flat_only, rate)

    def test_parameters_that_the_recipe_gives_to_another_do_not_matter(
        self, swap_stage: Callable[..., None], write_recipe: Callable[..., Path]
    ) -> None:
        swap_stage("flat_field", double)
        recipe = write_recipe("flat_field: {use: nobody, params: {inverse: true}}")
        assert iris_core.calibrate(make_exposure(value=1), recipe)["cal"].data[0, 0] == 2

    def test_the_last_one_counts(self, swap_stage: Callable[..., None], flat_only: Path) -> None:
        swap_stage("flat_field", double)
        swap_stage("flat_field", lambda exposure: exposure.scale(7))
        assert iris_core.calibrate(make_exposure(value=1), flat_only)["cal"].data[0, 0] == 7

    def test_the_swap_ends_with_the_test(self, flat_only: Path) -> None:
        with pytest.raises(IrisError, match=r"'flat_field'.*no installed plugin"):
            iris_core.calibrate(make_exposure(), flat_only, plugins=load_plugins(["iris-imager"]))

    def test_no_such_stage_is_an_error_at_once(self, swap_stage: Callable[..., None]) -> None:
        with pytest.raises(PluginError, match="'flat_feild'; did you mean 'flat_field'"):
            swap_stage("flat_feild", double)

    def test_a_function_of_another_stage_is_an_error_at_once(self, swap_stage: Callable[..., None]) -> None:
        with pytest.raises(PluginError, match=r"flat_field.*dark_current"):
            swap_stage("flat_field", stage("dark_current")(lambda exposure: exposure))

    def test_other_processes_would_not_see_it(
        self, swap_stage: Callable[..., None], flat_only: Path, rate: Path
    ) -> None:
        swap_stage("flat_field", double)
        with pytest.raises(Problems, match="swapped flat_field"):
            iris_core.run(flat_only, rate, executor="processes", workers=1)

    def test_the_example_of_the_readme_has_four_lines_and_passes(
        self, swap_stage: Callable[..., None], run_recipe: Run
    ) -> None:
        code = readme_code("def test_a_flat_of_two_halves_the_data")
        assert len(code.strip().splitlines()) <= 5
        namespace: dict[str, Any] = {}
        exec(code, namespace)
        namespace["test_a_flat_of_two_halves_the_data"](swap_stage, run_recipe, make_exposure)


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert iris_testkit.__version__ == version("iris-testkit")


def test_the_pytest_plugin_costs_nothing_until_a_fixture_is_asked_for() -> None:
    code = "import sys, iris_testkit.pytest_plugin; print('numpy' in sys.modules, 'pydantic' in sys.modules)"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["False", "False"]


def test_the_kit_uses_public_names_only() -> None:
    sources = Path(iris_testkit.__file__).parent.glob("*.py")
    imported = {name for path in sources for name in re.findall(r"(?:from|import) (iris_core[\w.]*)", path.read_text())}
    assert imported == {"iris_core"}


def test_bent_nodes_follow_their_closed_form() -> None:
    """A shift alone; a quarter turn; a bend of 2 pixels at the far corner."""
    nodes, shape = bent_nodes((40, 65), (3.5, -7.0), 0, 0)
    assert shape == (40, 65)
    assert nodes.shape == (2, 3, 3)
    assert nodes[:, 0, 0].tolist() == [3.5, -7.0]
    assert nodes[:, -1, -1].tolist() == [67.5, 32.0]
    turned, _ = bent_nodes((40, 65), (0, 0), np.pi / 2, 0)
    assert turned[:, -1, -1] == pytest.approx([-39, 64])
    curved = bent_nodes((40, 65), (0, 0), 0, 2.0)[0] - bent_nodes((40, 65), (0, 0), 0, 0)[0]
    assert curved[:, -1, -1] == pytest.approx([2 * (39**2 + 64**2) / (40**2 + 65**2), 0])
