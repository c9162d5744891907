"""The first sky, the stack, which exposures are near in time, levels: what each does with few values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from iris_sky._first import Stack, first_sky
from iris_sky._level import Sample, measure_levels
from iris_sky._near import apart_enough, middle_times, nearest, order_of
from iris_sky._notes import unknown_times

from iris_core import InputError

ALL = np.ones((9, 9), dtype=bool)


def column(*values: float) -> Any:
    """Return values of one pixel."""
    return np.array(values, dtype=np.float32).reshape(-1, 1, 1)


@pytest.mark.parametrize(
    ("values", "sky"),
    [
        ((7.0,), 7.0),
        ((1.0, 3.0), 2.0),
        ((1.0, 9.0), 1.0),
        ((9.0, 1.0, 2.0), 2.0),
        ((1.0, 2.0, 4.0, 90.0), 3.0),
        ((np.nan, 1.0, 9.0), 1.0),
        ((np.nan, np.nan, 9.0), 9.0),
        ((np.nan, np.nan), np.nan),
    ],
)
def test_the_first_sky_is_the_median_and_of_two_the_lower_that_differs(values: tuple[float, ...], sky: float) -> None:
    """Two values with a standard deviation of 1 differ by 3 of their difference from 4.24 on; never their median."""
    np.testing.assert_array_equal(first_sky(column(*values), 1.0), [[np.float32(sky)]])


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ((5.0,), 5.0),
        ((5.0, 7.0), 6.0),
        ((5.0, 70.0), 70.0),
        ((-90.0, 5.0, 6.0), 5.0),
        ((4.0, 5.0, 6.0, 900.0, -900.0), 5.0),
        ((np.nan, 5.0), 5.0),
        ((np.nan,), np.nan),
    ],
)
def test_the_stack_drops_the_extremes_and_of_two_takes_the_higher_that_differs(
    values: tuple[float, ...], mean: float
) -> None:
    stack = Stack.empty((1, 1))
    for value in values:
        stack.add(np.array([[value]], dtype=np.float32), (slice(0, 1), slice(0, 1)))
    np.testing.assert_allclose(stack.mean(1.0)[0], [[mean]], rtol=1e-6)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 9])
def test_the_variance_of_the_stack_is_known_within_ten_percent(number: int) -> None:
    stack, rng = Stack.empty((200, 200)), np.random.default_rng(number)
    for _ in range(number):
        stack.add(rng.standard_normal((200, 200), dtype=np.float32), (slice(0, 200), slice(0, 200)))
    mean, relative = stack.mean(1.0)
    assert mean.var() == pytest.approx(relative[0, 0], rel=0.1)


def test_the_nearest_in_time_are_taken_on_both_sides() -> None:
    near = nearest(np.arange(9.0), ALL, number=4, longest=15.0)
    assert near[4] == (2, 3, 5, 6)
    assert near[0] == (1, 2, 3, 4)
    assert near[8] == (4, 5, 6, 7)


def test_none_is_taken_from_beyond_the_longest_time_but_three_always_are() -> None:
    times = np.array([0.0, 1, 2, 3, 4, 60, 120, 121, 122])
    near = nearest(times, ALL, number=8, longest=15.0)
    assert near[0] == (1, 2, 3, 4)
    assert near[5] == (2, 3, 4)
    assert near[7] == (5, 6, 8)
    assert nearest(times[:2], ALL[:2, :2], number=8, longest=15.0) == [(1,), (0,)]


def test_without_times_those_next_in_the_order_of_names_are_the_nearest(dither: Any) -> None:
    """However the group is sorted; and that is said, where not all others are taken anyway."""
    outlines = dither(3, size=16, stars=1).group.outlines
    minutes = middle_times(outlines)
    assert minutes is not None
    assert minutes.tolist() == [0.0, 1.5, 3.0]
    unknown = [outlines[index].replace(meta=_without_start(outlines[index])) for index in (2, 0, 1)]
    assert middle_times([unknown[0], *outlines[:2]]) is None
    assert order_of(unknown).tolist() == [2, 0, 1]
    assert nearest(order_of(unknown), ALL[:3, :3], number=1, longest=np.inf) == [(2,), (2,), (0,)]
    (warning,) = unknown_times([*outlines[:2], unknown[0]], 1)
    assert unknown[0].name in warning
    assert not list(unknown_times(unknown, 2))
    assert not list(unknown_times(outlines, 1))


def _without_start(outline: Any) -> Any:
    from dataclasses import replace

    return replace(outline.meta, start_time=None)


def test_the_middle_of_an_exposure_counts(dither: Any) -> None:
    """Exposures of 100 s and 300 s that start 90 s apart have middles 190 s apart."""
    from dataclasses import replace

    first, second = dither(2, size=16, stars=1).group.outlines
    second = second.replace(meta=replace(second.meta, exposure_time=300.0))
    assert second.meta.start_time - first.meta.start_time == timedelta(seconds=90)
    minutes = middle_times([first, second])
    assert minutes is not None
    assert minutes[1] == pytest.approx(190 / 60)


def test_exposures_of_the_same_place_do_not_show_each_others_sky_at_first(dither: Any) -> None:
    distances = np.array([[0.0, 3, 50], [3, 0, 50], [50, 50, 0]])
    outlines = dither(3, size=16, stars=1).group.outlines
    apart = apart_enough(distances, 10.0, outlines)
    assert nearest(np.arange(3.0), apart, number=8, longest=15.0) == [(2,), (2,), (0, 1)]
    with pytest.raises(InputError, match=r"x2_rate\.fits is not dithered: .* at most 50 pixels"):
        apart_enough(distances, 60.0, outlines[2:] * 3)


def sample(levels: list[float], pattern: float = 0.0, bright: float = 0.0) -> Sample:
    """Return skies with noise of 1 and a pattern; a tenth of the pixels of each is covered, each time others."""
    rng = np.random.default_rng(3)
    shape = 1 + pattern * np.sin(np.arange(40_000) / 500)
    values = np.array([level * shape for level in levels]) + rng.normal(size=(len(levels), 40_000))
    for k in range(len(levels)):
        values[k, 4000 * k : 4000 * (k + 1)] += bright
    return Sample(values.astype(np.float32), np.ones(values.shape, dtype=np.float32), 1)


@pytest.mark.parametrize("bright", [0.0, 30.0, 1000.0])
@pytest.mark.parametrize("pattern", [0.0, 0.1])
def test_levels_do_not_depend_on_what_sources_and_the_skys_pattern_cover(pattern: float, bright: float) -> None:
    """Of 100 with a pattern of 10 %: within 0.05, where the median of all would be off by 1."""
    found = measure_levels(sample([100.0, 98.0, 103.0, 101.0], pattern, bright), "factor", "abcd")
    assert found.values / found.values[0] == pytest.approx([1, 0.98, 1.03, 1.01], abs=5e-4)
    assert found.deviation == pytest.approx(1.0, abs=0.01)
    assert found.inflation == pytest.approx(1.0, abs=0.4 if bright else 0.02)
    assert found.factor(1, 0) == pytest.approx(0.98, abs=5e-4)
    assert found.offset(1, 0) == 0


def test_unknown_errors_are_measured_from_the_scatter() -> None:
    seen = sample([100.0, 110.0, 90.0])
    found = measure_levels(Sample(seen.data, None, 1), "offset", "abc")
    assert not found.known
    assert found.deviation == pytest.approx(1.0, abs=0.01)
    assert found.offset(1, 2) == pytest.approx(20, abs=0.05)
    assert found.factor(1, 2) == 1


def test_a_level_by_which_nothing_can_be_multiplied_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"second.fits has a sky of -5.*use match: offset"):
        measure_levels(sample([5.0, -5.0]), "factor", ["first.fits", "second.fits"])
    assert measure_levels(sample([5.0, -5.0]), "offset", ["a", "b"]).values[1] == pytest.approx(-5, abs=0.05)


def test_an_exposure_without_a_valid_pixel_is_refused_by_name() -> None:
    seen = sample([5.0, 6.0])
    seen.data[1] = np.nan
    with pytest.raises(InputError, match=r"\.fits has no valid pixel"):
        measure_levels(seen, "offset", ["first.fits", "second.fits"])
