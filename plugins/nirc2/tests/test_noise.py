"""The errors of a frame are those that two frames of one scene show, in every sampling mode, rows included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_nirc2 import read_exposure
from iris_nirc2._linearity import linear_counts, slope
from iris_nirc2._noise import measure_read_variance, shot_variance

from iris_core import Doubles, Exposure

pytestmark = pytest.mark.slow

GAIN, SIZE = 4.84, 512
Random = np.random.Generator


def response(rng: Random) -> Doubles:
    """Return a flat with the scatter of NIRC2's, and outputs that take turns and differ by 2 %."""
    return rng.normal(1, 0.014, (SIZE, SIZE)) * (1 + 0.01 * (np.arange(SIZE) % 8 >= 4))[:, None]


def stars(rng: Random, count: int) -> Doubles:
    """Return stars of 3 pixels FWHM, up to 3000 DN in the peak."""
    y, x = np.mgrid[-12:13, -12:13]
    spot = np.exp(-(x**2 + y**2) / (2 * 1.27**2))
    image = np.zeros((SIZE + 24, SIZE + 24))
    for row, column, peak in zip(*rng.integers(0, SIZE, (2, count)), 3000 * rng.random(count) ** 4, strict=True):
        image[row : row + 25, column : column + 25] += peak * spot
    return image[12:-12, 12:-12]


