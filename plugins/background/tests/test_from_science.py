"""The background of the exposure itself: a known slope, with stars on it."""

from __future__ import annotations

from typing import Any

import iris_background
import numpy as np
import pytest
from iris_background._frame import Frame
from iris_background._own import background_of
from iris_testkit import make_exposure, run_stage

from iris_core import DQ, Exposure, InputError

SHAPE = (192, 192)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
SLOPE = 100 + 0.05 * ROWS - 0.02 * COLUMNS
STARS = ((60, 70), (110, 130), (140, 60), (80, 120))
SKY = np.min([(ROWS - y) ** 2 + (COLUMNS - x) ** 2 for y, x in STARS], axis=0) > 15**2
SKY[:32] = SKY[-32:] = SKY[:, :32] = SKY[:, -32:] = False


def field(seed: int, nint: int = 0) -> Exposure:
    """Return the slope with noise of 1.2, and four stars of 500 at the peak and a FWHM of 4.7 pixels."""
    rng = np.random.default_rng(seed)
    light = sum(500 * np.exp(-((ROWS - y) ** 2 + (COLUMNS - x) ** 2) / 8) for y, x in STARS)
    exposure = make_exposure(SHAPE, nint=nint)
    noise = np.sqrt(1.5) * rng.normal(size=exposure.data.shape)
    return exposure.replace(data=(SLOPE + light + noise).astype(np.float32))


def calibrate(exposure: Exposure, **params: Any) -> Exposure:
    return run_stage(iris_background, exposure, **{"method": "from_science", "box_size": 32, **params})


@pytest.mark.parametrize("nint", [0, 2])
def test_slope_goes_and_stars_stay(nint: int) -> None:
    result = calibrate(field(1, nint))
    for image in result.data.reshape(-1, *SHAPE):
        assert image[SKY].mean() == pytest.approx(0, abs=0.03)
        assert np.corrcoef(image[SKY], SLOPE[SKY])[0, 1] == pytest.approx(0, abs=0.05)
        for y, x in STARS:
            flux = image[y - 8 : y + 9, x - 8 : x + 9].sum()
            assert flux == pytest.approx(500 * 8 * np.pi, rel=0.01)
    assert set(result.variance) == {"poisson", "rnoise", "background"}
    assert result.notes[0].startswith("smooth background of the exposure itself in boxes of 32 pixels, median 1")


def test_pulls_of_the_empty_sky_are_one() -> None:
    rng = np.random.default_rng(2)
    exposure = make_exposure(SHAPE).replace(data=(50 + np.sqrt(1.5) * rng.normal(size=SHAPE)).astype(np.float32))
    result = calibrate(exposure)
    assert (result.data / result.err).std() == pytest.approx(1.0, abs=0.02)


def test_variance_of_the_background_is_that_of_many_realisations() -> None:
    """Measured over 40 images of pure noise, far from the edges and at them: within a third on average."""
    rng = np.random.default_rng(3)
    none, one = np.zeros(SHAPE, np.uint32), np.ones(SHAPE, np.float32)
    found = [
        background_of(Frame(rng.normal(size=SHAPE).astype(np.float32), none, (one,)), 32, 3.0, "x") for _ in range(40)
    ]
    spread = np.var([data[::16, ::16] for data, _ in found], axis=0).mean()
    assert np.mean([variance.mean() for _, variance in found]) == pytest.approx(spread, rel=0.33)


def test_invalid_pixels_neither_count_nor_come_back() -> None:
    exposure = field(4)
    corner = np.zeros(SHAPE, dtype=bool)
    corner[:40, :40] = True
    data = np.where(corner, np.float32(1e6), exposure.data)
    flagged = exposure.replace(data=data, dq=corner * np.uint32(DQ.DO_NOT_USE))
    result = calibrate(flagged)
    np.testing.assert_array_equal(np.isnan(result.data), corner)
    np.testing.assert_array_equal(np.isnan(result.err), corner)
    assert result.data[SKY & (ROWS > 70) & (COLUMNS > 70)].mean() == pytest.approx(0, abs=0.05)


def test_image_smaller_than_a_box_has_one_background() -> None:
    result = calibrate(make_exposure((20, 20)), box_size=64)
    np.testing.assert_allclose(result.data, 0, atol=1e-5)


def test_exposure_without_sky_is_an_error() -> None:
    exposure = make_exposure(SHAPE).flag(np.ones(SHAPE, dtype=bool), DQ.DO_NOT_USE)
    with pytest.raises(InputError) as raised:
        calibrate(exposure)
    assert all(fact in str(raised.value) for fact in ("x_rate.fits", "50 %", "32 pixels", "box_size"))


def test_background_exposures_that_are_not_used_are_noted() -> None:
    result = run_stage(
        iris_background, field(5), backgrounds=[make_exposure(SHAPE)], method="from_science", box_size=32
    )
    assert "1 background exposures were given and not used: method is from_science" in result.notes
