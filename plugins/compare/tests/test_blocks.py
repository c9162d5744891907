"""Large images are made small without losing what matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_compare._blocks import block_size, extreme_of_blocks, largest_of_blocks, mean_of_blocks

IMAGES = arrays(
    np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(-1e6, 1e6) | st.just(np.nan)
)


@pytest.mark.parametrize(("shape", "side"), [((10, 20), 1), ((380, 380), 1), ((100, 381), 2), ((4096, 4096), 11)])
def test_blocks_make_an_image_fit_a_panel(shape: tuple[int, int], side: int) -> None:
    assert block_size(shape) == side


def test_the_mean_is_of_what_has_a_value() -> None:
    image = np.array([[1.0, 3.0, 5.0], [np.nan, 2.0, np.nan], [np.nan, np.nan, 7.0]])
    np.testing.assert_array_equal(mean_of_blocks(image, 2), [[2.0, 5.0], [np.nan, 7.0]])


def test_a_single_pixel_is_not_lost_in_its_block() -> None:
    image = np.full((20, 20), 0.1)
    image[7, 13] = -5.0
    image[0, 0] = np.nan
    reduced = extreme_of_blocks(image, 10)
    np.testing.assert_array_equal(reduced, [[0.1, -5.0], [0.1, 0.1]])


def test_the_worst_kind_of_a_block_is_shown() -> None:
    kinds = np.zeros((5, 4), dtype=np.uint8)
    kinds[4, 3], kinds[0, 1], kinds[1, 0] = 2, 6, 3
    np.testing.assert_array_equal(largest_of_blocks(kinds, 2), [[6, 0], [0, 0], [0, 2]])


@given(IMAGES, st.integers(1, 5))
def test_the_extreme_of_all_blocks_is_that_of_the_image(image: np.ndarray, side: int) -> None:
    reduced = extreme_of_blocks(image, side)
    assert reduced.shape == tuple(-(-size // side) for size in image.shape)
    if np.isfinite(image).any():
        assert np.nanmax(np.abs(reduced)) == np.nanmax(np.abs(image))
    else:
        assert np.isnan(reduced).all()


@given(IMAGES)
def test_blocks_of_one_pixel_are_the_image(image: np.ndarray) -> None:
    for reduce in (mean_of_blocks, extreme_of_blocks):
        np.testing.assert_array_equal(reduce(image, 1), image)