def raw(rng: Random, light: Doubles, pixel: float, row: float) -> Doubles:
    """Return noisy counts, DN, with the noise of a pixel and the offset of a row in its quadrant."""
    offsets = np.kron(rng.normal(0, row, (SIZE, 2)), np.ones((1, SIZE // 2)))
    return light + offsets + rng.normal(0, pixel, light.shape)


def read_frame(make_frame: Any, counts: Doubles, name: str = "n0031", **keywords: Any) -> Exposure:
    exposure = read_exposure(make_frame(np.rint(counts), f"{name}.fits", **keywords), True, "")
    assert exposure is not None
    return exposure


def pulls(first: Exposure, second: Exposure) -> Doubles:
    """Return the difference of two frames over its stated error, where neither has a bright star."""
    assert first.err is not None
    assert second.err is not None
    dark = first.data + second.data < 2 * np.median(first.data) + 7 * np.median(first.err)
    difference = (first.data - second.data) / np.hypot(first.err, second.err)
    return np.asarray(difference[dark], dtype=np.float64)


@pytest.mark.parametrize("level", [5.0, 120.0])
@pytest.mark.parametrize(
    ("sampmode", "multisam", "coadds", "pixel", "row"),
    [
        (1, 1, 1, 15.0, 8.0),
        (2, 1, 1, 9.5, 6.0),
        (2, 1, 1, 15.0, 0.0),
        (2, 1, 50, 80.0, 60.0),
        (3, 4, 1, 7.0, 3.0),
        (3, 16, 1, 4.0, 2.0),
    ],
)
def test_the_errors_of_faint_frames_are_true_in_every_sampling_mode(
    make_frame: Any, bend: Any, sampmode: int, multisam: int, coadds: int, pixel: float, row: float, level: float
) -> None:
    """Within 5 %, although the rows are offset, the noise is not the documented one and there are stars."""
    rng = np.random.default_rng(sampmode * 100 + multisam)
    light = response(rng) * (level * (coadds if level > 50 else 1) ** 0.5 + stars(rng, 60))
    keywords = {"SAMPMODE": sampmode, "MULTISAM": multisam, "COADDS": coadds}
    first, second = (
        read_frame(
            make_frame, raw(rng, bend(rng.poisson(light * GAIN) / GAIN / coadds) * coadds, pixel, row), name, **keywords
        )
        for name in "ab"
    )
    assert pulls(first, second).std() == pytest.approx(1.0, abs=0.05)


def test_each_quadrant_has_its_own_read_noise(make_frame: Any) -> None:
    rng = np.random.default_rng(4)
    truth = np.array([[10.0, 14.0], [20.0, 12.0]])
    exposure = read_frame(make_frame, rng.normal(0, np.kron(truth, np.ones((SIZE // 2, SIZE // 2)))), SAMPMODE=2)
    measured = np.sqrt(exposure.variance["rnoise"][:: SIZE // 2, :: SIZE // 2]) * 80
    assert measured == pytest.approx(truth, rel=0.03)
    assert exposure.notes[0].endswith("documented: 15.0")


@pytest.mark.parametrize("level", [1000.0, 5800.0, 11000.0])
def test_where_the_light_drowns_it_the_documented_read_noise_is_used(make_frame: Any, bend: Any, level: float) -> None:
    """The response of the pixels scatters more than they are read: within 3 % the errors are true all the same."""
    rng = np.random.default_rng(9)
    light = response(rng) * level
    first, second = (
        read_frame(
            make_frame, raw(rng, bend(rng.poisson(light * GAIN) / GAIN), 3.75, 2.0), name, SAMPMODE=3, MULTISAM=16
        )
        for name in "ab"
    )
    assert np.allclose(first.variance["rnoise"] * 80**2, 3.75**2)
    assert pulls(first, second).std() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("level", [250.0, 500.0, 1000.0])
@pytest.mark.parametrize("pixel", [9.5, 15.0, 25.0])
def test_between_both_the_errors_are_true_within_ten_percent(
    make_frame: Any, bend: Any, level: float, pixel: float
) -> None:
    """CDS with the read noise that others publish, 38 electrons, ours, and much more, as the light takes over."""
    rng = np.random.default_rng(10)
    light = response(rng) * level
    first, second = (
        read_frame(make_frame, raw(rng, bend(rng.poisson(light * GAIN) / GAIN), pixel, 3.0), name, SAMPMODE=2)
        for name in "ab"
    )
    assert pulls(first, second).std() == pytest.approx(1.0, abs=0.10)


@pytest.mark.parametrize("scatter", [0.0, 40.0])
def test_what_cannot_be_read_noise_is_not_taken_for_it(scatter: float) -> None:
    """A constant frame, or one full of structure: the documented variance, 3.75 DN squared."""
    counts = np.random.default_rng(2).normal(0, scatter, (256, 256)).astype(np.float32)
    assert np.all(measure_read_variance(counts, np.zeros_like(counts), 0.014, 14.0) == 14.0)


def test_small_windows_are_not_measured() -> None:
    counts = np.random.default_rng(2).normal(0, 4, (190, 190)).astype(np.float32)
    assert np.all(measure_read_variance(counts, np.zeros_like(counts), 0.014, 14.0) == 14.0)


def test_linear_counts_are_those_of_the_published_polynomial() -> None:
    counts = np.array([-100.0, 0.0, 1000.0, 10000.0, 18000.0, 30000.0])
    at_saturation = 1.001 - 6.9e-6 * 18000 - 0.7e-10 * 18000**2
    expected = [
        -100 / 1.001,
        0.0,
        1000 / (1.001 - 6.9e-3 - 0.7e-4),
        10000 / (1.001 - 6.9e-2 - 0.7e-2),
        18000 / at_saturation,
        30000 / at_saturation,
    ]
    assert linear_counts(counts) == pytest.approx(np.array(expected), rel=1e-6)


def test_the_slope_is_that_of_the_linear_counts() -> None:
    counts = np.linspace(1, 17000, 50)
    numeric = (linear_counts(counts + 0.5) - linear_counts(counts - 0.5)) / 1.0
    assert slope(counts) == pytest.approx(numeric, rel=1e-5)


def test_shot_noise_is_that_of_each_coadd() -> None:
    """The sum of 4 coadds of 2000 DN has 4 times the variance of one, and not that of 8000 DN in one coadd."""
    one, four, single = (
        float(shot_variance(np.full((1, 1), counts, dtype=np.float32), GAIN, coadds)[0, 0])
        for counts, coadds in ((2000, 1), (8000, 4), (8000, 1))
    )
    assert four == pytest.approx(4 * one, rel=1e-6)
    assert single < 0.92 * four
