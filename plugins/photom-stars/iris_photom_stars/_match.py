"""Which detection is which star of the catalogue, up to a small common shift."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from iris_core import Doubles

__all__ = ["Match", "match_standard", "match_stars"]

Index = NDArray[np.intp]

# The shift is sought with the brightest stars of both lists: pairs grow with the square of the number.
_BRIGHTEST = 400
_ROUNDS = 5
# A coincidence of this many standard deviations above what chance gives is none.
_SIGNIFICANCE = 5.0
# A standard star has no rival above so much of its brightness.
_RIVAL = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Pairs of catalogue stars and detections.

    Parameters
    ----------
    shift
        Detection minus catalogue, common to all, pixels (x, y).
    catalog, detection
        Indices of the pairs, ``(n,)``.
    by_chance
        How many pairs unrelated lists of these lengths would have given.
    """

    shift: tuple[float, float]
    catalog: Index
    detection: Index
    by_chance: float

    @property
    def is_significant(self) -> bool:
        """Whether so many pairs do not come about by chance."""
        return len(self.catalog) > self.by_chance + _SIGNIFICANCE * sqrt(self.by_chance)

    def reindexed(self, stars: Index) -> Match:
        """Return the same pairs where the catalogue was a selection, `stars`, of a longer one."""
        return replace(self, catalog=stars[self.catalog])


def match_stars(catalog: Doubles, detected: Doubles, max_shift: float, radius: float, pixels: int) -> Match:
    """Return the pairs under the common shift that pairs the most stars.

    Parameters
    ----------
    catalog, detected
        Places in pixels, ``(n, 2)`` and ``(m, 2)``, the brightest stars first.
    max_shift
        Largest shift that is tried, in pixels.
    radius
        How far apart the two of a pair may be after it, in pixels.
    pixels
        Number of pixels of the image, for what chance gives.
    """
    shift = _find_shift(catalog[:_BRIGHTEST], detected[:_BRIGHTEST], max_shift, radius)
    pairs = _mutual(catalog + shift, detected, radius)
    for _ in range(_ROUNDS):
        if not len(pairs[0]):
            break
        shift = np.median(detected[pairs[1]] - catalog[pairs[0]], axis=0)
        pairs = _mutual(catalog + shift, detected, radius)
    by_chance = len(catalog) * len(detected) * pi * radius**2 / pixels
    return Match(shift=(float(shift[0]), float(shift[1])), catalog=pairs[0], detection=pairs[1], by_chance=by_chance)


def match_standard(catalog: Doubles, detected: Doubles, peak: Doubles, max_shift: float, radius: float) -> Match:
    """Return the pairs of one or two stars: too few to tell a shift from chance, so that brightness has to tell.

    The first is the brightest detection within `max_shift`. Where another one there is more than half as bright, which
    of them it is cannot be told: both count as expected by chance, and the match as not significant.

    Parameters
    ----------
    catalog, detected
        Places in pixels, ``(n, 2)`` and ``(m, 2)``, the brightest stars first.
    peak
        Of the detections, ``(m,)``.
    max_shift, radius
        As for `match_stars`.
    """
    distance = np.hypot(*(detected - catalog[0]).T)
    near = np.flatnonzero(distance <= max(max_shift, radius))
    if not len(near):
        nothing = np.empty(0, dtype=np.intp)
        return Match(shift=(0.0, 0.0), catalog=nothing, detection=nothing, by_chance=0.0)
    best = near[np.argmax(peak[near])]
    rivals = np.count_nonzero(peak[near] > _RIVAL * peak[best]) - 1
    shift = detected[best] - catalog[0]
    mine, theirs = _mutual(catalog + shift, detected, radius)
    by_chance = float(rivals + 1) if rivals else 0.0
    return Match(shift=(float(shift[0]), float(shift[1])), catalog=mine, detection=theirs, by_chance=by_chance)


def _find_shift(catalog: Doubles, detected: Doubles, max_shift: float, radius: float) -> Doubles:
    """Return the difference of places that most pairs share; the smallest of those that are equally frequent."""
    near = cKDTree(catalog).query_ball_tree(cKDTree(detected), max_shift)
    differences = np.array([detected[j] - catalog[i] for i, found in enumerate(near) for j in found])
    if not len(differences):
        return np.zeros(2)
    differences = differences[np.argsort(np.hypot(*differences.T), kind="stable")]
    tree = cKDTree(differences)
    best = int(np.argmax(tree.query_ball_point(differences, radius, return_length=True)))
    shift: Doubles = differences[tree.query_ball_point(differences[best], radius)].mean(axis=0)
    return shift


def _mutual(catalog: Doubles, detected: Doubles, radius: float) -> tuple[Index, Index]:
    """Return the pairs of which each is the nearest of the other."""
    distance, there = cKDTree(detected).query(catalog)
    _, back = cKDTree(catalog).query(detected)
    mine = np.arange(len(catalog))
    paired = (distance <= radius) & (back[there] == mine)
    return mine[paired], there[paired]
