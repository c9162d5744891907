"""How noise that pixels share adds up in an aperture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_catalog._noise import aperture_factor, autocorrelation, phase_scatter


def test_neighbours_of_a_bilinear_grid_share_a_quarter() -> None:
    assert autocorrelation(1.5) == pytest.approx([1, 0.25])


@given(st.floats(1.0, 5.0))
def test_the_correlations_add_up_to_the_factor(factor: float) -> None:
    correlation = autocorrelation(factor)
    assert correlation[0] == 1
    assert 2 * correlation.sum() - 1 == pytest.approx(factor, rel=1e-3)
    assert np.all(np.diff(correlation) <= 1e-12)


@given(st.floats(1.01, 3.0), st.floats(0.6, 12.0))
def test_an_aperture_is_noisier_than_a_pixel_and_less_than_a_large_one(factor: float, radius: float) -> None:
    assert 1 < aperture_factor(radius, autocorrelation(factor)) < factor


@pytest.mark.parametrize("factor", [1.2, 1.5, 2.0])
def test_a_large_aperture_has_the_whole_factor(factor: float) -> None:
    assert aperture_factor(150.0, autocorrelation(factor)) == pytest.approx(factor, rel=0.01)


def test_independent_pixels_have_no_factor() -> None:
    assert aperture_factor(3.0, autocorrelation(1.0)) == 1
    assert aperture_factor(3.0, autocorrelation(float("nan"))) == 1


def test_a_square_of_pixels_has_the_factor_of_the_closed_form() -> None:
    """R(L) = 1 + (1 - 1/L)/2 in a square of side L, of as much area as the circle."""
    radius = 6.0
    side = np.sqrt(np.pi) * radius
    assert aperture_factor(radius, autocorrelation(1.5)) == pytest.approx(1 + (1 - 1 / side) / 2, rel=0.03)


def test_the_factor_is_that_of_noise_with_these_correlations() -> None:
    """Monte Carlo: the mean of four neighbours, which has a factor of 2."""
    from photutils.aperture import CircularAperture

    noise = np.random.default_rng(1).standard_normal((801, 801))
    summed = (noise[1:, 1:] + noise[1:, :-1] + noise[:-1, 1:] + noise[:-1, :-1]) / 2
    correlation = np.array([1, 0.5])
    places = np.stack(np.meshgrid(np.arange(10, 790, 16.3), np.arange(10, 790, 16.7)), axis=-1).reshape(-1, 2)
    for radius in (1.5, 5.0):
        circles = CircularAperture(places, radius)
        sums = circles.do_photometry(summed)[0]
        alone = np.sqrt(np.mean([np.sum(mask.data**2) for mask in circles.to_mask(method="exact")]))
        assert sums.std() / alone == pytest.approx(aperture_factor(radius, correlation), rel=0.04)


def test_the_place_in_a_pixel_matters_in_small_apertures_of_narrow_stars() -> None:
    """As the light of noise-free stars at many places scatters: 0.75 % and 1.8 % in the two, for 12 of them."""
    assert phase_scatter(2.09, 3.09) == pytest.approx(0.007, abs=0.001)
    assert phase_scatter(1.1, 3.1) == pytest.approx(0.017, abs=0.001)
    assert phase_scatter(8.0, 3.0) < 1e-4
