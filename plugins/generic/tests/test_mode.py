"""The mode for any image: only by name, of any shape, and what it takes from the header."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from click.testing import CliRunner
from iris_generic import instrument_modes, recipes
from iris_testkit import make_exposure

from iris_core import check, load_plugins, read_exposure, run
from iris_core.cli import main

pytestmark = pytest.mark.slow

MakeImage = Callable[..., Path]


def test_it_knows_nothing_of_a_camera() -> None:
    (mode,) = instrument_modes()
    assert (mode.name, mode.detectors, mode.pixel_scale, mode.filters) == ("generic", {}, 0, {})
    assert (mode.facts, mode.use, mode.params) == ({}, {}, {})


def test_it_comes_by_the_door_of_every_plugin() -> None:
    plugins = load_plugins(["iris-generic"])
    assert list(plugins.modes()) == ["generic"]
    assert plugins.recipes()["generic"] == recipes()["generic"]


def test_mode_and_recipe_are_shown_together_the_mode_without_a_scale_of_its_own() -> None:
    shown = CliRunner().invoke(main, ["show", "generic"])
    assert shown.exit_code == 0
    assert "step: assign_wcs" in shown.output
    assert "pixel scale: that of the header" in shown.output


@pytest.mark.parametrize("instrument", ["", "camera", "IRIS", "WIDE"])
def test_it_is_never_chosen_by_a_header(instrument: str) -> None:
    (mode,) = instrument_modes()
    assert not mode.matches(make_exposure(instrument=instrument, detector="IMG1"))


def test_a_file_that_no_mode_matches_is_refused_with_its_name(make_image: MakeImage) -> None:
    path = make_image()
    found = check("image2", path)
    assert not found
    assert any("WIDE" in str(error) and "--instrument generic" in str(error) for error in found.errors)
    assert not list(path.parent.glob("*_cal.fits"))


@pytest.mark.parametrize("shape", [(3, 3), (7, 120), (120, 90)])
def test_an_image_of_any_shape_gives_both_products(make_image: MakeImage, shape: tuple[int, int]) -> None:
    path = make_image(shape=shape)
    (result,) = run("generic", path).results
    assert (result.error, result.mode) == ("", "generic")
    for kind in ("cal", "i2d"):
        assert read_exposure(path.with_name(f"field_{kind}.fits")).meta.instrument == "WIDE"


@pytest.mark.parametrize(("bunit", "unit"), [("ADU/s", "DN/s"), ("ELECTRONS/S", "electron/s"), ("MJy/sr", "MJy/sr")])
def test_the_unit_is_that_of_bunit(make_image: MakeImage, bunit: str, unit: str) -> None:
    path = make_image(BUNIT=bunit)
    assert not run("generic", path).failed
    assert fits.getheader(path.with_name("field_cal.fits"), "SCI")["BUNIT"] == unit


def test_without_bunit_the_pixels_are_counts_and_that_is_noted(make_image: MakeImage) -> None:
    path = make_image(BUNIT=None, EXPTIME=10.0)
    assert not run("generic", path).failed
    product = read_exposure(path.with_name("field_cal.fits"))
    seconds = {"DN": 1.0, "DN/s": 10.0}[fits.getheader(path.with_name("field_cal.fits"), "SCI")["BUNIT"]]
    assert product.data.sum() * seconds == pytest.approx(1e4, rel=1e-5)
    assert any("BUNIT" in note and "DN" in note for record in product.history for note in record.notes)


@pytest.mark.parametrize(
    ("cards", "name"),
    [
        ({"FILTER": "Ks"}, "Ks"),
        ({"FILTER1": "Open", "FILTER2": "H2"}, "H2"),
        ({"FILTER1": "J"}, "J"),
        ({}, ""),
    ],
)
def test_the_filter_is_that_of_the_header(make_image: MakeImage, cards: dict[str, Any], name: str) -> None:
    path = make_image(**cards)
    assert not run("generic", path).failed
    assert read_exposure(path.with_name("field_i2d.fits")).meta.filter == name


def test_the_mode_is_named_in_another_recipe_too(make_image: MakeImage) -> None:
    path = make_image()
    skip = dict.fromkeys(("background", "dark_current", "flat_field", "photom"), "nothing is known of the camera")
    (result,) = run("image2", path, instrument="generic", skip=skip).results
    assert (result.error, result.mode) == ("", "generic")


@pytest.mark.parametrize("missing", ["CTYPE1", "CRVAL2", "CRPIX1"])
def test_an_image_without_wcs_is_refused_by_name(make_image: MakeImage, missing: str) -> None:
    found = check("generic", make_image(**{missing: None}))
    assert any(missing[:5] in str(error) for error in found.errors)
    assert not found
