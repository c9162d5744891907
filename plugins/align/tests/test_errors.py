"""The errors are true: pulls of shift, rotation and scale, in closed form and for all exposures at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_align._affine import KINDS, closed_form, parameters, small
from iris_align._solve import solve


@pytest.mark.parametrize("stars", [3, 10, 50])
def test_the_closed_form_of_one_pair_has_true_errors(stars: int) -> None:
    rng = np.random.default_rng(stars)
    true = small(np.array([0.3, -0.2, 1e-3, 3e-4, 0, 0]))
    found = []
    for _ in range(2000):
        first = rng.uniform(-10, 10, (stars, 2))
        second = true(first) + rng.normal(0, 0.01, first.shape)
        affine, errors = closed_form(first, second, 0.01, "rscale")
        centre = first.mean(axis=0)
        off = affine(centre) - true(centre)
        found.append(np.array([*off, *(parameters(affine) - parameters(true))[2:4]]) / errors)
    assert np.std(found, axis=0) == pytest.approx(1.0, abs=0.05)
    assert np.mean(found, axis=0) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_without_noise_is_found_exactly(kind: str) -> None:
    values = np.array([0.3, -0.2, 1e-3, 3e-4, 0, 0])
    values[KINDS[kind] :] = 0
    if kind == "general":
        return
    first = np.random.default_rng(1).uniform(-10, 10, (6, 2))
    first -= first.mean(axis=0)
    affine, errors = closed_form(first, small(values)(first), 1.0, kind)
    assert parameters(affine) == pytest.approx(values, abs=2e-6)
    assert np.all((errors > 0) == (np.arange(4) < KINDS[kind]))


@pytest.mark.acceptance
def test_all_at_once_the_errors_of_eight_exposures_are_true(sky: Any) -> None:
    """30 stars, pointing wrong by 0.3 arcsec, 0.05 deg and a scale of 3e-4: pulls 1.00 +- 0.05."""
    rng = np.random.default_rng(8)
    found, believed = [], []
    for _ in range(200):
        field = sky.field(rng)
        solution = solve(field.units, None, sky.request())
        assert [one.matched for one in solution.outcomes] == [30] * 8
        believed.append(solution.excess == 0)
        found.append(sky.pulls(field, solution))
    assert np.std(found, axis=(0, 1)) == pytest.approx(1.0, abs=0.05)
    assert np.mean(believed) > 0.99


@pytest.mark.acceptance
def test_errors_that_are_too_small_are_made_true(sky: Any) -> None:
    """Centroids that are twice as bad as they say: what is missing is found, and the pulls are 1 again."""
    rng = np.random.default_rng(2)
    found, excess = [], []
    for _ in range(60):
        field = sky.field(rng, sigma=8e-4, errors=(0.1, 0.05, 0.0))
        for index, unit in enumerate(field.units):
            unit.sigma[:] = 4e-4
            field.units[index] = unit
        solution = solve(field.units, None, sky.request("rscale"))
        excess.append(solution.excess)
        found.append(sky.pulls(field, solution))
    assert np.mean(excess) == pytest.approx(np.sqrt(8e-4**2 - 4e-4**2), rel=0.03)
    assert np.std(found, axis=(0, 1)) == pytest.approx(1.0, abs=0.08)


def test_residuals_are_those_of_the_noise(sky: Any) -> None:
    field = sky.field(np.random.default_rng(3), stars=100)
    solution = solve(field.units, None, sky.request())
    expected = 4e-4 * np.sqrt((2 * 800 - 200 - 32 + 4) / 1600)
    assert np.sqrt(np.mean([one.rms**2 for one in solution.outcomes])) == pytest.approx(expected, rel=0.05)


def test_the_mean_shift_and_rotation_are_zero(sky: Any) -> None:
    field = sky.field(np.random.default_rng(4))
    solution = solve(field.units, None, sky.request("rshift", tolerance=0.02))
    mean = np.mean([parameters(one.affine) for one in solution.outcomes], axis=0)
    assert mean[:3] == pytest.approx(0.0, abs=1e-9)


def test_no_star_of_one_exposure_alone_counts(sky: Any) -> None:
    """A chain of exposures that share stars with their neighbours only is not worse than its errors say."""
    field = sky.field(np.random.default_rng(5), missing=0.4, spurious=10)
    solution = solve(field.units, None, sky.request())
    assert all(one.reason == "" and 10 < one.matched < 30 for one in solution.outcomes)
    assert np.abs(sky.pulls(field, solution)).max() < 5


def test_an_oracle_agrees(sky: Any) -> None:
    """Two exposures: the map from one to the other is that of tweakwcs' iterative linear fit."""
    linearfit = pytest.importorskip("tweakwcs.linearfit")
    rng = np.random.default_rng(6)
    field = sky.field(rng, number=2, dither=0.0)
    solution = solve(field.units, None, sky.request())
    first, second = (one.affine for one in solution.outcomes)
    places = [plane.project(unit.vectors) for plane, unit in zip(solution.planes, field.units, strict=True)]
    theirs = linearfit.iter_linear_fit(places[0], places[1], fitgeom="rscale", nclip=0, center=np.zeros(2))
    ours = first.inverse().after(second)
    assert ours.matrix == pytest.approx(theirs["matrix"], abs=1e-8)
    assert ours.shift == pytest.approx(theirs["shift"], abs=1e-6)
