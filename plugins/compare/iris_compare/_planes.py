"""How the planes of two products differ, value by value: how many, by how much, in which rows and columns."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from iris_verify import Plane

from iris_compare._stored import Planes
from iris_core import Array, Exposure, Mask, row_blocks

__all__ = ["LAST_BITS", "PlaneChange", "compare_planes", "differ", "steps_apart"]

# What another order of additions, or another processor, does to float32: steps of a value, or this part of its error.
LAST_BITS, NEGLIGIBLE = 16, 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneChange:
    """How one plane differs.

    Parameters
    ----------
    name
        ``data``, ``dq``, ``variance:poisson`` ...
    pixels
        Of the plane.
    changed
        How many have another value; NaN in both is the same.
    beyond
        How many of these by more than last bits: NaN in one alone, or more than `LAST_BITS` steps of float32 and 1e-4
        of the error.
    steps
        The largest number of float32 values between two that are finite.
    rows, columns
        First and last that have a changed value, 0-based.
    """

    name: str
    pixels: int
    changed: int
    beyond: int
    steps: int
    rows: tuple[int, int]
    columns: tuple[int, int]


def compare_planes(first: Exposure | Planes, other: Exposure | Planes) -> tuple[PlaneChange, ...]:
    """Return how the planes differ that both have in one shape; those that are the same are left out.

    The work is done by blocks of rows: beside the exposures it takes no memory.
    """
    first, other = Planes.of(first), Planes.of(other)
    one, two = first.planes, other.planes
    both = [name for name in one if name in two and one[name].shape == two[name].shape]
    variance = list(first.variance.values())
    found = (_compare(name, one[name], two[name], variance if name == "data" else []) for name in both)
    return tuple(change for change in found if change.changed)


def _compare(name: str, first: Plane, other: Plane, variance: list[Plane]) -> PlaneChange:
    if len(first.shape) < 2 or first.dtype.names:  # a table
        changed = int(first[...].tobytes() != other[...].tobytes())
        return PlaneChange(name=name, pixels=1, changed=changed, beyond=changed, steps=0, rows=(0, 0), columns=(0, 0))
    rows, columns = (np.zeros(size, dtype=bool) for size in first.shape[-2:])
    changed = beyond = steps = 0
    for block in row_blocks(first.shape):
        here, there = first[block], other[block]
        differs = differ(here, there)
        if differs.any():
            err = np.sqrt(sum(plane[block][differs] for plane in variance)) if variance else np.zeros(1)
            apart, large = _beyond(here[differs], there[differs], err)
            changed, beyond, steps = changed + differs.sum(), beyond + large.sum(), max(steps, apart)
            rows[block[-1]] |= differs.any(axis=1)
            columns |= differs.any(axis=0)
    return PlaneChange(
        name=name,
        pixels=prod(first.shape),
        changed=int(changed),
        beyond=int(beyond),
        steps=int(steps),
        rows=_ends(rows),
        columns=_ends(columns),
    )


def differ(first: Array, other: Array) -> Mask:
    """Return where two values are not the same; NaN in both is."""
    return np.asarray((first != other) & ~((first != first) & (other != other)))


def _beyond(first: Array, other: Array, err: Array) -> tuple[int, Mask]:
    """Return the most steps between two values, and which differ by more than last bits."""
    if first.dtype.kind != "f":
        return 0, np.ones(first.shape, dtype=bool)
    finite = np.isfinite(first) & np.isfinite(other)
    apart = np.where(finite, steps_apart(first, other), 0)
    with np.errstate(invalid="ignore"):
        small = (apart <= LAST_BITS) | (np.abs(other.astype(np.float64) - first) <= NEGLIGIBLE * err)
    return int(apart.max(initial=0)), ~(finite & small)


def steps_apart(first: Array, other: Array) -> Array:
    """Return how many float32 values lie between two, the second included: their distance in units of the last place.

    Parameters
    ----------
    first, other
        Finite, of one shape; others than float32 are rounded to it.

    Returns
    -------
    array
        int64.
    """
    return np.asarray(np.abs(_ordinal(first) - _ordinal(other)))


def _ordinal(values: Array) -> Array:
    """Return the place of each value among all float32: their bits, those of negative values mirrored."""
    with np.errstate(over="ignore"):
        bits = np.ascontiguousarray(values, dtype=np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(1 << 31) - bits, bits)


def _ends(where: Mask) -> tuple[int, int]:
    found = np.flatnonzero(where)
    return (int(found[0]), int(found[-1])) if found.size else (0, 0)
