"""Which pixels tell the level of a sky, and what the clip goes by."""

from __future__ import annotations

import numpy as np
import pytest
from iris_sky._level import Levels, Sample, measure_levels, take_sample, thin_out
from iris_testkit import make_exposure

from iris_core import DQ, Exposures, InputError


def skies(*levels: float, deviation: float = 1.0, pixels: int = 20_000) -> Sample:
    """Return skies whose errors say 1, and whose noise is `deviation`."""
    noise = np.random.default_rng(4).normal(scale=deviation, size=(len(levels), pixels))
    data = (np.array(levels)[:, np.newaxis] + noise).astype(np.float32)
    return Sample(data, np.ones(data.shape, dtype=np.float32), 1)


def test_every_so_many_rows_and_columns_of_the_good_pixels_are_looked_at() -> None:
    exposure = make_exposure((9, 12), value=np.arange(108.0).reshape(9, 12), poisson=2.0, rnoise=1.0)
    bad = np.zeros((9, 12), dtype=bool)
    bad[3, 6] = True
    values, variance = thin_out(exposure.flag(bad, DQ.DEAD | DQ.DO_NOT_USE), step=3)
    assert variance is not None
    np.testing.assert_array_equal(values, [0, 3, 6, 9, 36, 39, np.nan, 45, 72, 75, 78, 81])
    np.testing.assert_array_equal(variance, np.where(np.isnan(values), np.nan, 3))


def test_errors_that_all_exposures_share_do_not_clip() -> None:
    exposure = make_exposure((6, 6), poisson=2.0, rnoise=1.0).add_variance("flat", np.full((6, 6), 50.0))
    variance = thin_out(exposure, step=1)[1]
    assert variance is not None
    assert np.nanmax(variance) == pytest.approx(3.0)
    assert thin_out(exposure.replace(variance={}), step=1)[1] is None


def test_large_exposures_are_thinned_out_evenly_to_a_quarter_of_a_million_pixels() -> None:
    plain = Exposures.of([make_exposure((1500, 1500), value=1.0)] * 2)
    sample = take_sample(plain)
    assert sample.step == 3
    assert sample.data.shape == (2, 250_000)


def test_errors_of_zero_are_unknown_ones_and_an_exposure_without_a_valid_pixel_is_refused_by_name() -> None:
    exposure = make_exposure((8, 8), value=5.0, poisson=1.0, seed=1)
    zero = exposure.replace(variance={"poisson": np.zeros((8, 8), dtype=np.float32)})
    assert take_sample(Exposures.of([exposure, zero])).variance is None
    bad = exposure.flag(np.ones((8, 8), dtype=bool), DQ.DO_NOT_USE)
    with pytest.raises(InputError, match="b has no valid pixel"):
        measure_levels(take_sample(Exposures.of([exposure, bad, exposure])), "offset", "abc")


def test_masked_pixels_tell_no_level() -> None:
    sample = skies(100.0, 110.0)
    sample.data[:, :15_000] += np.linspace(0, 500, 15_000, dtype=np.float32)
    masked = np.arange(20_000) < 15_000
    levels = measure_levels(sample.without([masked, masked]), "offset", "ab").values
    assert levels == pytest.approx([100, 110], abs=0.05)


@pytest.mark.parametrize(("deviation", "inflation"), [(0.5, 1.0), (1.0, 1.0), (2.0, 2.0), (3.5, 3.5)])
def test_errors_that_are_too_small_widen_the_clip_and_too_large_ones_stay(deviation: float, inflation: float) -> None:
    found = measure_levels(skies(100.0, 101.0, 99.0, deviation=deviation), "offset", "abc")
    assert found.known
    assert found.inflation == pytest.approx(inflation, rel=0.03)


def test_the_clip_is_told_the_level_of_the_exposure_and_weighs_the_others_alike() -> None:
    found = measure_levels(skies(100.0, 120.0, 80.0), "factor", "abc")
    noise = found.noise(1, [0, 2])
    np.testing.assert_array_equal(noise.weights, [1, 1])
    np.testing.assert_array_equal(noise.drifts, [0, 0])
    assert noise.levels == pytest.approx([found.values[1]] * 2)
    assert (noise.known, noise.deviation, noise.inflation) == (found.known, found.deviation, found.inflation)


@pytest.mark.parametrize("match", ["factor", "offset"])
def test_from_one_exposure_to_another_and_back_nothing_changes(match: str) -> None:
    values = np.array([100.0, 120.0, 80.0])
    kind = "factor" if match == "factor" else "offset"
    levels = Levels(match=kind, values=values, deviation=1.0, inflation=1.0, known=True, pattern=0.0)
    for one in range(3):
        for other in range(3):
            there = values[other] * levels.factor(one, other) + levels.offset(one, other)
            assert there == pytest.approx(values[one])
            assert levels.factor(one, other) * levels.factor(other, one) == pytest.approx(1)
            assert levels.offset(one, other) == -levels.offset(other, one)
