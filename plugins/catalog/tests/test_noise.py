"""How noise that pixels share adds up in an aperture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_catalog._noise import autocorrelation, median_factor, phase_scatter, segment_variances, summed_variance
from photutils.aperture import CircularAperture


def test_neighbours_of_a_bilinear_grid_share_a_quarter() -> None:
    assert autocorrelation(1.5) == pytest.approx([1, 0.25])


@given(st.floats(1.0, 5.0))
def test_the_correlations_add_up_to_the_factor(factor: float) -> None:
    correlation = autocorrelation(factor)
    assert correlation[0] == 1
    assert 2 * correlation.sum() - 1 == pytest.approx(factor, rel=1e-3)
    assert np.all(np.diff(correlation) <= 1e-12)


def circle(radius: float, place: tuple[float, float] = (0.3, 0.1)) -> Any:
    return CircularAperture(place, radius).to_mask(method="exact").data


def factor_in(share: Any, correlation: Any) -> float:
    """Return the noise of a sum over that of independent pixels of equal variance."""
    return float(np.sqrt(summed_variance(share, np.ones(share.shape), correlation) / np.sum(share**2)))


@given(st.floats(1.01, 3.0), st.floats(0.6, 12.0))
def test_an_aperture_is_noisier_than_a_pixel_and_less_than_a_large_one(factor: float, radius: float) -> None:
    assert 1 < factor_in(circle(radius), autocorrelation(factor)) < factor


@pytest.mark.parametrize("factor", [1.2, 1.5, 2.0])
def test_a_large_aperture_has_the_whole_factor(factor: float) -> None:
    assert factor_in(circle(150.0), autocorrelation(factor)) == pytest.approx(factor, rel=0.01)


def test_independent_pixels_have_no_factor() -> None:
    assert factor_in(circle(3.0), autocorrelation(1.0)) == pytest.approx(1)
    assert factor_in(circle(3.0), autocorrelation(float("nan"))) == pytest.approx(1)


@pytest.mark.parametrize("side", [1, 4, 10])
def test_a_square_of_pixels_has_the_factor_of_the_closed_form(side: int) -> None:
    """R(L) = 1 + (1 - 1/L)/2 in a square of side L."""
    square = np.ones((side, side))
    assert factor_in(square, autocorrelation(1.5)) == pytest.approx(1 + (1 - 1 / side) / 2)
    (variance,) = segment_variances(np.pad(square.astype(int), 3), np.ones((side + 6, side + 6)), autocorrelation(1.5))
    assert np.sqrt(variance) / side == pytest.approx(1 + (1 - 1 / side) / 2)


def test_segments_that_touch_have_their_own_variances() -> None:
    labels, variance = np.zeros((6, 8), dtype=int), np.ones((6, 8))
    labels[1:5, 1:4], labels[1:5, 4:7] = 1, 2
    variance[:, 4:] = 4.0
    alone = float(summed_variance(np.ones((4, 3)), np.ones((4, 3)), autocorrelation(1.5)))
    assert segment_variances(labels, variance, autocorrelation(1.5)) == pytest.approx([alone, 4 * alone])


def drizzled(planes: Any) -> Any:
    """Return the means of four neighbours, which have a quarter of the variance and a factor of 2."""
    return (planes[..., 1:, 1:] + planes[..., 1:, :-1] + planes[..., :-1, 1:] + planes[..., :-1, :-1]) / 4


HALF = np.array([1, 0.5])


@pytest.mark.parametrize("radius", [2.0, 4.0, 8.0])
@pytest.mark.parametrize("sky", [0.0, 1.0, 1e6])
def test_the_variance_of_a_star_is_that_of_its_pixels(radius: float, sky: float) -> None:
    """In closed form: what each pixel of an exposure has in the sum, squared, times its variance."""
    size, middle = 41, 20.2
    offset = np.arange(size) - middle
    photons = 1e4 * np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / 1.7**2) + sky
    share = (
        CircularAperture((middle - 0.5, middle - 0.5), radius).to_mask(method="exact").to_image((size - 1, size - 1))
    )
    in_sum = np.zeros((size, size))
    for down, across in np.ndindex(2, 2):
        in_sum[down : size - 1 + down, across : size - 1 + across] += share / 4
    variance = drizzled(photons) / 4
    assert summed_variance(share, variance, HALF) == pytest.approx(np.sum(in_sum**2 * photons), rel=0.07)


def test_the_median_of_pixels_that_share_noise_scatters_less_than_their_mean_would_say() -> None:
    """Monte Carlo; with the root of pi/2 times CORRFAC the error would be 16 % larger."""
    random = np.random.default_rng(4)
    medians = [np.median(2 * drizzled(random.standard_normal((41, 41)))) for _ in range(1500)]
    assert 40 * np.std(medians) == pytest.approx(median_factor(HALF), rel=0.05)
    assert median_factor(HALF) == pytest.approx(np.sqrt(np.pi / 2) * 2 / 1.16, rel=0.01)
    assert median_factor(np.ones(1)) == pytest.approx(np.sqrt(np.pi / 2))


def test_the_place_in_a_pixel_matters_in_small_apertures_of_narrow_stars() -> None:
    """As the light of noise-free stars at many places scatters: 0.75 % and 1.8 % in the two, for 12 of them."""
    assert phase_scatter(2.09, 3.09) == pytest.approx(0.007, abs=0.001)
    assert phase_scatter(1.1, 3.1) == pytest.approx(0.017, abs=0.001)
    assert phase_scatter(8.0, 3.0) < 1e-4
