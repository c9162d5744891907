"""The levels of a group of exposures: measured, compared, solved for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from iris_wcs import Plane, choose_plane

from iris_core import Array, Doubles, Exposure, Exposures
from iris_skymatch._solve import Levels, Samples, samples_of, solve, without_sources
from iris_skymatch._tiles import Tiles, measure_tiles, tile_side

if TYPE_CHECKING:
    from iris_objects import ObjectMask

    from iris_skymatch import SkyMatchParams

__all__ = ["Found", "find_levels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the overlaps tell.

    Parameters
    ----------
    plane
        In which slopes are meant.
    unit
        Pixels of the plane in a unit of its places.
    terms
        What is to be subtracted from each exposure, ``(n, 1)`` or ``(n, 3)``: level at the origin, slopes.
    level, error
        At the middle of each exposure, and its standard deviation, ``(n,)``.
    overlaps
        With how many others each exposure has common tiles, ``(n,)``.
    notes, warnings
        Remarks for all exposures, and what the user should know.
    """

    plane: Plane
    unit: float
    terms: Doubles
    level: Doubles
    error: Doubles
    overlaps: Array
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def find_levels(exposures: Exposures, params: SkyMatchParams, objects: ObjectMask | None = None) -> Found:
    """Return what to subtract from each of two exposures or more."""
    outlines = exposures.outlines
    plane, unit = choose_plane(outlines), max(one for outline in outlines for one in outline.shape) / 2
    side = params.tile or max(tile_side(one.shape) for one in outlines)
    measured: list[Tiles] = list(exposures.each(measure_tiles, plane=plane, side=side, objects=objects))
    samples, bright = without_sources(samples_of(measured, unit / side))
    levels = solve(samples, params.order)
    notes = [f"{samples.level.size} medians of tiles of {side} pixels; {bright} tiles with sources were left out"]
    warnings = []
    if not levels.is_determined and params.order:
        warnings.append("the overlaps do not tell the slopes of all exposures; levels were fitted instead of planes")
        levels = solve(samples, 0)
    warnings += _describe_islands(levels, outlines)
    levels = _with_gauge(levels, params, measured)
    level, error = levels.at(_middles(outlines, plane) / unit)
    return Found(
        plane=plane,
        unit=unit,
        terms=levels.terms,
        level=level,
        error=error,
        overlaps=_overlaps(samples),
        notes=(*notes, *_describe_scatter(levels), *warnings),
        warnings=tuple(warnings),
    )


def _middles(outlines: Sequence[Exposure], plane: Plane) -> Doubles:
    middles = [((one.shape[1] - 1) / 2, (one.shape[0] - 1) / 2) for one in outlines]
    places = [plane.of_pixels(one.wcs, *map(np.asarray, at)) for one, at in zip(outlines, middles, strict=True)]
    return np.array(places).T


def _overlaps(samples: Samples) -> Array:
    """Return with how many others each exposure has common tiles, ``(n,)``."""
    from scipy.sparse import coo_array

    shape = (len(samples), int(samples.tile.max(initial=0)) + 1)
    lies_in = coo_array((np.ones(samples.tile.size), (samples.exposure, samples.tile)), shape=shape).tocsr()
    common = (lies_in @ lies_in.T).toarray() > 0
    return np.asarray(common.sum(axis=1) - np.diag(common))


def _describe_islands(levels: Levels, outlines: Sequence[Exposure]) -> list[str]:
    if len(levels.islands) == 1:
        return []
    names = ["; ".join(", ".join(outlines[index].name for index in group) for group in levels.islands)]
    return [f"{len(levels.islands)} groups of exposures do not overlap, their levels were not compared: {names[0]}"]


def _describe_scatter(levels: Levels) -> list[str]:
    text = f"tiles scatter by {levels.scatter:.2f} of their noise, {levels.rejected} were rejected"
    return [text] if np.any(levels.covariance) else []


def _with_gauge(levels: Levels, params: SkyMatchParams, measured: Sequence[Tiles]) -> Levels:
    """Return the levels relative to the lowest, and of groups to the sky of the largest, where that is wanted."""
    if params.gauge == "lowest":
        levels = _above_lowest(levels)
    if params.unconnected == "global":
        terms = levels.terms.copy()
        skies = [_sky_of(group, terms, measured) for group in levels.islands]
        for group, sky in zip(levels.islands, skies, strict=True):
            terms[list(group), 0] += np.nan_to_num(sky - skies[0])
        levels = replace(levels, terms=terms)
    return levels


def _above_lowest(levels: Levels) -> Levels:
    """Return the levels relative to the lowest of each group."""
    size, count = levels.terms.shape
    relative = np.eye(size * count)
    for group in levels.islands:
        lowest = group[int(np.argmin(levels.terms[list(group), 0]))]
        for index in group:
            columns = lowest * count + np.arange(count)
            relative[index * count + np.arange(count), columns] -= 1
    terms = (relative @ levels.terms.ravel()).reshape(size, count)
    return replace(levels, terms=terms, covariance=relative @ levels.covariance @ relative.T)


def _sky_of(group: Sequence[int], terms: Doubles, measured: Sequence[Tiles]) -> float:
    """Return the median level of the sky of a group after it was matched."""
    levels = [measured[index].level - terms[index, 0] for index in group]
    return float(np.median(np.concatenate(levels))) if sum(one.size for one in levels) else np.nan
