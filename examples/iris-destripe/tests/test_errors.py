"""The variance of the result, compared with the covariance of everything that goes into it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import noise

from iris_destripe._errors import remaining_share, share_of_smooth, variance_of_means, variance_of_others

ROWS, COLUMNS = 4, 6


def propagated(used: np.ndarray, variance: np.ndarray, gains: np.ndarray, axis: int) -> np.ndarray:
    """Return the diagonal of A V A^T, with A the matrix that subtracts parts of means: no formula, only algebra."""
    pixels = np.arange(used.size).reshape(used.shape)
    matrix = np.eye(used.size)
    for line in range(used.shape[1 - axis]):
        here, chosen = np.take(pixels, line, 1 - axis), np.take(used, line, 1 - axis)
        if chosen.any():
            matrix[np.ix_(here, here[chosen])] -= gains[line] / chosen.sum()
    return np.einsum("ij,j,ij->i", matrix, variance.ravel(), matrix).reshape(used.shape)


variances = arrays(np.float32, (ROWS, COLUMNS), elements=st.floats(0.125, 8, width=32))
masks = arrays(np.bool_, (ROWS, COLUMNS))
parts = arrays(np.float32, max(ROWS, COLUMNS), elements=st.floats(0, 1, width=32))


@settings(max_examples=200)
@given(masks, variances, parts, st.sampled_from([0, 1]))
def test_the_variance_is_that_of_the_matrix(
    used: np.ndarray, variance: np.ndarray, part: np.ndarray, axis: int
) -> None:
    gains = part[: used.shape[1 - axis]]
    share = remaining_share(used, gains, axis)
    found = share**2 * variance + variance_of_others(variance, used, gains, axis)
    np.testing.assert_allclose(found, propagated(used, variance, gains, axis), rtol=1e-5)


def test_of_equal_variances_one_part_in_n_goes() -> None:
    """sigma^2 (1 - 1/n), not sigma^2 (1 + 1/n): the pixel is one of those whose mean is subtracted."""
    used, variance = np.ones((ROWS, COLUMNS), dtype=bool), np.full((ROWS, COLUMNS), 3, dtype=np.float32)
    whole = np.ones(ROWS, dtype=np.float32)
    found = remaining_share(used, whole, 1) ** 2 * variance + variance_of_others(variance, used, whole, 1)
    np.testing.assert_allclose(found, 3 * (1 - 1 / COLUMNS), rtol=1e-6)
    used[:, 0] = False
    found = remaining_share(used, whole, 1) ** 2 * variance + variance_of_others(variance, used, whole, 1)
    np.testing.assert_allclose(found[:, 0], 3 * (1 + 1 / (COLUMNS - 1)), rtol=1e-6)


def test_rows_and_then_columns_leave_what_two_way_tables_leave() -> None:
    """sigma^2 (1 - 1/n) (1 - 1/m), as in the analysis of variance of two ways."""
    used, variance = np.ones((ROWS, COLUMNS), dtype=bool), np.full((ROWS, COLUMNS), 2, dtype=np.float32)
    for axis, length in ((1, ROWS), (0, COLUMNS)):
        whole = np.ones(length, dtype=np.float32)
        factor = remaining_share(used, whole, axis) ** 2
        variance = factor * variance + variance_of_others(variance, used, whole, axis)
    np.testing.assert_allclose(variance, 2 * (1 - 1 / ROWS) * (1 - 1 / COLUMNS), rtol=1e-6)


def test_one_pixel_that_moves_takes_its_share_of_the_mean_along() -> None:
    values, used = noise((ROWS, COLUMNS), 1), np.ones((ROWS, COLUMNS), dtype=bool)
    moved = values.copy()
    moved[2, 3] += 1
    change = (moved - moved.mean(axis=1, keepdims=True)) - (values - values.mean(axis=1, keepdims=True))
    assert remaining_share(used, np.ones(ROWS, dtype=np.float32), 1)[2, 3] == pytest.approx(change[2, 3], abs=1e-5)


def test_variance_that_is_not_known_stays_out_of_the_others() -> None:
    used, variance = np.ones((ROWS, COLUMNS), dtype=bool), np.ones((ROWS, COLUMNS), dtype=np.float32)
    variance[1, 2], used[1, 2] = np.nan, False
    found = variance_of_others(variance, used, np.ones(ROWS, dtype=np.float32), 1)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(variance_of_means(variance, used, 1), [1 / 6, 1 / 5, 1 / 6, 1 / 6], rtol=1e-6)


def test_a_row_without_pixels_adds_nothing() -> None:
    used, variance = np.zeros((ROWS, COLUMNS), dtype=bool), np.ones((ROWS, COLUMNS), dtype=np.float32)
    whole = np.ones(ROWS, dtype=np.float32)
    np.testing.assert_array_equal(remaining_share(used, whole, 1), 1)
    np.testing.assert_array_equal(variance_of_others(variance, used, whole, 1), 0)
    np.testing.assert_array_equal(variance_of_means(variance, used, 1), 0)


@pytest.mark.parametrize(("boxes", "lines", "share"), [(8, 1024, 8 / 1016), (1, 2, 1.0), (2, 2, 0.0)])
def test_as_many_numbers_of_the_stripes_stay_as_there_are_boxes(boxes: int, lines: int, share: float) -> None:
    assert share_of_smooth(boxes, lines) == pytest.approx(share)
