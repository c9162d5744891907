"""Which stars are the same: right, or refused; never wrong."""

from __future__ import annotations

import numpy as np
import pytest
from iris_align._affine import small
from iris_align._match import Search, match_lists, stars_needed

from iris_core import Doubles

TURN = np.deg2rad(0.2)


def search(reach: float = 0.5, tolerance: float = 0.006, least: int = 3) -> Search:
    return Search(reach=reach, turn=TURN, tolerance=tolerance, least=least)


def crowd(rng: np.random.Generator, density: float, size: float) -> Doubles:
    return rng.uniform(-size / 2, size / 2, (rng.poisson(density * size**2), 2))


def seen(rng: np.random.Generator, stars: Doubles, sigma: float = 0.001, complete: float = 0.7) -> Doubles:
    kept = stars[rng.random(len(stars)) < complete]
    return np.asarray(kept + rng.normal(0, sigma, kept.shape))


@pytest.mark.acceptance
def test_a_crowded_field_is_matched_right_or_refused() -> None:
    """10 stars per square arcsec, searched within 0.5 arcsec, 70 % seen: at least 80 % right, none wrong."""
    rng = np.random.default_rng(10)
    right = 0
    for _ in range(60):
        stars = crowd(rng, 10, 5.0)
        true = small(np.array([*rng.uniform(-0.35, 0.35, 2), rng.normal(0, TURN / 3), rng.normal(0, 3e-4), 0, 0]))
        match = match_lists(true.inverse()(seen(rng, stars)), seen(rng, stars), search())
        if match.is_accepted:
            assert match.affine.matrix == pytest.approx(true.matrix, abs=5e-4)
            assert match.affine.shift == pytest.approx(true.shift, abs=0.002)
            right += 1
    assert right >= 48


@pytest.mark.acceptance
def test_crowded_fields_that_have_nothing_in_common_are_refused() -> None:
    rng = np.random.default_rng(11)
    for _ in range(60):
        assert not match_lists(crowd(rng, 10, 5.0), crowd(rng, 10, 5.0), search()).is_accepted


@pytest.mark.parametrize("step", [0.1, 0.2, 0.31])
def test_a_lattice_is_refused(step: float) -> None:
    """Stars on a grid match at each step of it, less its border."""
    lattice = step * np.stack(np.meshgrid(np.arange(8), np.arange(8)), axis=-1).reshape(-1, 2)
    match = match_lists(lattice, lattice + 0.01, search())
    assert match.is_ambiguous
    assert not match.is_accepted


def test_twins_are_refused_where_only_one_of_each_pair_was_seen_before() -> None:
    """A field and its ghost: each star is there twice, and the first list has one of each pair."""
    rng = np.random.default_rng(12)
    stars = crowd(rng, 0.2, 12.0)
    twins = np.vstack([stars, stars + np.array([0.2, 0.1])])
    match = match_lists(stars, twins, search())
    assert match.is_ambiguous
    assert match.rival == pytest.approx(len(stars), abs=2)


def test_a_few_close_pairs_do_not_disturb() -> None:
    rng = np.random.default_rng(13)
    stars = crowd(rng, 0.2, 12.0)
    stars = np.vstack([stars, stars[:5] + np.array([0.2, 0.1])])
    match = match_lists(stars + np.array([0.1, 0.0]), stars, search())
    assert match.is_accepted
    assert match.matched == len(stars)


@pytest.mark.parametrize("least", [1, 2, 3])
def test_two_stars_match_where_two_are_enough(least: int) -> None:
    stars = np.array([[0.0, 0.0], [3.0, 1.0]])
    match = match_lists(stars, stars + np.array([0.2, 0.1]), search(least=least))
    assert match.matched == 2
    assert match.is_accepted == (least < 3)
    assert match.affine.shift == pytest.approx([0.2, 0.1])


@pytest.mark.parametrize(("first", "second"), [(0, 5), (5, 0), (0, 0)])
def test_no_stars_are_no_match(first: int, second: int) -> None:
    match = match_lists(np.zeros((first, 2)), np.ones((second, 2)), search())
    assert (match.matched, match.is_accepted) == (0, False)


def test_beyond_the_search_nothing_is_found() -> None:
    stars = crowd(np.random.default_rng(14), 0.3, 10.0)
    assert match_lists(stars, stars + np.array([0.48, 0.0]), search()).is_accepted
    assert not match_lists(stars, stars + np.array([0.8, 0.0]), search()).is_accepted


@pytest.mark.parametrize(("chance", "needed"), [(0.0, 3), (4.0, 16), (100.0, 150)])
def test_the_least_number_is_five_deviations_above_chance(chance: float, needed: int) -> None:
    assert stars_needed(chance, 1.0, 3) == needed


def test_many_trials_need_more_stars_where_few_are_expected() -> None:
    assert stars_needed(0.0, 1e4, 3) == 3
    assert stars_needed(0.2, 1.0, 3) < stars_needed(0.2, 1e4, 3)
