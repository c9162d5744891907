"""The model of diffraction: closed forms of a circular pupil, and where its numbers are from."""

from __future__ import annotations

from dataclasses import replace
from math import pi
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_catalog._diffraction import Diffraction, diffraction_of
from iris_testkit import iris_mode
from scipy.special import j0, j1

ARCSEC = np.deg2rad(1 / 3600)


def clear(wave: float = 2.2, diameter: float = 10.0) -> Diffraction:
    return Diffraction(diameter=diameter, obstruction=0.0, waves=(wave,))


def facts(**values: tuple[float, str]) -> Any:
    listed = {name: {"value": value, "unit": unit, "source": "test"} for name, (value, unit) in values.items()}
    return replace(iris_mode(), facts=listed)


@settings(max_examples=30)
@given(st.floats(1.0, 2.5), st.floats(2.0, 30.0))
def test_the_peak_is_that_of_the_pupils_area(wave: float, diameter: float) -> None:
    """Of all phases alike: pi D^2 / (4 lambda^2) per sr."""
    assert clear(wave, diameter).intensity(np.zeros(1))[0] == pytest.approx(pi * (diameter / (wave * 1e-6)) ** 2 / 4)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.02, 1.0))
def test_the_light_in_a_circle_is_that_of_rayleigh(radius: float) -> None:
    """1 - J0(x)^2 - J1(x)^2."""
    x = pi * 10.0 * radius * ARCSEC / 2.2e-6
    assert clear().within(radius) == pytest.approx(1 - j0(x) ** 2 - j1(x) ** 2, abs=2e-4)


def test_the_first_dark_ring_is_at_1_22_lambda_over_d() -> None:
    dark = 1.21967 * 2.2e-6 / 10.0 / ARCSEC
    model = clear()
    assert model.intensity(np.array([dark]))[0] < 1e-8 * model.intensity(np.zeros(1))[0]


def test_an_obstruction_takes_light_from_the_peak_and_widens_nothing() -> None:
    ring = Diffraction(diameter=10.0, obstruction=0.3, waves=(2.2,))
    peak, core = ring.intensity(np.zeros(1))[0] / clear().intensity(np.zeros(1))[0], 0.05
    assert peak == pytest.approx(1 - 0.3**2)
    assert ring.within(core) < clear().within(core)


def test_a_band_is_the_mean_of_its_waves() -> None:
    theta = np.linspace(0, 0.2, 7)
    both = Diffraction(diameter=10.0, obstruction=0.0, waves=(2.0, 2.4)).intensity(theta)
    assert both == pytest.approx((clear(2.0).intensity(theta) + clear(2.4).intensity(theta)) / 2)


def test_pixels_side_by_side_hold_what_a_large_one_does() -> None:
    corners = np.array([[x, y] for x in (-0.005, 0.005) for y in (-0.005, 0.005)])
    small, large = clear().in_pixel(corners, 0.01).sum(), clear().in_pixel(np.zeros((1, 2)), 0.02)[0]
    assert small == pytest.approx(large, rel=1e-6)


def test_a_drop_blurs_the_peak() -> None:
    sharp, blurred = (clear().in_pixel(np.zeros((1, 2)), 0.01, drop)[0] for drop in (0.0, 0.02))
    assert blurred < 0.95 * sharp
    assert clear().in_pixel(np.zeros((1, 2)), 0.01, 1e-6)[0] == pytest.approx(sharp)


def test_a_ring_of_sky_takes_the_light_that_is_in_it() -> None:
    model = clear()
    share = (model.within(1.5) - model.within(1.0)) / (1.5**2 - 1)
    assert model.above_ring(1.0, 1.5) == pytest.approx(model.within(1.0) - share)


def test_the_pupil_is_that_of_the_mode() -> None:
    model = diffraction_of(
        facts(telescope_diameter=(10.95, "m"), central_obstruction=(0.24, "")), "x", {"MINWAVE": 2.0, "MAXWAVE": 2.4}
    )
    assert model is not None
    assert (model.diameter, model.obstruction) == (10.95, 0.24)
    assert np.mean(model.waves) == pytest.approx(2.2)
    assert min(model.waves) > 2.0
    assert "10.9 m, obstruction 0.24, 2.2 um" in str(model) or "11 m, obstruction 0.24, 2.2 um" in str(model)


def test_without_a_diameter_the_pupil_is_as_large_as_the_collecting_area() -> None:
    model = diffraction_of(facts(collecting_area=(pi * 25, "m2")), "x", {"WAVEMIN": 2.0, "WAVEMAX": 2.4})
    assert model is not None
    assert model.diameter == pytest.approx(10.0)
    assert model.obstruction == 0


@pytest.mark.parametrize("header", [{}, {"MINWAVE": 2.0}, {"MINWAVE": "2", "MAXWAVE": "3"}])
def test_without_a_band_there_is_no_model(header: dict[str, Any]) -> None:
    assert diffraction_of(facts(telescope_diameter=(10.0, "m")), "unheard-of", header) is None


def test_without_a_pupil_there_is_no_model() -> None:
    assert diffraction_of(facts(), "x", {"MINWAVE": 2.0, "MAXWAVE": 2.4}) is None
