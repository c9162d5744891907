"""What counts as a source."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import noise

from iris_destripe._sources import find_sources, robust_spread

SHAPE = (400, 300)


def known(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.ones(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [SHAPE, (61, 47), (3, 5)])
def test_little_of_pure_noise_is_taken_for_sources(shape: tuple[int, int]) -> None:
    """0.3 % of single pixels are beyond 3 sigma, and about as many of each size of squares."""
    assert find_sources(noise(shape, 1), known(shape), 3, (1,), 1, True).mean() < 0.05


def test_a_single_pixel_is_found() -> None:
    residual = np.zeros(SHAPE, dtype=np.float32)
    residual[100, 50] = 5
    assert find_sources(residual, known(), 3, (1,), 1, False)[100, 50]


@pytest.mark.parametrize(("level", "size"), [(1.0, 16), (0.3, 48)])
def test_an_extended_source_below_the_noise_of_its_pixels_is_found(level: float, size: int) -> None:
    residual = noise(SHAPE, 2)
    inside = (slice(200, 200 + size), slice(100, 100 + size))
    residual[inside] += level
    assert find_sources(residual, known(), 3, (1,), 1, False)[inside].mean() > 0.8


def test_what_is_too_low_counts_only_where_asked() -> None:
    residual = noise(SHAPE, 3)
    residual[200:240, 100:140] -= 2
    assert find_sources(residual, known(), 3, (1,), 1, False)[205:235, 105:135].mean() < 0.05
    assert find_sources(residual, known(), 3, (1,), 1, True)[205:235, 105:135].mean() > 0.95


def test_the_limit_follows_noise_that_is_larger_than_its_errors_say() -> None:
    assert find_sources(3 * noise(SHAPE, 4), known(), 3, (1,), 1, True).mean() < 0.05


def test_rounding_errors_are_no_sources() -> None:
    residual = np.zeros(SHAPE, dtype=np.float32)
    residual[::7, ::3] = 1e-6
    assert not find_sources(residual, known(), 3, (1,), 1e-5, True).any()


def test_squares_of_unknown_pixels_are_not_judged() -> None:
    there, residual = known(), noise(SHAPE, 5)
    there[:, 100:200] = residual[:, 100:200] = 0
    assert not find_sources(residual, there, 3, (1,), 1, True)[:, 120:180].any()


def test_the_spread_is_that_of_most_values() -> None:
    values = noise((1000, 300), 6) * 2 + 5
    values[:100] = 1e6
    assert robust_spread(values) == pytest.approx(2.28, abs=0.05)
    assert robust_spread(values[100:]) == pytest.approx(2, abs=0.03)


def test_the_spread_of_nothing_is_one() -> None:
    assert robust_spread(np.zeros(0, dtype=np.float32)) == 1
