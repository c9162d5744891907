"""Pictures: what is seen in them, and that they fit."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_report._pictures import BAD, Stretch, data_uri, encode, find_stretch, mean_of_blocks, median_of
from PIL import Image

from iris_core import Array


def pixels_of(jpeg: bytes) -> Array:
    return np.asarray(Image.open(BytesIO(jpeg)).convert("RGB"), dtype=int)


@given(rows=st.integers(1, 150), columns=st.integers(1, 150), most=st.integers(4, 60))
def test_means_of_blocks_are_the_means_of_what_is_valid(rows: int, columns: int, most: int) -> None:
    data = np.random.default_rng(rows).random((rows, columns)).astype(np.float32)
    data[::3, ::2] = np.nan
    side = -(-max(rows, columns) // most)
    image = mean_of_blocks(data, most)
    assert image.shape == (-(-rows // side), -(-columns // side))
    assert max(image.shape) <= most
    for row, column in ((0, 0), (image.shape[0] - 1, image.shape[1] - 1)):
        block = data[row * side : (row + 1) * side, column * side : (column + 1) * side]
        expected = np.nanmean(block) if np.isfinite(block).any() else np.nan
        assert image[row, column] == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_of_a_cube_the_first_integration_is_shown() -> None:
    data = np.stack([np.full((30, 30), 1.0), np.full((30, 30), 9.0)]).astype(np.float32)
    assert (mean_of_blocks(data, 10) == 1).all()


def test_the_first_row_is_at_the_bottom_and_what_is_bad_has_its_colour() -> None:
    image = np.zeros((64, 64))
    image[:16] = 1.0
    image[48:, 48:] = np.nan
    shown = pixels_of(encode(image, Stretch(0, 1), 100_000))
    assert shown.shape == (64, 64, 3)
    assert shown[60, 5] == pytest.approx([255, 255, 255], abs=12)
    assert shown[30, 5] == pytest.approx([0, 0, 0], abs=12)
    assert shown[5, 60] == pytest.approx(list(BAD), abs=25)


def test_faint_values_are_brighter_than_on_a_linear_scale() -> None:
    grey = Stretch(10.0, 20.0).grey(np.array([[9.0, 10.0, 11.0, 15.0, 20.0, 30.0, np.nan]]))[0]
    assert grey[0] == grey[1] == grey[6] == 0
    assert grey[4] == grey[5] == 255
    assert 0.1 * 255 < 60 < grey[2] < grey[3] < 255


def test_limits_are_those_of_the_sky_however_bright_a_star_is() -> None:
    image = np.random.default_rng(0).normal(5, 1, (300, 300))
    image[100:110, 100:110] = 1e6
    image[:50] = np.nan
    stretch = find_stretch(image)
    assert -2 < stretch.low < 5 < stretch.high < 20


@pytest.mark.parametrize("value", [np.nan, 0.0, 7.0])
def test_an_image_of_one_value_or_none_has_limits_too(value: float) -> None:
    image = np.full((50, 50), value)
    stretch = find_stretch(image)
    assert stretch.high > stretch.low
    assert pixels_of(encode(image, stretch, 10_000)).shape == (50, 50, 3)
    assert median_of(image) == (0.0 if np.isnan(value) else value)


def test_a_stretch_moves_to_another_sky_and_another_unit() -> None:
    assert Stretch(-1.0, 4.0).at(99.0) == Stretch(99.0, 104.0)
    assert Stretch(-1.0, 4.0).at(99.0, factor=3.0) == Stretch(99.0, 114.0)


@pytest.mark.parametrize("budget", [60_000, 8_000, 1_500, 100])
def test_a_picture_of_noise_fits_its_budget(budget: int) -> None:
    image = np.random.default_rng(0).normal(size=(512, 512))
    jpeg = encode(image, find_stretch(image), budget)
    assert len(jpeg) <= max(budget, 1200)  # one of 16 pixels is as small as it gets
    assert max(pixels_of(jpeg).shape) >= 12


@pytest.mark.parametrize(("shape", "side", "expected"), [((100, 50), 64, (64, 32)), ((1, 300), 48, (1, 48))])
def test_small_pictures_keep_their_form(shape: tuple[int, int], side: int, expected: tuple[int, int]) -> None:
    shown = pixels_of(encode(np.zeros(shape), Stretch(0, 1), 10_000, side))
    assert shown.shape[:2] == expected


def test_a_page_carries_its_pictures() -> None:
    jpeg = encode(np.eye(20), Stretch(0, 1), 10_000)
    head, _, content = data_uri(jpeg).partition(",")
    assert head == "data:image/jpeg;base64"
    assert b64decode(content) == jpeg
