"""The smooth surface: what it follows, and how it deals with what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import noise

from iris_destripe._sky import lay_boxes, median_of_known


def gradient(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return 5 + 0.3 * rows - 0.2 * columns


@pytest.mark.parametrize("shape", [(512, 256), (300, 200), (100, 64), (64, 4096)])
@pytest.mark.parametrize("box_size", [32, 128])
def test_a_gradient_is_followed_to_the_edges(shape: tuple[int, int], box_size: int) -> None:
    boxes, sky = lay_boxes(shape, box_size), gradient(shape)
    for levels in (boxes.medians(sky), boxes.means(sky, np.ones_like(sky))):
        np.testing.assert_allclose(boxes.surface(levels), sky, rtol=2e-5, atol=2e-3)


@pytest.mark.parametrize(("length", "box_size", "boxes"), [(1024, 128, 8), (1000, 128, 8), (64, 128, 2), (1, 8, 1)])
def test_boxes_are_of_one_size_and_cover_the_image(length: int, box_size: int, boxes: int) -> None:
    """Two at least: with one a gradient would count as stripes."""
    edges = lay_boxes((length, 16), box_size).rows
    assert (edges[0], edges[-1], len(edges) - 1) == (0, length, boxes)
    assert np.ptp(np.diff(edges)) <= 1


def test_alternating_rows_leave_the_surface_flat() -> None:
    boxes = lay_boxes((256, 256), 64)
    stripes = np.where(np.arange(256) % 2, np.float32(1), np.float32(-1))
    np.testing.assert_allclose(boxes.smooth_rows(stripes, np.ones_like(stripes)), 0, atol=1e-6)


def test_a_box_without_values_takes_the_level_of_its_neighbour() -> None:
    values = np.full((128, 128), 7, dtype=np.float32)
    values[:64, :64] = np.nan
    boxes = lay_boxes(values.shape, 64)
    np.testing.assert_allclose(boxes.surface(boxes.medians(values)), 7, rtol=1e-6)


def test_an_image_without_values_has_a_sky_of_zero() -> None:
    boxes = lay_boxes((64, 64), 32)
    np.testing.assert_array_equal(boxes.surface(boxes.medians(np.full((64, 64), np.nan, dtype=np.float32))), 0)


def test_means_are_of_the_pixels_with_weight() -> None:
    values, weights = noise((64, 96), 1), (noise((64, 96), 2) > 0).astype(np.float32)
    means = lay_boxes(values.shape, 32).means(values * weights, weights)
    assert means.shape == (2, 3)
    assert means[1, 2] == pytest.approx(values[32:, 64:][weights[32:, 64:] > 0].mean(), abs=1e-5)


@given(arrays(np.float32, (3, 7), elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan)))
def test_the_median_is_that_of_what_is_known(values: np.ndarray) -> None:
    for found, line in zip(median_of_known(values), values, strict=True):
        known = line[~np.isnan(line)]
        np.testing.assert_allclose(found, np.median(known) if known.size else np.nan, rtol=1e-6)
