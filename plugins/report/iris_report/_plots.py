"""Diagrams as plain numbers in pixels, which a template draws as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import cos, floor, isfinite, log10, pi, radians

import numpy as np

from iris_core import Array
from iris_report._examine import Entry
from iris_report._figures import figure_of
from iris_report._limits import Limits

__all__ = ["Axis", "Dithers", "Histogram", "Mark", "Trend", "dither_map", "histogram", "trend"]

_STEPS = (1, 2, 5, 10)
_FAR = 20.0  # times the range of the values


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: values from `low` to `high` on pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The pixels of round values, and what they are called."""
        left, right = sorted((self.low, self.high))
        rough = (right - left) / 4
        unit = 10.0 ** floor(log10(rough))
        step = next(unit * one for one in _STEPS if unit * one >= rough * 0.999)
        digits = max(0, -floor(log10(step)))
        first, last = floor(left / step), floor(right / step)
        values = [number * step for number in range(first, last + 1) if number * step >= left]
        return [(self.at(value), f"{value + 0.0:.{digits}f}") for value in values]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a diagram: its place, its series, what it says."""

    x: float
    y: float
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Trend:
    """A number against time."""

    label: str
    unit: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    series: tuple[str, ...]
    limits: tuple[float, ...]
    begin: str
    alt: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts as a path, and the normal distribution of the same number of values."""

    x: Axis
    bars: str
    normal: str
    alt: str


@dataclass(frozen=True, slots=True)
class Dithers:
    """The footprints of exposures on the sky, north up and east to the left."""

    x: Axis
    y: Axis
    outlines: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]
    alt: str


def trend(name: str, entries: Sequence[Entry], limits: Limits) -> Trend | None:
    """Return a number of exposures against their time, by filter; None where none is known."""
    known = [one for one in entries if name in one.figures and one.start and isfinite(one.figures[name])]
    if not known:
        return None
    figure, times = figure_of(name), [_hours(one) for one in known]
    factor, unit = (100.0, "%") if figure.form.endswith("%") else (1.0, figure.unit)
    values, begin = [factor * one.figures[name] for one in known], min(times)
    shown = [factor * edge for edge in limits.get(name, ()) if edge and _is_near(factor * edge, values)]
    x = _axis([time - begin for time in times], 56, 344)
    y = _axis([*values, *shown], 150, 12)
    series = tuple(dict.fromkeys(one.filter or "no filter" for one in known))
    marks = tuple(
        Mark(x.at(time - begin), y.at(value), series.index(one.filter or "no filter"), f"{one.name}: {value:.5g}")
        for one, time, value in zip(known, times, values, strict=True)
    )
    middle, low, high = (f"{one:.4g}" for one in (float(np.median(values)), min(values), max(values)))
    alt = f"{figure.label} of {len(known)} exposures: median {middle}, from {low} to {high} {unit}".strip()
    first = min(one.start for one in known)
    return Trend(figure.label, unit, x, y, marks, series, tuple(y.at(one) for one in shown), first, alt)


def _hours(entry: Entry) -> float:
    return datetime.fromisoformat(entry.start).replace(tzinfo=UTC).timestamp() / 3600


def _is_near(edge: float, values: Sequence[float]) -> bool:
    """Whether a limit is shown: one that is far away would press all points together."""
    width = max(values) - min(values) or abs(max(values)) * 0.1 or 1.0
    return min(values) - _FAR * width <= edge <= max(values) + _FAR * width


def _axis(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low - margin, high + margin, start, end)


def histogram(counts: Sequence[int], edges: Array, alt: str) -> Histogram:
    """Return a histogram, and the normal distribution with a deviation of 1."""
    x, total = Axis(float(edges[0]), float(edges[-1]), 30, 350), max(1, sum(counts))
    expected = total * (edges[1] - edges[0]) / np.sqrt(2 * pi) * np.exp(-0.5 * edges**2)
    y = Axis(0.0, 1.1 * max(float(expected.max()), *counts), 150, 10)
    steps = [f"M{x.start} {y.start}"]
    for (left, right), count in zip(pairwise(edges), counts, strict=True):
        steps.append(f"L{x.at(left)} {y.at(count)}L{x.at(right)} {y.at(count)}")
    normal = " ".join(f"{x.at(one)},{y.at(value)}" for one, value in zip(edges, expected, strict=True))
    return Histogram(x, "".join([*steps, f"L{x.end} {y.start}Z"]), normal, alt)


def dither_map(entries: Iterable[Entry]) -> Dithers | None:
    """Return where on the sky exposures lie, in arcsec from the middle of them all; None where that is not known."""
    placed = [one for one in entries if one.footprint]
    if not placed:
        return None
    corners = {one.name: np.asarray(one.footprint) for one in placed}
    origin = np.concatenate(list(corners.values()))[:1]
    flat = {name: _offsets(points, origin) for name, points in corners.items()}
    every = np.concatenate(list(flat.values()))
    middle = (every.min(axis=0) + every.max(axis=0)) / 2
    half = 0.55 * float(np.ptp(every, axis=0).max()) or 1.0
    x, y = Axis(half, -half, 40, 290), Axis(-half, half, 262, 12)
    outlines = {name: _outline(points - middle, x, y) for name, points in flat.items()}
    marks = tuple(_middle(name, points - middle, x, y) for name, points in flat.items())
    return Dithers(x, y, tuple(outlines.items()), marks, _spread(flat))


def _offsets(points: Array, origin: Array) -> Array:
    """Return offsets to the east and to the north [arcsec]; the field is small."""
    apart = points - origin
    east = (apart[:, 0] + 180) % 360 - 180
    return 3600 * np.stack([east * cos(radians(origin[0, 1])), apart[:, 1]], axis=1)


def _outline(points: Array, x: Axis, y: Axis) -> str:
    return " ".join(f"{x.at(east)},{y.at(north)}" for east, north in points)


def _middle(name: str, points: Array, x: Axis, y: Axis) -> Mark:
    east, north = points.mean(axis=0)
    return Mark(x.at(east), y.at(north), 0, f"{name}: {east:+.2f}, {north:+.2f} arcsec")


def _spread(flat: Mapping[str, Array]) -> str:
    middles = np.array([points.mean(axis=0) for points in flat.values()])
    east, north = np.ptp(middles, axis=0)
    within = f"{east:.2f} arcsec in right ascension and {north:.2f} in declination"
    return f"{len(flat)} exposures, their middles within {within}"
