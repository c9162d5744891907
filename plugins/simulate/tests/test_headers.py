"""Headers and file names follow the conventions of the instrument."""

from __future__ import annotations

import re

import pytest
from astropy.time import Time
from iris_simulate import SimulatedSet, simulate
from iris_simulate._camera import Camera
from iris_simulate._headers import exposure_header, file_stem, reference_keywords, reference_name

from iris_core import InstrumentMode, meta_from_header

REFERENCES = ("dark", "flat", "area", "photom", "distortion")


def name_of(camera: Camera, reftype: str) -> str:
    return reference_name(camera.mode, camera.detector, camera.filter, reftype)


def test_names_say_detector_filter_number_and_window(field: SimulatedSet) -> None:
    assert file_stem(field.scene, 3) == "sim_IMG1_Kbb_0003"
    assert file_stem(field.scene, 3, sky=True) == "sim_IMG1_Kbb_sky0003"
    assert file_stem(field.scene, 3, window=10) == "sim_IMG1_Kbb_0003-10"


@pytest.mark.parametrize("reftype", REFERENCES)
def test_reference_names_follow_the_pattern_of_the_instrument(field: SimulatedSet, reftype: str) -> None:
    pattern = rf"IRIS_IMG1_{reftype.upper()}(-Kbb)?_\d{{8}}_\d{{4}}\.(fits|asdf|ecsv)"
    assert re.fullmatch(pattern, name_of(field.scene.camera, reftype))


def test_what_holds_for_all_filters_has_no_filter_in_its_name(field: SimulatedSet) -> None:
    camera = field.scene.camera
    with_filter = {name for name in REFERENCES if "Kbb" in name_of(camera, name)}
    assert with_filter == {name for name in REFERENCES if reference_keywords(camera, name)["FILTER"] == "Kbb"}
    assert with_filter == {"flat", "area", "distortion"}


def test_exposures_follow_each_other_without_overlap(field: SimulatedSet) -> None:
    pointing = field.scene.pointings[0]
    starts = [Time(exposure_header(field.scene, number, pointing, "x.fits")["DATE-OBS"]) for number in (1, 2, 3)]
    assert [(later - starts[0]).sec for later in starts] == pytest.approx([0.0, 110.0, 220.0])


def test_sky_exposures_come_after_the_science_exposures(field: SimulatedSet) -> None:
    numbers = [exposure.header["EXPNUM"] for exposure in (field.exposure(0), field.exposure(1), field.background(0))]
    assert numbers == [1, 2, 3]


def test_the_framework_finds_its_own_fields_in_the_header(field: SimulatedSet) -> None:
    pointing = field.scene.pointings[1]
    exposure = field.exposure(1)
    meta = meta_from_header(exposure.header, exposure.meta.path)
    assert (meta.telescope, meta.instrument, meta.detector, meta.filter) == ("TMT", "IRIS", "IMG1", "Kbb")
    assert (meta.read_mode, meta.image_type, meta.exposure_time) == ("DEFAULT", "SCI", 100.0)
    assert (meta.ra, meta.dec) == pytest.approx((pointing.ra, pointing.dec))
    assert meta.window is None
    assert meta.start_time is not None


def test_the_mode_recognises_its_exposures(field: SimulatedSet, mode: InstrumentMode) -> None:
    assert mode.matches(field.exposure(0))
    assert mode.matches(field.background(0))


def test_keywords_fit_into_fits(mode: InstrumentMode) -> None:
    """No keyword is longer than eight characters, no card too long for its comment."""
    made = simulate(instrument=mode, size=(64, 64), stars=0, subarrays=1)
    (window,) = made.window_exposures()
    for header in (window.header, window.sci_header, made.reference_image("dark").header):
        for card in header.cards:
            assert len(card.keyword) <= 8
            assert len(str(card)) == 80
