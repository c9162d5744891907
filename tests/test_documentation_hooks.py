"""The plugins on the pages of hooks and stages do what these pages say; each is loaded like any other."""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from astropy.table import Table
from iris_testkit import make_exposure, make_reference

import iris_core
from iris_core import Plugins, Problems, Reference, hookspecs, load_plugins, write_fits

FOLDER = Path(__file__).parents[1] / "docs" / "hooks"
HOOKS = sorted(name for name, item in vars(hookspecs).items() if hasattr(item, "iris_core_spec"))
ONE_STAGE = "name: one\nsteps:\n  - destripe: {save: cal}\n"
STAGES = """
name: all
steps:
  - dark_current
  - background
  - parse_subarray_map
  - assign_wcs
  - flat_field
  - destripe
  - photom: {params: {photmjsr: 0.5}, save: cal}
  - resample
"""


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def plugins(bare: Plugins) -> Plugins:
    """Return plugins that have every example, and no installed one."""
    for name in HOOKS:
        bare.add(f"my-{name.replace('_', '-')}", example(name), "1.0")
    return bare


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with recipes, a rate, calibrations by name, and an archive of numpy; be in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(f"recipe: 1\n{ONE_STAGE}")
    (tmp_path / "all.yaml").write_text(f"recipe: 1{STAGES}")
    calibrations = tmp_path / "calibrations"
    calibrations.mkdir()
    make_reference(calibrations / "IMG1_dark.fits", "dark", np.full((32, 32), 2.0), unit="electron/s")
    make_reference(calibrations / "IMG1_flat.fits", "flat", np.full((32, 32), 3.0))
    header = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb", "EXPTIME": 100.0}
    write_fits(make_exposure(value=10.0, header=header), tmp_path / "x_rate.fits")
    planes = {"rate": np.full((32, 32), 10.0), "error": np.full((32, 32), 0.5)}
    np.savez(tmp_path / "y_rate.npz", **planes, **header)  # type: ignore[arg-type]
    return tmp_path


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_an_example_that_implements_it(name: str, bare: Plugins) -> None:
    module = example(name)
    bare.add("mine", module)
    assert name in {caller.name for caller in bare.manager.get_hookcallers(module) or ()}
    assert module.__doc__


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_heading_that_is_its_signature(name: str) -> None:
    pages = (page.read_text() for page in (FOLDER.parent / "reference").glob("*.md"))
    arguments = ", ".join(inspect.signature(getattr(hookspecs, name)).parameters)
    assert sum(f"# `{name}({arguments})`\n" in page for page in pages) == 1


def test_the_stages_calibrate_an_exposure_together(plugins: Plugins, folder: Path) -> None:
    rate, sky = (make_exposure(value=value, ra=10.0, dec=20.0) for value in (12.0, 7.0))
    cal = iris_core.calibrate(rate, folder / "all.yaml", backgrounds=[sky], plugins=plugins)["cal"]
    assert cal.data == pytest.approx((12.0 - 7.0) / 1.0 * 0.5)
    assert str(cal.unit) == "MJy / sr"
    assert cal.variance["poisson"] == pytest.approx(0.25)
    assert cal.wcs is not None
    assert cal.wcs.pixel_to_world_values(15.5, 15.5) == pytest.approx((10.0, 20.0))
    status = {record.stage: record.status for record in cal.history}
    assert status["parse_subarray_map"] == "SKIPPED"
    assert status["destripe"] == "COMPLETE"


def test_the_dark_is_not_subtracted_twice(plugins: Plugins, folder: Path) -> None:
    (folder / "dark.yaml").write_text("recipe: 1\nname: dark\nsteps: [dark_current]")
    header = {"S_BKDSUB": "COMPLETE", "RM_DARK": "WHOLE"}
    result = iris_core.calibrate(make_exposure(header=header), folder / "dark.yaml", plugins=plugins)["cal"]
    assert (result.data == 10.0).all()


def test_a_background_that_removes_part_of_the_dark_has_to_come_after_it(plugins: Plugins, folder: Path) -> None:
    (folder / "late.yaml").write_text("recipe: 1\nname: late\nsteps: [background, dark_current]")
    with pytest.raises(Problems, match=r"part of the dark.*put dark_current before"):
        iris_core.calibrate(make_exposure(), folder / "late.yaml", backgrounds=[make_exposure()], plugins=plugins)


def test_stripes_go_and_the_level_stays() -> None:
    stripes = np.arange(32, dtype=np.float32)[:, None] * np.ones(32, dtype=np.float32)
    result = example("add_hookspecs").remove_stripes(make_exposure().replace(data=stripes))
    assert result.data == pytest.approx(15.5)


def test_the_wrapper_logs_every_stage_of_recipes_that_list_it(
    plugins: Plugins, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "with.yaml").write_text(f"recipe: 1\nwith: [my-run-stage]\n{ONE_STAGE}")
    with caplog.at_level(logging.INFO, logger="example_run_stage"):
        iris_core.calibrate(make_exposure(), folder / "one.yaml", plugins=plugins)
        assert "median" not in caplog.text
        iris_core.calibrate(make_exposure(), folder / "with.yaml", plugins=plugins)
    assert "x_rate.fits after destripe: median 10 electron / s" in caplog.text


def test_an_archive_is_read_a_lean_product_written_and_a_report_left(plugins: Plugins, folder: Path) -> None:
    report = iris_core.run("one.yaml", "y_rate.npz", plugins=plugins)
    assert not report.failed
    product = iris_core.read_fits(report.products[0])
    assert product.data == pytest.approx(10.0)
    assert not product.variance
    assert json.loads((folder / "one.report.json").read_text())["recipe"] == "one"


def test_the_errors_of_an_archive_are_read(folder: Path) -> None:
    read = example("read_exposure").read_exposure
    exposure, outline = (read(folder / "y_rate.npz", pixels) for pixels in (True, False))
    assert exposure.err == pytest.approx(0.5)
    assert outline.shape == (32, 32)
    assert outline.meta == exposure.meta


def test_calibrations_are_found_by_name_and_others_explained(plugins: Plugins, folder: Path) -> None:
    exposure = make_exposure(detector="IMG2")
    with pytest.raises(Problems, match="its name does not begin with IMG2"):
        iris_core.calibrate(exposure, folder / "all.yaml", backgrounds=[exposure], plugins=plugins)


def test_the_executor_calls_in_other_processes() -> None:
    with example("executors").executors()["forkserver"](2) as executor:
        assert list(executor.map(pow, [2, 3], [3, 2])) == [8, 9]


def test_the_camera_is_known(plugins: Plugins) -> None:
    assert plugins.modes()["my-camera"].pixel_scale == 0.05


def test_the_recipe_can_be_run_by_name_with_the_stages_of_this_repository() -> None:
    plugins = load_plugins()
    plugins.add("mine", example("recipes"))
    assert iris_core.check("my-dither", plugins=plugins)


@pytest.mark.parametrize(("row", "problems"), [([1, -1], 0), ([1, 2], 1)])
def test_a_reference_of_stripes_is_validated(row: list[int], problems: int) -> None:
    stripes = Reference(reftype="stripes", path=Path("s.ecsv"), provider="the test", content=Table({"row": row}))
    found = example("check_reference").check_reference(stripes)
    assert len(found) == problems
    assert all("3" in problem and "0" in problem for problem in found)
