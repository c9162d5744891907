"""The arithmetic of tiles and least squares, against closed forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from iris_skymatch._solve import Samples, islands_of, samples_of, solve, without_sources
from iris_skymatch._tiles import Tiles, clipped_medians, find_sources, measure_tiles, tile_side
from iris_wcs import choose_plane

from iris_core import Doubles, Exposure, Image

Look = Callable[..., Exposure]


# --- tiles -------------------------------------------------------------------------------------------------------

values = st.one_of(st.floats(-100, 100, width=32), st.just(float("nan")))


@settings(max_examples=80, deadline=None)
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=values))
def test_a_clipped_median_lies_among_the_values(table: Image) -> None:
    level, number = clipped_medians(table.copy())
    for row, middle, count in zip(table, level, number, strict=True):
        known = row[np.isfinite(row)]
        assert count <= known.size
        if not known.size:
            assert np.isnan(middle)
        elif count:
            assert known.min() <= middle <= known.max()


def test_a_clipped_median_of_noise_has_the_variance_of_a_median() -> None:
    table = np.random.default_rng(1).standard_normal((20_000, 64)).astype(np.float32)
    level, number = clipped_medians(table)
    assert level.std() == pytest.approx(np.sqrt(np.pi / 2 / 65), rel=0.02)
    assert number.mean() > 63.8


def test_stars_move_a_clipped_median_less_than_a_median() -> None:
    table = np.random.default_rng(2).standard_normal((2000, 256)).astype(np.float32)
    table[:, :30] += 20
    plain = np.median(table, axis=1).mean()
    level, number = clipped_medians(table)
    assert abs(level.mean()) < 0.3 * plain
    assert number.mean() == pytest.approx(226, abs=2)


def test_the_tiles_of_a_plane_have_its_values_in_their_middles(look: Look) -> None:
    """Wherever the pixels lie in the tile."""
    plane = choose_plane([look((0, 0))])
    for offset in ((0.0, 0.0), (0.4, 0.7), (13.1, -5.9)):
        tiles = measure_tiles(look(offset, 5.0, scene=lambda x, y: 0.3 * x - 0.2 * y), plane, 8)
        middles = (tiles.place[::-1] + 0.5) * 8 + 63.5
        assert tiles.level == pytest.approx(5 + 0.3 * middles[0] - 0.2 * middles[1], abs=0.02)
        assert tiles.number.min() > 40


def test_tiles_know_the_noise_and_are_whole(look: Look) -> None:
    tiles = measure_tiles(look((0.5, 0.5), sigma=2.0, seed=3), choose_plane([look((0, 0))]), 8)
    assert tiles.noise == pytest.approx(2, rel=0.03)
    assert 14**2 <= tiles.level.size <= 16**2
    assert tiles.number.min() >= 0.85 * 64


def test_tiles_of_bad_pixels_are_no_tiles(look: Look) -> None:
    bad = np.zeros((128, 128), dtype=bool)
    bad[:64] = True
    plane = choose_plane([look((0, 0))])
    half, whole = (measure_tiles(look((0, 0), bad=one), plane, 8) for one in (bad, np.zeros_like(bad)))
    assert half.level.size == whole.level.size / 2
    assert measure_tiles(look((0, 0), bad=np.ones_like(bad)), plane, 8).level.size == 0


@pytest.mark.parametrize(("size", "side"), [(64, 8), (1024, 8), (2048, 16), (4096, 32), (9000, 32)])
def test_tiles_grow_with_the_exposure(size: int, side: int) -> None:
    assert tile_side((size, size + 5)) == side


def test_sources_are_found_and_grown() -> None:
    rest = np.random.default_rng(4).standard_normal((200, 200)).astype(np.float32)
    rest[100:103, 50:53] += 8
    rest[0, 0] = np.nan
    found = find_sources(rest)
    assert found[97:106, 47:56].all()
    assert found.mean() < 0.02
    assert not find_sources(np.zeros((20, 20), dtype=np.float32)).any()


# --- least squares -----------------------------------------------------------------------------------------------


def tiles_of(places: Sequence[tuple[int, int]], levels: Sequence[float], noise: float = 1.0, number: int = 64) -> Tiles:
    place = np.array(places, dtype=np.int64).reshape(-1, 2).T
    return Tiles(place, np.array(levels, dtype=np.float64), np.full(len(levels), number), noise)


def square(row: int, column: int, size: int = 6) -> list[tuple[int, int]]:
    return [(row + r, column + c) for r in range(size) for c in range(size)]


def test_only_tiles_of_two_exposures_are_compared() -> None:
    first, second = tiles_of([(0, 0), (0, 1), (1, 1)], [1, 2, 3]), tiles_of([(1, 1), (0, 1), (5, 5)], [4, 5, 6])
    samples = samples_of([first, second], 10.0)
    assert sorted(zip(samples.exposure.tolist(), samples.level.tolist(), strict=True)) == [
        (0, 2.0),
        (0, 3.0),
        (1, 4.0),
        (1, 5.0),
    ]
    assert samples.variance == pytest.approx(np.pi / 2 / 65)


def draw(count: int, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    measured = []
    for _ in range(count):
        places = square(*rng.integers(0, 4, 2).tolist())
        measured.append(tiles_of(places, rng.normal(0, 1, 36).tolist(), noise=float(rng.uniform(0.5, 2))))
    return samples_of(measured, 10.0)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_the_solution_is_that_of_dense_least_squares(order: int, seed: int) -> None:
    """Over the levels of exposures and tiles together, of the smallest norm among equals."""
    samples = draw(4, seed)
    used, tile = np.unique(samples.tile, return_inverse=True)
    count = 1 + 2 * order
    design = np.zeros((samples.level.size, 4 * count + used.size))
    terms: Any = np.vstack([np.ones(samples.level.size), samples.place])[:count]
    for row in range(samples.level.size):
        start = samples.exposure[row] * count
        design[row, start : start + count] = terms[:, row]
        design[row, 4 * count + tile[row]] = 1
    root = 1 / np.sqrt(samples.variance)
    truth = np.linalg.lstsq(design * root[:, np.newaxis], samples.level * root, rcond=None)[0][: 4 * count]
    truth = truth.reshape(4, count)
    noisy = solve(samples.keep(np.ones(samples.level.size, dtype=bool)), order)
    if not noisy.rejected:
        assert noisy.terms == pytest.approx(truth - truth.mean(axis=0), abs=1e-6)


def test_the_covariance_of_a_pair_is_that_of_its_difference() -> None:
    """Of n tiles with the variance v each: 2 v / n, half of it in each exposure."""
    samples = samples_of([tiles_of(square(0, 0), [0.0] * 36), tiles_of(square(0, 3), [0.0] * 36)], 10.0)
    found = solve(samples, 0)
    variance = 2 * np.pi / 2 / 65 / 18
    assert found.covariance == pytest.approx(variance / 4 * np.array([(1, -1), (-1, 1)]), rel=1e-9)
    assert found.is_determined
    level, error = found.at(np.zeros((2, 2)))
    assert np.all(level == 0)
    assert error == pytest.approx(np.sqrt(variance) / 2, rel=1e-9)


def test_an_outlying_tile_is_rejected() -> None:
    rng = np.random.default_rng(6)
    levels = rng.normal(0, np.sqrt(np.pi / 2 / 65), (2, 36))
    levels[0] += 3
    levels[1, 7] += 50
    found = solve(samples_of([tiles_of(square(0, 0), one.tolist()) for one in levels], 10.0), 0)
    assert found.rejected == 2
    assert found.terms[:, 0] == pytest.approx([1.5, -1.5], abs=0.1)


def test_errors_grow_where_tiles_scatter_more_than_their_noise() -> None:
    rng = np.random.default_rng(7)
    levels = rng.normal(0, 3 * np.sqrt(np.pi / 2 / 65), (2, 400))
    places = square(0, 0, 20)
    rough = solve(samples_of([tiles_of(places, one.tolist()) for one in levels], 10.0), 0)
    fine = solve(samples_of([tiles_of(places, (one / 3).tolist()) for one in levels], 10.0), 0)
    assert rough.scatter == pytest.approx(3, rel=0.15)
    assert np.sqrt(rough.covariance[0, 0] / fine.covariance[0, 0]) == pytest.approx(3, rel=0.15)


def test_islands_are_found() -> None:
    places = [square(0, 0), square(100, 0), square(0, 3), square(500, 0), square(3, 3)]
    samples = samples_of([tiles_of(one, [0.0] * 36) for one in places], 10.0)
    assert islands_of(samples) == ((0, 2, 4), (1,), (3,))


def bright_pair(share: float) -> Samples:
    """Return two exposures of 900 tiles of which a part has light of 5."""
    rng = np.random.default_rng(8)
    light = 5.0 * (np.arange(900) < 900 * share)
    levels: list[Doubles] = [light + rng.normal(0, 0.1, 900) for _ in range(2)]
    return samples_of([tiles_of(square(0, 0, 30), one.tolist()) for one in levels], 10.0)


def test_tiles_with_extended_light_are_left_out() -> None:
    kept, number = without_sources(bright_pair(0.3))
    assert 270 <= number <= 280
    assert kept.level.max() < 1
    assert without_sources(bright_pair(0.0))[1] < 10


def test_nothing_is_left_out_that_connects_exposures() -> None:
    """The only common tiles are bright."""
    dark = [0.0] * 36
    first, second = square(0, 0), square(20, 20)
    shared = [(10, 10), (10, 11)]
    rng = np.random.default_rng(9)
    measured = [
        tiles_of([*places, *shared], [*(rng.normal(0, 0.1, 36) + dark).tolist(), 50.0, 50.0])
        for places in (first, second)
    ]
    samples = samples_of(measured, 10.0)
    kept, number = without_sources(samples)
    assert number == 0
    assert kept.level.size == 4
