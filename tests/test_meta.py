"""Windows of a detector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_core import InputError, Window

sizes = st.integers(1, 30)


@given(st.integers(1, 50), st.integers(1, 50), sizes, sizes, st.data())
def test_a_window_inside_another_is_cut_where_it_lies(
    x: int, y: int, width: int, height: int, data: st.DataObject
) -> None:
    """The pixels of the inner window are those that the whole detector has there."""
    outer = Window(x, y, width, height)
    inner_x, inner_y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    inner_width, inner_height = data.draw(st.integers(1, width - inner_x)), data.draw(st.integers(1, height - inner_y))
    inner = Window(x + inner_x, y + inner_y, inner_width, inner_height)
    detector = np.arange(100 * 100).reshape(100, 100)
    held = detector[y - 1 : y - 1 + height, x - 1 : x - 1 + width]
    truth = detector[inner.ystart - 1 :, inner.xstart - 1 :][:inner_height, :inner_width]
    assert np.array_equal(held[inner.slices_in(outer)], truth)


@pytest.mark.parametrize("inner", [Window(1, 1, 3, 2), Window(2, 1, 3, 1), Window(0, 1, 2, 1), Window(1, 3, 1, 1)])
def test_a_window_that_sticks_out_is_refused_with_both(inner: Window) -> None:
    outer = Window(1, 1, 3, 1)
    with pytest.raises(InputError, match="is not inside 3 x 1 pixels from column 1, row 1"):
        inner.slices_in(outer)


def test_a_window_speaks_of_columns_and_rows() -> None:
    assert str(Window(11, 21, 4, 5)) == "4 x 5 pixels from column 11, row 21"
    assert Window(11, 21, 4, 5).shape == (5, 4)
