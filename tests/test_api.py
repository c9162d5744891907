"""`run`, `check` and `calibrate` as a script uses them, and the promises that a reader of the design tests first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

import iris_core
from iris_core import (
    Exposure,
    ExposureResult,
    InputError,
    Params,
    Plugins,
    Problems,
    Report,
    hookimpl,
    parameter,
    read_fits,
    stage,
)

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


class Gain(Params):
    """A gain."""

    gain: float = parameter(2.0, "Factor.", gt=0)


@stage("flat_field", params=Gain, references=("flat",))
def divide(exposure: Exposure, params: Gain) -> Exposure:
    return exposure.scale(params.gain)


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2)


class NoPixels:
    """A reader that cannot read pixels: to ask it for any is an error."""

    @hookimpl
    def read_exposure(self, path: Path, pixels: bool) -> Exposure:
        if pixels:
            raise AssertionError(f"the pixels of {path} were read")
        return read_fits(path, pixels=False)


FOUR_ERRORS = """\
recipe: 1
name: four
outptu: {directory: x}
steps:
  - background
  - flat_feild
  - flat_field:
      params:
        gain: -1
  - photom
references:
  flat: no_such_flat.fits
"""


@pytest.mark.parametrize("function", ["run", "check"])
def test_four_errors_are_reported_with_their_lines_in_one_go_and_no_pixel_is_read(
    lab: Lab, write_exposure: Write, tmp_path: Path, function: str
) -> None:
    """An unknown stage, an unknown key, a bad value and a missing reference."""
    (tmp_path / "four.yaml").write_text(FOUR_ERRORS)
    plugins = lab(flat_field=divide, background=double, photom=double)
    plugins.add("no-pixels", NoPixels())
    path = write_exposure()
    if function == "check":
        found = iris_core.check(tmp_path / "four.yaml", path, plugins=plugins).errors
    else:
        with pytest.raises(Problems) as caught:
            iris_core.run(tmp_path / "four.yaml", path, plugins=plugins)
        found = caught.value.problems
    lines = {
        3: "'outptu'",
        6: "'flat_feild'",
        9: "flat_field.gain",
        12: "no_such_flat.fits",
    }
    assert len(found) == 4, [str(one) for one in found]
    for line, words in lines.items():
        (message,) = [str(one) for one in found if f"four.yaml, line {line}: " in str(one)]
        assert words in message
    assert list(tmp_path.glob("*cal*")) == []


def test_a_missing_reference_is_found_without_reading_a_pixel(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    plugins = lab(flat_field=divide)
    plugins.add("no-pixels", NoPixels())
    with pytest.raises(Problems, match="flat_field needs a flat "):
        iris_core.run(write_recipe(), write_exposure(), plugins=plugins)
    assert iris_core.check(write_recipe("flat_field: {skip: why}"), write_exposure(), plugins=plugins).plans


def test_a_report_has_a_result_for_every_exposure_in_the_order_given(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    plugins = lab(flat_field=double)
    paths = [write_exposure("a.fits"), write_exposure("b.fits"), write_exposure("c.fits")]
    fits.setval(paths[1], "SUBARRID", value="long")
    heard: list[ExposureResult] = []
    report = iris_core.run(write_recipe(), *paths, plugins=plugins, on_result=heard.append)
    assert [result.path for result in report.results] == paths
    assert [bool(result.error) for result in report.results] == [False, True, False]
    assert report.failed == (report.results[1],)
    for fact in ("b.fits: ", "SUBARRID", "'long'"):
        assert fact in report.failed[0].error
    assert sorted(result.name for result in heard) == ["a.fits", "b.fits", "c.fits"]
    assert report.results[0].mode == "iris-imager"
    assert [path.name for path in report.products] == ["a_cal.fits", "c_cal.fits"]


def test_no_exposure_is_an_error(lab: Lab, write_recipe: Write) -> None:
    with pytest.raises(Problems, match="no exposure"):
        iris_core.run(write_recipe(), plugins=lab(flat_field=double))


def test_where_no_exposure_can_be_calibrated_every_reason_is_given(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    with pytest.raises(Problems) as caught:
        iris_core.run(write_recipe(), tmp_path / "a.fits", tmp_path / "b.fits", plugins=lab(flat_field=double))
    for one, name in zip(caught.value.problems, "ab", strict=True):
        assert str(one).startswith(f"{tmp_path}/{name}.fits: ")


def test_every_plugin_is_told_when_the_run_is_done_and_cannot_spoil_it(
    lab: Lab, write_recipe: Write, write_exposure: Write, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Report] = []

    class Archive:
        @hookimpl
        def run_finished(self, report: Report) -> None:
            told.append(report)
            raise OSError("the archive is full")

    plugins = lab(flat_field=double)
    plugins.add("lab-archive", Archive())
    plugins.add("lab-copy", Archive())
    report = iris_core.run(write_recipe(), write_exposure(), plugins=plugins)
    assert told == [report, report]
    assert not report.failed
    for name in ("lab-archive", "lab-copy"):
        assert name in caplog.text
    assert "OSError: the archive is full" in caplog.text


def test_a_watch_acts_around_every_stage_of_this_run(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    seen: list[str] = []

    class Watch:
        @hookimpl(wrapper=True)
        def run_stage(self, step: Any) -> Iterator[Any]:
            seen.append(step.stage)
            return (yield)

    plugins, recipe = lab(flat_field=double, photom=double), write_recipe("flat_field, photom")
    iris_core.run(recipe, write_exposure(), plugins=plugins, watch=Watch())
    iris_core.run(recipe, write_exposure(), plugins=plugins, overwrite=True)
    assert seen == ["flat_field", "photom"]


def test_an_exposure_that_fails_in_a_stage_names_it_and_keeps_its_products_so_far(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    def fail(exposure: Exposure) -> Exposure:
        raise ValueError("no\nluck")

    report = iris_core.run(
        write_recipe("flat_field: {save: flat}, photom"), write_exposure(), plugins=lab(flat_field=double, photom=fail)
    )
    (result,) = report.failed
    assert result.error.startswith(f"{tmp_path / 'x_rate.fits'}: ValueError: no luck ")
    for fact in ("'photom'", "lab-photom 1.0", "x_rate.fits"):
        assert fact in result.error
    assert "ValueError: no" in result.traceback
    assert list(result.products) == ["flat"]
    assert not (tmp_path / "x_cal.fits").exists()


def test_modes_that_are_installed_are_listed() -> None:
    assert "iris-imager" in iris_core.installed_modes()
    assert iris_core.installed_modes()["iris-imager"].instrument == "IRIS"


def test_public_names_are_all_there_and_others_are_not() -> None:
    names = dir(iris_core)
    assert {"run", "check", "calibrate", "Report", "Check", "Plan", "Job", "Choice", "ExposureResult"} <= set(names)
    for name in names:
        assert getattr(iris_core, name) is not None
    misspelt = "calibrte"
    with pytest.raises(AttributeError, match=misspelt):
        getattr(iris_core, misspelt)


def test_input_errors_of_a_stage_name_the_stage(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    def refuse(exposure: Exposure) -> Exposure:
        raise InputError(f"{exposure.name} is in furlongs")

    (result,) = iris_core.run(write_recipe(), write_exposure(), plugins=lab(flat_field=refuse)).failed
    assert result.error.startswith("x_rate.fits is in furlongs ")
    for fact in ("'flat_field'", "lab-flat_field 1.0"):
        assert fact in result.error
