"""The clip by known noise: which values of a pixel agree, whatever their errors are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_background import consistent, count_kept, middle
from iris_background._clip import _clipped, bits_of, ordered, sum_kept
from iris_background._frame import Frame
from iris_background._stack import combine


@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4), min_size=1, max_size=19))
def test_a_network_sorts_any_number_of_planes(values: list[list[float]]) -> None:
    planes = np.array(values, dtype=np.float32).reshape(-1, 2, 2)
    np.testing.assert_array_equal(ordered(planes), np.sort(planes, axis=0))


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 13, 31, 100])
def test_planes_with_equal_values_are_sorted(number: int) -> None:
    planes = np.random.default_rng(number).integers(0, 20, (number, 50)).astype(np.float32)
    assert np.array_equal(ordered(planes), np.sort(planes, axis=0))


@pytest.mark.parametrize("number", [1, 2, 5, 8, 16])
def test_between_the_two_in_the_middle_lies_the_median_of_the_values_there_are(number: int) -> None:
    rng = np.random.default_rng(number)
    values = rng.normal(size=(number, 50, 60)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0, np.isnan(values).all(axis=0)] = 1
    low, high = middle(values, count_kept(np.isfinite(values)))
    np.testing.assert_array_equal((low + high) / 2, np.nanmedian(values, axis=0))


def test_values_that_are_kept_are_counted_and_summed_whatever_the_others_are() -> None:
    values = np.array([[1, np.nan], [2, 5], [np.inf, -3]], dtype=np.float32)
    keep = np.array([[True, False], [True, True], [False, True]])
    assert count_kept(keep).tolist() == [2, 2]
    assert sum_kept(values, bits_of(keep)).tolist() == [3, 2]
    assert count_kept(np.ones((300, 2), dtype=bool)).tolist() == [300, 300]


def test_the_middle_of_what_there_is() -> None:
    values = np.array([[3, np.nan, 5], [1, 7, np.nan], [2, 9, np.nan], [4, np.nan, np.nan]], dtype=np.float32)
    low, high = middle(values, np.count_nonzero(np.isfinite(values), axis=0))
    assert low.tolist() == [2, 7, 5]
    assert high.tolist() == [3, 9, 5]


def test_pixels_without_a_value_have_no_middle() -> None:
    low, high = middle(np.full((3, 2), np.nan, dtype=np.float32), np.zeros(2, dtype=int))
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize(
    ("values", "relative", "kept"),
    [
        ([7, 0, -1], (1, 4, 16), [1, 1, 1]),  # within 4 standard deviations of the value in the middle
        ([1000, 0, -1], (1, 4, 16), [0, 1, 1]),
        ([7, 0, -1], (1, 1, 1), [0, 1, 1]),
        ([0, 50], (1, 1), [1, 0]),  # of two the lower one
        ([0, 50], (1, 400), [1, 1]),
        ([0, 0, 50, 50], (1, 1, 1, 1), [1, 1, 0, 0]),  # of two halves the lower one
        ([0, np.nan, np.nan], (1, 1, 1), [1, 0, 0]),
    ],
)
def test_which_values_agree(values: list[float], relative: tuple[float, ...], kept: list[int]) -> None:
    variances = np.array(relative, dtype=np.float32)
    tolerance = 4 * np.sqrt(variances)[:, np.newaxis]
    found = consistent(np.array(values, dtype=np.float32)[:, np.newaxis], tolerance, variances)
    assert found.ravel().astype(int).tolist() == kept


def noise(errors: tuple[float, ...], rng: np.random.Generator, side: int) -> list[Frame]:
    shape = (side, side)
    none = np.zeros(shape, dtype=np.uint32)
    drawn = [(50 + error * rng.standard_normal(shape)).astype(np.float32) for error in errors]
    variances = [np.full(shape, error**2, dtype=np.float32) for error in errors]
    return [Frame(data, none, (variance,)) for data, variance in zip(drawn, variances, strict=True)]


@pytest.mark.parametrize(
    "errors",
    [
        *[(1,) * number for number in (2, 3, 4, 5)],
        *[(1, 4), (1, 2, 4), (4, 4, 1), (1, 2, 4, 8), (1, 4, 4, 4), (1, 2, 3, 4, 5), (1, 4, 4, 4, 4)],
    ],
)
def test_errors_are_true_and_good_values_stay(errors: Any) -> None:
    """Pulls of 1.00, and no more is clipped than 4 standard deviations of equal values clip: 0.04 % of three."""
    stack = combine(noise(errors, np.random.default_rng(1), 400), 4.0)
    assert stack.variance is not None
    pulls = (stack.mean - 50) / np.sqrt(stack.variance)
    assert np.std(pulls) == pytest.approx(1, abs=0.006)
    assert abs(np.mean(pulls)) < 0.011
    assert max(stack.rejected) < 1e-3
    assert np.sqrt(np.mean(stack.variance)) == pytest.approx(np.sqrt(np.sum(np.square(errors))) / len(errors), rel=1e-3)


@pytest.mark.parametrize("errors", [(1, 2, 4), (4, 4, 1), (1, 2, 4, 8)])
def test_rays_are_clipped_among_unequal_errors(errors: Any) -> None:
    frames = noise(errors, np.random.default_rng(2), 300)
    for frame in frames:
        frame.data[:, ::10] += 20 * max(errors) * (frame is frames[0])
    stack = combine(frames, 4.0)
    assert np.abs(stack.mean - 50).max() < 6 * max(errors)
    assert stack.rejected[0] == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("alike", [True, False])
def test_where_all_are_near_each_other_the_median_need_not_be_known(number: int, alike: bool) -> None:
    """What is kept is the same with it, whether values are near or far, missing, or of several variances."""
    rng = np.random.default_rng(number)
    values = (rng.normal(size=(number, 400, 20)) * rng.choice([0.5, 2], (400, 20))).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    relative = np.ones(number, dtype=np.float32) if alike else rng.uniform(0.5, 4, number).astype(np.float32)
    tolerance = np.broadcast_to(2 * np.sqrt(relative)[:, np.newaxis, np.newaxis], values.shape)
    flat = values.reshape(number, -1)
    expected = _clipped(flat, tolerance.reshape(number, -1), relative).reshape(values.shape)
    np.testing.assert_array_equal(consistent(values, tolerance, relative), expected)
    assert number < 3 or (0 < (np.isfinite(values) & ~expected).sum() < expected.sum())
