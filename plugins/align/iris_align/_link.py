"""Which units see the same stars, and where each roughly lies: matches of pairs, made into groups."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from iris_align._affine import Affine
from iris_align._match import Ints, Match, Search, match_lists
from iris_core import Doubles

__all__ = ["Links", "groups_of", "link", "stars_of"]

# Matches per unit after which further overlapping units are not tried, unless they are not connected yet.
_ENOUGH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What matching of pairs has given.

    Parameters
    ----------
    starts
        A map for each unit, in the common plane, that brings those of a group together.
    groups
        Units that are connected, the largest group first; one that is connected with none is a group of its own.
    best
        For each unit the match with the most stars, accepted or not; None where none was tried.
    """

    starts: tuple[Affine, ...]
    groups: tuple[tuple[int, ...], ...]
    best: tuple[Match | None, ...]


def link(lists: list[Doubles], search: Search) -> Links:
    """Match the lists of all units that overlap, and follow the matches with the most stars from unit to unit.

    Parameters
    ----------
    lists
        Positions in the common plane [arcsec], ``(n, 2)`` each.
    search
        What counts as a match.
    """
    matches: dict[tuple[int, int], Match] = {}
    best: list[Match | None] = [None] * len(lists)
    count, group = [0] * len(lists), list(range(len(lists)))
    for one, other in _by_overlap(lists, search.reach):
        if group[one] == group[other] and min(count[one], count[other]) >= _ENOUGH:
            continue
        found = match_lists(lists[one], lists[other], search)
        for unit in (one, other):
            best[unit] = _better(best[unit], found)
        if found.is_accepted:
            matches[one, other] = found
            count[one], count[other] = count[one] + 1, count[other] + 1
            group = [group[one] if label == group[other] else label for label in group]
    return _followed(matches, best, len(lists))


def _better(known: Match | None, found: Match) -> Match:
    if known is None or (found.is_accepted, found.matched) > (known.is_accepted, known.matched):
        return found
    return known


def _by_overlap(lists: list[Doubles], reach: float) -> list[tuple[int, int]]:
    """Return the pairs whose stars lie within each other's rectangle, those with the most such stars first."""
    boxes = [(one.min(axis=0) - reach, one.max(axis=0) + reach) if len(one) else None for one in lists]
    common: dict[tuple[int, int], int] = {}
    for one, other in ((a, b) for a in range(len(lists)) for b in range(a + 1, len(lists))):
        inside = min(_inside(lists[one], boxes[other]), _inside(lists[other], boxes[one]))
        if inside:
            common[one, other] = inside
    return sorted(common, key=lambda pair: (-common[pair], pair))


def _inside(places: Doubles, box: tuple[Doubles, Doubles] | None) -> int:
    return 0 if box is None else int(np.count_nonzero(np.all((places >= box[0]) & (places <= box[1]), axis=1)))


def _followed(matches: dict[tuple[int, int], Match], best: list[Match | None], number: int) -> Links:
    """Return the groups, and maps along their matches with the most stars: a spanning tree (Kruskal)."""
    tree: dict[int, list[tuple[int, Affine]]] = {unit: [] for unit in range(number)}
    group = list(range(number))
    for one, other in sorted(matches, key=lambda pair: (-matches[pair].matched, pair)):
        if group[one] != group[other]:
            affine = matches[one, other].affine
            tree[one].append((other, affine.inverse()))
            tree[other].append((one, affine))
            group = [group[one] if label == group[other] else label for label in group]
    starts = [Affine.identity()] * number
    for root in sorted(set(group)):
        _spread(root, tree, starts)
    return Links(starts=tuple(starts), groups=groups_of(group), best=tuple(best))


def _spread(root: int, tree: dict[int, list[tuple[int, Affine]]], starts: list[Affine]) -> None:
    """Put into `starts` the maps onto `root` of all that a tree connects with it."""
    seen, queue = {root}, deque([root])
    while queue:
        unit = queue.popleft()
        for other, to_unit in tree[unit]:
            if other not in seen:
                seen.add(other)
                starts[other] = starts[unit].after(to_unit)
                queue.append(other)


def groups_of(labels: list[int]) -> tuple[tuple[int, ...], ...]:
    """Return the units with the same label, the largest group first."""
    groups = [tuple(i for i, one in enumerate(labels) if one == label) for label in dict.fromkeys(labels)]
    return tuple(sorted(groups, key=lambda units: (-len(units), units)))


def stars_of(places: Doubles, unit: Ints, tolerance: float) -> Ints:
    """Return the index of the star that each detection is of, -1 where that is not clear.

    Detections that are closer than `tolerance`, or connected by such, are one star; where two of them are of one unit,
    they are none.

    Parameters
    ----------
    places
        In the common plane [arcsec], ``(n, 2)``.
    unit
        Of each.
    tolerance
        [arcsec].
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    number = len(places)
    if not number:
        return np.empty(0, dtype=np.intp)
    pairs = KDTree(places).query_pairs(tolerance, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(number, number))
    _, label = connected_components(graph, directed=False)
    order = np.lexsort((unit, label))
    twice = np.zeros(number, dtype=np.bool_)
    same = (np.diff(label[order]) == 0) & (np.diff(unit[order]) == 0)
    twice[np.unique(label[order[1:][same]])] = True
    clear = ~twice[label]
    star = np.full(number, -1, dtype=np.intp)
    star[clear] = np.unique(label[clear], return_inverse=True)[1]
    return star
