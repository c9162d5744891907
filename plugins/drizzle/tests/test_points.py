"""Drops laid out as points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import iris_drizzle
import numpy as np
import pytest

Maker = Callable[..., Any]


@pytest.mark.parametrize("size", [1.0, 0.5])
@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_points_lie_where_the_drop_does(scene: Maker, turned: Maker, angle: float, size: float) -> None:
    one = scene(turned(angle, shift=(10.25, 10.75)), grid=(90, 90))
    share, bits = np.zeros(one.shape, np.float32), np.zeros(one.shape, np.uint32)
    pixels, flags = (np.array([20, 0]), np.array([22, 44])), np.array([4, 8], np.uint32)
    iris_drizzle.lay_out(one.mapping, one.image.shape, (0.0, 0.0), pixels, flags, 64, size, share, bits)
    assert share.sum() == 2
    for number, pixel in enumerate([(20, 22), (0, 44)]):
        places = np.argwhere(bits & flags[number])
        parts = [one.part(pixel, (int(row), int(column)), size) for row, column in places]
        assert share[tuple(places.T)] == pytest.approx(parts, abs=0.02)
    assert set(np.unique(bits)) == {0, 4, 8}


def test_points_beside_the_grid_are_left_out(scene: Maker, turned: Maker) -> None:
    one = scene(turned(0.0, shift=(0.0, 0.0)))
    share, bits = np.zeros((5, 6), np.float32), np.zeros((5, 6), np.uint32)
    pixels = np.arange(37), np.arange(37)
    flags = np.ones(37, np.uint32)
    iris_drizzle.lay_out(one.mapping, one.image.shape, (-4.0, -4.0), pixels, flags, 2, 1.0, share, bits)
    assert np.array_equal(share, np.eye(5, 6, dtype=np.float32))
    assert np.array_equal(bits, np.eye(5, 6, dtype=np.uint32))


def test_pixels_beside_the_image_are_refused(scene: Maker, turned: Maker) -> None:
    one, plane = scene(turned(0.0)), np.zeros((5, 5), np.float32)
    with pytest.raises(ValueError, match="pixels: not in the image"):
        iris_drizzle.lay_out(
            one.mapping,
            one.image.shape,
            (0.0, 0.0),
            (np.array([37]), np.array([0])),
            np.array([1], np.uint32),
            1,
            1.0,
            plane,
            np.zeros((5, 5), np.uint32),
        )
