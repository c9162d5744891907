"""Whether exposures are a full frame and its subarrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from iris_core import Exposure, InputError, Window

__all__ = ["check_alike", "check_ids", "check_windows"]

_SAME_HEADER = ("PROGNUM", "OBSNUM", "EXPNUM")
# Only the full frame has a map of its subarrays, or may have been given some of them before.
_ONLY_FULL = ("S_PARSSA", "S_MERGSA")


def check_ids(full: Exposure, parts: Sequence[Exposure]) -> None:
    """Refuse a full frame, or subarrays, whose SUBARRID is another's."""
    if full.meta.subarray_id != 0:
        raise InputError(f"{full.name} is not a full frame: its SUBARRID is {full.meta.subarray_id}, not 0")
    if wrong := [part.name for part in parts if part.meta.subarray_id == 0]:
        raise InputError(f"{', '.join(wrong)}: SUBARRID is 0, that of a full frame; a subarray has 1 to 10")
    numbers = Counter(part.meta.subarray_id for part in parts)
    for k in sorted(k for k, number in numbers.items() if number > 1):
        names = ", ".join(sorted(part.name for part in parts if part.meta.subarray_id == k))
        raise InputError(f"{full.name}: subarray {k} is given more than once: {names}")


def check_alike(full: Exposure, part: Exposure) -> None:
    """Refuse a subarray that differs from its full frame in anything but the window."""
    wanted, found = _nature(full), _nature(part)
    different = [key for key in wanted if wanted[key] != found[key]]
    if different:
        listed = "; ".join(f"{key} is {found[key]}, not {wanted[key]}" for key in different)
        raise InputError(f"{part.name} does not fit into {full.name}: {listed}")


def _nature(exposure: Exposure) -> dict[str, Any]:
    """Return all in which a subarray has to be like its full frame, by what to call it in a message."""
    meta = exposure.meta
    return {
        "the number of integrations": len(exposure.data) if exposure.is_integrations else None,
        "unit": exposure.unit,
        "INSTRUME": meta.instrument,
        "DETECTOR": meta.detector,
        "FILTER": meta.filter,
        **{keyword: exposure.header.get(keyword) for keyword in _SAME_HEADER},
        "the list of stages done": _done(exposure),
        "what was removed": {name: str(amount) for name, amount in sorted(exposure.removed.items())},
        "the list of variance components": sorted(exposure.variance),
    }


def _done(exposure: Exposure) -> list[str]:
    return sorted(key for key, status in exposure.status.items() if status == "COMPLETE" and key not in _ONLY_FULL)


def check_windows(full: Exposure, parts: Sequence[Exposure]) -> Mapping[int, Window]:
    """Return the windows of a full frame by id; refuse subarrays that have another one, or overlap."""
    known = {subarray.id: subarray.window for subarray in full.subarrays}
    if not known:
        raise InputError(
            f"{full.name} has no subarrays: its SUBARR_MAP is missing or empty, or parse_subarray_map has not been run"
        )
    for part in parts:
        _check_window(full, part, known)
    for one, other in combinations(sorted(parts, key=lambda part: part.meta.subarray_id), 2):
        windows = known[one.meta.subarray_id], known[other.meta.subarray_id]
        if _overlap(*windows):
            raise InputError(f"{one.name} ({windows[0]}) and {other.name} ({windows[1]}) overlap in {full.name}")
    return known


def _check_window(full: Exposure, part: Exposure, known: Mapping[int, Window]) -> None:
    k, own = part.meta.subarray_id, part.meta.window
    if k not in known:
        listed = ", ".join(map(str, sorted(known)))
        raise InputError(f"{part.name} is subarray {k} and {full.name} has none of this id; it has: {listed}")
    if part.shape != known[k].shape or own not in (None, known[k]):
        rows, columns = part.shape
        found = own if own is not None and part.shape == own.shape else f"{columns} x {rows} pixels"
        raise InputError(f"{part.name} is {found}; in the map of {full.name} subarray {k} is {known[k]}")


def _overlap(one: Window, other: Window) -> bool:
    apart_x = one.xstart + one.xsize <= other.xstart or other.xstart + other.xsize <= one.xstart
    apart_y = one.ystart + one.ysize <= other.ystart or other.ystart + other.ysize <= one.ystart
    return not (apart_x or apart_y)
