"""The data-quality bits of a pixel."""

from __future__ import annotations

from enum import IntFlag
from typing import Any

import numpy as np


class DQ(IntFlag):
    """Data-quality bits: JWST's numbers, with bit 29 for pixels of a subarray window.

    A stage only ever adds bits. DO_NOT_USE and NaN in the data always go together.

    With arrays they are uint32, as the planes of DQ are: ``dq & DQ.HOT`` is no wider, and ``dq[hot] |= DQ.HOT`` works.
    """

    GOOD = 0
    DO_NOT_USE = 1 << 0
    SATURATED = 1 << 1
    JUMP_DET = 1 << 2
    DROPOUT = 1 << 3
    OUTLIER = 1 << 4
    PERSISTENCE = 1 << 5
    AD_FLOOR = 1 << 6
    CHARGELOSS = 1 << 7
    UNRELIABLE_ERROR = 1 << 8
    NON_SCIENCE = 1 << 9
    DEAD = 1 << 10
    HOT = 1 << 11
    WARM = 1 << 12
    LOW_QE = 1 << 13
    RC = 1 << 14
    TELEGRAPH = 1 << 15
    NONLINEAR = 1 << 16
    BAD_REF_PIXEL = 1 << 17
    NO_FLAT_FIELD = 1 << 18
    NO_GAIN_VALUE = 1 << 19
    NO_LIN_CORR = 1 << 20
    NO_SAT_CHECK = 1 << 21
    UNRELIABLE_BIAS = 1 << 22
    UNRELIABLE_DARK = 1 << 23
    UNRELIABLE_SLOPE = 1 << 24
    UNRELIABLE_FLAT = 1 << 25
    OPEN = 1 << 26
    ADJ_OPEN = 1 << 27
    FLUX_ESTIMATED = 1 << 28
    SUBARRAY = 1 << 29
    OTHER_BAD_PIXEL = 1 << 30
    REFERENCE_PIXEL = 1 << 31

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Take the bits for uint32 beside uint32: numpy takes an int that is an enumeration for int64, and copies."""
        kind = np.uint32 if any(getattr(one, "dtype", None) == np.uint32 for one in inputs) else np.int64
        return getattr(ufunc, method)(*(kind(one) if isinstance(one, DQ) else one for one in inputs), **options)
