"""From lists of stars to the correction of each unit: which stars are the same, the fit, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from iris_align._affine import KINDS, Affine, parameters, small
from iris_align._catalog import Catalog
from iris_align._fit import CATALOG, Fit, Rows, Setup, places_of, robust_fit
from iris_align._link import Links, groups_of, link, stars_of
from iris_align._match import Match, Search, match_lists
from iris_align._plane import Plane, from_common
from iris_core import Doubles, Mask

__all__ = ["MAX_SCALE", "Outcome", "Request", "Solution", "Unit", "solve"]

# A scale that is off by more is no error of the pointing.
MAX_SCALE = 5e-3
# Stars of a unit from which shears may be fitted.
_GENERAL = 20
_ROUNDS = 6
_UNTIED = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What moves as one: an exposure, or the detectors of one.

    Parameters
    ----------
    centre
        Direction of its middle, ``(3,)``.
    radius
        How far from there its corners are [arcsec].
    vectors
        Directions of its stars, ``(n, 3)``.
    sigma
        Their standard deviations along one axis [arcsec], ``(n,)``.
    """

    centre: Doubles
    radius: float
    vectors: Doubles
    sigma: Doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How to solve.

    Parameters
    ----------
    search
        Where matches are looked for.
    kind
        One of `KINDS`.
    clip
        Stars that are off by more standard deviations are not used.
    """

    search: Search
    kind: str = "rshift"
    clip: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What has been found for a unit.

    Parameters
    ----------
    affine
        Its correction, in its own plane.
    covariance
        Of its parameters, ``(6, 6)``, in arcsec and rad.
    matched
        Number of stars that were used.
    rms
        Of their residuals along one axis [arcsec].
    group
        The units that it is connected with, itself among them.
    tied
        Number of stars of the catalogue in that group.
    reason
        Why it keeps its pointing; empty where it does not.
    notes
        What else there is to say.
    """

    affine: Affine
    covariance: Doubles
    matched: int = 0
    rms: float = 0.0
    group: tuple[int, ...] = ()
    tied: int = 0
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What has been found for all units.

    Parameters
    ----------
    outcomes
        One of each unit.
    planes
        Those in which the corrections are affine.
    excess
        What had to be added in quadrature to the errors of the positions [arcsec].
    notes
        What holds for all.
    """

    outcomes: tuple[Outcome, ...]
    planes: tuple[Plane, ...]
    excess: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _State:
    """What changes from round to round."""

    affines: list[Affine]
    tolerance: float
    reasons: dict[int, str] = field(default_factory=dict)
    excess: float = 0.0
    fit: Fit | None = None
    rows: Rows | None = None
    labels: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def solve(units: list[Unit], catalog: Catalog | None, request: Request) -> Solution:
    """Return the corrections that bring all units together, and onto the catalogue where there is one.

    Parameters
    ----------
    units
        What moves as one, with its stars.
    catalog
        Stars with positions of their own, or None.
    request
        How to solve.
    """
    planes = tuple(Plane.at(unit.centre) for unit in units)
    common = Plane.at(np.sum([unit.centre for unit in units], axis=0))
    links = link([common.project(unit.vectors) for unit in units], request.search)
    starts = [
        _only(request.kind, from_common(start, common, plane, unit.radius))
        for start, plane, unit in zip(links.starts, planes, units, strict=True)
    ]
    state = _State(starts, request.search.tolerance)
    setup = Setup(planes=planes, common=common, free=(0,) * len(units), gauges=())
    measured = _rows_of(units, planes)
    for _ in range(_ROUNDS):
        before = (state.rows, len(state.reasons))
        _round(state, measured, catalog, setup, request)
        if before[0] is not None and _alike(before[0], state.rows) and before[1] == len(state.reasons):
            break
    return _solution(state, links, planes, catalog)


def _only(kind: str, start: Affine) -> Affine:
    """Return a map without the parameters that a kind of fit does not have."""
    values = parameters(start)
    values[KINDS[kind] :] = 0
    return small(values)


def _rows_of(units: list[Unit], planes: tuple[Plane, ...]) -> Rows:
    """Return all detections; none is assigned to a star."""
    number = [len(unit.sigma) for unit in units]
    return Rows(
        unit=np.repeat(np.arange(len(units)), number),
        star=np.full(sum(number), -1, dtype=np.intp),
        place=np.concatenate([plane.project(unit.vectors) for unit, plane in zip(units, planes, strict=True)]),
        sigma=np.concatenate([unit.sigma for unit in units]),
    )


def _alike(one: Rows, other: Rows | None) -> bool:
    return other is not None and np.array_equal(one.unit, other.unit) and np.array_equal(one.star, other.star)


def _round(state: _State, measured: Rows, catalog: Catalog | None, setup: Setup, request: Request) -> None:
    """Assign detections to stars, fit, and refuse what cannot be."""
    left = ~np.isin(measured.unit, list(state.reasons))
    rows = _with_catalog(_assigned(measured.take(left), state, setup), catalog, state, setup, request)
    rows = _without_few(rows, state, request.search.least)
    labels = _labels(rows, len(state.affines))
    setup = replace(setup, **_freedom(rows, labels, state, request))
    fit = robust_fit(rows, tuple(state.affines), setup, request.clip)
    state.fit, state.rows, state.labels, state.excess = fit, rows, labels, fit.excess
    state.affines = list(fit.affines)
    typical = float(np.median(rows.with_excess(fit.excess).sigma)) if len(rows) else 0.0
    state.tolerance = min(request.search.tolerance, max(3 * np.sqrt(2) * typical, request.search.tolerance / 2))
    _refuse(state, setup, request)


def _assigned(rows: Rows, state: _State, setup: Setup) -> Rows:
    _, place, _ = places_of(rows, tuple(state.affines), setup)
    star = stars_of(place, rows.unit, state.tolerance)
    return replace(rows, star=star).take(star >= 0)


def _with_catalog(rows: Rows, catalog: Catalog | None, state: _State, setup: Setup, request: Request) -> Rows:
    """Return the rows with those of the catalogue that match a group, and of the rest those of stars seen twice."""
    if catalog is not None and len(rows):
        found = [_matched(rows, units, catalog, state, setup, request) for units in _groups(rows, state)]
        state.notes = tuple(note for _, note in found if note)
        parts = [rows, *(part for part, _ in found)]
        rows = Rows(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in ("unit", "star", "place", "sigma")
            }
        )
    return rows.take(rows.shared()) if len(rows) else rows


def _groups(rows: Rows, state: _State) -> tuple[tuple[int, ...], ...]:
    present = set(rows.unit.tolist())
    groups = groups_of(list(_labels(rows.take(rows.shared()), len(state.affines))))
    return tuple(units for units in groups if present & set(units))


def _matched(
    rows: Rows, units: tuple[int, ...], catalog: Catalog, state: _State, setup: Setup, request: Request
) -> tuple[Rows, str]:
    """Return the rows of the catalogue that are stars of some units, and what to say if there are none."""
    mine = rows.take(np.isin(rows.unit, units))
    _, place, _ = places_of(mine, tuple(state.affines), setup)
    stars, index = np.unique(mine.star, return_inverse=True)
    weight = 1 / mine.sigma**2
    total = np.bincount(index, weight)
    merged = np.stack([np.bincount(index, weight * axis) / total for axis in place.T], axis=-1)
    known = np.flatnonzero(catalog.vectors @ setup.common.axes[2] > 0)
    places = setup.common.project(catalog.vectors[known])
    near = 3 * float(np.median(catalog.sigma[known])) if len(known) else 0.0
    search = replace(request.search, tolerance=max(request.search.tolerance, near))
    match = match_lists(merged, places, search)
    if not match.is_accepted:
        named = f" (group of {len(units)} exposures)" if len(units) > 1 else ""
        return mine.take(slice(0, 0)), f"not tied to the refcat {catalog.name}{named}: {match}"
    found = known[match.second]
    part = Rows(
        unit=np.full(match.matched, CATALOG, dtype=np.intp),
        star=stars[match.first],
        place=places[match.second],
        sigma=catalog.sigma[found],
    )
    return part, ""


def _without_few(rows: Rows, state: _State, least: int) -> Rows:
    """Return the rows without those of units that share too few stars; these keep their pointing."""
    while len(rows):
        counts = np.bincount(rows.unit[rows.unit >= 0], minlength=len(state.affines))
        few = [unit for unit in np.unique(rows.unit) if unit != CATALOG and counts[unit] < least]
        if not few:
            break
        rows = rows.take(~np.isin(rows.unit, few))
        rows = rows.take(rows.shared())
    return rows


def _labels(rows: Rows, number: int) -> tuple[int, ...]:
    """Return a label for each unit, the same for those that stars connect; that of the catalogue is the last."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    stars = int(rows.star.max()) + 1 if len(rows) else 0
    unit = np.where(rows.unit == CATALOG, number, rows.unit)
    size = number + 1 + stars
    graph = coo_matrix((np.ones(len(rows)), (unit, number + 1 + rows.star)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    return tuple(int(one) for one in label[: number + 1])


def _freedom(rows: Rows, labels: tuple[int, ...], state: _State, request: Request) -> dict[str, Any]:
    """Return what of each unit is fitted, and which means are to be 0."""
    number = len(state.affines)
    counts = np.bincount(rows.unit[rows.unit >= 0], minlength=number)
    free, gauges = [0] * number, []
    for units in groups_of(list(labels[:number])):
        active = [unit for unit in units if counts[unit]]
        wanted = KINDS[request.kind]
        if wanted == KINDS["general"] and active and counts[active].min() < _GENERAL:
            wanted = KINDS["rshift"]
        for unit in active:
            free[unit] = wanted if counts[unit] > 1 else KINDS["shift"]
        tied = labels[units[0]] == labels[-1]
        fixed = _known_from_catalog(rows, wanted, request) if tied else 0
        if active:
            gauges.append((tuple(active), tuple(range(fixed, wanted))))
    return {"free": tuple(free), "gauges": tuple(gauges)}


def _known_from_catalog(rows: Rows, wanted: int, request: Request) -> int:
    """Return how many of the common parameters the catalogue tells better than the header does.

    A rotation is taken from it where its error is below a quarter of the largest that is looked for, a scale where it
    is below a twentieth of the largest that is allowed, and shears of 20 stars.
    """
    mine = rows.take(rows.unit == CATALOG)
    arm = mine.place - mine.place.mean(axis=0)
    error = 1 / np.sqrt(float(np.sum(np.sum(arm**2, axis=1) / mine.sigma**2)) or 1e-300)
    known = KINDS["shift"]
    if error < request.search.turn / 4:
        known = KINDS["rshift"]
        if error < MAX_SCALE / 20:
            known = KINDS["general"] if len(mine) >= _GENERAL else KINDS["rscale"]
    return min(known, wanted)


def _refuse(state: _State, setup: Setup, request: Request) -> None:
    """Give up units of which clipping left too few stars, or whose correction is no error of the pointing.

    The others are fitted again.
    """
    assert state.fit is not None
    assert state.rows is not None
    clipped = _few_left(state.rows, state.fit, len(setup.free), request.search.least)
    for unit, free in enumerate(setup.free):
        if not free:
            continue
        if unit in clipped:
            state.reasons[unit] = clipped[unit]
            continue
        shift_x, shift_y, _, scale, plus, cross = parameters(state.affines[unit])
        shift, odd = float(np.hypot(shift_x, shift_y)), float(max(abs(scale), np.hypot(plus, cross)))
        if odd > MAX_SCALE:
            state.reasons[unit] = f"its stars want a scale or shear of {odd:.2g}; at most {MAX_SCALE:g} is believed"
        elif shift > request.search.reach:
            state.reasons[unit] = f"its stars want a shift of {shift:.3g} arcsec; 'search' is {request.search.reach:g}"


def _few_left(rows: Rows, fit: Fit, number: int, least: int) -> dict[int, str]:
    """Return the units of which fewer stars than are needed agree with the fit, with the reason."""
    shared, left = (
        np.bincount(rows.unit[which], minlength=number) for which in (rows.unit >= 0, (rows.unit >= 0) & fit.used)
    )
    words = "{} of its {} stars agree with those of the others, {} are needed"
    return {unit: words.format(left[unit], shared[unit], least) for unit in np.flatnonzero(left < least).tolist()}


def _solution(state: _State, links: Links, planes: tuple[Plane, ...], catalog: Catalog | None) -> Solution:
    assert state.fit is not None
    assert state.rows is not None
    outcomes = [_outcome(unit, state, links, planes) for unit in range(len(planes))]
    notes = state.notes + (catalog.notes if catalog is not None else ())
    return Solution(outcomes=tuple(outcomes), planes=planes, excess=state.excess, notes=notes)


def _outcome(unit: int, state: _State, links: Links, planes: tuple[Plane, ...]) -> Outcome:
    fit, rows = state.fit, state.rows
    assert fit is not None
    assert rows is not None
    mine: Mask = (rows.unit == unit) & fit.used
    matched = int(np.count_nonzero(mine))
    if unit in state.reasons or not matched:
        reason = state.reasons.get(unit) or _why_not(unit, links.best[unit], len(planes))
        return Outcome(affine=Affine.identity(), covariance=np.zeros((6, 6)), matched=matched, reason=reason)
    label = state.labels[unit]
    active = set(rows.unit.tolist())
    return Outcome(
        affine=fit.affines[unit],
        covariance=fit.covariance[unit],
        matched=matched,
        rms=float(np.sqrt(np.sum(fit.residual[mine] ** 2) / (2 * matched))),
        group=tuple(other for other in range(len(planes)) if state.labels[other] == label and other in active),
        tied=_tied(rows, fit, label, state.labels),
    )


def _tied(rows: Rows, fit: Fit, label: int, labels: tuple[int, ...]) -> int:
    return int(np.count_nonzero((rows.unit == CATALOG) & fit.used)) if labels[-1] == label else 0


def _why_not(unit: int, best: Match | None, number: int) -> str:
    if best is None:
        return "no other exposure has stars there" if number > 1 else "there is no other exposure"
    if best.is_accepted:
        return f"its matches do not agree with those of the others ({best})"
    return str(best)
