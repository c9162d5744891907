"""The robust weighted mean: closed forms, outliers, honest errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_photom_stars._robust import combine, combine_scaled

BOTH = pytest.mark.parametrize("mean_of", [combine, combine_scaled])


def test_values_that_agree_within_their_errors_have_the_weighted_mean() -> None:
    """(1/1 + 2/4) / (1/1 + 1/4) = 1.2, and its error is 1 / sqrt(1.25)."""
    mean = combine_scaled(np.array([1.0, 2.0]), np.array([1.0, 2.0]), 3.0)
    assert mean.value == pytest.approx(1.2)
    assert mean.error == pytest.approx(1.25**-0.5)
    assert mean.intrinsic == 0
    assert mean.used.all()


def test_values_that_scatter_beyond_their_errors_have_an_intrinsic_scatter() -> None:
    """With equal errors the most probable one makes error^2 + intrinsic^2 the variance of the values."""
    values, errors = np.random.default_rng(1).normal(25.0, 0.1, 200), np.full(200, 0.01)
    mean = combine(values, errors, 9.0)
    assert mean.value == pytest.approx(values.mean())
    assert mean.intrinsic**2 + 0.01**2 == pytest.approx(np.var(values, ddof=1), rel=0.02)
    assert mean.error == pytest.approx(np.std(values, ddof=1) / 200**0.5, rel=0.02)
    assert mean.scatter == pytest.approx(np.std(values, ddof=1))


def test_few_values_leave_the_intrinsic_scatter_open_and_the_error_says_so() -> None:
    """Three values that agree by chance do not prove that there is none."""
    agreeing, errors = np.array([1.0, 1.01, 0.99]), np.full(3, 0.05)
    assert combine(agreeing, errors, 3.0).error > 0.05 / 3**0.5
    many = np.tile(agreeing, 100)
    assert combine(many, np.full(300, 0.05), 3.0).error == pytest.approx(0.05 / 300**0.5, rel=0.02)


def test_errors_that_are_too_small_are_scaled() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    mean = combine_scaled(values, np.full(4, 0.1), 3.0)
    assert mean.value == pytest.approx(2.5)
    assert mean.error == pytest.approx(np.std(values, ddof=1) / 2)


def test_a_contaminated_faint_value_costs_little_where_errors_are_scaled() -> None:
    """A factor on all errors leaves the weights alone; a scatter common to all would make them equal."""
    values, errors = np.array([1.0, 1.001, 0.999, 1.25]), np.array([0.001, 0.001, 0.001, 0.1])
    mean = combine_scaled(values, errors, 3.0)
    assert mean.value == pytest.approx(1.0, abs=1e-4)
    assert mean.error < 0.001


@BOTH
def test_outliers_are_left_out(mean_of) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(25.0, 0.01, 40)
    values[::5] += 0.5
    mean = mean_of(values, np.full(40, 0.01), 3.0)
    assert np.array_equal(~mean.used, np.arange(40) % 5 == 0)
    assert abs(mean.value - 25.0) < 3 * mean.error


@BOTH
def test_a_single_value_is_its_own_mean(mean_of) -> None:
    mean = mean_of(np.array([25.0]), np.array([0.02]), 3.0)
    assert (mean.value, mean.error, mean.scatter) == pytest.approx((25.0, 0.02, 0.0))


@BOTH
def test_values_without_errors_have_equal_weights(mean_of) -> None:
    mean = mean_of(np.array([1.0, 2.0, 3.0]), np.zeros(3), 3.0)
    assert mean.value == pytest.approx(2.0)
    assert mean.error >= 3**-0.5 * 0.999


@pytest.mark.parametrize("errors", [np.geomspace(0.002, 0.05, 30), np.full(30, 0.01), np.full(8, 0.01)])
@pytest.mark.parametrize("intrinsic", [0.0, 0.005, 0.05])
def test_the_error_is_true_or_cautious_over_many_realisations(intrinsic: float, errors: np.ndarray) -> None:
    """(mean - truth) / error has a standard deviation of 1; a little less where the scatter cannot be told from 0."""
    rng = np.random.default_rng(20261126)
    number = len(errors)
    found = [combine(25 + np.hypot(errors, intrinsic) * rng.standard_normal(number), errors, 4) for _ in range(1000)]
    pulls = np.array([(one.value - 25) / one.error for one in found])
    assert 0.75 < pulls.std() < 1.1
    assert pulls.mean() == pytest.approx(0.0, abs=0.1)


measured = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(1e-3, 1.0)), min_size=1, max_size=30
).map(lambda pairs: np.array(pairs).T)  # fmt: skip


@BOTH
@given(stars=measured, shift=st.floats(-30, 30))
def test_the_mean_moves_with_its_values_and_lies_among_them(mean_of, stars: np.ndarray, shift: float) -> None:
    values, errors = stars
    mean = mean_of(values, errors, 3.0)
    moved = mean_of(values + shift, errors, 3.0)
    assert values[mean.used].min() - 1e-9 <= mean.value <= values[mean.used].max() + 1e-9
    assert mean.error > 0
    if np.array_equal(mean.used, moved.used):
        assert moved.value == pytest.approx(mean.value + shift, abs=1e-5)
