"""The levels of overlapping exposures, against truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from iris_skymatch import SkyMatchParams
from iris_skymatch._levels import Found, find_levels

from iris_core import Doubles, Exposure, Exposures

Look = Callable[..., Exposure]

# Two rows of three, shifted a little, so that two that would touch at a corner do not: ten overlaps.
PLACES = ((0, 0), (90, -20), (180, 0), (0, 90), (90, 90), (190, 105))
OVERLAPS = (3, 4, 3, 3, 5, 2)
# Their mean is 0, and float32 has them exactly.
LEVELS = np.array([1.0, 2.0, -0.5, 0.25, 3.0, -5.75])


def levels_of(exposures: list[Exposure], **params: Any) -> Found:
    return find_levels(Exposures.of(exposures), SkyMatchParams(**params))


def pulls(draw: Callable[[int], list[Exposure]], truth: Doubles, number: int, **params: Any) -> Doubles:
    found = [levels_of(draw(seed), **params) for seed in range(number)]
    return np.array([(one.level - truth) / one.error for one in found])


def test_six_exposures_with_ten_overlaps_without_noise(look: Look) -> None:
    found = levels_of([look(place, level) for place, level in zip(PLACES, LEVELS, strict=True)])
    assert np.abs(found.level - LEVELS).max() < 5e-15
    assert tuple(found.overlaps) == OVERLAPS
    assert sum(OVERLAPS) == 2 * 10
    assert not found.warnings


@pytest.mark.acceptance
def test_errors_of_the_levels_are_true(look: Look) -> None:
    """Pulls of 1.00: six exposures, of unequal noise."""
    sigmas = (1.0, 1.0, 2.0, 0.5, 1.0, 1.5)

    def draw(seed: int) -> list[Exposure]:
        given = zip(PLACES, LEVELS, sigmas, strict=True)
        return [look(at, level, sigma=s, seed=seed * 6 + k) for k, (at, level, s) in enumerate(given)]

    found = pulls(draw, LEVELS, 120)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(1, abs=0.08)
    assert abs(found.mean()) < 0.15


@pytest.mark.acceptance
@pytest.mark.parametrize("number", [2, 5])
def test_errors_are_true_where_all_exposures_have_the_same_pixels(look: Look, number: int) -> None:
    """Differences of three exposures are not independent: as if they were, those of 5 would be sqrt(5/2) too small."""

    def draw(seed: int) -> list[Exposure]:
        return [look((4 * k, 3 * k), sigma=1.0, seed=seed * number + k) for k in range(number)]

    found = pulls(draw, np.zeros(number), 300 // number)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(1, abs=0.12)


@pytest.mark.acceptance
def test_errors_of_planes_are_true(look: Look) -> None:
    def draw(seed: int) -> list[Exposure]:
        return [look((40 * k, 30 * (k % 2)), sigma=1.0, seed=seed * 4 + k) for k in range(4)]

    found = pulls(draw, np.zeros(4), 60, order=1)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(1, abs=0.15)


def test_the_error_is_that_of_medians(look: Look) -> None:
    """Of two exposures with N common pixels half the difference: sqrt(pi/2 (1 + 1) / N) / 2."""
    found = levels_of([look((0, 0), sigma=1.0, seed=1), look((0, 64), sigma=1.0, seed=2)])
    assert found.error == pytest.approx(np.sqrt(np.pi / (64 * 128)) / 2, rel=0.12)


def test_two_islands_keep_their_means(look: Look) -> None:
    """And the exposure that overlaps no other stays alone."""
    places = (*PLACES[:2], (1000, 0), (1060, 20), (0, 3000))
    levels = (1.0, 3.0, 10.0, 14.0, 7.0)
    found = levels_of([look(at, level, name=f"e{k}") for k, (at, level) in enumerate(zip(places, levels, strict=True))])
    assert found.level == pytest.approx([-1, 1, -2, 2, 0], abs=1e-12)
    (warning,) = found.warnings
    assert "3 groups" in warning
    assert "e0_cal.fits, e1_cal.fits; e2_cal.fits, e3_cal.fits; e4_cal.fits" in warning


def test_islands_can_be_brought_to_one_sky(look: Look) -> None:
    places, levels = (*PLACES[:2], (1000, 0), (1060, 20), (0, 3000)), np.array([1.0, 3.0, 10.0, 14.0, 7.0])
    found = levels_of([look(at, level) for at, level in zip(places, levels, strict=True)], unconnected="global")
    assert np.ptp(levels - found.level) < 1e-6


def test_the_lowest_can_be_what_levels_are_relative_to(look: Look) -> None:
    exposures = [
        look(place, level, sigma=0.5, seed=k) for k, (place, level) in enumerate(zip(PLACES, LEVELS, strict=True))
    ]
    found, mean = levels_of(exposures, gauge="lowest"), levels_of(exposures)
    assert found.level == pytest.approx(mean.level - mean.level.min(), abs=1e-12)
    assert found.error[5] == 0
    assert found.error[0] > mean.error[0]


def nebula(x: Doubles, y: Doubles) -> Doubles:
    """Return an extended source, 100 at its peak, in the overlap of two exposures."""
    return np.asarray(100 * np.exp(-((x - 245) ** 2 + (y - 128) ** 2) / (2 * 40.0**2)))


@pytest.mark.acceptance
@pytest.mark.parametrize("blur", [1.0, 0.98])
def test_a_nebula_across_the_overlap_does_not_count(look: Look, blur: float) -> None:
    """Less than 0.01 standard deviations of a pixel, with 2 % less transparency in one exposure, too.

    Each noise comes with both signs: it drops out of the mean of two levels, all but what it changes in the masks.
    """
    scenes: tuple[Any, ...] = (nebula, lambda x, y: blur * nebula(x, y))
    given = [(at, level, scene) for at, level, scene in zip(((0, 0), (150.3, 20.6)), (5.0, 3.0), scenes, strict=True)]
    truth = [look(at, level, scene=scene, shape=(256, 256)) for at, level, scene in given]
    biases, errors = [], []
    for seed in range(30):
        noisy = [
            look(at, level, scene=scene, sigma=1.0, seed=2 * seed + k, shape=(256, 256))
            for k, (at, level, scene) in enumerate(given)
        ]
        other = [one.replace(data=2 * true.data - one.data) for one, true in zip(noisy, truth, strict=True)]
        pair = [levels_of(exposures) for exposures in (noisy, other)]
        errors += [found.level[0] - found.level[1] - 2 for found in pair]
        biases.append(np.mean(errors[-2:]))
        assert "; 0 tiles with sources" not in pair[0].notes[0]
    assert np.std(errors) == pytest.approx(2 * pair[0].error[0], rel=0.35)
    scatter = np.std(biases) / np.sqrt(len(biases))
    assert scatter < 0.004
    assert abs(np.mean(biases)) < 0.01 + (0 if blur == 1 else 2 * scatter)


def test_an_overlap_full_of_light_still_tells_the_level(look: Look) -> None:
    """There is no tile of sky; the light cancels."""

    def scene(x: Doubles, y: Doubles) -> Doubles:
        return 50 * (x > 90) + 0.1 * x

    first, second = (
        look((at, 0), level, scene=scene, sigma=1.0, seed=k) for k, (at, level) in enumerate([(0, 1), (96, 0)])
    )
    found = levels_of([first, second])
    assert found.level[0] - found.level[1] == pytest.approx(1, abs=6 * found.error[0])


def test_stars_and_bad_pixels_do_not_count(look: Look) -> None:
    """Stars in half of the tiles, and different pixels bad in each exposure."""
    rng = np.random.default_rng(5)
    x0, y0, flux = rng.uniform(0, 240, 150), rng.uniform(0, 150, 150), rng.uniform(20, 3000, 150)

    def stars(x: Doubles, y: Doubles) -> Doubles:
        bright = zip(x0, y0, flux, strict=True)
        return np.asarray(sum(f * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 3) for a, b, f in bright))

    bad = [rng.random((128, 128)) < 0.1 for _ in range(2)]
    places = ((0, 0), (60.4, 10.7))
    first, second = (
        look(at, level, scene=stars, sigma=1.0, seed=k, bad=bad[k])
        for k, (at, level) in enumerate(zip(places, (4, 0), strict=True))
    )
    found = levels_of([first, second])
    assert found.level[0] - found.level[1] == pytest.approx(4, abs=8 * found.error[0])
    assert found.error[0] < 0.03


@pytest.mark.parametrize(("angle", "place"), [(30.0, (100, 60)), (90.0, (200, 20)), (180.0, (190, 190))])
def test_rotated_exposures_are_compared(look: Look, angle: float, place: tuple[int, int]) -> None:
    def scene(x: Doubles, y: Doubles) -> Doubles:
        return x / 64 + y / 32

    found = levels_of([look((0, 0), 1.5, scene=scene), look(place, -1.5, scene=scene, angle=angle)])
    assert tuple(found.overlaps) == (1, 1)
    assert found.level == pytest.approx([1.5, -1.5], abs=0.02)


def test_planes_are_fitted_where_overlaps_tell_them(look: Look) -> None:
    slopes = [(0.02, -0.01), (-0.02, 0.01), (0.01, 0.0), (-0.01, 0.0)]
    places = [(0, 0), (30, 0), (0, 30), (30, 30)]
    exposures = [
        look(at, k - 1.5, scene=lambda x, y, s=s: s[0] * (x - 80) + s[1] * (y - 80))
        for k, (at, s) in enumerate(zip(places, slopes, strict=True))
    ]
    found = levels_of(exposures, order=1)
    assert found.terms[:, 1:] / found.unit == pytest.approx(np.array(slopes), abs=1e-4)
    assert not found.warnings


def test_the_order_of_the_exposures_changes_little(look: Look) -> None:
    exposures = [look(at, b, sigma=1.0, seed=k) for k, (at, b) in enumerate(zip(PLACES, LEVELS, strict=True))]
    forward, back = levels_of(exposures), levels_of([exposures[0], *exposures[:0:-1]])
    assert back.level[[0, *range(5, 0, -1)]] == pytest.approx(forward.level, abs=1e-3)
