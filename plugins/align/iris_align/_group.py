"""The stage on its exposures: star lists, the solution, and what each exposure is told of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_align import _report
from iris_align._affine import Affine
from iris_align._catalog import Catalog, read_catalog
from iris_align._frames import Pointing, pointing_of
from iris_align._match import Search
from iris_align._measure import StarList, measure
from iris_align._offsets import Offsets, read_offsets
from iris_align._plane import Plane, from_common
from iris_align._solve import Outcome, Request, Solution, Unit, solve
from iris_core import Exposure, Exposures, Reference, StageSkipped

if TYPE_CHECKING:
    from datetime import datetime

    from iris_align import AlignParams

__all__ = ["align_group"]

log = logging.getLogger(__name__)

# The default of `search`: pixels, and arcsec at most.
_REACH_PIXELS, _REACH_ARCSEC = 75.0, 2.0
# Least FWHM that tolerances are counted in [pixel].
_LEAST_FWHM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The exposures with what was measured in them."""

    outlines: tuple[Exposure, ...]
    pointings: tuple[Pointing, ...]
    lists: tuple[StarList, ...]
    units: tuple[tuple[int, ...], ...]


def align_group(
    exposures: Exposures, params: AlignParams, refcat: Reference | None, offsets: Reference | None
) -> Exposures:
    """Return the exposures with corrected WCS; see `iris_align.align_exposures`."""
    outlines = exposures.outlines
    pointings = tuple(pointing_of(one) for one in outlines)
    lists = tuple(exposures.each(measure, threshold=params.threshold, fwhm=params.fwhm, most=params.max_stars))
    units = shots(outlines) if not params.free else tuple((index,) for index in range(len(outlines)))
    group = _Group(outlines=outlines, pointings=pointings, lists=lists, units=units)
    catalog = None if refcat is None else read_catalog(refcat.table(), refcat.path.name, _mean_time(outlines))
    if offsets is None:
        return exposures.changed(_matched(group, catalog, params))
    given = read_offsets(offsets.table(), offsets.path.name, [one.name for one in outlines])
    return exposures.changed(_by_hand(group, given, params))


