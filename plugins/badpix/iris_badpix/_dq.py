"""From a mask to DQ."""

from __future__ import annotations

import numpy as np

from iris_core import DQ, Flags, Image, Mask

__all__ = ["bad_pixels", "flags_of"]

_BAD = np.uint32(DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL)


def bad_pixels(mask: Image) -> Mask:
    """Return where a mask, ``(ny, nx)``, is not 0; NaN is not 0."""
    return np.not_equal(mask, 0)


def flags_of(bad: Mask, dq: Flags) -> Flags:
    """Return the DQ of an exposure that has these bad pixels: DO_NOT_USE, OTHER_BAD_PIXEL, and the mask's own `dq`."""
    return dq | np.where(bad, _BAD, np.uint32(0))
