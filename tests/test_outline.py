"""An outline has shape and type of a plane and takes no memory."""

from __future__ import annotations

import numpy as np
import pytest

from iris_core import blank_plane


@pytest.mark.parametrize("shape", [(4096, 4096), (10, 4096, 4096), (0, 3)])
def test_a_blank_plane_has_its_shape_and_no_pixels(shape: tuple[int, ...]) -> None:
    plane = blank_plane(shape)
    assert plane.shape == shape
    assert plane.strides == (0,) * len(shape)
    assert plane.base is not None
    assert plane.base.size == 1


def test_floats_are_nan_and_integers_zero() -> None:
    assert np.isnan(blank_plane((2, 2))).all()
    assert blank_plane((2, 2)).dtype == np.float32
    assert (blank_plane((2, 2), np.uint32) == 0).all()
    assert blank_plane((2, 2), np.uint32).dtype == np.uint32


def test_nobody_writes_into_an_outline() -> None:
    with pytest.raises(ValueError, match="read-only"):
        blank_plane((2, 2))[0, 0] = 1
