"""Means along rows and columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import noise

from iris_destripe._lines import drop_unmeasured, fit_lines, zero_sum

SHAPE = (60, 80)


def weights_of(seed: int, kept: float) -> np.ndarray:
    return (np.random.default_rng(seed).random(SHAPE) < kept).astype(np.float32)


@pytest.mark.parametrize("kept", [1.0, 0.7])
def test_rows_and_columns_are_told_apart_behind_a_mask(kept: float) -> None:
    """A sum of both is reproduced exactly, though a mask makes their means depend on each other."""
    rows, columns, weights = noise(SHAPE[:1], 1), noise(SHAPE[1:], 2), weights_of(3, kept)
    image = rows[:, np.newaxis] + columns
    of_rows, of_columns = fit_lines(image * weights, weights, True, True)
    np.testing.assert_allclose(of_rows[:, np.newaxis] + of_columns, image, atol=2e-3)


def test_a_single_direction_gives_plain_means() -> None:
    values, weights = noise(SHAPE, 4), weights_of(5, 0.8)
    of_rows, none = fit_lines(values * weights, weights, True, False)
    assert of_rows[7] == pytest.approx(values[7][weights[7] > 0].mean(), abs=1e-5)
    assert not none.any()
    none, of_columns = fit_lines(values * weights, weights, False, True)
    assert of_columns[7] == pytest.approx(values[:, 7][weights[:, 7] > 0].mean(), abs=1e-5)
    assert not none.any()


def test_a_row_without_pixels_has_no_offset() -> None:
    weights = weights_of(6, 0.8)
    weights[3] = 0
    assert fit_lines(noise(SHAPE, 7) * weights, weights, True, True)[0][3] == 0


def test_rows_with_too_few_pixels_are_dropped() -> None:
    used = np.ones(SHAPE, dtype=bool)
    used[3, 9:], used[4, 10:] = False, False
    kept = drop_unmeasured(used, np.ones(SHAPE, dtype=bool) & used, True, False, 10)
    assert not kept[3].any()
    assert kept[4].sum() == 10


def test_rows_of_which_less_than_a_quarter_is_sky_are_dropped() -> None:
    used = np.ones(SHAPE, dtype=bool)
    used[3, 19:], used[4, 20:] = False, False
    kept = drop_unmeasured(used, np.ones(SHAPE, dtype=bool), True, False, 10)
    assert not kept[3].any()
    assert kept[4].sum() == 20


def test_a_row_that_is_dropped_may_take_a_column_along() -> None:
    """Column 5 has only row 3 and nine others; row 3 is not measured, so the column is not either."""
    used = np.ones(SHAPE, dtype=bool)
    used[3, 8:] = False
    used[:, 5] = False
    used[:10, 5] = True
    kept = drop_unmeasured(used, used, True, True, 10)
    assert not kept[3].any()
    assert not kept[:, 5].any()
    assert kept.sum() == (SHAPE[0] - 1) * (SHAPE[1] - 1)


finite = st.floats(-1e3, 1e3, width=32)


@given(arrays(np.float32, 9, elements=finite), arrays(np.bool_, 9), arrays(np.int64, 9, elements=st.integers(0, 50)))
def test_the_sum_over_all_pixels_is_zero(offsets: np.ndarray, measured: np.ndarray, pixels: np.ndarray) -> None:
    balanced = zero_sum(offsets, measured, pixels)
    assert np.sum(balanced * pixels, dtype=np.float64) == pytest.approx(0, abs=0.1)
    assert not balanced[~measured].any()
    differences = np.diff(balanced[measured]) - np.diff(offsets[measured])
    if (pixels[measured] > 0).any():
        np.testing.assert_allclose(differences, 0, atol=1e-3)
