"""Errors that exposure and backgrounds share, since the same dark and flat were applied to all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import iris_background
import numpy as np
import pytest
from iris_testkit import make_exposure, run_stage

from iris_core import Exposure

DONE = {"S_DARK": "COMPLETE", "S_FLAT": "COMPLETE"}
RELATIVE = 0.01


def calibrated(value: float, name: str = "y.fits", shape: tuple[int, int] = (8, 8), **header: str) -> Exposure:
    """Return an exposure after a dark known to 0.3 and a flat of 1 known to 1 %."""
    exposure = make_exposure(shape, value=value, path=Path(name), header={**DONE, **header})
    return exposure.add_variance("dark", 0.09).add_variance("flat", (value * RELATIVE) ** 2)


def calibrate(exposure: Exposure, *backgrounds: Exposure, **params: Any) -> Exposure:
    return run_stage(iris_background, exposure, backgrounds=backgrounds, **params)


FILES = {"R_DARK": "dark.fits", "R_FLAT": "flat.fits"}


@pytest.mark.parametrize("files", [{}, FILES])
def test_dark_cancels_and_flat_acts_on_the_difference(files: dict[str, str]) -> None:
    """120 - 20: the flat's 1 % are 1.0, not 1.2 and 0.2; the dark's error is in both and goes."""
    backgrounds = [calibrated(20.0, **files) for _ in range(3)]
    result = calibrate(calibrated(120.0, "x.fits", **files), *backgrounds)
    np.testing.assert_array_equal(result.data, 100)
    np.testing.assert_allclose(result.variance["flat"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(result.variance["dark"], 0.0, atol=1e-12)
    np.testing.assert_allclose(result.variance["background"], 0.5, rtol=1e-6)
    np.testing.assert_array_equal(result.variance["poisson"], 1.0)


def test_errors_of_other_files_add_up() -> None:
    backgrounds = [calibrated(20.0, R_DARK="other.fits", R_FLAT="other.fits") for _ in range(3)]
    result = calibrate(calibrated(120.0, "x.fits", R_DARK="dark.fits", R_FLAT="flat.fits"), *backgrounds)
    np.testing.assert_allclose(result.variance["flat"], 1.44, rtol=1e-6)
    np.testing.assert_allclose(result.variance["background"], (1.5 + 0.09 + 0.04) / 3, rtol=1e-6)


def test_the_dark_may_be_another_file_and_the_flat_the_same() -> None:
    """The flat's error acts on the difference; that of one dark is in it, that of the other in the background."""
    backgrounds = [calibrated(20.0, R_DARK="other.fits", R_FLAT="flat.fits") for _ in range(3)]
    result = calibrate(calibrated(120.0, "x.fits", **FILES), *backgrounds)
    np.testing.assert_allclose(result.variance["flat"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(result.variance["dark"], 0.09, rtol=1e-6)
    np.testing.assert_allclose(result.variance["background"], (1.5 + 0.09) / 3, rtol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), [(FILES, {}), ({}, FILES)])
def test_a_file_that_only_one_side_names_is_not_taken_to_be_the_same(
    ours: dict[str, str], theirs: dict[str, str]
) -> None:
    """Unknown is not agreement: taking errors to cancel would make ERR too small."""
    backgrounds = [calibrated(20.0, **FILES), calibrated(20.0, **theirs), calibrated(20.0, **FILES)]
    result = calibrate(calibrated(120.0, "x.fits", **ours), *backgrounds)
    np.testing.assert_allclose(result.variance["flat"], 1.44, rtol=1e-6)
    np.testing.assert_allclose(result.variance["dark"], 0.09, rtol=1e-6)
    np.testing.assert_allclose(result.variance["background"], (1.5 + 0.09 + 0.04) / 3, rtol=1e-6)


def test_errors_that_some_do_not_state_apart_add_up() -> None:
    plain = make_exposure((8, 8), value=20.0, path=Path("z.fits"), header=DONE)
    result = calibrate(calibrated(120.0, "x.fits"), calibrated(20.0), plain)
    np.testing.assert_allclose(result.variance["dark"], 0.09)
    np.testing.assert_allclose(result.variance["background"], (1.5 + 0.09 + 0.04 + 1.5) / 4, rtol=1e-6)


def test_share_of_a_scaled_background_is_scaled() -> None:
    """Half of the dark's error, 0.3, goes with a background that is halved."""
    result = calibrate(calibrated(20.0, "x.fits"), *[calibrated(40.0)] * 3, scale="median")
    np.testing.assert_allclose(result.variance["dark"], 0.15**2, rtol=1e-5)
    np.testing.assert_allclose(result.variance["flat"], 0.0, atol=1e-12)


def test_clipped_value_does_not_share_its_error() -> None:
    """A star of 9000 in one of three backgrounds is clipped, and so is the flat's error of 90 that it has."""
    backgrounds = [calibrated(20.0) for _ in range(3)]
    data, flat = backgrounds[0].data.copy(), backgrounds[0].variance["flat"].copy()
    data[2, 3], flat[2, 3] = 9000, 90**2
    star = backgrounds[0].replace(data=data, variance={**backgrounds[0].variance, "flat": flat})
    result = calibrate(calibrated(120.0, "x.fits"), star, *backgrounds[1:])
    np.testing.assert_allclose(result.variance["flat"], 1.0, rtol=1e-5)
    assert result.variance["background"][2, 3] == pytest.approx(0.75)


@pytest.mark.parametrize("nint", [0, 4])
def test_err_is_true_under_a_bright_sky(nint: int) -> None:
    """A sky of 1000 behind a flat known to 1 %: a pixel's errors of dark and flat are the same in all exposures."""
    rng = np.random.default_rng(9)
    shape = (300, 300)
    dark_error, flat_error, noise = 0.5, 0.009, 2.0
    dark = (0.5 + dark_error * rng.normal(size=shape)).astype(np.float32)
    flat = (0.9 + flat_error * rng.normal(size=shape)).astype(np.float32)

    def observe(truth: float, name: str, nint: int = 0) -> Exposure:
        exposure = make_exposure(shape, nint=nint, path=Path(name), header=DONE)
        raw = 0.9 * truth + 0.5 + noise * rng.normal(size=exposure.data.shape)
        data = ((raw - dark) / flat).astype(np.float32)
        bare = exposure.replace(data=data, variance={"rnoise": np.broadcast_to(noise**2 / flat**2, data.shape)})
        dark_variance, flat_variance = (dark_error / flat) ** 2, (data / flat * flat_error) ** 2
        return bare.add_variance("dark", dark_variance).add_variance("flat", flat_variance)

    result = calibrate(observe(1100, "x.fits"), *(observe(1000, f"y{number}.fits", nint) for number in range(4)))
    pulls = (result.data - 100) / result.err
    assert pulls.std() == pytest.approx(1.0, abs=0.02)
    assert pulls.mean() == pytest.approx(0.0, abs=0.02)
