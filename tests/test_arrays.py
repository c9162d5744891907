"""Planes without memory, errors from their components, and blocks of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

from iris_core import DQ, arrays, blank_plane, row_blocks, variance_of_mean
from iris_core.arrays import mask_together, root_of_sum


@pytest.mark.parametrize("shape", [(4096, 4096), (10, 4096, 4096), (0, 3)])
@pytest.mark.parametrize(("dtype", "value"), [(np.float32, np.nan), (np.uint32, 0), (np.int16, 0)])
def test_a_blank_plane_has_shape_type_and_value_and_takes_no_memory(
    shape: tuple[int, ...], dtype: Any, value: float
) -> None:
    plane = blank_plane(shape, dtype)
    assert (plane.shape, plane.dtype, plane.strides) == (shape, dtype, (0,) * len(shape))
    assert plane.base is not None
    assert plane.base.size == 1
    assert_array_equal(plane[..., :1, :1], value)


def test_a_blank_plane_is_float32_where_nothing_else_is_asked_for_and_read_only() -> None:
    plane = blank_plane((2, 2))
    assert plane.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        plane[0, 0] = 1


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (600, 1000), (3, 5, 4), (2, 600, 1000), (1, 10_000_000), (0, 3)])
def test_blocks_of_rows_cover_every_pixel_once(shape: tuple[int, ...]) -> None:
    count = np.zeros(shape, dtype=np.uint8)
    for block in row_blocks(shape):
        count[block] += 1
    assert (count == 1).all()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 30))
def test_a_block_is_whole_rows_of_one_image_and_no_larger_than_asked(rows: int, columns: int, pixels: int) -> None:
    plane = np.zeros((2, rows, columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK_PIXELS", pixels)
        shapes = [plane[block].shape for block in row_blocks(plane.shape)]
    assert all(len(shape) == 2 and shape[1] == columns for shape in shapes)
    assert all(shape[0] == 1 or shape[0] * columns <= pixels for shape in shapes)
    assert len(shapes) == 2 * -(-rows // max(1, pixels // columns))


@given(st.lists(npst.arrays(np.float32, (2, 3), elements=st.floats(0, 1e6, width=32)), min_size=1, max_size=4))
def test_the_error_is_the_root_of_the_sum_and_the_components_stay_as_they_are(planes: list[Any]) -> None:
    before = [plane.copy() for plane in planes]
    error = root_of_sum(planes)
    assert error.dtype == np.float32
    assert_allclose(error, np.sqrt(np.sum(before, axis=0, dtype=np.float64)), rtol=1e-6)
    assert_array_equal(planes, before)


def test_a_mean_has_less_of_what_is_new_in_each_value_and_all_of_what_they_share() -> None:
    variance, share = np.array([[4.0], [4.0], [np.nan]], dtype=np.float32), np.array([[0.5], [0.5], [0.0]])
    assert variance_of_mean(variance, share, common=False) == 2
    assert variance_of_mean(variance, share, common=True) == 4


@pytest.mark.parametrize("writable", [True, False])
def test_planes_are_masked_in_place_where_they_can_be_written_to_and_copied_elsewhere(writable: bool) -> None:
    dq = np.array([[DQ.DO_NOT_USE, DQ.HOT, 0, 0]], dtype=np.uint32)
    data = np.array([[1, 2, np.inf, 4]], dtype=np.float32)
    variance = np.array([[1, 2, 3, 4]], dtype=np.float32)
    before = [plane.copy() for plane in (dq, data, variance)]
    for plane in (dq, data, variance):
        plane.flags.writeable = writable
    flags, planes = mask_together(dq, [data, variance])
    assert_array_equal(flags, [[DQ.DO_NOT_USE, DQ.HOT, DQ.DO_NOT_USE, 0]])
    assert_array_equal(planes, [[[np.nan, 2, np.nan, 4]]] * 2)
    for new, plane, old in zip((flags, *planes), (dq, data, variance), before, strict=True):
        assert (new is plane) == writable
        assert_array_equal(plane, new if writable else old)


def test_what_is_masked_already_is_returned_as_it_is() -> None:
    dq, data = np.array([[1, 0]], dtype=np.uint32), np.array([[np.nan, 1]], dtype=np.float32)
    dq.flags.writeable = data.flags.writeable = False
    flags, planes = mask_together(dq, [data])
    assert flags is dq
    assert planes[0] is data
