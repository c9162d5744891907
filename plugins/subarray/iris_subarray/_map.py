"""A map of windows: which pixels of a detector were read out as exposures of their own."""

from __future__ import annotations

import numpy as np

from iris_core import Array, InputError, Mask, Window

__all__ = ["MAX_WINDOWS", "find_windows", "moved"]

MAX_WINDOWS = 10


def find_windows(labels: Array, name: str) -> dict[int, Window]:
    """Return the windows in a map, by id.

    Parameters
    ----------
    labels
        ``(ny, nx)``: 0 outside of all windows, k in window k, k from 1 to `MAX_WINDOWS`.
    name
        What to call the map in a message.

    Returns
    -------
    dict
        In the order of their ids, which need not be contiguous; columns and rows count from 1.

    Raises
    ------
    InputError
        When an id is invalid, or a window is not a filled rectangle; with the first pixel where that is so.
    """
    extent = _extent(labels != 0)
    if extent is None:
        return {}
    # Windows are small: from here on only the rectangle that holds them all is looked at.
    inside = labels[_slices(extent)]
    _check_ids(inside, extent, name)
    found = {k: _extent(inside == k) for k in range(1, MAX_WINDOWS + 1)}
    boxes = {k: box for k, box in found.items() if box is not None}
    for k, box in boxes.items():
        _check_filled(k, inside[_slices(box)], moved(box, extent), name)
    return {k: moved(box, extent) for k, box in boxes.items()}


def _extent(mask: Mask) -> Window | None:
    """Return the smallest window that holds all of a mask, None where the mask is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    (bottom, top), (left, right) = rows[[0, -1]].tolist(), columns[[0, -1]].tolist()
    return Window(left + 1, bottom + 1, right - left + 1, top - bottom + 1)


def _slices(window: Window) -> tuple[slice, slice]:
    y, x = window.ystart - 1, window.xstart - 1
    return slice(y, y + window.ysize), slice(x, x + window.xsize)


def moved(window: Window, origin: Window) -> Window:
    """Return a window, given in the pixels of the window `origin`, in those of the detector."""
    return Window(window.xstart + origin.xstart - 1, window.ystart + origin.ystart - 1, window.xsize, window.ysize)


def _check_ids(inside: Array, extent: Window, name: str) -> None:
    invalid = ~((inside >= 0) & (inside <= MAX_WINDOWS))
    if inside.dtype.kind == "f":
        invalid |= inside != np.rint(inside)
    if invalid.any():
        value, where = _first(invalid, inside, extent)
        raise InputError(f"{name} is {value} at {where}; it has to be 0, or the id of a subarray: 1 to {MAX_WINDOWS}")


def _check_filled(k: int, inside: Array, box: Window, name: str) -> None:
    hole = inside != k
    if hole.any():
        value, where = _first(hole, inside, box)
        raise InputError(
            f"{name}: subarray {k} spans {box}, but at {where} the map is {value}; "
            f"a subarray has to be a filled rectangle"
        )


def _first(mask: Mask, inside: Array, origin: Window) -> tuple[str, str]:
    """Return the value of the first pixel of a mask, and where it is on the detector."""
    y, x = np.unravel_index(mask.argmax(), mask.shape)
    return f"{inside[y, x]:g}", f"column {x + origin.xstart}, row {y + origin.ystart}"
