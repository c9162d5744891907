"""References fit the scene they belong to, on disk and in memory."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from iris_simulate import SimulatedSet, simulate
from iris_simulate._photometry import electrons_per_jansky
from iris_simulate._references import REFERENCE_IMAGES, distortion_tree, photom_table

from iris_core import DQ, InputError, InstrumentMode, ReferenceNotFound


@pytest.mark.parametrize("reftype", REFERENCE_IMAGES)
def test_a_reference_in_memory_is_what_a_stage_is_given(field: SimulatedSet, reftype: str) -> None:
    image = field.references(reftype)[reftype].image(field.exposure(0))
    made = field.reference_image(reftype)
    assert np.array_equal(image.data, made.data)
    assert np.array_equal(image.dq, made.dq)
    assert image.unit == (u.electron / u.s if reftype == "dark" else u.dimensionless_unscaled)
    assert image.has_errors == (reftype != "area")


def test_a_reference_in_memory_is_cut_to_a_window(mode: InstrumentMode) -> None:
    made = simulate(instrument=mode, size=(96, 64), stars=0, subarrays=2)
    flat = made.reference_image("flat").data
    for window, part in zip(made.windows, made.window_exposures(), strict=True):
        image = made.references("flat")["flat"].image(part)
        rows, columns = window.slices_in(type(window)(1, 1, 96, 64))
        assert np.array_equal(image.data, flat[rows, columns])


def test_only_what_was_asked_for_is_there(field: SimulatedSet) -> None:
    with pytest.raises(ReferenceNotFound, match="no flat reference"):
        field.references("dark")["flat"]


def test_an_image_that_is_not_simulated_is_refused_with_those_that_are(field: SimulatedSet) -> None:
    with pytest.raises(InputError, match="no reference image 'gain' is simulated; there are: dark, flat, area"):
        field.reference_image("gain")


def test_the_area_is_the_truth_without_noise(field: SimulatedSet) -> None:
    image = field.reference_image("area")
    assert np.array_equal(image.data, field.scene.detector.area)
    assert not image.variance
    assert not image.dq.any()


def test_dead_pixels_have_no_response_and_their_bits(field: SimulatedSet) -> None:
    image, dead = field.reference_image("flat"), field.scene.detector.dead
    assert not image.data[dead].any()
    assert np.all(image.dq[dead] == int(DQ.DEAD | DQ.DO_NOT_USE))


def test_each_filter_is_converted_with_its_own_band(field: SimulatedSet) -> None:
    mode = field.scene.camera.mode
    table = photom_table(field.scene.camera, field.scene.spec.photom_error)
    factors = dict(zip(table["filter"], table["photmjsr"], strict=True))
    ratio = electrons_per_jansky(mode, mode.filters["Kbb"]) / electrons_per_jansky(mode, mode.filters["H"])
    assert factors["H"] / factors["Kbb"] == pytest.approx(ratio)
    assert factors["Kbb"] == pytest.approx(field.scene.camera.conversion())


def test_the_distortion_is_for_the_detector_that_was_used(mode: InstrumentMode) -> None:
    tree = distortion_tree(simulate(instrument=mode, size=(64, 48), stars=0, detector="IMG4").scene.camera)
    assert tree["meta"]["DETECTOR"] == "IMG4"
    assert tree["model"](31.5, 23.5) == pytest.approx((8.792, -8.792))
