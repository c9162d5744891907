"""Truth of the arithmetic: the clip, medians, modes, local medians, slopes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from iris_masters._combine import Combined, Rule, _combine_clipped, combine, median_factor
from iris_masters._flat import fit_slope, spread
from iris_masters._keep import Clip, agreeing, trimmed_scatter
from iris_masters._level import half_sample_mode, local_median, measure_level, robust_spread, section_slices
from iris_masters._planes import Planes

from iris_core import DQ, InputError

VALUES = st.floats(-100, 100, width=32)


def planes_of(values: Any, variance: Any = 1.0) -> Planes:
    """Return planes of one component; NaN is flagged."""
    data = np.asarray(values, dtype=np.float32)
    dq = np.where(np.isfinite(data), np.uint32(0), np.uint32(DQ.DO_NOT_USE | DQ.DEAD))
    return Planes(list(data), list(dq), {"rnoise": list(np.full_like(data, variance))}, {})


def rule_for(number: int, **options: Any) -> Rule:
    ones = np.ones(number)
    return Rule(**{"levels": ones, "weights": ones, "relative": ones, **options})


def test_known_factors_of_the_median() -> None:
    """By simulation, to 1 %."""
    rng = np.random.default_rng(1)
    for number in (1, 2, 3, 4, 5, 8, 9, 10, 11, 20, 31):
        medians = np.median(rng.normal(size=(number, 200_000)), axis=0)
        assert median_factor(np.array([number]))[0] == pytest.approx(medians.var() * number, rel=0.01)


@settings(max_examples=200, deadline=None)
@given(npst.arrays(np.float32, st.tuples(st.integers(1, 7), st.integers(1, 20)), elements=VALUES))
def test_the_short_way_gives_what_the_long_way_gives(values: Any) -> None:
    """Where nothing is clipped the median is not looked for; what is kept is the same."""
    rule = rule_for(len(values))
    short, long = combine(planes_of(values), rule), _combine_clipped(planes_of(values), rule)
    np.testing.assert_allclose(short.data, long.data, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(short.variance["rnoise"], long.variance["rnoise"], rtol=1e-5)
    assert np.array_equal(short.rejected, long.rejected)


@settings(max_examples=100, deadline=None)
@given(npst.arrays(np.float32, st.tuples(st.integers(2, 7), st.integers(1, 5)), elements=VALUES), st.randoms())
def test_the_result_is_within_the_values_and_of_no_order(values: Any, random: Any) -> None:
    rule = rule_for(len(values))
    made = combine(planes_of(values), rule)
    assert np.all(made.data >= values.min(axis=0) - 1e-4)
    assert np.all(made.data <= values.max(axis=0) + 1e-4)
    order = list(range(len(values)))
    random.shuffle(order)
    np.testing.assert_allclose(combine(planes_of(values[order]), rule).data, made.data, rtol=1e-4, atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(npst.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 9)), elements=VALUES))
def test_something_is_always_kept(values: Any) -> None:
    tolerance = np.full_like(values, 0.5)
    assert agreeing(values, tolerance, np.ones(len(values)), Clip()).any(axis=0).all()


def test_a_good_value_is_not_clipped_for_the_error_of_poor_ones() -> None:
    """Errors of 1, 2, 4: 7 is within 4 errors of the value in the middle, 1000 is not."""
    relative = np.array([1.0, 4.0, 16.0])
    planes = planes_of([[7, 1000], [0, 0], [-1, -1]], relative[:, np.newaxis])
    made = combine(planes, rule_for(3, relative=relative))
    assert made.rejected.tolist() == [1, 0, 0]
    assert made.data.tolist() == pytest.approx([2, -0.5])


def test_levels_and_weights() -> None:
    """Sum of the values over the sum of the levels, at the mean level."""
    planes = planes_of([[10], [40]])
    rule = rule_for(2, levels=np.array([1.0, 3.0]), clip=Clip(sigma=None))
    made = combine(planes, rule)
    assert made.data[0] == pytest.approx(50 / 4 * 2)
    assert made.variance["rnoise"][0] == pytest.approx(2 * 2**2 / 4**2)


def test_one_level_for_the_clip() -> None:
    """10, 20, 30 at levels 1, 2, 3 agree; 99 at level 2 does not."""
    levels = np.array([1.0, 2.0, 3.0])
    rule = rule_for(3, levels=levels, relative=1 / levels**2)
    made = combine(planes_of([[10, 10], [20, 99], [30, 30]]), rule)
    assert made.data.tolist() == pytest.approx([20, 20])
    assert made.rejected.tolist() == [0, 1, 0]


def test_the_scatter_without_the_outermost() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0, 3, size=(20, 20_000)).astype(np.float32)
    values[5, ::2] = 1e6
    found = trimmed_scatter(values, np.isfinite(values))
    assert np.sqrt(np.mean(found[1::2] ** 2)) == pytest.approx(3, rel=0.04)
    assert np.sqrt(np.mean(found[::2] ** 2)) == pytest.approx(3, rel=0.15)
    assert not trimmed_scatter(values[:4], np.isfinite(values[:4])).any()


def test_the_half_sample_mode() -> None:
    """Not the smallest of values that all differ."""
    assert half_sample_mode(np.array([1.0, 5.0, 5.1, 5.3, 9.0, 20.0])) == pytest.approx(5.05)
    assert half_sample_mode(np.array([3.0])) == 3
    assert half_sample_mode(np.array([7, 7, 7, 7, 8, 9, 10])) == 7
    rng = np.random.default_rng(3)
    skew = np.concatenate([rng.normal(10, 1, 60_000), rng.exponential(20, 40_000) + 10])
    assert half_sample_mode(skew) == pytest.approx(10, abs=0.4)
    assert np.median(skew) > 10.7


@settings(max_examples=100, deadline=None)
@given(npst.arrays(np.float64, st.integers(1, 60), elements=VALUES))
def test_the_mode_is_within_the_values(values: Any) -> None:
    assert values.min() - 1e-6 <= half_sample_mode(values) <= values.max() + 1e-6


@pytest.mark.parametrize("statistic", ["mean", "median", "mode"])
def test_the_error_of_a_level(statistic: str) -> None:
    """That of a mode is a rule of thumb; the others are exact for noise alone."""
    rng = np.random.default_rng(4)
    levels = [measure_level(rng.normal(100, 5, 2000), np.full(2000, 25.0), statistic) for _ in range(300)]
    ratio = np.std([one.value for one in levels]) / np.mean([one.error for one in levels])
    assert ratio == pytest.approx(1, rel=0.1 if statistic != "mode" else 0.25)


def test_the_spread_is_that_of_the_core() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(0, 2, 100_000)
    values[:1000] = 1e6
    assert robust_spread(values) == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
    ("section", "wanted"), [("[2:3,1:4]", (slice(0, 4), slice(1, 3))), ("1:1, 2:2", (slice(1, 2), slice(0, 1)))]
)
def test_sections_count_from_1(section: str, wanted: tuple[slice, slice]) -> None:
    assert section_slices(section, (4, 5)) == wanted


@pytest.mark.parametrize("section", ["[0:3,1:4]", "[1:6,1:4]", "[3:2,1:4]", "[1:2]", "all", "[1:5,1:5]"])
def test_what_is_no_section_of_an_image(section: str) -> None:
    with pytest.raises(InputError, match=r"\[1:5,1:4\]"):
        section_slices(section, (4, 5))


def test_the_local_median_at_its_centres() -> None:
    """Every 15th pixel it is the median of 31 x 31, fewer at the edges; NaN does not count."""
    rng = np.random.default_rng(6)
    data = rng.normal(100, 3, size=(61, 91)).astype(np.float32)
    data[25:40, 40:50] = np.nan
    found = local_median(data)
    for row in (0, 15, 30, 60):
        for column in (0, 15, 45, 90):
            around = data[max(0, row - 15) : row + 16, max(0, column - 15) : column + 16]
            assert found[row, column] == pytest.approx(np.nanmedian(around), rel=1e-6)


def test_the_local_median_of_a_plane_is_the_plane() -> None:
    rows, columns = np.mgrid[:100, :80]
    plane = (100 + 0.1 * rows + 0.2 * columns).astype(np.float32)
    inside = (slice(15, -15), slice(15, -15))
    np.testing.assert_allclose(local_median(plane)[inside], plane[inside], rtol=3e-3)
    np.testing.assert_allclose(local_median(plane), plane, rtol=0.03)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 3), (16, 17)])
def test_the_local_median_of_small_images(shape: tuple[int, int]) -> None:
    assert np.all(local_median(np.full(shape, 2, dtype=np.float32)) == 2)


def test_the_local_median_where_all_is_bad() -> None:
    data = np.full((100, 100), 3, dtype=np.float32)
    data[:60, :60] = np.nan
    assert np.all(local_median(data) == 3)


def slope_of(values: Any, levels: Any, **options: Any) -> Combined:
    return fit_slope(planes_of(values), rule_for(len(values), levels=np.array(levels, dtype=float), **options))


def test_the_slope_is_that_of_a_least_squares_fit() -> None:
    rng = np.random.default_rng(7)
    levels = np.array([1.0, 2.0, 4.0, 5.0])
    values = 2 + 3 * levels[:, None] + rng.normal(size=(4, 50))
    wanted = np.polyfit(levels, values, 1)[0] * levels.mean()
    np.testing.assert_allclose(slope_of(values, levels).data, wanted, rtol=1e-5)
    variance = levels.mean() ** 2 / np.sum((levels - levels.mean()) ** 2)
    np.testing.assert_allclose(slope_of(values, levels).variance["rnoise"], variance, rtol=1e-5)


@pytest.mark.parametrize("bad", [0, 1, 2, 3])
def test_a_ray_is_off_the_line_wherever_it_is(bad: int) -> None:
    levels = np.array([10.0, 20.0, 30.0, 40.0])
    values = np.repeat(levels[:, None] + 500, 3, axis=1)
    values[bad, 1] += 60
    made = slope_of(values, levels)
    np.testing.assert_allclose(made.data, 25, rtol=1e-4)
    assert made.rejected.tolist() == [int(number == bad) for number in range(4)]


def test_a_pixel_with_one_value_has_no_slope() -> None:
    nan = np.nan
    made = slope_of([[1, 1, nan], [2, nan, nan], [3, nan, nan]], [1, 2, 3])
    assert np.isfinite(made.data).tolist() == [True, False, False]
    assert made.dq.tolist() == [0, DQ.DO_NOT_USE | DQ.DEAD, DQ.DO_NOT_USE | DQ.DEAD]


def test_the_spread_of_levels() -> None:
    assert spread(np.array([1.0, 2.0, 3.0])) == 1
