"""Whether two products agree to a part of their errors, as ``iris diff --tolerance 0.01sigma`` asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from iris_compare._catalogs import SAME_PLACE, CatalogChange, flux_differences, match_sources
from iris_compare._difference import Difference
from iris_compare._planes import PlaneChange, differ
from iris_compare._stored import Planes
from iris_core import Array, InputError, Mask, row_blocks

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["catalogs_beyond", "images_beyond", "parse_tolerance"]

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(\w*)", re.IGNORECASE)


def parse_tolerance(text: str) -> float:
    """Return the number of ``0.01sigma``: a tolerance in units of ERR.

    Raises
    ------
    InputError
        When it is no number, below 0, without a unit or in another one.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise InputError(f"{text!r} is no tolerance; one is a number in units of ERR, like 0.01sigma")
    number, unit = float(found[1]), found[2]
    if unit != "sigma":
        wrong = f"has the unit {unit!r}" if unit else "has no unit"
        raise InputError(f"{text!r} {wrong}; a tolerance is in units of ERR: {found[1]}sigma")
    if not isfinite(number) or number < 0:
        raise InputError(f"{text!r} is {'negative' if number < 0 else 'too large'}; a tolerance is like 0.01sigma")
    return number


def images_beyond(
    first: Planes, other: Planes, difference: Difference, changes: Sequence[PlaneChange], tolerance: float
) -> Iterator[str]:
    """Yield what two images of one shape and unit do not agree in.

    Parameters
    ----------
    first, other
        The images.
    difference, changes
        What was measured of them.
    tolerance
        How much a value may differ in units of the first's ERR, and ERR in units of itself. Other planes may differ in
        last bits, the WCS by 0.001 mas, DQ in nothing.
    """
    data = err = 0
    for block in row_blocks(first.data.shape):
        limit = tolerance * first.err(block)
        data += _count_beyond(first.data[block], other.data[block], limit)
        err += _count_beyond(first.err(block), other.err(block), limit)
    size = int(np.prod(first.data.shape))
    yield from (f"{name} in {number} of {size} pixels" for name, number in (("data", data), ("ERR", err)) if number)
    judged = ("data", *(f"variance:{name}" for name in first.variance))
    for one in changes:
        if one.name not in judged and (one.beyond or one.name == "dq"):
            yield f"{one.name} in {one.changed} of {one.pixels} pixels"
    if difference.sky is not None and 1e3 * difference.sky.arcsec > SAME_PLACE:
        yield f"the WCS, by {1e3 * difference.sky.arcsec:.3g} mas"


def _count_beyond(first: Array, other: Array, limit: Array) -> int:
    """Return how many values differ by more than a limit, or are a number in one alone; NaN is no limit."""
    with np.errstate(invalid="ignore"):
        near: Mask = np.abs(other.astype(np.float64) - first) <= limit
    return int(np.count_nonzero(differ(first, other) & ~near))


def catalogs_beyond(first: Table, other: Table, change: CatalogChange, tolerance: float) -> Iterator[str]:
    """Yield what two catalogues do not agree in: sources, fluxes beyond a part of their errors, any other column.

    Parameters
    ----------
    first, other
        The catalogues.
    change
        What was measured of them.
    tolerance
        How much a flux may differ in units of the first's error. Other columns may differ in last bits.
    """
    if change.first_only or change.other_only:
        yield f"{change.first_only + change.other_only} sources, which are in one catalogue only"
    rows, theirs, _ = match_sources(first, other)
    here, there = first[rows], other[theirs]
    fluxes = {one.column for one in change.fluxes}
    for name in change.changed:
        if name in fluxes:
            over, _ = flux_differences(here, there, name)
            number = int(np.count_nonzero(_differ_in(here, there, name) & ~(np.abs(over) <= tolerance)))
            if number:
                yield f"{name} of {number} sources"
        elif name in change.beyond:
            yield name


def _differ_in(first: Table, other: Table, name: str) -> Mask:
    one, two = (np.ma.filled(np.ma.asarray(table[name]).astype(np.float64), np.nan) for table in (first, other))
    return differ(one, two)
