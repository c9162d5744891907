"""The stages of this package: parse_subarray_map and merge_subarrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import DQ, Exposure, InputError, InstrumentMode, StageSkipped, Subarray, Window, stage
from iris_subarray._merge import check_members, merge_parts
from iris_subarray.hookspecs import merge_subarrays

if TYPE_CHECKING:
    from iris_core import Exposures

__all__ = ["check_group", "check_map", "merge_group", "merge_subarrays", "parse_subarray_map"]

MAP = "SUBARR_MAP"


def check_map(exposure: Exposure) -> None:
    """Raise `StageSkipped` when the outline has no map, `InputError` when it has another shape than the image."""
    if MAP not in exposure.planes:
        raise StageSkipped(f"no {MAP}")
    shape = exposure.planes[MAP].shape
    if shape != exposure.shape:
        raise InputError(f"{exposure.name}: {MAP} has shape {shape}; that of the image is {exposure.shape}")


@stage("parse_subarray_map", check=check_map, by_integration=True)
def parse_subarray_map(exposure: Exposure, instrument: InstrumentMode) -> Exposure:
    """Turn the plane SUBARR_MAP into a list of windows, and blank their pixels.

    Parameters
    ----------
    exposure
        With the plane SUBARR_MAP: 0, or the id of the subarray to which a pixel belongs.
    instrument
        Gives the size of the detector where the header does not.

    Returns
    -------
    Exposure
        With `subarrays`, and their pixels NaN with SUBARRAY and DO_NOT_USE: each subarray is a file of its own.

    Raises
    ------
    InputError
        When the map has an invalid id, or a window that is not a filled rectangle.
    """
    from iris_subarray._map import find_windows

    labels = exposure.planes[MAP]
    windows = find_windows(labels, f"{exposure.name}: {MAP}")
    if not windows:
        return exposure.note(f"{MAP} holds no subarray")
    found = exposure.replace(subarrays=_subarrays(windows, exposure, instrument))
    return found.flag(labels > 0, DQ.SUBARRAY | DQ.DO_NOT_USE)


def _subarrays(windows: dict[int, Window], exposure: Exposure, instrument: InstrumentMode) -> tuple[Subarray, ...]:
    from iris_subarray._map import moved

    rows, columns = _detector_shape(exposure, instrument)
    readout = {
        "detxsize": _number(exposure, "DETXSIZE", columns),
        "detysize": _number(exposure, "DETYSIZE", rows),
        "fastaxis": _number(exposure, "FASTAXIS", 1),
        "slowaxis": _number(exposure, "SLOWAXIS", 2),
    }
    origin = exposure.meta.window or Window(1, 1, columns, rows)
    return tuple(Subarray(id=k, window=moved(window, origin), **readout) for k, window in windows.items())


def _detector_shape(exposure: Exposure, instrument: InstrumentMode) -> tuple[int, int]:
    """Return rows and columns of the detector as the instrument mode has them, else of the image."""
    detector = instrument.detectors.get(exposure.meta.detector)
    return exposure.shape if detector is None else detector.shape


def _number(exposure: Exposure, keyword: str, default: int) -> int:
    value = exposure.header.get(keyword, exposure.sci_header.get(keyword))
    if value is None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InputError(f"{exposure.name}: {keyword} = {value!r} is not a number of pixels or an axis") from None


def check_group(exposures: Exposures) -> None:
    """Raise `InputError` when the members are not one full frame and subarrays of it, as far as headers tell."""
    check_members(exposures.outlines[_full_frame(exposures)], exposures.with_role("subarray").outlines)


@stage("merge_subarrays", check=check_group)
def merge_group(exposures: Exposures) -> Exposure:
    """Put the pixels of each subarray into the window of its SUBARRID.

    Parameters
    ----------
    exposures
        One member ``science``, the full frame after parse_subarray_map, and any number of members ``subarray``,
        calibrated like it; at most two of them are in memory at a time.

    Returns
    -------
    Exposure
        See `merge_parts`.

    Raises
    ------
    InputError
        When there is no full frame or more than one, a member has another role, or as `merge_parts` does.
    """
    return merge_parts(exposures[_full_frame(exposures)], exposures.with_role("subarray"))


def _full_frame(exposures: Exposures) -> int:
    """Return the index of the full frame."""
    members = list(zip(exposures.outlines, exposures.roles, strict=True))
    if other := [f"{one.name} ({role})" for one, role in members if role not in ("science", "subarray")]:
        raise InputError(f"merge_subarrays takes members 'science' and 'subarray', not {', '.join(other)}")
    full = [index for index, (_, role) in enumerate(members) if role == "science"]
    if len(full) != 1:
        named = ", ".join(f"{members[index][0].name} (SUBARRID {members[index][0].meta.subarray_id})" for index in full)
        remedy = "one is needed, the full frame; its subarrays have the role 'subarray'"
        raise InputError(f"merge_subarrays has {len(full)} members 'science' ({named or 'none'}); {remedy}")
    return full[0]
