"""From star lists to corrections: what is fitted, what is refused, and the reason that is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from iris_align._affine import KINDS, parameters, small
from iris_align._catalog import Catalog
from iris_align._plane import Plane
from iris_align._solve import MAX_SCALE, Solution, Unit, solve

SHIFT = np.array([0.2, -0.1, 0, 0, 0, 0])


def units_of(sky: Any, number: int = 3, stars: int = 30, seed: int = 1, **known: Any) -> list[Unit]:
    made: list[Unit] = sky.field(np.random.default_rng(seed), number=number, stars=stars, **known).units
    return made


def moved(unit: Unit, values: Any) -> Unit:
    """Return a unit whose stars an affine map has moved."""
    plane = Plane.at(unit.centre)
    places = small(np.asarray(values, dtype=float))(plane.project(unit.vectors))
    return replace(unit, vectors=plane.directions(places))


def some(unit: Unit, which: Any) -> Unit:
    return replace(unit, vectors=unit.vectors[which], sigma=unit.sigma[which])


def found(solution: Solution) -> Any:
    return np.array([parameters(one.affine) for one in solution.outcomes])


def errors(solution: Solution) -> Any:
    return np.sqrt([np.diag(one.covariance) for one in solution.outcomes])


@pytest.mark.parametrize("kind", ["shift", "rshift", "rscale", "general"])
def test_only_what_is_asked_for_is_fitted(sky: Any, kind: str) -> None:
    solution = solve(units_of(sky, errors=(0.3, 0.0, 0.0)), None, sky.request(kind))
    assert all(not one.reason for one in solution.outcomes)
    assert np.all((errors(solution) > 0) == (np.arange(6) < KINDS[kind]))
    assert found(solution)[:, KINDS[kind] :] == pytest.approx(0, abs=1e-12)
    assert found(solution).mean(axis=0)[: KINDS[kind]] == pytest.approx(0, abs=1e-9)


def test_shears_need_twenty_stars_in_each_exposure(sky: Any) -> None:
    solution = solve(units_of(sky, stars=19, errors=(0.3, 0.0, 0.0)), None, sky.request("general"))
    assert np.all((errors(solution) > 0) == (np.arange(6) < KINDS["rshift"]))


def test_an_exposure_with_too_few_stars_keeps_its_pointing(sky: Any) -> None:
    """And the others are what they are without it."""
    first, second, third = units_of(sky)
    solution = solve([first, second, some(third, slice(0, 2))], None, sky.request())
    kept = solution.outcomes[2]
    assert "2 stars match, 3 are needed" in kept.reason
    assert not parameters(kept.affine).any()
    assert not kept.covariance.any()
    assert [one.group for one in solution.outcomes] == [(0, 1), (0, 1), ()]
    alone = solve([first, second], None, sky.request())
    relative = found(solution)[1] - found(solution)[0]
    assert relative[:2] == pytest.approx((found(alone)[1] - found(alone)[0])[:2], abs=1e-6)


def test_two_stars_give_a_shift_and_one_gives_no_rotation(sky: Any) -> None:
    first, second = (some(one, slice(0, 1)) for one in units_of(sky, number=2, errors=(0.3, 0.0, 0.0)))
    solution = solve([first, second], None, sky.request("rshift", least=1))
    assert [one.matched for one in solution.outcomes] == [1, 1]
    assert np.all((errors(solution) > 0) == (np.arange(6) < 2))


def test_a_shift_beyond_the_search_is_refused(sky: Any) -> None:
    """Two agree with each other and not with the third: each is within reach of its neighbour, one not of the mean."""
    base = units_of(sky, number=1, errors=(0.0, 0.0, 0.0), dither=0.0)[0]
    chain = [moved(base, step * SHIFT) for step in (0, 0, 0, 0, 0, 0, 1)]
    solution = solve(chain, None, sky.request("shift", reach=0.23))
    assert [bool(one.reason) for one in solution.outcomes] == [False] * 7
    assert found(solution)[6][:2] - found(solution)[0][:2] == pytest.approx(-SHIFT[:2], abs=1e-6)
    refused = solve(chain, None, sky.request("shift", reach=0.2))
    assert "match" in refused.outcomes[6].reason
    assert all(not one.reason for one in refused.outcomes[:6])


def test_a_shift_that_only_a_chain_bridges_is_refused_by_its_size(sky: Any) -> None:
    base = units_of(sky, number=1, errors=(0.0, 0.0, 0.0), dither=0.0)[0]
    chain = [moved(base, step * SHIFT) for step in range(5)]
    solution = solve(chain, None, sky.request("shift", reach=0.3))
    assert [bool(one.reason) for one in solution.outcomes] == [True, False, False, False, True]
    assert "'search' is 0.3" in solution.outcomes[0].reason
    assert "0.447 arcsec" in solution.outcomes[4].reason


def one_of_ten(sky: Any, values: Any, kind: str, within: float) -> Any:
    """Return what is found for the last of ten exposures, the only one that an affine map has moved."""
    base = units_of(sky, number=1, errors=(0.0, 0.0, 0.0), dither=0.0, stars=60)[0]
    inner = np.hypot(*Plane.at(base.centre).project(base.vectors).T) < within
    group = [some(base, inner)] * 9 + [some(moved(base, values), inner)]
    solution = solve(group, None, sky.request(kind, tolerance=0.1))
    assert not any(one.reason for one in solution.outcomes[:9])
    assert found(solution)[:9] == pytest.approx(0, abs=1e-9)
    return solution.outcomes[9]


@pytest.mark.parametrize(("number", "kind"), [(3, "rscale"), (4, "general")])
def test_a_map_that_is_no_error_of_the_pointing_is_refused(sky: Any, number: int, kind: str) -> None:
    """A scale, or a shear, of 7e-3."""
    kept = one_of_ten(sky, 1.4 * MAX_SCALE * np.eye(6)[number], kind, 12.0)
    assert "scale or shear of 0.0063; at most 0.005" in kept.reason
    assert not parameters(kept.affine).any()


def test_an_exposure_whose_stars_are_clipped_keeps_its_pointing(sky: Any) -> None:
    """The shear is not fitted to 7 stars, and without it none of them agrees."""
    kept = one_of_ten(sky, 2 * MAX_SCALE * np.eye(6)[4], "general", 4.0)
    assert kept.reason == "0 of its 7 stars agree with those of the others, 3 are needed"


@pytest.mark.parametrize(
    ("number", "words"), [(1, "there is no other exposure"), (2, "no other exposure has stars there")]
)
def test_without_anything_to_match_the_reason_says_so(sky: Any, number: int, words: str) -> None:
    units = [some(one, slice(0, 0)) for one in units_of(sky, number=number)]
    assert [one.reason for one in solve(units, None, sky.request()).outcomes] == [words] * number


def test_two_groups_are_each_relative_to_their_own_mean(sky: Any) -> None:
    here, there = units_of(sky, number=2, seed=1), units_of(sky, number=3, seed=2)
    solution = solve([*here, *there], None, sky.request())
    assert [one.group for one in solution.outcomes] == [(0, 1)] * 2 + [(2, 3, 4)] * 3
    for part in (slice(0, 2), slice(2, 5)):
        assert found(solution)[part].mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_a_star_that_only_one_exposure_sees_is_not_counted(sky: Any) -> None:
    first, second = units_of(sky, number=2)
    solution = solve([first, some(second, slice(0, 20))], None, sky.request())
    assert [one.matched for one in solution.outcomes] == [20, 20]
    assert all(one.rms < 3 * 4e-4 for one in solution.outcomes)


def test_the_order_of_the_exposures_does_not_matter(sky: Any) -> None:
    units = units_of(sky, number=4, missing=0.3, spurious=4)
    one, other = solve(units, None, sky.request()), solve(units[::-1], None, sky.request())
    assert found(one) == pytest.approx(found(other)[::-1], abs=1e-9)
    assert [each.matched for each in one.outcomes] == [each.matched for each in other.outcomes[::-1]]


def tied(sky: Any, sigma: float, stars: int = 30, kind: str = "general") -> Solution:
    """Return the solution of exposures that all err alike, tied to a catalogue of an error."""
    rng = np.random.default_rng(9)
    field = sky.field(rng, number=3, stars=stars, errors=(0.0, 0.0, 0.0), dither=0.0)
    vectors = sky.plane().directions(field.stars)
    catalog = Catalog(vectors=vectors, sigma=np.full(stars, sigma), name="gaia")
    wrong = small(np.array([0.1, 0.05, 5e-4, 2e-4, 0, 0])).inverse()
    return solve([moved(one, parameters(wrong)) for one in field.units], catalog, sky.request(kind))


@pytest.mark.parametrize(
    ("sigma", "known"),
    [(1e-3, 6), (0.02, 3), (0.3, 2)],
)
def test_a_catalogue_gives_what_it_knows_better_than_the_header(sky: Any, sigma: float, known: int) -> None:
    """The common shift always; a rotation, a scale, shears from errors that are small enough."""
    solution = tied(sky, sigma)
    common = found(solution).mean(axis=0)
    assert {one.tied for one in solution.outcomes} == {30}
    assert common[:2] == pytest.approx([0.1, 0.05], abs=5e-3)
    for number, true in ((2, 5e-4), (3, 2e-4)):
        assert common[number] == pytest.approx(true if number < known else 0.0, abs=5e-5 if number < known else 1e-9)


def test_shears_of_a_catalogue_need_twenty_of_its_stars(sky: Any) -> None:
    assert np.abs(found(tied(sky, 1e-3, stars=24)).mean(axis=0)[4:]).max() > 1e-9
    fewer = tied(sky, 1e-3, stars=19)
    assert np.all(errors(fewer)[:, 3:] == 0)


def test_assumptions_of_the_catalogue_are_passed_on(sky: Any) -> None:
    units = units_of(sky, number=2)
    catalog = Catalog(vectors=units[0].vectors[:0], sigma=np.empty(0), name="gaia", notes=("it has no epoch",))
    solution = solve(units, catalog, sky.request())
    assert solution.notes[-1] == "it has no epoch"
    assert "not tied to the refcat gaia (group of 2 exposures)" in solution.notes[0]
