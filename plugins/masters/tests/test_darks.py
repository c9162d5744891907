"""Darks of rays and noise: bias, errors, and rays that stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from iris_core import Exposure

LEVEL, SIGMA, RAYS = 0.02, 0.01, 0.01
SIZE = 1024


def with_rays(number: int) -> tuple[list[Any], Any]:
    """Return frames of noise of which 1 % of the pixels are hit, and how often each pixel was."""
    rng = np.random.default_rng(2)
    values = LEVEL + SIGMA * rng.standard_normal((number, SIZE, SIZE))
    hit = rng.random(values.shape) < RAYS
    values[hit] += 10
    return list(values), hit.sum(axis=0)


@pytest.mark.acceptance
@pytest.mark.parametrize("number", [1, 2, 3, 5, 9])
def test_rays_are_gone_and_errors_are_true(
    frames: Callable[..., list[Exposure]], combine: Callable[..., Exposure], number: int
) -> None:
    """What was hit once of three frames or more is right; of two, what was not hit in both."""
    values, hits = with_rays(number)
    made = combine(frames(values, poisson=0.5 * SIGMA**2, rnoise=0.5 * SIGMA**2))
    assert made.err is not None
    kept = np.isfinite(made.data)
    rays = np.abs(made.data - LEVEL) > 1
    lost = {1: RAYS, 2: RAYS**2, 3: 3 * RAYS**2, 5: 10 * RAYS**3, 9: 126 * RAYS**5}[number]
    assert rays.sum() <= 1.2 * lost * SIZE**2 + 5
    assert np.count_nonzero(~kept) < 3e-4 * SIZE**2
    good = kept & ~rays
    pull = (made.data[good] - LEVEL) / made.err[good]
    assert abs(np.mean(made.data[good], dtype=float) - LEVEL) < 2e-4
    assert np.std(pull) == pytest.approx(1, abs=0.02)
    hit_once = good & (hits == 1)
    if number > 2:
        assert hit_once.sum() / np.count_nonzero(hits == 1) > 0.999
        assert np.median(made.err[hit_once]) == pytest.approx(SIGMA / (number - 1) ** 0.5, rel=1e-4)


@pytest.mark.acceptance
@pytest.mark.parametrize(("number", "within"), [(3, 0.004), (4, 0.004), (5, 0.004), (9, 0.004), (20, 0.004)])
@pytest.mark.parametrize("method", ["mean", "median"])
def test_errors_of_noise_alone(
    frames: Callable[..., list[Exposure]],
    combine: Callable[..., Exposure],
    method: str,
    number: int,
    within: float,
) -> None:
    """The clip at 4 sigma costs 0.2 % at three frames, less with more; the factors of the median are exact."""
    rng = np.random.default_rng(number)
    values = list(rng.standard_normal((number, 512, 512)) + 100)
    made = combine(frames(values), method=method, noisy=None)
    assert made.err is not None
    assert np.std((made.data - 100) / made.err) == pytest.approx(1, abs=within)


@pytest.mark.acceptance
def test_of_two_the_lower_one(frames: Callable[..., list[Exposure]], combine: Callable[..., Exposure]) -> None:
    """At 5 sigma sqrt(2) the bias is -2e-6, and the variance 0.500."""
    rng = np.random.default_rng(3)
    made = combine(frames(list(rng.standard_normal((2, 1000, 1000)))), noisy=None)
    assert np.var(made.data, dtype=float) == pytest.approx(0.5, rel=0.005)
    assert abs(np.mean(made.data, dtype=float)) < 4 * 0.7071 / 1000


@pytest.mark.acceptance
def test_weights_make_the_least_error(frames: Callable[..., list[Exposure]], combine: Callable[..., Exposure]) -> None:
    rng = np.random.default_rng(4)
    given = []
    for sigma in (1.0, 2.0, 4.0):
        given += frames([100 + sigma * rng.standard_normal((512, 512))], poisson=sigma**2, rnoise=0.0)
    errors = {}
    for method in ("mean", "wmean"):
        made = combine(given, "science", method=method)
        assert made.err is not None
        assert np.std((made.data - 100) / made.err) == pytest.approx(1, abs=0.01)
        errors[method] = float(np.median(made.err))
    assert errors["mean"] == pytest.approx(21**0.5 / 3, rel=1e-3)
    assert errors["wmean"] == pytest.approx((1 + 1 / 4 + 1 / 16) ** -0.5, rel=1e-3)
