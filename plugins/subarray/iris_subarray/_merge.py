"""The way back: the pixels of subarrays into the full frame that was blank there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iris_core import DQ, Exposure, Window
from iris_subarray._members import check_alike, check_ids, check_windows

if TYPE_CHECKING:
    from iris_core import Exposures

__all__ = ["check_members", "merge_parts"]


def check_members(full: Exposure, parts: Sequence[Exposure]) -> None:
    """Refuse subarrays that cannot be those of a full frame; headers, shapes and units are looked at, no pixels.

    Parameters
    ----------
    full
        The full frame. Where its map has not been parsed yet, `subarrays` is empty and windows are not compared.
    parts
        The subarrays.

    Raises
    ------
    InputError
        See `merge_parts`.
    """
    check_ids(full, parts)
    for part in parts:
        check_alike(full, part)
    if full.subarrays:
        check_windows(full, parts)


def merge_parts(full: Exposure, parts: Exposures | Sequence[Exposure]) -> Exposure:
    """Return a full frame with data, variance and DQ of its subarrays.

    Parameters
    ----------
    full
        The full frame after parse_subarray_map: SUBARRID is 0.
    parts
        The subarrays, calibrated like `full`, in any order; each is read once. One that is missing stays blank, with a
        note.

    Returns
    -------
    Exposure
        The full frame. Its pixels in the subarrays keep SUBARRAY, and are otherwise as in `parts`.

    Raises
    ------
    InputError
        When the full frame has no subarrays, or a part is none of them, is given twice, has another window, overlaps
        another one, or differs in shape, unit, detector, filter, exposure, calibration or in the components of its
        variance.
    """
    from iris_core import Exposures

    whole = full.meta.window or Window(1, 1, full.shape[1], full.shape[0])
    data, dq = full.data.copy(), full.dq.copy()
    variance = {name: plane.copy() for name, plane in full.variance.items()}
    outlines = parts.outlines if isinstance(parts, Exposures) else parts
    check_ids(full, outlines)
    windows = check_windows(full, outlines)
    for part in parts:
        check_alike(full, part)
        where = (..., *windows[part.meta.subarray_id].slices_in(whole))
        data[where] = part.data
        dq[where] = part.dq | DQ.SUBARRAY
        for name, plane in variance.items():
            plane[where] = part.variance[name]
    return _note(full.replace(data=data, dq=dq, variance=variance), outlines, windows)


def _note(merged: Exposure, parts: Sequence[Exposure], known: Mapping[int, Window]) -> Exposure:
    """Return the merged frame with notes that name each subarray, and those that are missing."""
    names = {part.meta.subarray_id: part.name for part in parts}
    if names:
        merged = merged.note("subarrays: " + ", ".join(f"{k} from {names[k]}" for k in sorted(names)))
    missing = [str(k) for k in sorted(known) if k not in names]
    return merged.note(f"subarrays that stay blank: {', '.join(missing)}") if missing else merged
