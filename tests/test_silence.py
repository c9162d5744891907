"""What once went wrong without a word: each case was found by reading the products as an astronomer would."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_testkit import iris_mode, make_exposure, make_reference

from iris_core import (
    Candidate,
    Exposure,
    Plugins,
    Problems,
    References,
    calibrate,
    check,
    hookimpl,
    read_fits,
    run,
    stage,
    write_fits,
)

Write = Callable[..., Path]
Lab = Callable[..., Plugins]


def add_one(exposure: Exposure) -> Exposure:
    return exposure.replace(data=exposure.data + 1)


def test_a_step_that_is_skipped_does_not_undo_that_it_was_done(lab: Lab, write_recipe: Write) -> None:
    exposure = make_exposure(header={"S_FLAT": "COMPLETE"})
    product = calibrate(exposure, write_recipe(), plugins=lab(flat_field=add_one), skip={"flat_field": "was done"})[
        "cal"
    ]
    assert product.status["S_FLAT"] == "COMPLETE"
    assert product.history[0].status == "SKIPPED"
    assert "was done" in str(product.header["HISTORY"])


@pytest.mark.parametrize("given", ["COMPLETE", "complete", True])
@pytest.mark.parametrize("where", ["header", "sci_header"])
def test_what_was_done_is_understood_in_either_header(where: str, given: Any, lab: Lab, write_recipe: Write) -> None:
    headers: dict[str, Any] = {where: {"S_FLAT": given}}
    with pytest.raises(Problems, match=r"flat_field .*already"):
        calibrate(make_exposure(**headers), write_recipe(), plugins=lab(flat_field=add_one))


def test_backgrounds_know_which_references_they_were_corrected_with(
    lab: Lab, write_recipe: Write, tmp_path: Path
) -> None:
    seen: list[str] = []

    @stage("flat_field", references=("flat",))
    def flat(exposure: Exposure, references: References) -> Exposure:
        return exposure

    def background(exposure: Exposure, background_exposures: list[Exposure]) -> Exposure:
        seen.extend(one.header["R_FLAT"] for one in background_exposures)
        return exposure

    reference = make_reference(tmp_path / "f.fits", "flat", np.ones((32, 32)))
    calibrate(
        make_exposure(),
        write_recipe("flat_field, background"),
        backgrounds=[make_exposure(path=Path("sky.fits"))],
        plugins=lab(flat_field=flat, background=background),
        references={"flat": reference.path},
    )
    assert seen == ["f.fits"]


class Picky:
    """A provider whose distortion does not fit."""

    @hookimpl
    def explain_reference(self, reftype: str) -> list[Candidate]:
        return [Candidate(Path("late.asdf"), "USEAFTER is after the exposure")] if reftype == "distortion" else []


def test_an_optional_reference_that_nearly_fits_is_noted(lab: Lab, write_recipe: Write) -> None:
    declared = stage("assign_wcs", optional=("distortion", "area"))(lambda exposure: exposure)
    plugins = lab(assign_wcs=declared)
    plugins.add("lab-picky", Picky())
    product = calibrate(make_exposure(), write_recipe("assign_wcs"), plugins=plugins)["cal"]
    (note,) = product.history[0].notes
    assert note == "no distortion reference is used; candidates: late.asdf: USEAFTER is after the exposure"


def test_a_unit_that_the_file_does_not_give_is_noted(lab: Lab, write_recipe: Write) -> None:
    product = calibrate(make_exposure().replace(unit=None), write_recipe(), plugins=lab(flat_field=add_one))["cal"]
    assert product.history[0].notes == ("no BUNIT: taken to be in electron/s",)


def test_a_reference_of_another_type_is_refused_although_it_was_named(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    declared = stage("dark_current", references=("dark",))(lambda exposure: exposure)
    flat = make_reference(tmp_path / "f.fits", "flat", np.ones((8, 9)))
    checked = check(
        write_recipe("dark_current"),
        write_exposure(),
        plugins=lab(dark_current=declared),
        references={"dark": flat.path},
    )
    (error,) = map(str, checked.errors)
    for words in ("dark", str(flat.path), "is a flat reference", "REFTYPE"):
        assert words in error


def test_an_error_beyond_its_components_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    write_fits(make_exposure(poisson=0.5, rnoise=0.25), path)
    with fits.open(path, mode="update") as hdus:
        hdus["ERR"].data[:] = 2.0
    exposure = read_fits(path)
    np.testing.assert_allclose(exposure.variance["other"], 4.0 - 0.75, rtol=1e-6)
    assert exposure.err is not None
    np.testing.assert_allclose(exposure.err, 2.0, rtol=1e-6)


def test_blank_counts_in_unsigned_integers_too(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    fits.PrimaryHDU(np.array([[5, 65535], [7, 8]], dtype=np.uint16)).writeto(path)
    with fits.open(path, mode="update", uint=False, do_not_scale_image_data=True) as hdus:
        hdus[0].header["BLANK"] = 32767
    np.testing.assert_array_equal(read_fits(path).data, [[5, np.nan], [7, 8]])


class Thousand:
    """A wrapper around the reader: it may act where the recipe lists it."""

    @hookimpl(wrapper=True)
    def read_exposure(self) -> Generator[None, list[Exposure], list[Exposure]]:
        answers = yield
        return [exposure.replace(data=exposure.data + 1000) for exposure in answers]


@pytest.mark.parametrize(("listed", "expected"), [("", 11.0), ("with: [lab-thousand]", 1011.0)])
def test_a_wrapper_of_the_reader_acts_only_when_it_is_listed(
    lab: Lab, write_recipe: Write, write_exposure: Write, listed: str, expected: float
) -> None:
    plugins = lab(flat_field=add_one)
    plugins.add("lab-thousand", Thousand(), "2.1")
    report = run(write_recipe("flat_field", listed), write_exposure(), plugins=plugins)
    product = read_fits(report.results[0].products["cal"])
    assert product.data[0, 0] == expected
    assert product.provenance["with"] == ({"lab-thousand": "2.1"} if listed else {})


def test_a_product_without_one_valid_pixel_is_noted(
    lab: Lab, write_recipe: Write, write_exposure: Write, caplog: pytest.LogCaptureFixture
) -> None:
    run(write_recipe(), write_exposure(value=np.nan), plugins=lab(flat_field=add_one))
    assert "x_cal.fits: no valid pixels" in caplog.text


def test_what_the_mode_prefers_is_not_given_to_an_implementation_the_user_chose(lab: Lab, write_recipe: Write) -> None:
    from dataclasses import replace

    class Camera:
        @hookimpl
        def instrument_modes(self) -> list[Any]:
            return [replace(iris_mode(), name="lab-camera", params={"flat_field": {"inverse": True}})]

    plugins = lab(flat_field=add_one)
    plugins.add("lab-camera", Camera())
    given: dict[str, Any] = {"plugins": plugins, "instrument": "lab-camera"}
    with pytest.raises(Problems, match=r"unknown key 'flat_field\.inverse'"):
        calibrate(make_exposure(), write_recipe(), **given)
    assert (
        calibrate(make_exposure(), write_recipe(), use={"flat_field": "lab-flat_field"}, **given)["cal"].data[0, 0]
        == 11
    )


def test_a_folder_that_cannot_be_written_is_found_before_the_first_pixel(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    checked = check(write_recipe(), write_exposure(), plugins=lab(flat_field=add_one), directory=tmp_path / "file")
    assert any(str(tmp_path / "file") in str(error) and "folder" in str(error) for error in checked.errors)


def test_an_unknown_executor_is_found_by_check(lab: Lab, write_recipe: Write) -> None:
    recipe = write_recipe("flat_field", "executor: {name: proceses}")
    checked = check(recipe, plugins=lab(flat_field=add_one))
    assert any("no executor 'proceses'; did you mean 'processes'?" in str(one) for one in checked.errors)


def test_the_time_of_day_that_stands_beside_the_date_counts(write_exposure: Write) -> None:
    path = write_exposure(header={"DATE-OBS": "2026-01-02", "TIME-OBS": "03:04:05"})
    assert str(read_fits(path).meta.start_time) == "2026-01-02 03:04:05+00:00"
