"""The clipped mean: how often it rejects good values and how often it misses bad ones, and that its error is true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import iris_background
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_background._frame import Frame
from iris_background._noise import measure_noise
from iris_background._stack import combine
from iris_testkit import make_exposure, run_stage

from iris_core import Exposure

SIGMA = 2.0
SHAPE = (300, 300)


def noisy(rng: np.random.Generator, level: float = 50.0, known: bool = True, sigma: float = SIGMA) -> Frame:
    data = (level + sigma * rng.normal(size=SHAPE)).astype(np.float32)
    parts = (np.full(SHAPE, 0.7 * sigma**2, np.float32), np.full(SHAPE, 0.3 * sigma**2, np.float32))
    return Frame(data, np.zeros(SHAPE, dtype=np.uint32), parts if known else ())


def exposure_of(frame: Frame, name: str) -> Exposure:
    variance = {str(number): plane for number, plane in enumerate(frame.variance)}
    return make_exposure(SHAPE, path=Path(name)).replace(data=frame.data, variance=variance)


@pytest.mark.parametrize("known", [True, False], ids=["errors known", "errors unknown"])
@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 15])
def test_few_good_values_are_rejected_and_no_outlier_of_ten_sigma_is_missed(number: int, known: bool) -> None:
    """3 sigma reject 0.27 % around the truth, up to 0.6 % around the median of three."""
    rng = np.random.default_rng(number)
    frames = [noisy(rng, 50 + number % 3, known) for number in range(number)]
    assert max(combine(frames, 3.0).rejected) < 0.007
    hit = rng.random(SHAPE) < 0.02
    data = frames[0].data + 10 * SIGMA * hit
    stack = combine([Frame(data, frames[0].dq, frames[0].variance), *frames[1:]], 3.0)
    contaminated = np.mean([data, *(frame.data for frame in frames[1:])], axis=0)
    missed = np.isclose(stack.mean[hit], contaminated[hit], rtol=0, atol=1e-3)
    assert missed.mean() < 0.001


@pytest.mark.parametrize(
    ("number", "known"), [(1, True), *((n, known) for n in (2, 3, 4, 5, 8) for known in (True, False))]
)
def test_err_of_the_difference_is_true(number: int, known: bool) -> None:
    """(exposure - background - truth) / err has a standard deviation of 1.00, for any number of backgrounds."""
    rng = np.random.default_rng(number)
    backgrounds = [exposure_of(noisy(rng, 50.0, known), f"y{index}.fits") for index in range(number)]
    exposure = exposure_of(noisy(rng, 150.0), "x.fits")
    result = run_stage(iris_background, exposure, backgrounds=backgrounds)
    pulls = (result.data - 100) / result.err
    assert pulls.std() == pytest.approx(1.0, abs=0.02)
    assert pulls.mean() == pytest.approx(0.0, abs=0.02)


def test_err_is_true_with_background_exposures_of_many_integrations() -> None:
    rng = np.random.default_rng(11)
    backgrounds = []
    for name in ("y0.fits", "y1.fits", "y2.fits"):
        frames = [noisy(rng) for _ in range(4)]
        planes = {str(part): np.stack([frame.variance[part] for frame in frames]) for part in (0, 1)}
        cube = make_exposure(SHAPE, nint=4, path=Path(name))
        backgrounds.append(cube.replace(data=np.stack([frame.data for frame in frames]), variance=planes))
    exposure = exposure_of(noisy(rng, 150.0), "x.fits")
    result = run_stage(iris_background, exposure, backgrounds=backgrounds)
    assert ((result.data - 100) / result.err).std() == pytest.approx(1.0, abs=0.02)


def test_poisson_errors_from_the_data_themselves_do_not_bias_the_mean() -> None:
    """A low value has a small error and a high one a large: a clip by each value's own error would favour the high."""
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(4):
        counts = rng.poisson(20, SHAPE).astype(np.float32)
        data = counts + np.float32(5) * rng.normal(size=SHAPE).astype(np.float32)
        frames.append(Frame(data, np.zeros(SHAPE, np.uint32), (counts, np.full(SHAPE, 25, np.float32))))
    assert combine(frames, 3.0).mean.mean() == pytest.approx(20, abs=0.01 * np.sqrt(45))


def test_exposures_of_unequal_noise_are_clipped_each_by_its_own() -> None:
    rng = np.random.default_rng(4)
    stack = combine([noisy(rng, sigma=sigma) for sigma in (1, 1, 1, 1, 4)], 3.0)
    assert max(stack.rejected) < 0.01


