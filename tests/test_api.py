"""`run`, `check` and `calibrate` as a script uses them, and the promises that a reader of the design tests first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import iris_core
from iris_core import Exposure, InputError, Overrides, Params, hookimpl, parameter, read_fits, stage
from iris_core.errors import Problems
from iris_core.loading import load_plugins
from iris_core.plugins import Plugins
from iris_core.report import ExposureResult, Report
from iris_core.testing import make_exposure

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
    """A reader that cannot read pixels: whoever asks it for any is found out."""

    @hookimpl
    def read_exposure(self, path: Path, pixels: bool) -> Exposure:
        if pixels:
            raise AssertionError(f"the pixels of {path} were read")
        return read_fits(path, pixels=False)


FOUR_MISTAKES = """\
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
def test_four_mistakes_are_reported_with_their_lines_in_one_go_and_no_pixel_is_read(
    lab: Lab, write_exposure: Write, tmp_path: Path, function: str
) -> None:
    """An unknown stage, an unknown key, a bad value and a missing reference."""
    (tmp_path / "four.yaml").write_text(FOUR_MISTAKES)
    plugins = lab(flat_field=divide, background=double, photom=double)
    plugins.add("no-pixels", NoPixels())
    path = write_exposure()
    if function == "check":
        found = iris_core.check(tmp_path / "four.yaml", path, plugins=plugins).everything()
    else:
        with pytest.raises(Problems) as caught:
            iris_core.run(tmp_path / "four.yaml", path, plugins=plugins)
        found = caught.value.problems
    lines = {
        3: "unknown key 'outptu'",
        6: "no stage 'flat_feild'",
        9: "flat_field.gain",
        12: "no such flat reference file",
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
    with pytest.raises(Problems, match="needs a flat reference"):
        iris_core.run(write_recipe(), write_exposure(), plugins=plugins)
    assert iris_core.check(write_recipe("flat_field: {skip: why}"), write_exposure(), plugins=plugins).plans


def test_a_stage_is_swapped_for_a_function_in_five_lines(write_recipe: Write, bare: Plugins) -> None:
    exposure, recipe = make_exposure(value=8), write_recipe("flat_field")

    def halve(exposure: Exposure) -> Exposure:
        return exposure.scale(0.5)

    product = iris_core.calibrate(exposure, recipe, stages={"flat_field": halve}, plugins=bare)["cal"]
    assert product.data[0, 0] == 4
    assert product.history[0].plugin == "given flat_field"


def test_a_given_function_goes_before_what_is_installed_and_what_the_recipe_uses(lab: Lab, write_recipe: Write) -> None:
    plugins = lab(flat_field=double)
    for steps in ("flat_field", "flat_field: {use: lab-flat_field}"):
        given = {"flat_field": lambda exposure: exposure.scale(3)}
        product = iris_core.calibrate(make_exposure(value=1), write_recipe(steps), stages=given, plugins=plugins)["cal"]
        assert product.data[0, 0] == 3
    assert iris_core.calibrate(make_exposure(value=1), write_recipe(), plugins=plugins)["cal"].data[0, 0] == 2


def test_one_function_may_stand_for_two_stages(write_recipe: Write, bare: Plugins) -> None:
    given = {"flat_field": double, "dark_current": double}
    product = iris_core.calibrate(
        make_exposure(value=1), write_recipe("flat_field, dark_current"), stages=given, plugins=bare
    )
    assert product["cal"].data[0, 0] == 4
    assert not hasattr(double, "iris_stage")


def test_a_given_stage_may_have_parameters(write_recipe: Write, bare: Plugins) -> None:
    declared = stage("dark_current", params=Gain)(lambda exposure, params: exposure.scale(params.gain))
    recipe = write_recipe("dark_current: {params: {gain: 5}}")
    product = iris_core.calibrate(make_exposure(value=1), recipe, stages={"dark_current": declared}, plugins=bare)[
        "cal"
    ]
    assert product.data[0, 0] == 5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"flat_feild": double}, "no stage 'flat_feild'; did you mean 'flat_field'"),
        ({"photom": divide}, "the function given for 'photom' is an implementation of 'flat_field'"),
        ({"flat_field": lambda exposrue: exposrue}, "exposrue"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(write_recipe: Write, bare: Plugins, given: Any, words: str) -> None:
    with pytest.raises(iris_core.IrisError, match=words):
        iris_core.calibrate(make_exposure(), write_recipe(), stages=given, plugins=bare)


def test_options_are_those_of_overrides(lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    plugins, path = lab(flat_field=double, photom=double), write_exposure(value=1)
    recipe = write_recipe("flat_field, photom")
    report = iris_core.run(recipe, path, plugins=plugins, directory=tmp_path / "out", skip={"photom": "why"})
    assert report.products == (tmp_path / "out" / "x_cal.fits",)
    assert (read_fits(report.products[0]).data == 2).all()
    with pytest.raises(TypeError, match="no option 'dierctory'; did you mean 'directory'"):
        iris_core.run(recipe, path, plugins=plugins, dierctory=tmp_path)
    with pytest.raises(TypeError, match="give 'overrides' or options, not both"):
        iris_core.run(recipe, path, plugins=plugins, overrides=Overrides(), overwrite=True)


def test_a_report_has_a_result_for_every_exposure_in_the_order_given(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    plugins = lab(flat_field=double)
    paths = [write_exposure("a.fits"), write_exposure("b.fits", header={"EXPTIME": "long"}), write_exposure("c.fits")]
    heard: list[ExposureResult] = []
    report = iris_core.run(write_recipe(), *paths, plugins=plugins, on_result=heard.append)
    assert [result.path for result in report.results] == paths
    assert [bool(result.error) for result in report.results] == [False, True, False]
    assert report.failed == (report.results[1],)
    assert "b.fits: EXPTIME = 'long' is not a number" in report.failed[0].error
    assert sorted(result.name for result in heard) == ["a.fits", "b.fits", "c.fits"]
    assert report.results[0].mode == "iris-imager"
    assert [path.name for path in report.products] == ["a_cal.fits", "c_cal.fits"]


def test_no_exposure_is_an_error(lab: Lab, write_recipe: Write) -> None:
    with pytest.raises(Problems, match="no exposure was given; name one or more files"):
        iris_core.run(write_recipe(), plugins=lab(flat_field=double))


def test_where_no_exposure_can_be_calibrated_every_reason_is_given(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    with pytest.raises(Problems) as caught:
        iris_core.run(write_recipe(), tmp_path / "a.fits", tmp_path / "b.fits", plugins=lab(flat_field=double))
    assert [str(one) for one in caught.value.problems] == [f"{tmp_path}/{name}.fits: no such file" for name in "ab"]


def test_who_wants_to_know_is_told_when_the_run_is_done_and_cannot_spoil_it(
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
    report = iris_core.run(write_recipe(), write_exposure(), plugins=plugins)
    assert told == [report]
    assert not report.failed
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


def test_a_product_in_memory_is_the_product_on_the_disk(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    plugins, path = lab(flat_field=double), write_exposure()
    report = iris_core.run(write_recipe(), path, plugins=plugins)
    written = read_fits(report.products[0])
    product = iris_core.calibrate(read_fits(path), write_recipe(), plugins=plugins)["cal"]
    assert np.array_equal(written.data, product.data)
    assert [record.stage for record in written.history] == [record.stage for record in product.history]
    assert written.header["DATALVL"] == 2
    assert written.header["RECIPE"] == "recipe"
    assert written.header["FILENAME"] == "x_cal.fits"


def test_an_exposure_that_fails_in_a_stage_says_where_and_keeps_its_products_so_far(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    def fail(exposure: Exposure) -> Exposure:
        raise ValueError("no\nluck")

    report = iris_core.run(
        write_recipe("flat_field: {save: flat}, photom"), write_exposure(), plugins=lab(flat_field=double, photom=fail)
    )
    (result,) = report.failed
    note = "(in stage 'photom' of plugin lab-photom 1.0, exposure x_rate.fits)"
    assert result.error == f"{tmp_path / 'x_rate.fits'}: ValueError: no luck {note}"
    assert "ValueError: no" in result.traceback
    assert list(result.products) == ["flat"]
    assert not (tmp_path / "x_cal.fits").exists()


def test_modes_that_are_installed_are_listed() -> None:
    assert "iris-imager" in iris_core.installed_modes()
    assert load_plugins(only=()).modes().keys() <= iris_core.installed_modes().keys()


def test_public_names_are_all_there_and_others_are_not() -> None:
    for name in iris_core.__all__:
        assert getattr(iris_core, name) is not None
    assert dir(iris_core) == sorted(iris_core.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'calibrte'"):
        _ = iris_core.calibrte


def test_input_errors_of_a_stage_are_told_with_who_raised_them(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    def refuse(exposure: Exposure) -> Exposure:
        raise InputError(f"{exposure.name} is in furlongs")

    report = iris_core.run(write_recipe(), write_exposure(), plugins=lab(flat_field=refuse))
    who = "(in stage 'flat_field' of plugin lab-flat_field 1.0, exposure x_rate.fits)"
    assert report.failed[0].error == f"x_rate.fits is in furlongs {who}"
