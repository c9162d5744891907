"""Matching: the common shift, pairs, and what chance gives."""

from __future__ import annotations

import numpy as np
import pytest
from iris_photom_stars._match import match_standard, match_stars

PIXELS = 1000 * 1000


def places(number: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1000, (number, 2))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.3), (37.2, -58.9)])
def test_a_common_shift_is_found(shift: tuple[float, float]) -> None:
    catalog = places(40)
    match = match_stars(catalog, catalog + shift, 80.0, 2.0, PIXELS)
    assert match.shift == pytest.approx(shift, abs=1e-9)
    np.testing.assert_array_equal(match.catalog, np.arange(40))
    np.testing.assert_array_equal(match.detection, np.arange(40))
    assert match.is_significant


def test_stars_of_one_list_only_are_not_paired() -> None:
    catalog = places(40)
    detected = np.concatenate([places(25, 7), catalog[10:] + np.array([12.0, 3.0])])
    detected += np.random.default_rng(2).normal(0, 0.1, detected.shape)
    match = match_stars(catalog, detected, 80.0, 2.0, PIXELS)
    assert match.shift == pytest.approx((12.0, 3.0), abs=0.1)
    np.testing.assert_array_equal(match.catalog, np.arange(10, 40))
    np.testing.assert_array_equal(match.detection, np.arange(25, 55))


def test_a_pair_is_the_nearest_of_both_sides() -> None:
    """Of two detections close to a star the nearer is taken, of two stars close to a detection too."""
    catalog = np.vstack([places(20), [[500.0, 500.0], [500.9, 500.0]]])
    detected = np.vstack([places(20), [[500.1, 500.0]]])
    match = match_stars(catalog, detected, 5.0, 2.0, PIXELS)
    assert dict(zip(match.catalog.tolist(), match.detection.tolist(), strict=True))[20] == 20
    assert 21 not in match.catalog


def test_unrelated_lists_have_no_significant_match() -> None:
    match = match_stars(places(300, 1), places(300, 2), 100.0, 5.0, PIXELS)
    assert not match.is_significant
    assert match.by_chance == pytest.approx(300 * 300 * np.pi * 25 / PIXELS)


def test_a_shift_beyond_the_largest_is_not_found() -> None:
    catalog = places(30)
    assert len(match_stars(catalog, catalog + 50.0, 10.0, 1.0, PIXELS).catalog) < 3


def test_without_any_pair_there_is_no_shift() -> None:
    match = match_stars(np.array([[10.0, 10.0]]), np.array([[500.0, 500.0]]), 20.0, 2.0, PIXELS)
    assert match.shift == (0.0, 0.0)
    assert len(match.catalog) == 0
    assert not match.is_significant


def test_the_pairs_of_a_selection_are_those_of_the_whole() -> None:
    catalog = places(30)
    match = match_stars(catalog[10:], catalog[10:], 1.0, 1.0, PIXELS).reindexed(np.arange(10, 30))
    np.testing.assert_array_equal(match.catalog, np.arange(10, 30))
    np.testing.assert_array_equal(match.detection, np.arange(20))


def test_a_standard_is_the_brightest_star_near_its_place() -> None:
    detected, place = np.array([[530.0, 500.0], [500.5, 500.0], [900.0, 900.0]]), np.array([[500.0, 500.0]])
    match = match_standard(place, detected, np.array([100.0, 40.0, 500.0]), 50.0, 2.0)
    assert (match.shift, match.catalog.tolist(), match.detection.tolist()) == ((30.0, 0.0), [0], [0])
    assert match.is_significant


def test_a_standard_with_a_rival_cannot_be_told() -> None:
    detected, place = np.array([[530.0, 500.0], [500.5, 500.0]]), np.array([[500.0, 500.0]])
    assert not match_standard(place, detected, np.array([100.0, 60.0]), 50.0, 2.0).is_significant
    assert match_standard(place, detected, np.array([100.0, 60.0]), 5.0, 2.0).is_significant


def test_a_standard_that_is_not_there_has_no_match() -> None:
    match = match_standard(np.array([[500.0, 500.0]]), np.array([[10.0, 10.0]]), np.ones(1), 50.0, 2.0)
    assert not match.is_significant
