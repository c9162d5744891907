"""All exposures at once: the closed forms that the least squares have to reach, and rows that are off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_align._affine import Affine, basis, parameters, small
from iris_align._fit import CATALOG, Rows, Setup, fit_all, robust_fit
from iris_align._plane import Plane, directions

from iris_core import Doubles

HERE = Plane.at(directions(np.array([150.0]), np.array([2.0]))[0])
MEANS = {2: (0, 1), 3: (0, 1, 2), 4: (0, 1, 2, 3)}


def rows_of(lists: Sequence[Doubles], sigma: Sequence[float], units: Sequence[int] = ()) -> Rows:
    """Return rows of lists that have the same stars in the same order."""
    number = [len(one) for one in lists]
    return Rows(
        unit=np.repeat(list(units) or np.arange(len(lists)), number),
        star=np.concatenate([np.arange(one) for one in number]),
        place=np.concatenate(lists),
        sigma=np.repeat(np.asarray(sigma, dtype=float), number),
    )


def setup_of(free: Sequence[int], gauge: Sequence[int] = ()) -> Setup:
    """Return the setup of units that touch the sky at one point; the means of `gauge` are 0 over all of them."""
    gauges = ((tuple(range(len(free))), tuple(gauge)),) if gauge else ()
    return Setup(planes=(HERE,) * len(free), common=HERE, free=tuple(free), gauges=gauges)


def starts(number: int) -> tuple[Affine, ...]:
    return (Affine.identity(),) * number


def stars(number: int, seed: int = 1) -> Doubles:
    return np.random.default_rng(seed).uniform(-8, 8, (number, 2))


@given(st.lists(st.floats(-1e-4, 1e-4), min_size=6, max_size=6))
def test_the_basis_is_how_a_small_map_moves_places(values: list[float]) -> None:
    places, step = stars(5), np.array(values)
    assert small(step)(places) - places == pytest.approx(basis(places) @ step, abs=1e-6)


def test_two_exposures_meet_half_way() -> None:
    """Each shift is half the mean difference, and its variance (s1^2 + s2^2)/4N."""
    first, shift = stars(10), np.array([0.3, -0.1])
    fit = fit_all(rows_of([first, first + shift], (0.01, 0.03)), starts(2), setup_of((2, 2), (0, 1)))
    assert fit.affines[0].shift == pytest.approx(shift / 2, abs=1e-9)
    assert fit.affines[1].shift == pytest.approx(-shift / 2, abs=1e-9)
    expected = (0.01**2 + 0.03**2) / 4 / 10
    assert np.diag(fit.covariance[0])[:2] == pytest.approx(expected)
    assert fit.covariance[0, 2:] == pytest.approx(0)


@pytest.mark.parametrize("number", [2, 3, 7])
def test_the_error_of_a_shift_is_that_of_a_mean_less_the_common_part(number: int) -> None:
    """Sigma^2/N (1 - 1/n) for n exposures of N stars."""
    lists = [stars(12)] * number
    fit = fit_all(rows_of(lists, [0.02] * number), starts(number), setup_of([2] * number, (0, 1)))
    expected = 0.02**2 / 12 * (1 - 1 / number)
    assert np.diagonal(fit.covariance, axis1=1, axis2=2)[:, :2] == pytest.approx(expected)


def test_rotation_and_scale_have_the_error_of_their_arm() -> None:
    """Sigma^2/sum(u u), and (1 - 1/n) of it where the mean is 0."""
    places = stars(15) - stars(15).mean(axis=0)
    fit = fit_all(rows_of([places] * 4, [0.02] * 4), starts(4), setup_of([4] * 4, MEANS[4]))
    expected = 0.02**2 / np.sum(places**2) * 3 / 4
    assert np.diagonal(fit.covariance, axis1=1, axis2=2)[:, 2:4] == pytest.approx(expected)


@given(st.lists(st.floats(-0.01, 0.01), min_size=4, max_size=4), st.sampled_from([2, 3, 4]))
@settings(max_examples=20, deadline=None)
def test_what_was_done_to_an_exposure_is_undone(values: list[float], free: int) -> None:
    """Against one that is fixed: exactly, whatever the kind."""
    true = np.zeros(6)
    true[:free] = values[:free]
    places = stars(8)
    rows = rows_of([places, small(true).inverse()(places)], (0.01, 0.01))
    fit = fit_all(rows, starts(2), setup_of((0, free)))
    assert parameters(fit.affines[1]) == pytest.approx(true, abs=1e-8)
    assert not parameters(fit.affines[0]).any()
    assert not fit.covariance[0].any()
    assert np.abs(fit.residual).max() < 1e-7


def test_a_catalogue_ties_an_exposure() -> None:
    """Its errors are those of both in quadrature; no gauge."""
    places, shift = stars(9), np.array([0.05, 0.2])
    rows = rows_of([places - shift, places], (0.03, 0.04), (0, CATALOG))
    fit = fit_all(rows, starts(1), setup_of((2,)))
    assert fit.affines[0].shift == pytest.approx(shift, abs=1e-9)
    assert np.sqrt(np.diag(fit.covariance[0])[:2]) == pytest.approx(0.05 / 3)


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(-1, 1))
@settings(deadline=None)
def test_a_star_lies_at_the_weighted_mean(one: float, other: float, apart: float) -> None:
    rows = rows_of([np.zeros((3, 2)), np.full((3, 2), apart)], (one, other))
    fit = fit_all(rows, starts(2), setup_of((0, 0)))
    assert fit.stars == pytest.approx(apart * one**2 / (one**2 + other**2), abs=1e-9)
    assert fit.freedom == 6


def test_stars_seen_once_count_for_nothing() -> None:
    places = stars(10)
    rows = rows_of([places, places[:7] + 0.1], (0.01, 0.01))
    fit = fit_all(rows, starts(2), setup_of((2, 2), (0, 1)))
    assert np.count_nonzero(fit.used) == 14
    assert fit.freedom == 2 * 14 - 2 * 7 - 4 + 2
    assert np.diag(fit.covariance[0])[:2] == pytest.approx(2 * 0.01**2 / 4 / 7)
    assert fit.residual[7:10] == pytest.approx(0)


def test_neither_the_order_of_rows_nor_that_of_exposures_matters() -> None:
    rng = np.random.default_rng(3)
    rows = rows_of([stars(12) + rng.normal(0, 0.01, (12, 2)) + shift for shift in (0.0, 0.1, -0.2)], (0.01, 0.02, 0.01))
    setup, order = setup_of([3] * 3, MEANS[3]), rng.permutation(len(rows))
    fit, other = fit_all(rows, starts(3), setup), fit_all(rows.take(order), starts(3), setup)
    renamed = fit_all(Rows(unit=2 - rows.unit, star=rows.star, place=rows.place, sigma=rows.sigma), starts(3), setup)
    for index in range(3):
        assert parameters(other.affines[index]) == pytest.approx(parameters(fit.affines[index]), abs=1e-12)
        assert parameters(renamed.affines[2 - index]) == pytest.approx(parameters(fit.affines[index]), abs=1e-12)
    assert other.residual == pytest.approx(fit.residual[order], abs=1e-12)


@pytest.mark.parametrize(("number", "free"), [(1, 3), (1, 4), (2, 6)])
def test_stars_that_are_too_few_for_a_kind_are_refused(number: int, free: int) -> None:
    places = stars(number)
    with pytest.raises(np.linalg.LinAlgError):
        fit_all(rows_of([places, places], (0.01, 0.01)), starts(2), setup_of((0, free)))


def test_exposures_without_a_gauge_are_not_determined() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        fit_all(rows_of([stars(5)] * 2, (0.01, 0.01)), starts(2), setup_of((2, 2)))


def noisy(rng: np.random.Generator, scatter: float, number: int = 60, exposures: int = 4) -> Rows:
    return rows_of([stars(number) + rng.normal(0, scatter, (number, 2)) for _ in range(exposures)], [0.01] * exposures)


def robust(rows: Rows, clip: float = 4.0) -> Any:
    number = int(rows.unit.max()) + 1
    return robust_fit(rows, starts(number), setup_of([3] * number, MEANS[3]), clip)


def test_a_star_that_is_off_is_left_out() -> None:
    rows = noisy(np.random.default_rng(4), 0.01)
    rows.place[5] += 0.5
    fit, without = robust(rows), robust(rows.take(np.arange(len(rows)) != 5))
    assert np.flatnonzero(~fit.used).tolist() == [5]
    for one, other in zip(fit.affines, without.affines, strict=True):
        assert parameters(one) == pytest.approx(parameters(other), abs=1e-9)
    assert np.hypot(*fit.residual[5]) == pytest.approx(np.hypot(0.5, 0.5), abs=0.05)


def test_the_last_pair_of_a_star_is_not_half_used() -> None:
    """Where one of two measurements is off, neither counts."""
    rows = noisy(np.random.default_rng(5), 0.01)
    rows = rows.take((rows.star != 7) | (rows.unit < 2))
    rows.place[7] += 0.5
    assert not robust(rows).used[rows.star == 7].any()


def test_where_clipping_leaves_too_few_the_fit_before_is_returned() -> None:
    """Nothing of the last exposure agrees with the others: `used` tells."""
    rows = noisy(np.random.default_rng(8), 0.01, number=12, exposures=10)
    wild = rows.unit == 9
    rows.place[wild] += np.random.default_rng(9).uniform(-5, 5, (12, 2))
    fit = robust(rows)
    assert np.count_nonzero(fit.used & wild) < 3
    assert np.count_nonzero(fit.used & ~wild) > 100


def test_errors_that_suffice_are_left_as_they_are() -> None:
    fit = robust(noisy(np.random.default_rng(6), 0.01))
    assert fit.excess == 0
    assert np.sum(fit.residual**2) / 0.01**2 == pytest.approx(fit.freedom, abs=4 * np.sqrt(2 * fit.freedom))


@pytest.mark.parametrize("scatter", [0.02, 0.05])
def test_what_the_errors_lack_is_found(scatter: float) -> None:
    """The excess brings chi squared to the degrees of freedom, and with it the errors of the maps."""
    rows = noisy(np.random.default_rng(7), scatter)
    fit = robust(rows, clip=10.0)
    assert fit.excess == pytest.approx(np.sqrt(scatter**2 - 0.01**2), rel=0.1)
    chi = np.sum(fit.residual**2 / rows.with_excess(fit.excess).sigma[:, None] ** 2)
    assert chi == pytest.approx(fit.freedom, rel=0.02)
    expected = (0.01**2 + fit.excess**2) / 60 * 3 / 4
    assert np.diag(fit.covariance[0])[:2] == pytest.approx(expected, rel=0.2)


def test_the_excess_is_not_that_of_the_catalogue() -> None:
    rows = rows_of([stars(4), stars(4)], (0.03, 0.05), (0, CATALOG))
    assert rows.with_excess(0.04).sigma == pytest.approx([0.05] * 8)
    assert rows.with_excess(0.0).sigma.tolist() == rows.sigma.tolist()


def test_columns_are_numbered_along_the_exposures() -> None:
    columns = setup_of((2, 0, 3)).columns()
    assert columns.tolist() == [[0, 1, -1, -1, -1, -1], [-1] * 6, [2, 3, 4, -1, -1, -1]]


def test_rows_of_one_star_in_one_exposure_are_not_shared() -> None:
    rows = rows_of([stars(3), stars(2)], (1.0, 1.0))
    assert rows.shared().tolist() == [True, True, False, True, True]
    assert len(rows.take(rows.shared())) == 4
    assert len(rows.take(slice(0, 0)).shared()) == 0
