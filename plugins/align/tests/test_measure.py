"""The list of stars: places with true errors, and what is no star."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from iris_align._detect import find_peaks, flattened, smoothed, spread, windowed
from iris_align._measure import StarList, measure
from iris_testkit import make_exposure
from scipy.ndimage import gaussian_filter

from iris_core import DQ, Doubles, Exposure

SHAPE = (400, 400)


def grid(step: int = 40, first: int = 20) -> tuple[Doubles, Doubles]:
    """Return places of stars at all phases of a pixel."""
    rng = np.random.default_rng(3)
    x, y = (one.ravel().astype(float) for one in np.meshgrid(*[np.arange(first, 400 - first + 1, step)] * 2))
    return x + rng.uniform(-0.5, 0.5, x.shape), y + rng.uniform(-0.5, 0.5, y.shape)


def gaussians(x: Doubles, y: Doubles, peak: Any, fwhm: float = 3.0, shape: tuple[int, int] = SHAPE) -> Doubles:
    row, column = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for one_x, one_y, one in zip(x, y, np.broadcast_to(peak, x.shape), strict=True):
        part = np.s_[max(0, int(one_y) - 20) : int(one_y) + 21, max(0, int(one_x) - 20) : int(one_x) + 21]
        square = (column[part] - one_x) ** 2 + (row[part] - one_y) ** 2
        image[part] += one * np.exp(-square * 2.3548**2 / (2 * fwhm**2))
    return image


def exposure_of(image: Doubles, seed: int | None = 1, noise: float = 1.0, **known: Any) -> Exposure:
    return make_exposure(image.shape, value=image, poisson=noise**2 / 2, rnoise=noise**2 / 2, seed=seed, **known)


def found(exposure: Exposure, fwhm: float | None = None, most: int = 300, threshold: float = 5.0) -> StarList:
    return measure(exposure, threshold, fwhm, most)


def nearest(stars: StarList, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """Return the distance of each star from the nearest true one, and the errors it claims."""
    off = np.stack([stars.x[:, None] - x, stars.y[:, None] - y], axis=-1)
    which = np.argmin(np.hypot(*off.transpose(2, 0, 1)), axis=1)
    return off[np.arange(len(stars)), which], stars.error


@pytest.mark.parametrize("fwhm", [2.2, 3.0, 4.5])
def test_without_noise_places_are_exact(fwhm: float) -> None:
    """To 0.01 pixel at all phases of a pixel, from a FWHM of 2.2 pixels on."""
    x, y = grid()
    off, _ = nearest(found(exposure_of(gaussians(x, y, 1000.0, fwhm) + 100, seed=None)), x, y)
    assert len(off) == len(x)
    assert np.abs(off).max() < 0.01


@pytest.mark.acceptance
@pytest.mark.parametrize(("peak", "fwhm"), [(10.0, 3.0), (30.0, 3.0), (100.0, 2.5), (30.0, 5.0)])
def test_errors_of_the_places_are_true(peak: float, fwhm: float) -> None:
    """Pulls of 1 for faint and for bright stars, with the width known."""
    x, y = grid()
    pulls = []
    for seed in range(12):
        off, error = nearest(found(exposure_of(gaussians(x, y, peak, fwhm) + 100, seed=seed), fwhm), x, y)
        assert len(off) > 0.9 * len(x)
        pulls.append(off / error[:, None])
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.05)
    assert np.concatenate(pulls).mean() == pytest.approx(0.0, abs=0.06)


@pytest.mark.acceptance
@pytest.mark.parametrize("fwhm", [2.4, 5.0, 6.5])
def test_errors_of_galaxies_are_true(fwhm: float) -> None:
    """Sources narrower and broader than the window of 3 pixels, in which the same noise moves them less and more."""
    x, y = grid()
    pulls = []
    for seed in range(12):
        off, error = nearest(found(exposure_of(gaussians(x, y, 40.0, fwhm) + 100, seed=seed), 3.0), x, y)
        assert len(off) > 0.9 * len(x)
        pulls.append(off / error[:, None])
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.06)


def test_what_is_no_star_at_all_has_no_error() -> None:
    """Brighter outwards, and without noise: its width is infinite, and the noise of its place not known."""
    y, x = np.indices((40, 40))
    bowl = (1 + (x - 20.0) ** 2 + (y - 20.0) ** 2).astype(np.float32)
    usable, place = np.ones(bowl.shape, dtype=np.bool_), np.array([20.0])
    one = windowed(bowl, (np.zeros_like(bowl),), usable, (place, place), 3.0)
    assert np.isinf(one.width)
    assert np.isnan(one.error)
    assert not one.good


@pytest.mark.acceptance
def test_the_photon_noise_of_a_star_is_in_its_error() -> None:
    """Bright stars, where the variance of the exposure has the light of the star."""
    x, y = grid()
    star = gaussians(x, y, 400.0)
    pulls = []
    for seed in range(12):
        exposure = make_exposure(SHAPE, value=star + 50, poisson=star + 50, rnoise=1.0, seed=seed)
        off, error = nearest(found(exposure, 3.0), x, y)
        pulls.append(off / error[:, None])
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.acceptance
def test_without_variance_the_scatter_of_the_pixels_counts() -> None:
    x, y = grid()
    pulls = []
    for seed in range(8):
        exposure = exposure_of(gaussians(x, y, 20.0), seed=seed, noise=0.7).replace(variance={})
        off, error = nearest(found(exposure, 3.0), x, y)
        pulls.append(off / error[:, None])
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.06)


def test_the_error_is_the_closed_form() -> None:
    """It is s sqrt(2)/SNR in the limit of the sky, SNR that of a fit of the whole star."""
    x, y = grid()
    peak, fwhm = 50.0, 4.0
    stars = found(exposure_of(gaussians(x, y, peak, fwhm)), fwhm)
    spread = fwhm / 2.3548
    snr = peak * np.sqrt(np.pi) * spread  # noise 1 per pixel
    assert np.median(stars.error) == pytest.approx(spread * np.sqrt(2) / snr, rel=0.02)


@pytest.mark.parametrize("fwhm", [2.0, 3.0, 5.0, 8.0])
def test_the_width_of_the_stars_is_measured(fwhm: float) -> None:
    x, y = grid()
    stars = found(exposure_of(gaussians(x, y, 300.0, fwhm) + 10))
    assert stars.fwhm == pytest.approx(fwhm, rel=0.1)
    assert len(stars) > 0.9 * len(x)


def test_undersampled_stars_have_a_floor() -> None:
    x, y = grid()
    stars = found(exposure_of(gaussians(x, y, 3000.0, 1.7)), 1.7)
    assert stars.error.min() > 0.02


def test_the_brightest_come_first_and_no_more_than_asked_for() -> None:
    x, y = grid()
    peak = np.linspace(20, 200, len(x))
    stars = found(exposure_of(gaussians(x, y, peak)), most=10)
    assert len(stars) == 10
    off, _ = nearest(stars, x[-10:], y[-10:])
    assert np.abs(off).max() < 0.5
    assert np.all(np.diff(stars.error) > -1e-3)


def test_blank_sky_has_few_stars_and_a_bright_sky_none_more() -> None:
    """False alarms at 5 sigma of the smoothed noise."""
    assert len(found(exposure_of(np.full(SHAPE, 1e4)))) <= 2
    assert len(found(exposure_of(np.zeros(SHAPE)), 3.0)) <= 2


def test_a_gradient_and_a_step_of_the_level_are_sky() -> None:
    x, y = grid()
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = gaussians(x, y, 100.0) + 0.05 * row + 20 * np.sin(column / 150)
    off, _ = nearest(found(exposure_of(image)), x, y)
    right = np.count_nonzero(np.hypot(*off.T) < 0.3)
    assert right >= 0.95 * len(x)
    assert len(off) - right <= 2


def test_an_exposure_without_a_good_pixel_has_no_stars() -> None:
    exposure = exposure_of(np.zeros((64, 64))).flag(np.ones((64, 64), dtype=bool), DQ.DO_NOT_USE)
    stars = found(exposure)
    assert (len(stars), np.isnan(stars.fwhm)) == (0, True)


@pytest.mark.parametrize("where", [(0, 0), (1, 0), (0, 2)])
def test_a_star_with_a_bad_pixel_in_its_middle_is_left_out(where: tuple[int, int]) -> None:
    x, y = grid()
    bad = np.zeros(SHAPE, dtype=bool)
    bad[round(y[0]) + where[0], round(x[0]) + where[1]] = True
    stars = found(exposure_of(gaussians(x, y, 100.0)).flag(bad, DQ.DO_NOT_USE))
    assert len(stars) == len(x) - 1
    assert np.hypot(stars.x - x[0], stars.y - y[0]).min() > 5


def test_around_a_saturated_star_nothing_is_believed() -> None:
    """Its rings and spikes within 10 FWHM."""
    x, y = grid()
    near = np.argmin(np.hypot(x - 200, y - 200))
    ring_x, ring_y = x[near] + 15.0, y[near] + 12.0
    image = gaussians(np.append(x, ring_x), np.append(y, ring_y), 100.0)
    burnt = np.hypot(*(np.mgrid[: SHAPE[0], : SHAPE[1]][::-1] - np.array([x[near], y[near]])[:, None, None])) < 3
    stars = found(exposure_of(image).flag(burnt, DQ.SATURATED | DQ.DO_NOT_USE))
    assert np.hypot(stars.x - x[near], stars.y - y[near]).min() > 29


def test_close_to_a_brighter_star_nothing_is_believed() -> None:
    """A companion at 2 FWHM is left out, at 5 FWHM it is kept, but not beside one 100 times brighter."""
    x, y = grid(80, 40)
    for distance, ratio, kept in ((7.0, 3, False), (16.0, 3, True), (16.0, 300, False)):
        both = gaussians(x, y, 50.0 * ratio) + gaussians(x + distance, y, 50.0)
        stars = found(exposure_of(both), 3.0)
        off, _ = nearest(stars, x + distance, y)
        assert (np.count_nonzero(np.hypot(*off.T) < 1) > 0.9 * len(x)) == kept, (distance, ratio)


def test_rays_are_no_stars_and_spoil_only_what_they_hit() -> None:
    rng = np.random.default_rng(4)
    x, y = grid()
    image = gaussians(x, y, 100.0)
    rows, columns = rng.integers(0, 400, (2, 150))
    image[rows, columns] += 800
    stars = found(exposure_of(image))
    off, _ = nearest(stars, x, y)
    assert stars.fwhm == pytest.approx(3.0, rel=0.3)
    right = np.count_nonzero(np.hypot(*off.T) < 0.3)
    assert right > 0.85 * len(x)
    assert len(off) - right <= 6


def test_the_noise_of_a_cube_is_that_of_the_mean() -> None:
    x, y = grid()
    image = gaussians(x, y, 30.0)
    single = found(exposure_of(image), 3.0)
    cube = exposure_of(np.stack([image] * 4)[0])
    four = make_exposure(SHAPE, value=np.stack([image] * 4), nint=4, poisson=0.5, rnoise=0.5, seed=2)
    assert np.median(found(four, 3.0).error) == pytest.approx(np.median(single.error) / 2, rel=0.05)
    assert len(cube.data.shape) == 2


@pytest.mark.parametrize("shape", [(30, 40), (64, 64), (200, 90), (129, 513)])
def test_the_sky_of_any_shape_is_removed(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    image = (50 + rng.normal(0, 2, shape)).astype(np.float32)
    flat, noise = flattened(image, np.ones(shape, dtype=bool))
    assert np.median(flat) == pytest.approx(0, abs=0.3)
    assert np.median(spread(noise, shape)) == pytest.approx(2, rel=0.1)
    assert flat.shape == spread(noise, shape).shape == shape


def test_peaks_of_equal_height_are_one() -> None:
    flat = np.random.default_rng(6).normal(0, 0.01, (64, 64)).astype(np.float32)
    flat[30:32, 40:42] = 10
    rows, columns = find_peaks(flat, np.ones((64, 64), dtype=bool), 2.0, 5.0)
    assert (len(rows), len(columns)) == (1, 1)


@pytest.mark.parametrize(("shape", "width"), [((50, 70), 1.1), ((1, 9), 2.0), ((300, 400), 0.9)])
def test_an_image_is_smoothed_with_a_gaussian(shape: tuple[int, int], width: float) -> None:
    """As scipy does it, 3 standard deviations far, whatever rows are worked on together."""
    image = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    wanted = gaussian_filter(image.astype(float), width, mode="constant", truncate=3.0)
    assert smoothed(image, width) == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("edge", [(0.0, 20.0), (63.0, 20.0), (20.0, -0.4)])
def test_a_star_on_the_edge_is_not_measured(edge: Sequence[float]) -> None:
    image = gaussians(np.array([edge[0]]), np.array([edge[1]]), 100.0, shape=(64, 64)).astype(np.float32)
    one = np.ones((64, 64), dtype=np.float32)
    known = windowed(image, (one,), one > 0, (np.array([edge[0]]), np.array([max(edge[1], 0.0)])), 3.0)
    assert not known.good[0]
