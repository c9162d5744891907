"""Sources that touch: their peaks, and the saddles between them.

A pixel goes with the peak that the steepest way up leads to. So a segment is a few peaks and the saddles between them,
and what connects above a level are peaks and saddles above it: no pixel is looked at twice, however many levels there
are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_core import Doubles, Image

    Indices = NDArray[np.intp]
    Labels = NDArray[np.int32]

__all__ = ["separate_sources"]

# Levels between the faintest and the brightest pixel of a segment, and the least share of its light in a source.
_LEVELS, _CONTRAST = 32, 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Peaks:
    """The peaks of all segments, and the saddles between those that touch.

    Parameters
    ----------
    segment
        In which a peak is, ``(p,)``.
    light
        Of its pixels, ``(p,)``.
    above
        How many of its pixels are above each level, ``(p, levels + 1)``.
    clear
        The highest level above which it rises by more than noise does, ``(p,)``.
    pairs
        Peaks that touch, ``(s, 2)``, those with the lowest saddle first.
    level
        That of each saddle, ``(s,)``.
    """

    segment: Indices
    light: Doubles
    above: Indices
    clear: Indices
    pairs: Indices
    level: Indices


def separate_sources(light: Image, labels: Labels, least: int, rise: Image | float = 0.0) -> Labels:
    """Return the segments of an image, those divided that hold several sources.

    A segment is a tree of what connects above levels, which are even in the logarithm of the light. A part with at
    least two parts of `least` pixels above a level, which rise by `rise` above it, is divided into these (Bertin &
    Arnouts 1996, A&AS 117, 393; the rise is ours: in the halo of a bright star noise has peaks, too). What is left over
    goes with the neighbour across the highest saddle, and so does the faintest source while it has less than a
    thousandth of the light of its segment.

    Parameters
    ----------
    light
        The image, ``(ny, nx)``.
    labels
        The segment of each pixel, 0 for none; two segments do not touch, even at corners.
    least
        Pixels of a source.
    rise
        By how much more light the peak of a source has than what connects it with others, ``(ny, nx)`` or a number.

    Returns
    -------
    array
        The sources: first the segments that were not divided, then the parts of the others.
    """
    place = np.flatnonzero(labels)
    if not len(place):
        return labels
    segment, values = labels.take(place).astype(np.intp) - 1, light.take(place)
    beside = _neighbours(labels.shape, place)
    top, peak = _peak_of(values, beside)
    known = values[top] - np.broadcast_to(rise, labels.shape).ravel()[place[top]]
    peaks = _peaks(segment, values, peak, np.asarray(known, dtype=np.float64), beside)
    source = _without_faint(peaks, _joined(_marked(peaks, least), peaks.pairs))
    divided = labels.copy()
    divided.ravel()[place] = _numbered(peaks.segment, source)[peak]
    return divided


def _neighbours(shape: tuple[int, ...], pixel: Indices) -> list[NDArray[np.int32]]:
    """Return of the pixels of sources the eight around each, and in the middle itself, in their order; -1 for none."""
    index = np.full((shape[0] + 2, shape[1] + 2), -1, dtype=np.int32)
    # the padded image is two pixels wider, and the first pixel is in its second row and column
    place = pixel + 2 * (pixel // shape[1]) + index.shape[1] + 1
    index.ravel()[place] = np.arange(len(pixel))
    steps = [down * index.shape[1] + across for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return [index.ravel()[place + step] for step in steps]


def _peak_of(values: Image, beside: list[NDArray[np.int32]]) -> tuple[Indices, Indices]:
    """Return the pixels that are peaks, and the number of the peak of each pixel, from 0 on.

    Of pixels alike the last one is taken to be higher.
    """
    up, highest = beside[0], np.append(values, -np.inf)
    for other in beside[1:]:
        up = np.where(highest[other] >= highest[up], other, up)
    top = up == np.arange(len(up))
    while not top[up].all():
        up = up[up]
    return np.flatnonzero(top), np.asarray((np.cumsum(top) - 1)[up], dtype=np.intp)


def _peaks(segment: Indices, values: Image, peak: Indices, known: Doubles, beside: list[NDArray[np.int32]]) -> _Peaks:
    """Return the peaks of segments; `known` is the light of each that is no noise."""
    number, ends = int(peak.max()) + 1, _ends(segment, values)
    level = _levels(segment, values, ends)
    above = np.bincount(peak * (_LEVELS + 1) + level, minlength=number * (_LEVELS + 1)).reshape(number, -1)
    inside = np.empty(number, dtype=np.intp)
    inside[peak] = segment
    pairs, saddle = _saddles(values, peak, beside)
    return _Peaks(
        segment=inside,
        light=np.asarray(np.bincount(peak, weights=values), dtype=np.float64),
        above=np.cumsum(above[:, ::-1], axis=1)[:, ::-1],
        clear=_levels(inside, np.maximum(known, ends[0][inside]), ends),
        pairs=peak[pairs],
        level=level[saddle],
    )


def _ends(segment: Indices, values: Image) -> tuple[Doubles, Doubles]:
    """Return the lowest and the highest value in each segment."""
    order = np.argsort(segment, kind="stable")
    first = np.searchsorted(segment[order], np.arange(int(segment.max()) + 1))
    low, high = (reduce.reduceat(values[order], first).astype(np.float64) for reduce in (np.minimum, np.maximum))
    return low, high


def _levels(segment: Indices, values: Image | Doubles, ends: tuple[Doubles, Doubles]) -> Indices:
    """Return how many levels of its segment a value is above; they are linear where the light is not above 0."""
    low, high = ends
    positive = low > 0
    least, most = (np.log(end, out=end.copy(), where=positive) for end in (low, high))
    there = np.log(values, out=values.astype(np.float64), where=positive[segment])
    share = (there - least[segment]) / np.where(most > least, most - least, 1.0)[segment]
    return np.asarray(np.clip(np.ceil((_LEVELS + 1) * share) - 1, 0, _LEVELS), dtype=np.intp)


def _saddles(values: Image, peak: Indices, beside: list[NDArray[np.int32]]) -> tuple[Indices, Indices]:
    """Return for peaks that touch two pixels that do, the highest such, and the fainter of these, the lowest first."""
    found = []
    for other in beside[:4]:
        (here,) = np.nonzero((other >= 0) & (peak != peak[other]))
        found.append(np.column_stack([here, other[here]]))
    touching = np.concatenate(found)
    here, there = touching.T
    fainter = np.where(values[here] < values[there], here, there)
    low, high = np.sort(peak[touching], axis=1).T
    order = np.lexsort((values[fainter], high, low))
    last = (np.diff(low[order], append=-1) != 0) | (np.diff(high[order], append=-1) != 0)
    order = order[last]
    order = order[np.argsort(values[fainter[order]], kind="stable")]
    return touching[order], fainter[order]


def _marked(peaks: _Peaks, least: int) -> Indices:
    """Return the source that each peak is of; -1 for those too faint to tell."""
    number = len(peaks.segment)
    source, divided = peaks.segment.copy(), np.zeros(int(peaks.segment.max()) + 1, dtype=np.bool_)
    for level in range(1, _LEVELS + 1):
        links = peaks.pairs[peaks.level >= level]
        graph = coo_array((np.ones(len(links), dtype=np.int8), links.T), shape=(number, number))
        parts, part = connected_components(graph, directed=False)
        large = np.bincount(part, weights=peaks.above[:, level], minlength=parts) >= least
        large &= np.bincount(part, weights=peaks.clear >= level, minlength=parts) > 0
        parent = np.empty(parts, dtype=np.intp)
        parent[part] = source
        splits = np.bincount(parent[large], minlength=len(divided)) >= 2
        new = large & splits[parent]
        name = len(divided) + np.cumsum(new) - 1
        source = np.where(new[part], name[part], source)
        divided = np.append(divided | splits, np.zeros(np.count_nonzero(new), dtype=np.bool_))
    return np.where(divided[source], -1, source)


def _joined(source: Indices, pairs: Indices) -> Indices:
    """Return the sources of all peaks: those without one join a neighbour across their highest saddle, as one grows.

    So does what has joined, until it reaches a source (a spanning tree, Boruvka 1926).
    """
    free, sources = source < 0, int(source.max()) + 1
    group = np.where(free, sources + np.arange(len(source)), source)
    ways = np.stack([pairs, pairs[:, ::-1]], axis=1).reshape(-1, 2)
    while len(ways := ways[(group[ways[:, 0]] >= sources) & (group[ways[:, 0]] != group[ways[:, 1]])]):
        onto = np.arange(sources + len(source))
        # the highest comes last, and stays
        onto[group[ways[:, 0]]] = group[ways[:, 1]]
        mutual = (onto[onto] == np.arange(len(onto))) & (onto > np.arange(len(onto)))
        onto[mutual] = np.flatnonzero(mutual)
        while np.any(onto != onto[onto]):
            onto = onto[onto]
        group = onto[group]
    return group


def _without_faint(peaks: _Peaks, source: Indices) -> Indices:
    """Return the sources without those that have too little of the light of their segment, the faintest first."""
    source, pairs = source.copy(), peaks.pairs
    enough = _CONTRAST * np.bincount(peaks.segment, weights=peaks.light)
    while True:
        light = np.bincount(source, weights=peaks.light)
        segment = np.full(len(light), -1)
        segment[source] = peaks.segment
        there = np.flatnonzero(segment >= 0)
        there = there[np.argsort(-light[there], kind="stable")]
        faintest = np.full(len(enough), -1)
        faintest[segment[there]] = there
        several = np.bincount(segment[there], minlength=len(enough)) > 1
        faint = several & (light[faintest] < enough)
        if not faint.any():
            return source
        pairs = pairs[faint[peaks.segment[pairs[:, 0]]]]
        source = _joined(np.where(np.isin(source, faintest[faint]), -1, source), pairs)


def _numbered(segment: Indices, source: Indices) -> Indices:
    """Return the numbers of the sources of peaks, from 1 on: those alone in a segment, then by segments."""
    names, first, which = np.unique(source, return_index=True, return_inverse=True)
    within = segment[first]
    order = np.lexsort((first, within, np.bincount(within)[within] > 1))
    number = np.empty(len(names), dtype=np.intp)
    number[order] = np.arange(1, len(names) + 1)
    return number[which]