def shots(outlines: Sequence[Exposure]) -> tuple[tuple[int, ...], ...]:
    """Return which exposures are detectors of one: the same EXPNUM (or DATE-OBS) and visit, all of other DETECTOR."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for index, one in enumerate(outlines):
        found.setdefault(_shot(one) or (index,), []).append(index)
    units: list[tuple[int, ...]] = []
    for members in found.values():
        detectors = {outlines[index].meta.detector for index in members}
        alone = len(detectors) < len(members) or "" in detectors
        units += [(index,) for index in members] if alone else [tuple(members)]
    return tuple(sorted(units))


def _shot(outline: Exposure) -> tuple[Any, ...]:
    """Return what the detectors of one exposure have in common; nothing where the header does not tell."""
    header = {**dict(outline.sci_header), **dict(outline.header)}
    own = ("EXPNUM", header["EXPNUM"]) if "EXPNUM" in header else ("DATE-OBS", header.get("DATE-OBS"))
    if own[1] in (None, ""):
        return ()
    return (*own, *(str(header.get(keyword, "")) for keyword in ("PROGNUM", "PROGRAM", "OBSNUM", "VISIT")))


def _mean_time(outlines: Sequence[Exposure]) -> datetime | None:
    times = [one.meta.start_time for one in outlines if one.meta.start_time is not None]
    if not times:
        return None
    first = min(times)
    return first + sum((time - first for time in times), timedelta()) / len(times)


def _solved(group: _Group, catalog: Catalog | None, params: AlignParams) -> Solution:
    units = [_unit(group, members) for members in group.units]
    return solve(units, catalog, _request(group, params))


def _unit(group: _Group, members: tuple[int, ...]) -> Unit:
    """Return the stars of the detectors of one exposure."""
    parts = [(group.pointings[index], group.lists[index]) for index in members]
    centre = np.sum([pointing.centre for pointing, _ in parts], axis=0)
    plane = Plane.at(centre)
    off = [np.hypot(*plane.project(one.centre[None])[0]) + one.radius for one, _ in parts]
    return Unit(
        centre=plane.axes[2],
        radius=float(max(off)),
        vectors=np.concatenate([pointing.directions(stars.x, stars.y) for pointing, stars in parts]).reshape(-1, 3),
        sigma=np.concatenate([pointing.scale * stars.error for pointing, stars in parts]),
    )


def _request(group: _Group, params: AlignParams) -> Request:
    scale = float(np.median([one.scale for one in group.pointings]))
    widths = [stars.fwhm for stars in group.lists if np.isfinite(stars.fwhm)]
    fwhm = scale * max(_LEAST_FWHM, float(np.median(widths)) if widths else 0.0)
    search = Search(
        reach=params.search or min(_REACH_ARCSEC, _REACH_PIXELS * scale),
        turn=float(np.deg2rad(params.max_rotation)),
        tolerance=params.tolerance * fwhm,
        least=params.min_matches,
    )
    return Request(search=search, kind=params.fit, clip=params.clip)


def _matched(group: _Group, catalog: Catalog | None, params: AlignParams) -> list[Exposure]:
    """Return the outlines corrected by their stars."""
    solution = _solved(group, catalog, params)
    if all(outcome.reason for outcome in solution.outcomes):
        reason = f"no exposure can be aligned: {_all_reasons(group, solution)}"
        log.warning("align: %s", reason)
        raise StageSkipped(reason)
    changed = list(group.outlines)
    for number, (members, outcome) in enumerate(zip(group.units, solution.outcomes, strict=True)):
        for index in members:
            changed[index] = _one(group, index, number, outcome, solution, catalog, params)
    return changed


def _all_reasons(group: _Group, solution: Solution) -> str:
    each = zip(group.units, solution.outcomes, strict=True)
    words = [f"{group.outlines[members[0]].name}: {_reason(group, members, one)}" for members, one in each]
    return "; ".join(words[:8]) + (f"; and {len(words) - 8} others" if len(words) > 8 else "")


def _reason(group: _Group, members: tuple[int, ...], outcome: Outcome) -> str:
    return f"{sum(len(group.lists[index]) for index in members)} stars found; {outcome.reason}"


def _one(
    group: _Group,
    index: int,
    number: int,
    outcome: Outcome,
    solution: Solution,
    catalog: Catalog | None,
    params: AlignParams,
) -> Exposure:
    """Return one outline with its correction, or with the reason why it keeps its pointing."""
    outline, pointing = group.outlines[index], group.pointings[index]
    if outcome.reason:
        reason = _reason(group, group.units[number], outcome)
        log.warning("%s: align: the pointing is kept: %s", outline.name, reason)
        return _report.kept(outline, reason)
    plane = solution.planes[number]
    own = from_common(outcome.affine, plane, pointing.plane, pointing.radius)
    found = _report.Correction.of(outcome, plane.project(pointing.centre[None])[0], pointing.scale)
    aligned = _rewritten(outline, pointing, own, params)
    name = catalog.name if catalog is not None and outcome.tied else ""
    notes = [*solution.notes, *_groups_note(group, outcome)]
    return _report.told(aligned, found, name, solution.excess / pointing.scale, notes)


def _groups_note(group: _Group, outcome: Outcome) -> list[str]:
    """Return the note that an exposure is aligned with some of the others only."""
    others = [index for number, members in enumerate(group.units) if number not in outcome.group for index in members]
    if not others or outcome.tied:
        return []
    names = ", ".join(group.outlines[index].name for number in outcome.group for index in group.units[number])
    return [f"aligned with {names}; no stars connect these with {', '.join(group.outlines[i].name for i in others)}"]


def _rewritten(outline: Exposure, pointing: Pointing, affine: Affine, params: AlignParams) -> Exposure:
    from iris_wcs import fits_keywords

    wcs = pointing.aligned(affine)
    return outline.replace(wcs=wcs, fits_wcs=fits_keywords(wcs, params.sip_max_error, outline.name))


def _by_hand(group: _Group, given: Offsets, params: AlignParams) -> list[Exposure]:
    """Return the outlines corrected by a table, with what their stars say to it."""
    moved = [_offset(pointing, given, index) for index, pointing in enumerate(group.pointings)]
    changed = [
        _rewritten(outline, pointing, affine, params)
        for outline, pointing, affine in zip(group.outlines, group.pointings, moved, strict=True)
    ]
    after = _Group(
        outlines=tuple(changed),
        pointings=tuple(pointing_of(one) for one in changed),
        lists=group.lists,
        units=tuple((index,) for index in range(len(changed))),
    )
    solution = _solved(after, None, params)
    return [
        _report.by_hand(one, outcome, affine, pointing.scale, given, index)
        for index, (one, outcome, affine, pointing) in enumerate(
            zip(changed, solution.outcomes, moved, after.pointings, strict=True)
        )
    ]


def _offset(pointing: Pointing, given: Offsets, index: int) -> Affine:
    """Return the shift that a table gives, in the plane of the exposure [arcsec]."""
    shift = given.values[index]
    if given.in_pixels:
        shift = pointing.slope @ shift
    else:
        east_north = Plane.at(pointing.plane.axes[2])
        shift = pointing.plane.project(east_north.directions(shift[None]))[0]
    return Affine(np.eye(2), shift)
