"""Sources that touch, against rules that can be written down for each level anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_catalog._separate import separate_sources
from scipy.ndimage import gaussian_filter, label

TOUCHING = np.ones((3, 3), dtype=int)


def stars(*places: tuple[float, float, float], size: tuple[int, int] = (50, 60), sigma: float = 2.0) -> Any:
    """Return Gaussian stars ``(x, y, peak)`` on nothing."""
    down, across = np.indices(size)
    light = sum(peak * np.exp(-0.5 * ((across - x) ** 2 + (down - y) ** 2) / sigma**2) for x, y, peak in places)
    return np.asarray(light, dtype=np.float32)


def divided(light: Any, threshold: float = 1.0, least: int = 5, rise: Any = 0.0) -> Any:
    found, _ = label(light > threshold, structure=TOUCHING)
    return separate_sources(light, found, least, rise)


def test_nothing_stays_nothing() -> None:
    empty = np.zeros((5, 6), dtype=np.int32)
    assert not separate_sources(np.ones((5, 6), dtype=np.float32), empty, 3).any()


def test_two_stars_that_touch_part_where_they_are_equally_bright() -> None:
    """Half way between them, where the light is least on the way."""
    labels = divided(stars((20, 25, 100), (29, 25, 100)))
    assert labels.max() == 2
    assert len(set(labels[labels[:, 20] > 0, 20])) == len(set(labels[labels[:, 29] > 0, 29])) == 1
    assert labels[25, 20:29].tolist() == [labels[25, 20]] * 5 + [labels[25, 29]] * 4


def test_no_pixel_is_lost_or_won() -> None:
    light = stars((20, 25, 100), (29, 25, 40), (38, 30, 60))
    assert np.array_equal(divided(light) > 0, light > 1)


def test_one_star_is_one_source_and_keeps_its_number() -> None:
    labels = divided(stars((10, 10, 50), (40, 40, 100), (49, 40, 100)))
    assert labels[10, 10] == 1
    assert sorted({labels[40, 40], labels[40, 49]}) == [2, 3]


@pytest.mark.parametrize(("peak", "number"), [(0.3, 1), (4.0, 2)])
def test_a_source_has_a_thousandth_of_the_light(peak: float, number: int) -> None:
    """A bump of a star as wide on the slope of one of 1000; its pixels have some 1.5 times its own light."""
    light = stars((20, 25, 1000), (31, 25, peak), sigma=2.0) + np.float32(1.0)
    assert divided(light, threshold=1.05).max() == number


def test_a_bump_of_few_pixels_is_no_source() -> None:
    light = stars((20, 25, 100), sigma=4.0)
    light[25, 28:30] += 20
    assert [divided(light, least=least).max() for least in (2, 5)] == [2, 1]


@pytest.mark.parametrize("rise", [4.0, np.full((50, 60), 4.0, dtype=np.float32)], ids=["number", "image"])
@pytest.mark.parametrize(("peak", "number"), [(2.0, 1), (8.0, 2)])
def test_a_source_rises_by_more_than_noise_above_what_connects_it(rise: Any, peak: float, number: int) -> None:
    """A star on the halo of a bright one: without the rule both are found."""
    light = stars((12, 25, 300), (42, 25, peak)) + np.float32(10)
    assert divided(light, threshold=9.0).max() == 2
    assert divided(light, threshold=9.0, rise=rise).max() == number


@pytest.mark.parametrize("rise", [2.3, 9.0])
def test_where_one_of_two_peaks_is_noise_or_both_are_there_is_one_source(rise: float) -> None:
    """They rise by 2.6 and by 2.1 above the saddle."""
    light = stars((20, 25, 3), (29, 25, 2.5)) + np.float32(10)
    assert divided(light, threshold=10.3, rise=1.8).max() == 2
    assert divided(light, threshold=10.3, rise=rise).max() == 1


def test_a_segment_that_is_not_above_nothing_is_divided_too() -> None:
    light = stars((20, 25, 100), (29, 25, 100)) - np.float32(10)
    assert divided(light, threshold=-9.0).max() == 2


def test_pixels_alike_are_one_source() -> None:
    assert divided(np.full((6, 7), 3, dtype=np.float32)).max() == 1


def markers(light: Any, mine: Any, least: int) -> Any:
    """Return the sources of one segment, the parts of each level found anew."""
    steps = np.geomspace(light[mine].min(), light[mine].max(), 34)[1:-1]
    found = mine.astype(int)
    for step in steps:
        parts, number = label(mine & (light > step), structure=TOUCHING)
        large = [part for part in range(1, number + 1) if np.count_nonzero(parts == part) >= least]
        for parent in range(1, found.max() + 1):
            inside = [part for part in large if (found[parts == part] == parent).all()]
            if len(inside) >= 2:
                found[found == parent] = 0
                for part in inside:
                    found[parts == part] = found.max() + 1
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_sources_are_those_of_all_levels(seed: int) -> None:
    """Each has one and another place in the segments that were divided; noise has many peaks of all heights."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(60, 60)), 1.5)
    light = np.exp(4 * noise / noise.std()).astype(np.float32)
    segments, number = label(light > 0.5, structure=TOUCHING)
    labels = separate_sources(light, segments, 5)
    for segment in range(1, number + 1):
        mine = segments == segment
        found, light_of = markers(light, mine, 5), float(light[mine].sum())
        for name in set(found[found > 0]):
            inside = set(labels[found == name])
            assert len(inside) == 1 or light[found == name].sum() < 1e-3 * light_of
        assert set(labels[mine]) <= set(labels[found > 0])


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_the_sources_are_the_same_from_all_sides(turn: int) -> None:
    noise = gaussian_filter(np.random.default_rng(5).normal(size=(60, 60)), 1.5)
    light = np.exp(4 * noise / noise.std()).astype(np.float32)
    labels, turned = divided(light), np.rot90(divided(np.rot90(light, turn)), -turn)
    pairs = {(int(one), int(other)) for one, other in zip(labels.ravel(), turned.ravel(), strict=True)}
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
