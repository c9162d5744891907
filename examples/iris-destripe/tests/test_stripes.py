"""What is found in one channel: the stripes, whatever the sky and its sources look like."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import alternating, noise, star

from iris_destripe._stripes import Search, Stripes, find_stripes

SHAPE = (512, 512)
Array = np.ndarray


def measure(scene: Array, err: float | None = 1.0, **changes: object) -> Stripes:
    search = Search(**{"rows": True, "columns": False, "box_size": 128, "sigma": 3.0, "min_pixels": 16, **changes})
    image = scene.astype(np.float32)
    errors = None if err is None else np.full(image.shape, err, dtype=np.float32)
    return find_stripes(image, errors, np.isfinite(image), search)


def wrong_by(found: Stripes, truth: Array) -> Array:
    """Return errors of the offsets of rows over what the noise of their pixels makes them, in the rows measured."""
    pixels = found.used.sum(axis=1)
    known = pixels > 0
    off = (found.rows - truth)[known]
    return (off - off.mean()) * np.sqrt(pixels[known])


def stars(number: int, brightest: float) -> Array:
    generator = np.random.default_rng(7)
    places = generator.uniform(0, SHAPE[0], (number, 2))
    fluxes = brightest * generator.random(number) ** 4
    return sum(star(SHAPE, row, column, flux) for (row, column), flux in zip(places, fluxes, strict=True))


@pytest.mark.parametrize("err", [1.0, None])
@pytest.mark.parametrize("amplitude", [0.0, 0.1, 1.0, 30.0])
def test_on_a_flat_sky_the_offsets_are_as_good_as_their_pixels(amplitude: float, err: float | None) -> None:
    truth = alternating(SHAPE[0], amplitude)
    errors = wrong_by(measure(100 + noise(SHAPE, 1) + truth[:, np.newaxis], err), truth)
    assert errors.std() == pytest.approx(1.0, abs=0.12)


def test_stars_do_not_bias_the_offsets() -> None:
    """100 stars up to 20 000 sigma, with halos: 12 % more error than from the noise of the pixels left for the sky."""
    truth = alternating(SHAPE[0], 0.5)
    found = measure(noise(SHAPE, 2) + stars(100, 2e4) + truth[:, np.newaxis])
    assert 0.4 < found.used.mean() < 0.95
    assert wrong_by(found, truth).std() < 1.3


@pytest.mark.parametrize("slope", [0.05, 1.0])
def test_a_gradient_is_no_stripe(slope: float) -> None:
    """500 sigma across the image, along and across the rows."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    found = measure(noise(SHAPE, 3) + slope * rows - 0.7 * slope * columns)
    assert np.abs(np.polyfit(np.arange(SHAPE[0]), found.rows, 1)[0]) < 2e-4
    assert wrong_by(found, 0 * found.rows).std() == pytest.approx(1.0, abs=0.12)


def test_a_wave_of_the_sky_longer_than_two_boxes_is_no_stripe() -> None:
    """300 pixels long, 100 sigma high, constant along the rows: of its amplitude less than a thousandth is taken."""
    wave = 100 * np.sin(2 * np.pi * np.arange(SHAPE[0]) / 300)
    found = measure(noise(SHAPE, 4) + wave[:, np.newaxis], box_size=32)
    assert abs(found.rows @ wave / (wave @ wave)) < 1e-3


@pytest.mark.parametrize("height", [10, 30, 60])
@pytest.mark.parametrize("level", [0.5, 1.0, 3.0, 10.0, 100.0])
@pytest.mark.parametrize("part", [0.25, 0.5, 0.75])
def test_a_source_that_covers_much_of_a_row_is_not_eaten(part: float, level: float, height: int) -> None:
    """Of 0.5 to 100 sigma for each pixel: less than 0.1 sigma is taken, or the row is left as it is and known to be.

    A source of 100 sigma over three quarters of the rows draws the sky around it, and moves other rows by 0.55 sigma.
    """
    source = np.zeros(SHAPE, dtype=np.float32)
    source[200 : 200 + height, 60 : 60 + int(part * SHAPE[1])] = level
    truth = alternating(SHAPE[0], 0.5)
    found = measure(noise(SHAPE, 5) + source + truth[:, np.newaxis])
    inside = np.arange(200, 200 + height)
    measured = inside[found.used[inside].any(axis=1)]
    taken = (found.rows - truth)[measured]
    assert abs(taken.mean() if measured.size else 0) < 0.1
    if part <= 0.25 or (level <= 3 and part <= 0.5):
        assert measured.size == height
    outside = found.used.any(axis=1)
    outside[inside] = False
    assert np.abs((found.rows - truth)[outside]).max() < (0.55 if part * level > 50 else 0.35)


def test_a_hole_in_the_sky_is_not_filled() -> None:
    """The ghost of a source in a subtracted background."""
    ghost = np.zeros(SHAPE, dtype=np.float32)
    ghost[200:240, 100:260] = -3
    found = measure(noise(SHAPE, 6) + ghost)
    assert abs(found.rows[205:235].mean()) < 0.05
    assert found.used[205:235, 110:250].mean() < 0.05


def test_rows_and_columns_are_found_together() -> None:
    rows, columns = alternating(SHAPE[0], 2.0), alternating(SHAPE[1], 3.0)
    found = measure(noise(SHAPE, 7) + stars(30, 1e4) + rows[:, np.newaxis] + columns, columns=True)
    np.testing.assert_allclose(found.rows, rows, atol=0.35)
    np.testing.assert_allclose(found.columns, columns, atol=0.35)


def test_the_offsets_of_rows_that_are_hidden_are_zero() -> None:
    scene = noise(SHAPE, 8) + alternating(SHAPE[0], 2.0)[:, np.newaxis]
    scene[100:103, 15:] = np.nan
    found = measure(scene)
    assert not found.rows[100:103].any()
    assert not found.used[100:103].any()
    assert found.used[99].any()


def test_noisy_pixels_stay_out_of_the_means() -> None:
    scene, err = noise(SHAPE, 9), np.ones(SHAPE, dtype=np.float32)
    scene[:, :100] *= 5
    err[:, :100] = 5
    search = Search(rows=True, columns=False, box_size=128, sigma=3.0, min_pixels=16)
    found = find_stripes(scene, err, np.isfinite(scene), search)
    assert not found.used[:, :100].any()
    assert found.rows.std() == pytest.approx(1 / np.sqrt(412), rel=0.12)


@pytest.mark.parametrize("value", [0.0, 100.0])
@pytest.mark.parametrize("err", [0.0, 1.0, None])
def test_a_scene_without_noise_has_its_stripes_exactly(value: float, err: float | None) -> None:
    truth = alternating(SHAPE[0], 2.0)
    found = measure(np.full(SHAPE, value) + truth[:, np.newaxis], err)
    np.testing.assert_allclose(found.rows, truth, atol=1e-4)
    assert found.used.all()


def test_the_scatter_is_that_of_what_is_left() -> None:
    assert measure(3 * noise(SHAPE, 10) + 5, None).scatter == pytest.approx(3, rel=0.02)


def test_nothing_known_is_nothing_measured() -> None:
    found = measure(np.full((64, 64), np.nan))
    assert not found.used.any()
    assert not found.rows.any()
    assert found.scatter == 0
