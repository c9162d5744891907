"""The pixels around places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_catalog._around import disc, pixels_around, square, stamps_around

GOOD = np.zeros((10, 10), dtype=bool)


def test_a_stamp_is_the_square_around_a_place() -> None:
    image = np.arange(100.0).reshape(10, 10)
    (stamp,) = stamps_around(image, GOOD, np.array([[4.4, 5.6]]), 1)
    assert np.array_equal(stamp, image[5:8, 3:6])


def test_a_stamp_is_nan_outside_of_the_image() -> None:
    (stamp,) = stamps_around(np.ones((10, 10)), GOOD, np.array([[0.0, 9.0]]), 1)
    assert np.isnan(stamp[:, 0]).all()
    assert np.isnan(stamp[2]).all()
    assert np.all(stamp[:2, 1:] == 1)


def test_a_stamp_is_nan_where_the_image_is_bad() -> None:
    bad = GOOD.copy()
    bad[5, 4] = True
    (stamp,) = stamps_around(np.ones((10, 10)), bad, np.array([[5.0, 5.0]]), 1)
    assert np.isnan(stamp).tolist() == [[False] * 3, [True, False, False], [False] * 3]


def test_no_place_has_no_stamp() -> None:
    assert stamps_around(np.ones((10, 10)), GOOD, np.empty((0, 2)), 2).shape == (0, 5, 5)


@given(st.floats(-5, 35), st.floats(-5, 25), st.floats(0, 4), st.floats(0.3, 6))
def test_a_disc_has_all_pixels_between_two_radii(x: float, y: float, hole: float, wide: float) -> None:
    """Those of them that are in the image, once each."""
    shape, radius = (20, 30), hole + wide
    down, across = np.indices(shape)
    away = np.hypot(down - y, across - x)
    (around,) = pixels_around(shape, np.array([[x, y]]), disc(radius, hole))
    seen = around.inside & (np.hypot(around.x, around.y) >= hole) & (np.hypot(around.x, around.y) <= radius)
    assert sorted(around.pixel[seen]) == np.flatnonzero((away >= hole) & (away <= radius)).tolist()
    assert np.hypot(around.x, around.y)[around.inside] == pytest.approx(away.ravel()[around.pixel[around.inside]])


def test_many_places_are_taken_in_parts() -> None:
    places = np.random.default_rng(1).uniform(0, 99, (3000, 2))
    parts = list(pixels_around((100, 100), places, square(5)))
    assert len(parts) > 1
    assert [index for around in parts for index in range(*around.part.indices(3000))] == list(range(3000))
    middle = np.vstack([np.column_stack([around.x[:, 60], around.y[:, 60]]) for around in parts])
    assert np.array_equal(middle + places, np.rint(places))
