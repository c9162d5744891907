"""The way back: products of subarrays into the full frame that was blank there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iris_core import DQ, Exposure, InputError, Subarray, Window

__all__ = ["merge_subarrays"]

_SAME_HEADER = ("PROGNUM", "OBSNUM", "EXPNUM")


def merge_subarrays(full: Exposure, parts: Sequence[Exposure]) -> Exposure:
    """Return a full frame with data, variance and DQ of its subarrays.

    Parameters
    ----------
    full
        The product of the full frame: SUBARRID is 0, and `subarrays` are known.
    parts
        Products of the subarrays, calibrated like `full`. One that is missing stays blank, with a note.

    Returns
    -------
    Exposure
        Its pixels in the subarrays keep SUBARRAY, and are otherwise as in `parts`.

    Raises
    ------
    InputError
        When a part is not one of the subarrays, or differs in shape, unit, detector, filter, exposure, calibration
        or in the components of its variance.
    """
    known = {subarray.id: subarray for subarray in full.subarrays}
    _check_ids(full, parts, known)
    whole = full.meta.window or Window(1, 1, full.shape[1], full.shape[0])
    data, dq = full.data.copy(), full.dq.copy()
    variance = {name: plane.copy() for name, plane in full.variance.items()}
    for part in parts:
        window = known[part.meta.subarray_id].window
        _check_same(full, part, window)
        where = (..., *window.slices_in(whole))
        data[where] = part.data
        dq[where] = part.dq | np.uint32(DQ.SUBARRAY)
        for name, plane in variance.items():
            plane[where] = part.variance[name]
    return _note_missing(full.replace(data=data, dq=dq, variance=variance), parts, known)


def _check_ids(full: Exposure, parts: Sequence[Exposure], known: Mapping[int, Subarray]) -> None:
    if full.meta.subarray_id != 0 or not known:
        raise InputError(
            f"{full.name} is not a full frame with subarrays: its SUBARRID is {full.meta.subarray_id} and it has "
            f"{len(known)} subarrays; give the product of the full frame after parse_subarray_map"
        )
    for part in parts:
        if part.meta.subarray_id not in known:
            raise InputError(
                f"{part.name} is subarray {part.meta.subarray_id} and {full.name} has none of this id; "
                f"it has: {', '.join(map(str, known))}"
            )
    twice = [str(k) for k, number in Counter(part.meta.subarray_id for part in parts).items() if number > 1]
    if twice:
        raise InputError(f"{full.name}: subarray {', '.join(twice)} is given more than once")


def _check_same(full: Exposure, part: Exposure, window: Window) -> None:
    wanted, found = _nature(full), _nature(part)
    wanted["shape"] = (*full.data.shape[:-2], *window.shape)
    different = [key for key in wanted if wanted[key] != found[key]]
    if different:
        listed = "; ".join(f"{key} is {found[key]}, not {wanted[key]}" for key in different)
        raise InputError(f"{part.name} does not fit into {full.name}: {listed}")


def _nature(exposure: Exposure) -> dict[str, Any]:
    """Return all in which a subarray has to be like its full frame, by what to call it in a message."""
    meta = exposure.meta
    return {
        "shape": exposure.data.shape,
        "unit": exposure.unit,
        "DETECTOR": meta.detector,
        "FILTER": meta.filter,
        **{keyword: exposure.header.get(keyword) for keyword in _SAME_HEADER},
        "the list of stages done": _done(exposure),
        "the list of variance components": sorted(exposure.variance),
    }


def _done(exposure: Exposure) -> list[str]:
    # Only the full frame has a map of its subarrays.
    return sorted(key for key, status in exposure.status.items() if status == "COMPLETE" and key != "S_PARSSA")


def _note_missing(exposure: Exposure, parts: Sequence[Exposure], known: Mapping[int, Subarray]) -> Exposure:
    missing = sorted(set(known).difference(part.meta.subarray_id for part in parts))
    return exposure.note(f"subarrays that stay blank: {', '.join(map(str, missing))}") if missing else exposure
