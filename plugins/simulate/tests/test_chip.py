"""The detectors of a night: dark current, glow, response, bad pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_simulate._chip import BAD_DQ, Bad, Chip, make_chip

from iris_core import DQ

SHAPE = (200, 300)


@pytest.fixture(scope="module")
def chip() -> Chip:
    return make_chip(SHAPE, 0.025, 0.5, 0.05, np.random.default_rng(5))


def test_planes_have_one_shape_and_small_types(chip: Chip) -> None:
    for plane in (chip.dark, chip.glow, chip.response, chip.efficiency(3), chip.thermal()):
        assert plane.shape == SHAPE
        assert plane.dtype == np.float32
    assert chip.bad.dtype == np.uint8


def test_the_dark_current_has_its_mean_where_pixels_are_not_hot(chip: Chip) -> None:
    assert chip.dark[chip.bad != Bad.HOT].mean() == pytest.approx(0.025, rel=0.01)
    assert (chip.dark > 0).all()


def test_hot_pixels_are_uniform_in_the_logarithm(chip: Chip) -> None:
    decades = np.log10(chip.dark[chip.bad == Bad.HOT])
    assert decades.min() >= 0
    assert decades.max() <= 2.001
    np.testing.assert_allclose(np.quantile(decades, [0.25, 0.5, 0.75]), [0.5, 1.0, 1.5], atol=0.12)


def test_the_response_of_good_pixels_has_a_mean_of_one_and_half_a_per_cent_of_scatter(chip: Chip) -> None:
    good = np.isin(chip.bad, [Bad.GOOD, Bad.HOT, Bad.NOISY])
    assert chip.response[good].mean(dtype=float) == pytest.approx(1.0, abs=1e-6)
    middle = np.where(good, chip.response, np.nan)[90:110, 140:160]
    assert np.nanstd(middle) == pytest.approx(0.005, rel=0.15)


def test_the_glow_is_brightest_at_the_right_edge_and_scales_with_its_peak(chip: Chip) -> None:
    assert chip.glow.max() == pytest.approx(0.5, rel=0.01)
    assert np.all(np.diff(chip.glow, axis=1) > 0)
    twice = make_chip(SHAPE, 0.025, 1.0, 0.05, np.random.default_rng(5))
    np.testing.assert_allclose(twice.glow, 2 * chip.glow, rtol=1e-6)
    assert np.array_equal(twice.dark, chip.dark)


def test_thermal_light_comes_from_the_corners(chip: Chip) -> None:
    thermal = chip.thermal()
    assert thermal.mean(dtype=float) == pytest.approx(1.0, abs=1e-6)
    assert thermal[0, 0] == thermal.max()
    assert thermal[100, 150] == pytest.approx(thermal.min(), rel=1e-4)
    assert thermal.max() / thermal.min() == pytest.approx(1.6, rel=1e-3)


def test_the_tilt_of_a_filter_is_none_in_the_middle(chip: Chip) -> None:
    for number in range(6):
        tilt = np.divide(chip.efficiency(number), chip.response, out=np.ones(SHAPE), where=chip.response > 0)
        assert tilt[99:101, 149:151].mean() == pytest.approx(1.0, abs=1e-4)
        assert np.abs(tilt - 1).max() <= 0.0151


def test_each_kind_of_bad_pixel_has_a_bit_of_its_own(chip: Chip) -> None:
    for kind, bit in BAD_DQ.items():
        assert np.array_equal(chip.dq == int(bit), chip.bad == kind)
    assert np.array_equal(chip.dq == 0, chip.bad == Bad.GOOD)
    assert len(set(BAD_DQ.values())) == 4
    assert DQ.DO_NOT_USE not in BAD_DQ.values()


def test_the_extra_noise_adds_up_to_ten_times_the_read_noise(chip: Chip) -> None:
    where, more = chip.extra_noise(5.0, np.random.default_rng(1))
    assert np.array_equal(where, chip.bad == Bad.NOISY)
    assert np.hypot(more.std(), 5.0) == pytest.approx(50.0, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(defects=st.floats(0, 0.49), seed=st.integers(0, 2**32), rows=st.integers(16, 40), columns=st.integers(16, 40))
def test_any_share_of_bad_pixels_is_possible(defects: float, seed: int, rows: int, columns: int) -> None:
    chip = make_chip((rows, columns), 0.02, 0.0, defects, np.random.default_rng(seed))
    number, expected = np.count_nonzero(chip.bad), defects * rows * columns
    assert abs(number - expected) <= 6 * np.sqrt(expected) + 1
    assert np.isfinite(chip.response).all()
    assert (chip.glow == 0).all()


def test_the_same_numbers_give_the_same_detector(chip: Chip) -> None:
    again = make_chip(SHAPE, 0.025, 0.5, 0.05, np.random.default_rng(5))
    for one, other in ((chip.dark, again.dark), (chip.response, again.response), (chip.bad, again.bad)):
        assert np.array_equal(one, other)
