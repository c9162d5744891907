"""A fit of the known PSF finds flux and position, and claims errors that are true."""

from __future__ import annotations

import numpy as np
import pytest
from iris_simulate import PSF
from iris_simulate._fit import fit_stars
from iris_simulate._psf import adaptive_optics_psf, add_stars

CORE = adaptive_optics_psf(4.1, 0.74, 25.0)
X = np.array([40.3, 60.9, 120.0, 90.5])
Y = np.array([50.8, 58.2, 40.4, 110.5])
FLUX = np.array([1000.0, 150.0, 300.0, 2000.0])


def picture(psf: PSF = CORE, sky: float = 5.0) -> np.ndarray:
    image = np.full((150, 160), sky)
    add_stars(image, psf, X, Y, FLUX)
    return image


def test_without_noise_flux_and_position_are_exact_also_beside_brighter_stars() -> None:
    found = fit_stars(picture(), np.ones((150, 160)), CORE, np.rint(X), np.rint(Y))
    np.testing.assert_allclose(found.flux, FLUX, rtol=1e-6)
    np.testing.assert_allclose((found.x, found.y), (X, Y), atol=1e-5)
    assert not found.broadening.any()


def test_a_start_that_is_off_by_a_pixel_leads_to_the_same_place() -> None:
    found = fit_stars(picture(), np.ones((150, 160)), CORE, X + 1, Y - 1)
    np.testing.assert_allclose(found.flux, FLUX, rtol=1e-6)


@pytest.mark.parametrize("sky", [0.0, 1000.0, -3.0])
def test_the_level_of_the_sky_does_not_matter(sky: float) -> None:
    found = fit_stars(picture(sky=sky), np.ones((150, 160)), CORE, X, Y)
    np.testing.assert_allclose(found.flux, FLUX, rtol=1e-6)


def test_pixels_without_value_or_error_are_left_out() -> None:
    image, error = picture(), np.ones((150, 160))
    image[50, 41] = np.nan
    error[58, 61] = np.nan
    image[58, 61] = 1e6
    found = fit_stars(image, error, CORE, X, Y)
    np.testing.assert_allclose(found.flux, FLUX, rtol=1e-6)


def test_a_star_that_cannot_be_fitted_is_nan_and_harms_no_other() -> None:
    image = picture()
    image[95:130, 75:110] = np.nan
    found = fit_stars(image, np.ones((150, 160)), CORE, [*X, 2.0, -40.0], [*Y, 3.0, 700.0])
    np.testing.assert_allclose(found.flux[:3], FLUX[:3], rtol=1e-3)
    assert np.isnan(found.flux[3:]).all()
    assert np.isnan(found.x[3:]).all()


@pytest.mark.parametrize("broadening", [0.0, 0.17, 1.0])
def test_a_resampled_image_is_fitted_with_its_width(broadening: float) -> None:
    wide = PSF(np.sqrt(CORE.sigma**2 + broadening), CORE.weight, CORE.half)
    found = fit_stars(picture(wide), np.ones((150, 160)), CORE, X, Y, broaden=True)
    np.testing.assert_allclose(found.flux, FLUX, rtol=1e-5)
    np.testing.assert_allclose(found.broadening, broadening, atol=1e-4)


@pytest.mark.parametrize("broaden", [False, True])
def test_errors_of_flux_and_position_are_true(broaden: bool) -> None:
    rng = np.random.default_rng(3)
    image = picture()
    error = np.sqrt(image)
    pulls = []
    for _ in range(50):
        found = fit_stars(image + error * rng.standard_normal(image.shape), error, CORE, X, Y, broaden=broaden)
        bright = FLUX > 200
        pulls.append([(found.flux - FLUX) / found.flux_err, (found.x - X) / found.x_err, (found.y - Y) / found.y_err])
    selected = np.array(pulls)[:, :, bright]
    np.testing.assert_allclose(selected.std(axis=(0, 2)), 1.0, atol=0.15)
    np.testing.assert_allclose(selected.mean(axis=(0, 2)), 0.0, atol=0.2)


def test_no_stars_give_an_empty_result() -> None:
    assert fit_stars(picture(), np.ones((150, 160)), CORE, [], []).flux.shape == (0,)
