"""The point-spread function is a sum of Gaussians with a known integral everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_simulate import PSF
from iris_simulate._psf import adaptive_optics_psf, add_stars, diffraction_fwhm, marechal_strehl
from scipy.integrate import dblquad

AO = adaptive_optics_psf(4.1, 0.74, 25.0)
SINGLE = PSF(np.array([2.0]), np.array([1.0]), 20)

inside_a_pixel = st.floats(-0.5, 0.5)


@given(inside_a_pixel, inside_a_pixel, st.floats(0, 2))
def test_a_stamp_sums_to_one_wherever_the_star_is_in_its_pixel(dx: float, dy: float, broadening: float) -> None:
    assert AO.pixels(dx, dy, broadening=broadening).sum() == pytest.approx(1.0, abs=1e-12)


@given(inside_a_pixel, inside_a_pixel)
def test_the_centre_of_mass_is_where_the_star_is(dx: float, dy: float) -> None:
    stamp = SINGLE.pixels(dx, dy)
    axis = np.arange(41) - 20
    assert (stamp.sum(axis=0) * axis).sum() == pytest.approx(dx, abs=1e-9)
    assert (stamp.sum(axis=1) * axis).sum() == pytest.approx(dy, abs=1e-9)


def test_x_goes_along_columns_and_y_along_rows() -> None:
    stamp = SINGLE.pixels(0.4, 0.0)
    assert stamp[20, 21] > stamp[20, 19]
    assert stamp[21, 20] == pytest.approx(stamp[19, 20])


def test_a_pixel_holds_the_integral_over_its_area() -> None:
    def gauss(y: float, x: float) -> float:
        return float(np.exp(-((x - 0.3) ** 2 + (y + 0.2) ** 2) / 8) / (8 * np.pi))

    expected, _ = dblquad(gauss, 2.5, 3.5, -1.5, -0.5)
    assert SINGLE.pixels(0.3, -0.2)[19, 23] == pytest.approx(expected, rel=1e-9)


def test_the_inner_part_is_cut_from_the_whole_stamp() -> None:
    middle = slice(AO.half - 5, AO.half + 6)
    # Products of matrices of another shape may be summed in another order.
    np.testing.assert_allclose(AO.pixels(0.1, 0.2, half=5), AO.pixels(0.1, 0.2)[middle, middle], rtol=1e-12)


def test_broadening_adds_to_the_variance() -> None:
    wider = PSF(np.array([np.sqrt(4.5)]), np.array([1.0]), 20)
    np.testing.assert_allclose(SINGLE.pixels(0.1, 0.2, broadening=0.5), wider.pixels(0.1, 0.2), rtol=1e-12)


def test_encircled_energy_of_one_gaussian_is_the_textbook_formula() -> None:
    radius = np.array([0.0, 1.0, 2.0, 5.0])
    np.testing.assert_allclose(SINGLE.encircled_energy(radius), 1 - np.exp(-(radius**2) / 8), atol=1e-12)


def test_encircled_energy_is_what_the_pixels_hold() -> None:
    """On a PSF that is wide against a pixel, the pixels inside of a circle sum to it."""
    wide = PSF(np.array([20.0, 40.0]), np.array([0.6, 0.4]), 120)
    y, x = np.mgrid[-120:121, -120:121]
    radius = np.hypot(x, y)
    for limit in (20.0, 50.0, 90.0):
        held = wide.pixels(0.0, 0.0)[radius <= limit].sum()
        assert held == pytest.approx(float(wide.encircled_energy(limit)), abs=3e-3)


@pytest.mark.parametrize("beta", [2.5, 3.0, 4.0])
def test_the_halo_is_a_moffat_profile(beta: float) -> None:
    """To 2e-3 of its peak everywhere, and to 5 % of what is left of it at one and a half times its width."""
    halo = adaptive_optics_psf(3.0, 0.0, 25.0, beta=beta)
    alpha = 12.5 / np.sqrt(2 ** (1 / beta) - 1)
    radius = np.linspace(0, 50, 60)
    moffat = (beta - 1) / (np.pi * alpha**2) * (1 + (radius / alpha) ** 2) ** -beta
    variance = halo.sigma**2
    mixture = np.exp(-0.5 * radius[:, np.newaxis] ** 2 / variance) @ (halo.weight / (2 * np.pi * variance))
    np.testing.assert_allclose(mixture, moffat, atol=2e-3 * moffat[0])
    np.testing.assert_allclose(mixture[radius < 37.5], moffat[radius < 37.5], rtol=0.05)


def test_the_strehl_ratio_is_the_share_of_the_core() -> None:
    assert AO.weight[0] == 0.74
    assert AO.weight.sum() == pytest.approx(1.0)
    assert AO.sigma[0] * 2.35482 == pytest.approx(4.1, rel=1e-5)


def test_the_diffraction_limit_of_thirty_metres_at_two_micrometres_is_sixteen_mas() -> None:
    area = np.pi * 15**2
    assert diffraction_fwhm(2.2, area) == pytest.approx(1.029 * 2.2e-6 / 30 * 206264.8, rel=1e-6)


def test_the_strehl_ratio_falls_with_the_wavelength() -> None:
    assert marechal_strehl(2.0, 0.0) == 1.0
    assert marechal_strehl(2.0, 1000.0 / np.pi) == pytest.approx(np.exp(-1.0))


def test_scaling_keeps_the_angles() -> None:
    half_pixels = SINGLE.scaled(2.0)
    assert half_pixels.encircled_energy(6.0) == pytest.approx(SINGLE.encircled_energy(3.0))
    assert half_pixels.half == 40


def test_a_star_adds_its_flux_and_nothing_else() -> None:
    image = np.full((60, 80), 3.0)
    add_stars(image, SINGLE, [40.2], [30.7], [100.0])
    assert image.sum() == pytest.approx(3.0 * 60 * 80 + 100.0)
    assert np.unravel_index(np.argmax(image), image.shape) == (31, 40)


@pytest.mark.parametrize(
    ("x", "y", "share"), [(-0.5, 30.0, 0.5), (79.5, 30.0, 0.5), (-0.5, -0.5, 0.25), (-50.0, 30.0, 0.0)]
)
def test_a_star_on_the_edge_loses_what_falls_outside(x: float, y: float, share: float) -> None:
    image = np.zeros((60, 80))
    add_stars(image, SINGLE, [x], [y], [100.0])
    assert image.sum() == pytest.approx(100.0 * share, abs=1e-6)


def test_no_stars_leave_the_image_as_it_is() -> None:
    image = np.zeros((10, 10), dtype=np.float32)
    add_stars(image, SINGLE, [], [], [])
    assert not image.any()
