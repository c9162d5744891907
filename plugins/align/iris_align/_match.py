"""Which stars of two lists are the same, when one list is shifted and turned by an unknown amount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iris_align._affine import Affine, closed_form
from iris_core import Doubles

__all__ = ["Ints", "Match", "Search", "match_lists", "mutual_nearest", "stars_needed"]

Ints = NDArray[np.intp]

# How likely it may be that stars which have nothing to do with each other are taken for the same.
_FALSE_ALARM = 1e-5
# Another place with this part of the matched stars makes a match ambiguous.
_RIVAL = 0.5
# Peaks in the map of offsets that are followed up, and steps in which the tolerance shrinks.
_PEAKS, _STEPS = 3, 5
# Beyond this a scale is no error of the pointing.
_MAX_SCALE = 5e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Where a match is looked for.

    Parameters
    ----------
    reach
        Largest shift [arcsec].
    turn
        Largest rotation [rad].
    tolerance
        How far apart one star may be in two lists [arcsec].
    least
        How many stars have to match at least.
    """

    reach: float
    turn: float
    tolerance: float
    least: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What two lists have in common.

    Parameters
    ----------
    first, second
        Rows of the two lists that are the same star, of equal length.
    affine
        From the first list to the second.
    needed
        How many stars have to match.
    chance
        How many would match if the lists had nothing in common.
    rival
        How many match at the next best place.
    """

    first: Ints
    second: Ints
    affine: Affine
    needed: int
    chance: float
    rival: int

    @property
    def matched(self) -> int:
        """How many stars match."""
        return len(self.first)

    @property
    def is_ambiguous(self) -> bool:
        """Whether another place is nearly as good."""
        rival = self.rival - self.chance
        return self.rival >= self.needed and rival >= _RIVAL * (self.matched - self.chance)

    @property
    def is_accepted(self) -> bool:
        """Whether the match can be relied on."""
        return self.matched >= self.needed and not self.is_ambiguous

    def __str__(self) -> str:
        if self.is_ambiguous:
            return f"ambiguous: {self.matched} stars match, and {self.rival} at another place"
        return f"{self.matched} stars match, {self.needed} are needed ({self.chance:.2g} by chance)"


NOTHING = Match(
    first=np.empty(0, dtype=np.intp),
    second=np.empty(0, dtype=np.intp),
    affine=Affine.identity(),
    needed=1,
    chance=0.0,
    rival=0,
)


def stars_needed(chance: float, trials: float, least: int) -> int:
    """Return how many stars have to match.

    At least ``max(least, chance + 5 sqrt(chance))``, and so many that chance reaches them at any of the places that
    were tried with a probability below 1e-5: where few pairs are expected, their number is not normal but Poisson.

    Parameters
    ----------
    chance
        Pairs expected by chance at one place.
    trials
        Number of independent places.
    least
        In any case.
    """
    from scipy.special import pdtrc

    needed = max(least, int(np.ceil(chance + 5 * np.sqrt(chance))))
    while trials * pdtrc(needed - 1, chance) > _FALSE_ALARM:
        needed += 1
    return needed


def match_lists(first: Doubles, second: Doubles, search: Search) -> Match:
    """Return which rows of two lists are the same star.

    Offsets of all pairs are counted around each of them (a histogram without bins, and so without their edges); the
    highest peaks are followed up with a tolerance that shrinks, while rotation and scale are fitted; the best is
    taken. It is not accepted where chance, or another place, would do nearly as well.

    Parameters
    ----------
    first, second
        Positions in a common plane [arcsec], ``(n, 2)`` and ``(m, 2)``.
    search
        Where to look, and what counts.
    """
    if not len(first) or not len(second):
        return _none(search)
    wide = search.tolerance + search.turn * _radius(first)
    offsets = _offsets(first, second, search.reach + wide)
    found = [_follow(first, second, start, wide, search) for start in _peaks(offsets, wide, search.reach)]
    if not found:
        return _none(search)
    best = max(found, key=lambda one: len(one[0]))
    return _judged(first, second, best, wide, search)


def _none(search: Search) -> Match:
    return Match(
        first=NOTHING.first, second=NOTHING.second, affine=NOTHING.affine, needed=search.least, chance=0.0, rival=0
    )


def _radius(places: Doubles) -> float:
    """Return within which radius about their centroid nine of ten stars are."""
    return float(np.quantile(np.hypot(*(places - places.mean(axis=0)).T), 0.9))


def _offsets(first: Doubles, second: Doubles, reach: float) -> Doubles:
    """Return second - first of all pairs closer than `reach`, ``(k, 2)``."""
    pairs = _tree(first).sparse_distance_matrix(_tree(second), reach, output_type="ndarray")
    return np.asarray(second[pairs["j"]] - first[pairs["i"]])


def _tree(places: Doubles) -> Any:
    from scipy.spatial import KDTree

    return KDTree(places)


def _counts(offsets: Doubles, radius: float) -> Ints:
    return np.asarray(_tree(offsets).query_ball_point(offsets, radius, return_length=True), dtype=np.intp)


def _peaks(offsets: Doubles, radius: float, reach: float) -> list[Doubles]:
    """Return where most offsets agree within `radius`, the best place first."""
    offsets = offsets[np.lexsort((offsets[:, 1], offsets[:, 0], np.hypot(*offsets.T).round(12)))]
    counts = _counts(offsets, radius) if len(offsets) else np.empty(0)
    peaks: list[Doubles] = []
    left = np.hypot(*offsets.T) <= reach
    while left.any() and len(peaks) < _PEAKS:
        at = offsets[np.argmax(np.where(left, counts, -1))]
        near = np.hypot(*(offsets - at).T) <= radius
        peaks.append(offsets[near].mean(axis=0))
        left &= np.hypot(*(offsets - at).T) > 2 * radius
    return peaks


def _follow(first: Doubles, second: Doubles, start: Doubles, wide: float, search: Search) -> tuple[Ints, Ints, Affine]:
    """Return the pairs about an offset, and their map, as the tolerance shrinks from `wide`."""
    affine = Affine(np.eye(2), start)
    steps = [*np.geomspace(wide, search.tolerance, _STEPS), search.tolerance]
    for tolerance in steps:
        one, other = mutual_nearest(affine(first), second, float(tolerance))
        affine = _pair_fit(first[one], second[other], affine, search)
    one, other = mutual_nearest(affine(first), second, search.tolerance)
    return one, other, affine


def _pair_fit(first: Doubles, second: Doubles, before: Affine, search: Search) -> Affine:
    """Return the map of some pairs, with rotation and scale where there are enough; the one before where it is wild."""
    if not len(first):
        return before
    kind = "rscale" if len(first) > 3 else "rshift" if len(first) > 1 else "shift"
    affine, _ = closed_form(first, second, 1.0, kind)
    a, c = affine.matrix[:, 0]
    is_wild = abs(np.arctan2(c, a)) > search.turn or abs(np.hypot(a, c) - 1) > _MAX_SCALE
    return closed_form(first, second, 1.0, "shift")[0] if is_wild else affine


def mutual_nearest(first: Doubles, second: Doubles, tolerance: float) -> tuple[Ints, Ints]:
    """Return the rows of two lists that are each other's nearest, and not farther apart than `tolerance`."""
    distance, to_second = _tree(second).query(first, distance_upper_bound=2 * tolerance)  # none far beyond is wanted
    rows = np.flatnonzero(distance <= tolerance)
    found = to_second[rows]
    _, to_first = _tree(first).query(second[found])
    mutual = to_first == rows
    return rows[mutual], np.asarray(found[mutual], dtype=np.intp)


def _judged(first: Doubles, second: Doubles, found: tuple[Ints, Ints, Affine], wide: float, search: Search) -> Match:
    """Return the match with what chance, and the next best place, would give."""
    one, other, affine = found
    reach, tolerance = search.reach + wide, search.tolerance
    offsets = _offsets(affine(first), second, reach)
    away = offsets[np.hypot(*offsets.T) > 2 * tolerance]
    chance = len(away) * tolerance**2 / reach**2
    trials = (reach * wide / tolerance**2) ** 2  # shifts, and rotations and scales
    rival = int(_counts(away, tolerance).max()) if len(away) else 0
    needed = stars_needed(chance, trials, search.least)
    return Match(first=one, second=other, affine=affine, needed=needed, chance=chance, rival=rival)
