"""Objects of a stack: what is one, and how far its mask reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_sky._detect import Objects, _smoothed, find_objects

from iris_core import Doubles, Image

SHAPE = 160, 200


def noise(seed: int = 1, deviation: float = 1.0) -> Image:
    values = np.random.default_rng(seed).normal(scale=deviation, size=SHAPE)
    return np.asarray(values, dtype=np.float32)


def radius_from(row: float, column: float) -> Doubles:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray(np.hypot(y - row, x - column))


def star(row: float, column: float, peak: float, width: float) -> Image:
    """Return a Gaussian of a standard deviation of `width` pixels."""
    return np.asarray(peak * np.exp(-0.5 * (radius_from(row, column) / width) ** 2), dtype=np.float32)


def find(image: Image, relative: Image | None = None, **options: float) -> Objects:
    given: dict[str, Any] = {"threshold": 4.0, "isophote": 0.1, "fwhm": 4.0, **options}
    return find_objects(image, np.ones(SHAPE, dtype=np.float32) if relative is None else relative, **given)


def test_noise_alone_has_no_object_and_its_deviation_is_measured() -> None:
    found = find(noise(deviation=3.0) + np.float32(7))
    assert (found.number, found.brightest, found.mask.any()) == (0, None, False)
    assert found.deviation == pytest.approx(3.0, rel=0.03)


def test_stars_apart_are_objects_of_their_own_and_touching_ones_are_one() -> None:
    image = noise() + star(40, 50, 30, 3)
    assert find(image + star(120, 150, 30, 3)).number == 2
    assert find(image + star(44, 54, 30, 3)).number == 1


@pytest.mark.parametrize("isophote", [0.1, 0.5, 2.0])
def test_a_mask_reaches_to_the_isophote(isophote: float) -> None:
    """The radius of a Gaussian at it; rings are up to sqrt(2) apart, and a mask goes 2 pixels beyond the detection."""
    peak, width = 200.0, 8.0
    found = find(noise() + star(80, 100, peak, width), isophote=isophote)
    wanted = width * np.sqrt(2 * np.log(peak / isophote))
    assert found.brightest is not None
    assert 0.9 * wanted < found.brightest.radius < 1.35 * wanted
    assert found.mask[radius_from(80, 100) < 0.85 * wanted].all()


def test_the_light_that_is_kept_and_taken_is_counted() -> None:
    peak, width = 500.0, 5.0
    whole = 2 * np.pi * width**2 * peak
    found = find(noise() + star(80, 100, peak, width)).brightest
    assert found is not None
    assert found.kept == pytest.approx(whole, rel=0.01)
    assert 0 <= found.taken < 0.01 * whole


def test_the_brightest_is_the_one_with_the_largest_mask() -> None:
    found = find(noise() + star(80, 50, 100, 9) + star(80, 150, 400, 2)).brightest
    assert found is not None
    assert found.kept == pytest.approx(2 * np.pi * 9**2 * 100, rel=0.03)


def test_a_single_bright_pixel_is_no_object() -> None:
    """A kernel of 4 pixels has to be filled: as many connected pixels as it is wide."""
    image = noise()
    image[60, 70] += 8
    assert find(image).number == 0


def test_a_hole_is_no_object_and_does_not_change_the_noise() -> None:
    image = noise() - star(80, 100, 100, 4)
    found = find(image)
    assert found.number == 0
    assert found.deviation == pytest.approx(1.0, rel=0.05)


def test_pixels_of_few_exposures_are_noisier_and_no_objects() -> None:
    relative = np.ones(SHAPE, dtype=np.float32)
    relative[:, 150:] = 9
    image = np.asarray(noise() * np.sqrt(relative), dtype=np.float32)
    found = find(image, relative)
    assert found.number == 0
    assert found.deviation == pytest.approx(1.0, rel=0.03)
    assert find(image).number > 0


def test_empty_pixels_are_no_objects_and_hide_none_beside_them() -> None:
    image = noise() + star(80, 100, 50, 4)
    image[:, 110:] = np.nan
    found = find(image)
    assert found.number == 1
    assert found.mask[76:85, 96:105].all()
    assert not found.mask[:, 170:].any()


def test_a_faint_wide_glow_is_found_by_a_wide_kernel_only() -> None:
    image = noise() + star(80, 100, 0.35, 12)
    assert find(image, fwhm=3.0).number == 0
    assert find(image, fwhm=14.0).number == 1


def test_an_image_smoothed_some_rows_at_a_time_is_that_smoothed_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(3).normal(size=(70, 40)).astype(np.float32)
    image[20:40, 10:20] = np.nan
    whole = _smoothed(image, 4.0)
    monkeypatch.setattr("iris_sky._detect._ROWS", 16)
    np.testing.assert_array_equal(_smoothed(image, 4.0), whole)
    assert np.isnan(whole).any()
