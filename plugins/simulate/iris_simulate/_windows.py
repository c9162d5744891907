"""Windows of the detector that are read out apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iris_core import Exposure, Window

__all__ = ["blank_windows", "cut_window", "place_windows", "whole"]

# One window in the middle of each cell of a grid, the cells taken in this order.
_GRID = (3, 4)
_ORDER = (5, 0, 10, 3, 8, 6, 1, 11, 2, 9)


def place_windows(shape: tuple[int, int], count: int) -> tuple[Window, ...]:
    """Return `count` windows, at most 10, that do not overlap."""
    height, width = shape[0] // _GRID[0], shape[1] // _GRID[1]
    cells = [divmod(cell, _GRID[1]) for cell in _ORDER[:count]]
    return tuple(
        Window(column * width + width // 4 + 1, row * height + height // 4 + 1, width // 2, height // 2)
        for row, column in cells
    )


def whole(shape: tuple[int, int]) -> Window:
    """Return the window that is all of a frame."""
    return Window(1, 1, shape[1], shape[0])


def blank_windows(exposure: Exposure, windows: tuple[Window, ...]) -> Exposure:
    """Return a full frame that has no data in the windows, and the map of them, SUBARR_MAP."""
    numbers: NDArray[np.int32] = np.zeros(exposure.shape, dtype=np.int32)
    for number, window in enumerate(windows, start=1):
        numbers[window.slices_in(whole(exposure.shape))] = number
    blank = np.where(numbers > 0, np.float32(np.nan), exposure.data)
    return exposure.replace(data=blank, planes={"SUBARR_MAP": numbers})


def cut_window(exposure: Exposure, window: Window) -> Exposure:
    """Return the pixels of a window, and the reference pixel of its WCS; other keywords stay as they are."""
    rows, columns = window.slices_in(whole(exposure.shape))
    sci_header = exposure.sci_header.copy()
    sci_header["CRPIX1"] -= window.xstart - 1
    sci_header["CRPIX2"] -= window.ystart - 1
    return exposure.replace(
        data=exposure.data[..., rows, columns],
        dq=exposure.dq[..., rows, columns],
        variance={name: plane[..., rows, columns] for name, plane in exposure.variance.items()},
        sci_header=sci_header,
    )
