"""Diagrams: where points lie, and what they say."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_report._examine import Entry
from iris_report._plots import Axis, dither_map, histogram, trend


def entry(name: str = "x", **changes: Any) -> Entry:
    made = Entry(
        **dict.fromkeys(("file", "sha256", "page", "measured", "unit", "recipe", "mode", "instrument"), ""),
        **dict.fromkeys(("detector", "pupil", "read_mode", "target"), ""),
        name=name,
        filter="Kbb",
        products={},
        start="2026-03-21T06:00:00",
        exposure_time=100.0,
        figures={"noise_ratio": 1.0, "bad_fraction": 0.01},
        flags={},
        footprint=(),
        references=(),
        breaches=(),
    )
    return replace(made, **changes)


def square(ra: float, dec: float, side: float = 10.0) -> tuple[tuple[float, float], ...]:
    """Return the corners of a field of `side` arcsec, as S_REGION has them."""
    half = side / 7200
    wide = half / np.cos(np.radians(dec))
    return ((ra + wide, dec - half), (ra - wide, dec - half), (ra - wide, dec + half), (ra + wide, dec + half))


@given(low=st.floats(-1e9, 1e9), width=st.floats(1e-6, 1e9), reverse=st.booleans())
def test_ticks_are_round_values_inside_the_axis(low: float, width: float, reverse: bool) -> None:
    high = low + width
    if high - low < 1e-9 * max(abs(low), 1):  # as close as floating point goes
        return
    axis = Axis(high, low, 40, 290) if reverse else Axis(low, high, 40, 290)
    ticks = axis.ticks
    assert 1 <= len(ticks) <= 8
    for at, words in ticks:
        assert 39.9 <= at <= 290.1
        assert float(words) == pytest.approx(
            axis.low + (at - 40) / 250 * (axis.high - axis.low), abs=0.01 * width + 1e-9 * abs(low)
        )


def test_a_trend_has_a_point_for_each_exposure_in_its_place() -> None:
    entries = [
        entry("a", figures={"noise_ratio": 0.95}),
        entry("b", figures={"noise_ratio": 1.05}, start="2026-03-21T08:00:00", filter="Hbb"),
        entry("c", figures={}),
        entry("d", figures={"noise_ratio": 1.2}, start=""),
    ]
    made = trend("noise_ratio", entries, {"noise_ratio": (0.9, 1.1)})
    assert made is not None
    first, second = made.marks
    assert first.x < second.x
    assert first.y > second.y  # upwards is less in a picture
    assert (first.series, second.series) == (0, 1)
    assert made.series == ("Kbb", "Hbb")
    assert first.title == "a: 0.95"
    assert len(made.limits) == 2
    assert made.limits[0] > first.y > second.y > made.limits[1]
    assert made.begin == "2026-03-21T06:00:00"
    assert "2 exposures: median 1, from 0.95 to 1.05" in made.alt


def test_fractions_are_shown_in_per_cent() -> None:
    made = trend("bad_fraction", [entry("a"), entry("b", figures={"bad_fraction": 0.06})], {"bad_fraction": (0, 0.05)})
    assert made is not None
    assert made.unit == "%"
    assert "from 1 to 6 %" in made.alt
    assert len(made.limits) == 1  # none below 0


def test_a_limit_that_is_far_away_does_not_press_the_points_together() -> None:
    entries = [entry("a", figures={"noise_ratio": 1.0}), entry("b", figures={"noise_ratio": 1.001})]
    made = trend("noise_ratio", entries, {"noise_ratio": (0.1, 10.0)})
    assert made is not None
    assert made.limits == ()


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-9, 1e12])
def test_one_point_has_axes_too(value: float) -> None:
    made = trend("noise_ratio", [entry(figures={"noise_ratio": value})], {})
    assert made is not None
    assert made.x.ticks
    assert made.y.ticks
    assert made.x.start < made.marks[0].x < made.x.end


def test_there_is_no_trend_of_what_no_exposure_has() -> None:
    assert trend("fwhm", [entry()], {}) is None
    assert trend("noise_ratio", [entry(figures={"noise_ratio": float("nan")})], {}) is None
    assert trend("noise_ratio", [], {}) is None


def test_normal_values_follow_the_normal_curve() -> None:
    edges = np.linspace(-6, 6, 61)
    counts, _ = np.histogram(np.random.default_rng(0).normal(size=200_000), edges)
    made = histogram(counts.tolist(), edges, "alt")
    tops = [float(one) for one in re.findall(r"L\S+ (\S+?)(?=L|Z)", made.bars)]
    curve = [float(one.split(",")[1]) for one in made.normal.split()]
    assert min(tops) == pytest.approx(min(curve), abs=4)
    assert made.bars.startswith("M")
    assert made.bars.endswith("Z")


def test_no_values_at_all_are_a_flat_histogram() -> None:
    made = histogram([0] * 60, np.linspace(-6, 6, 61), "alt")
    assert "nan" not in made.bars + made.normal


@pytest.mark.parametrize(("ra", "dec"), [(266.4, -29.0), (0.0, 80.0), (359.9999, -5.0)])
def test_the_dither_map_has_north_up_and_east_to_the_left(ra: float, dec: float) -> None:
    step = 5 / 3600
    east = step / np.cos(np.radians(dec))
    entries = [
        entry("middle", footprint=square(ra, dec)),
        entry("east", footprint=square((ra + east) % 360, dec)),
        entry("north", footprint=square(ra, dec + step)),
        entry("nowhere"),
    ]
    made = dither_map(entries)
    assert made is not None
    places = {mark.title.partition(":")[0]: mark for mark in made.marks}
    assert set(places) == {"middle", "east", "north"}
    assert places["east"].x < places["middle"].x
    assert places["north"].y < places["middle"].y
    assert places["north"].x == pytest.approx(places["middle"].x, abs=0.3)
    assert "within 5.00 arcsec in right ascension and 5.00 in declination" in made.alt
    assert all(40 <= mark.x <= 290 and 12 <= mark.y <= 262 for mark in made.marks)
    assert len(made.outlines) == 3


def test_without_footprints_there_is_no_dither_map() -> None:
    assert dither_map([entry()]) is None
