"""Sums in circles and medians in rings, against what is known in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_catalog._apertures import Background, measure_background, measure_sums
from iris_catalog._scene import Scene, scene_of

from iris_core import DQ

NOBODY = np.zeros((60, 70), dtype=bool)


def flat_background(number: int, level: float = 0.0, error: float = 0.0) -> Background:
    return Background(level=np.full(number, level), error=np.full(number, error), corrfac=np.ones(number))


@pytest.fixture(name="even", scope="module")
def even_fixture(tools: Any) -> Scene:
    """Return an image of 2 everywhere, with errors of 0.1 (and photon noise of 0.1)."""
    scene: Scene = scene_of(tools.on_sky((60, 70), np.full((60, 70), 2.0), 0.1, None))
    return scene


@settings(max_examples=25)
@given(st.floats(12, 57), st.floats(12, 47), st.floats(0.5, 10))
def test_a_circle_of_an_even_image_holds_its_area(even: Scene, x: float, y: float, radius: float) -> None:
    sums = measure_sums(even, np.array([[x, y]]), radius, flat_background(1, 0.5))
    assert sums.flux == pytest.approx([1.5 * np.pi * radius**2], rel=1e-6)


def test_the_error_of_a_sum_is_that_of_its_pixels_and_of_the_background(even: Scene) -> None:
    place, radius = np.array([[30.0, 30.0]]), 8.0
    area, variance = np.pi * radius**2, float(even.variance[0, 0])
    quiet = measure_sums(even, place, radius, flat_background(1))
    loud = measure_sums(even, place, radius, flat_background(1, error=0.05))
    # the squares of the shares on the rim sum to less than the area, by about a third of the rim
    assert variance * (area - 2 * np.pi * radius / 3) < quiet.noise[0] ** 2 < variance * area
    assert quiet.error[0] == quiet.noise[0] == loud.noise[0]
    assert loud.error[0] == pytest.approx(np.hypot(quiet.noise[0], area * 0.05))


def test_the_error_of_a_sum_grows_by_the_noise_that_pixels_share(tools: Any, even: Scene) -> None:
    alike = tools.on_sky((60, 70), np.full((60, 70), 2.0), 0.1, None).with_keywords({"CORRFAC": (1.5, "")})
    place = np.array([[30.0, 30.0]])
    one, other = (
        measure_sums(scene, place, 12.0, measure_background(scene, NOBODY, place, (13, 20))).noise[0]
        for scene in (even, scene_of(alike))
    )
    assert 1.4 < other / one < 1.5


def test_a_halo_in_the_ring_is_no_noise(tools: Any) -> None:
    """Its slope is not in the error of the background, only its photon noise, 20 %; with the slope it is 2.1 times."""
    down, across = np.indices((60, 70)) - 30
    halo = 4 * np.exp(-np.hypot(down, across) / 20)
    smooth, steep = (tools.on_sky((60, 70), 2 + light, 0.1, 3) for light in (0 * halo, halo))
    place = np.array([[30.0, 30.0]])
    flat, sloping = (measure_background(scene_of(one), NOBODY, place, (12, 22)).error[0] for one in (smooth, steep))
    assert sloping == pytest.approx(flat, rel=0.3)


def test_pixels_share_less_noise_where_those_of_the_exposures_fall_into_the_middle(tools: Any) -> None:
    """Variance times weight is high there: CORRFAC squared times it is the same everywhere."""
    exposure = tools.on_sky((60, 70), np.ones((60, 70)), 0.1, None).with_keywords({"CORRFAC": (1.4, "")})
    share = np.where(np.arange(70) < 35, 0.8, 1.2)
    variance = {name: one * share.astype(np.float32) for name, one in exposure.variance.items()}
    uneven = exposure.replace(variance=variance, planes={"WHT": np.ones((60, 70), dtype=np.float32)})
    found = measure_background(scene_of(uneven), NOBODY, np.array([[12.0, 30.0], [57.0, 30.0]]), (6, 12))
    assert found.corrfac == pytest.approx(1.4 / np.sqrt([0.8, 1.2]), rel=0.01)


def test_a_circle_that_reaches_out_of_the_image_has_no_sum(even: Scene) -> None:
    places = np.array([[3.0, 30.0], [2.4, 30.0], [30.0, 56.5], [66.6, 30.0], [-50.0, 30.0]])
    known = np.isfinite(measure_sums(even, places, 3.0, flat_background(5)).flux)
    assert known.tolist() == [True, False, True, False, False]


def test_a_circle_at_the_rim_has_the_sum_of_one_in_the_middle(even: Scene) -> None:
    """Where the square around it is not inside of the image, but the circle is."""
    rim, middle = measure_sums(even, np.array([[2.6, 2.6], [30.6, 30.6]]), 3.0, flat_background(2)).flux
    assert rim == pytest.approx(middle)


def test_a_circle_with_a_pixel_without_value_has_no_sum(tools: Any) -> None:
    dead = NOBODY.copy()
    dead[30, 33] = True
    exposure = tools.on_sky((60, 70), np.ones((60, 70)), 0.1, None).flag(dead, DQ.DO_NOT_USE)
    scene, place = scene_of(exposure), np.array([[30.0, 30.0]])
    known = [bool(np.isfinite(measure_sums(scene, place, radius, flat_background(1)).flux[0])) for radius in (2.4, 2.7)]
    assert known == [True, False]


def test_no_place_has_no_sum_and_no_background(even: Scene) -> None:
    nowhere = np.empty((0, 2))
    assert measure_sums(even, nowhere, 3.0, flat_background(0)).flux.shape == (0,)
    assert measure_background(even, NOBODY, nowhere, (5, 8)).level.shape == (0,)


def test_the_background_is_the_level_of_the_ring_and_not_of_the_star(tools: Any) -> None:
    image = np.full((60, 70), 3.0)
    image[25:36, 25:36] = 100.0
    scene = scene_of(tools.on_sky((60, 70), image, 0.1, 4))
    found = measure_background(scene, NOBODY, np.array([[30.0, 30.0]]), (10, 18))
    assert found.level[0] == pytest.approx(3.0, abs=4 * found.error[0])
    assert 0 < found.error[0] < 0.03


def test_the_error_of_the_background_is_true(tools: Any) -> None:
    """Monte Carlo: medians of 96 rings scatter as their errors say."""
    scene = scene_of(tools.on_sky((260, 390), np.ones((260, 390)), 0.5, 9))
    places = np.stack(np.meshgrid(np.arange(16, 380, 32.0), np.arange(16, 250, 32.0)), axis=-1).reshape(-1, 2)
    found = measure_background(scene, np.zeros((260, 390), dtype=bool), places, (8, 15))
    assert np.std((found.level - 1) / found.error) == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * len(places)))


def test_pixels_of_sources_are_left_out_of_the_ring(tools: Any) -> None:
    image, sources = np.full((60, 70), 1.0), NOBODY.copy()
    image[:, 40:], sources[:, 40:] = 50.0, True
    scene = scene_of(tools.on_sky((60, 70), image, 0.1, None))
    level = measure_background(scene, sources, np.array([[35.0, 30.0]]), (6, 12)).level
    assert level == pytest.approx([1.0])


def test_a_ring_full_of_sources_is_measured_with_them(even: Scene) -> None:
    assert measure_background(even, ~NOBODY, np.array([[30.0, 30.0]]), (6, 12)).level == pytest.approx([2.0])


def test_a_ring_without_pixels_has_no_background(even: Scene) -> None:
    found = measure_background(even, NOBODY, np.array([[-40.0, 30.0]]), (6, 12))
    assert np.isnan([found.level[0], found.error[0]]).all()


def test_the_own_pixels_of_a_source_are_kept_in_its_ring(tools: Any) -> None:
    """And those of others are left out."""
    image, labels = np.full((60, 70), 1.0), np.zeros((60, 70), dtype=int)
    image[:, :31], labels[:, :31] = 3.0, 1
    image[:, 36:], labels[:, 36:] = 50.0, 2
    scene, places = scene_of(tools.on_sky((60, 70), image, 0.1, None)), np.array([[33.0, 30.0]])
    kept = measure_background(scene, labels, places, (6, 12), own=np.array([1])).level
    left_out = measure_background(scene, labels != 0, places, (6, 12)).level
    assert (kept.tolist(), left_out.tolist()) == ([3.0], [1.0])


def test_many_sources_are_measured_as_each_alone(tools: Any) -> None:
    """To the last bit: so many that they are taken in several parts."""
    scene = scene_of(tools.on_sky((260, 390), np.ones((260, 390)), 0.5, 9).with_keywords({"CORRFAC": (1.3, "")}))
    places = np.random.default_rng(2).uniform((0, 0), (389, 259), (300, 2))
    labels = np.zeros((260, 390), dtype=np.int32)
    labels[::7, ::5] = 1
    own = np.ones(len(places), dtype=int)
    many = measure_background(scene, labels, places, (8, 15), own=own)
    sums = measure_sums(scene, places, 9.0, many)
    for index in range(0, 300, 29):
        one = slice(index, index + 1)
        alone = measure_background(scene, labels, places[one], (8, 15), own=own[one])
        assert alone.level == many.level[one]
        assert alone.error == many.error[one]
        sum_alone = measure_sums(scene, places[one], 9.0, alone)
        assert np.array_equal(sum_alone.flux, sums.flux[one], equal_nan=True)
        assert np.array_equal(sum_alone.error, sums.error[one], equal_nan=True)


def test_a_median_is_clipped_as_its_values_alone_say(tools: Any) -> None:
    """At 3 times 1.4826 MAD of what is left, until nothing more is left out."""
    scene = scene_of(tools.on_sky((60, 70), np.ones((60, 70)), 0.5, 3))
    scene.frame.data[20:24, 25:33] += 30
    place = np.array([[30.2, 29.7]])
    down, across = np.indices((60, 70))
    away = np.hypot(down - 29.7, across - 30.2)
    values = scene.frame.data[(away >= 6) & (away <= 14)].astype(float)
    for _ in range(10):
        level = np.median(values)
        apart = np.abs(values - level)
        values = values[apart <= 3 * 1.4826 * np.median(apart)]
    assert measure_background(scene, NOBODY, place, (6, 14)).level[0] == np.median(values)