def test_errors_that_are_too_small_do_not_clip_good_values() -> None:
    """The stack scatters 2.5 times as much as its errors say: seen on the whole, so the clip is as wide as needed."""
    rng = np.random.default_rng(5)
    frames = [noisy(rng) for _ in range(5)]
    timid = [Frame(frame.data, frame.dq, (frame.variance[0] * np.float32(0.16 / 0.7),)) for frame in frames]
    assert measure_noise(timid).inflation == pytest.approx(2.5, rel=0.02)
    assert max(combine(timid, 3.0).rejected) < 0.007


def test_scatter_is_measured_where_errors_are_unknown() -> None:
    rng = np.random.default_rng(6)
    frames = [noisy(rng, level, known=False) for level in (50, 51, 52)]
    noise = measure_noise(frames)
    assert not noise.known
    assert noise.deviation == pytest.approx(SIGMA, rel=0.02)
    np.testing.assert_allclose(noise.drifts, [-1, 0, 1], atol=0.05)
    stack = combine(frames, 3.0)
    assert np.median(stack.variance) == pytest.approx(SIGMA**2 / 3, rel=0.04)


def test_one_image_without_errors_has_no_variance() -> None:
    assert combine([noisy(np.random.default_rng(7), known=False)], 3.0).variance is None


values = st.floats(-1e4, 1e4, width=32) | st.just(np.float32(np.nan))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6).flatmap(lambda number: arrays(np.float32, (number, 3, 4), elements=values)))
def test_mean_lies_among_its_values_whatever_they_are(cube: np.ndarray) -> None:
    """Known where a value is valid, between the lowest and the highest, but for the drift of the images."""
    none, one = np.zeros((3, 4), np.uint32), np.ones((3, 4), np.float32)
    stack = combine([Frame(image, none, (one,)) for image in cube], 3.0)
    some = np.isfinite(cube).any(axis=0)
    np.testing.assert_array_equal(np.isfinite(stack.mean), some)
    low, high = np.nanmin(cube[:, some], axis=0), np.nanmax(cube[:, some], axis=0)
    drift = 0 if stack.noise is None else 2 * np.abs(stack.noise.drifts).max()
    room = 1e-5 * np.maximum(np.abs(low), np.abs(high)) + drift
    assert (stack.mean[some] >= low - room).all()
    assert (stack.mean[some] <= high + room).all()
    assert (stack.variance[some] >= 0.999 / len(cube)).all()
    assert (stack.variance[some] <= 1).all()
    assert all(0 <= fraction <= 1 for fraction in stack.rejected)


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("number", [2, 3, 4])
def test_errors_of_zero_are_no_errors(share: float, number: int) -> None:
    """Of an even number of values the lower middle one must not be taken for the sky."""
    rng = np.random.default_rng(number)
    zero = np.zeros(SHAPE, np.float32)
    zero[rng.random(SHAPE) > share] = SIGMA**2
    frames = [replace(noisy(rng), variance=(zero,)).with_known_errors() for _ in range(number)]
    stack = combine(frames, 4.0)
    assert stack.mean.mean() == pytest.approx(50, abs=0.05)
    assert np.median(stack.variance) == pytest.approx(SIGMA**2 / number, rel=0.05)


def test_an_error_of_zero_here_and_there_is_no_measurement() -> None:
    rng = np.random.default_rng(12)
    zero = rng.random(SHAPE) < 0.2
    variance = np.where(zero, np.float32(0), np.float32(SIGMA**2))
    stack = combine([replace(noisy(rng), variance=(variance,)).with_known_errors() for _ in range(4)], 4.0)
    assert stack.mean[zero].mean() == pytest.approx(50, abs=0.05)
    assert np.median(stack.variance[zero]) == pytest.approx(SIGMA**2 / 4, rel=0.01)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_drift_with_the_pattern_of_the_flat_writes_nothing_into_the_sky(number: int) -> None:
    """A sky of 1000 that drifts by 5 % under a flat from 0.8 to 1.2, and hot pixels, in which nothing drifts."""
    rng = np.random.default_rng(number)
    flat = np.linspace(0.8, 1.2, SHAPE[1], dtype=np.float32)
    dark = np.where(rng.random(SHAPE) < 0.01, 20000, 0).astype(np.float32)
    levels = 1000 * np.linspace(0.95, 1.05, number)
    frames = [noisy(rng, 0.0, sigma=3.0) for _ in levels]
    skies = [flat * np.float32(level) + dark for level in levels]
    frames = [replace(one, data=one.data + sky) for one, sky in zip(frames, skies, strict=True)]
    stack = combine(frames, 4.0, proportional=True)
    pulls = (stack.mean - 1000 * flat - dark) / np.sqrt(stack.variance)
    assert max(stack.rejected) < 0.002
    for part in (np.s_[:, :60], np.s_[:, -60:]):
        assert pulls[part].mean() == pytest.approx(0, abs=0.05)
    assert pulls[dark == 0].std() == pytest.approx(1.0, abs=0.02)
