"""Places to a fraction of a pixel, and sharpness and roundness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_catalog._shapes import Segments, measure_shapes, refine_places
from photutils.segmentation import SegmentationImage, SourceCatalog
from scipy.ndimage import gaussian_filter, label

GOOD = np.zeros((61, 61), dtype=bool)


@settings(max_examples=20, deadline=None)
@given(st.floats(28, 32), st.floats(28, 32), st.floats(2.5, 5.0))
def test_the_place_of_a_star_is_found_from_half_a_pixel_away(tools: Any, x: float, y: float, fwhm: float) -> None:
    image = tools.draw_stars((61, 61), [x], [y], [1000.0], fwhm=fwhm)
    found = refine_places(image, GOOD, np.array([[x + 0.4, y - 0.5]]), fwhm)
    assert found[0] == pytest.approx([x, y], abs=2e-3)


def test_a_neighbour_pulls_a_place_less_than_its_light_does(tools: Any) -> None:
    image = tools.draw_stars((61, 61), [30.0, 38.0], [30.0, 30.0], [1000.0, 500.0], fwhm=3.0)
    found = refine_places(image, GOOD, np.array([[30.3, 30.0]]), 3.0)
    assert found[0] == pytest.approx([30.0, 30.0], abs=0.02)


def test_a_place_beside_a_bad_pixel_stays(tools: Any) -> None:
    image, bad = tools.draw_stars((61, 61), [30.0], [30.0], [1000.0]), GOOD.copy()
    bad[31, 30] = True
    start = np.array([[30.4, 30.2]])
    assert np.array_equal(refine_places(image, bad, start, 3.0), start)


def test_a_place_that_would_move_far_stays(tools: Any) -> None:
    image = tools.draw_stars((61, 61), [34.0], [30.0], [1000.0])
    start = np.array([[31.0, 30.0]])
    assert np.array_equal(refine_places(image, GOOD, start, 3.0), start)


def test_an_image_without_light_moves_no_place() -> None:
    start = np.array([[30.2, 30.0]])
    found = refine_places(np.zeros((61, 61)), GOOD, start, 3.0)
    assert np.isfinite(found).all()


def shapes_of(image: Any, place: tuple[float, float] = (30.0, 30.0)) -> tuple[float, float]:
    found = measure_shapes(image, gaussian_filter(image, 3 / 2.3548), GOOD, np.array([place]), 3.0)
    return float(found.sharpness[0]), float(found.roundness[0])


def test_a_hot_pixel_is_sharper_and_a_blob_less_sharp_than_a_star(tools: Any) -> None:
    hot = np.zeros((61, 61))
    hot[30, 30] = 100.0
    star, blob = (tools.draw_stars((61, 61), [30.0], [30.0], [1000.0], fwhm=fwhm) for fwhm in (3.0, 6.0))
    assert shapes_of(hot)[0] > 2 * shapes_of(star)[0] > 2.3 * shapes_of(blob)[0]


def test_roundness_is_of_opposite_sign_along_the_axes(tools: Any) -> None:
    star = tools.draw_stars((61, 61), [30.0], [30.0], [1000.0])
    row = sum(tools.draw_stars((61, 61), [30.0 + step], [30.0], [300.0]) for step in (-1.5, 0, 1.5))
    assert shapes_of(star)[1] == pytest.approx(0, abs=1e-6)
    assert shapes_of(row)[1] == pytest.approx(-shapes_of(row.T)[1])
    assert abs(shapes_of(row)[1]) > 0.05


def test_shape_does_not_depend_on_brightness(tools: Any) -> None:
    faint, bright = (shapes_of(tools.draw_stars((61, 61), [30.2], [29.9], [flux])) for flux in (10.0, 1e5))
    assert faint == pytest.approx(bright)


def test_a_hole_has_no_shape(tools: Any) -> None:
    hole = -tools.draw_stars((61, 61), [30.0], [30.0], [1000.0])
    assert np.isnan(shapes_of(hole)).all()


def test_no_source_has_no_place_and_no_shape() -> None:
    nowhere, image = np.empty((0, 2)), np.zeros((61, 61))
    assert refine_places(image, GOOD, nowhere, 3.0).shape == (0, 2)
    assert measure_shapes(image, image, GOOD, nowhere, 3.0).sharpness.shape == (0,)


def test_places_and_axes_of_segments_are_those_of_photutils() -> None:
    """Of the light above 0; a segment of one pixel, or one line of them, has the width of a pixel."""
    random = np.random.default_rng(3)
    light = gaussian_filter(random.normal(size=(80, 90)), 2.5)
    labels, _ = label(light > light.std())
    light -= np.where(random.random(light.shape) < 0.2, 2 * light.std(), 0.0)
    labels[5, 7], labels[70, 3:9] = labels.max() + 1, labels.max() + 2
    light[5, 7], light[70, 3:9] = 1.0, 1.0
    catalog = SourceCatalog(light, SegmentationImage(labels), convolved_data=light)
    segments = Segments.of(labels)
    xx, xy, yy = segments.moments(light)
    assert segments.centroids(light)[:, 0] == pytest.approx(catalog.x_centroid)
    assert segments.centroids(light)[:, 1] == pytest.approx(catalog.y_centroid)
    for mine, theirs in ((xx, catalog.covariance_xx), (xy, catalog.covariance_xy), (yy, catalog.covariance_yy)):
        assert mine == pytest.approx(theirs.value, abs=1e-12)


def test_nothing_found_has_no_segment() -> None:
    nobody = Segments.of(np.zeros((5, 6), dtype=np.int32))
    assert nobody.number == 0
    assert nobody.centroids(np.ones((5, 6))).shape == (0, 2)
