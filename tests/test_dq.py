"""The bits of DQ are JWST's, with one of ours."""

from __future__ import annotations

import re

import numpy as np
import pytest

from iris_core import DQ

# ALGORITHMS of the field: bit number by name.
BITS = """
DO_NOT_USE SATURATED JUMP_DET DROPOUT OUTLIER PERSISTENCE AD_FLOOR CHARGELOSS UNRELIABLE_ERROR NON_SCIENCE DEAD HOT
WARM LOW_QE RC TELEGRAPH NONLINEAR BAD_REF_PIXEL NO_FLAT_FIELD NO_GAIN_VALUE NO_LIN_CORR NO_SAT_CHECK UNRELIABLE_BIAS
UNRELIABLE_DARK UNRELIABLE_SLOPE UNRELIABLE_FLAT OPEN ADJ_OPEN FLUX_ESTIMATED SUBARRAY OTHER_BAD_PIXEL REFERENCE_PIXEL
"""
NAMES = re.findall(r"\w+", BITS)


@pytest.mark.parametrize(("number", "name"), list(enumerate(NAMES)))
def test_every_bit_has_its_number_and_fits_uint32(number: int, name: str) -> None:
    assert DQ[name] == 1 << number
    assert np.uint32(DQ[name]) == 2**number


def test_there_are_no_others() -> None:
    assert [flag.name for flag in DQ] == NAMES
    assert DQ.GOOD == 0


def test_with_planes_they_are_as_wide_as_planes() -> None:
    dq = np.array([0, 1, 5], dtype=np.uint32)
    for made in (dq & DQ.DO_NOT_USE, DQ.HOT | dq, dq & ~DQ.JUMP_DET, np.bitwise_or(dq, DQ.REFERENCE_PIXEL)):
        assert made.dtype == np.uint32
    dq[1:] |= DQ.REFERENCE_PIXEL | DQ.HOT
    dq &= ~DQ.DO_NOT_USE
    np.testing.assert_array_equal(dq, [0, 1 << 31 | 1 << 11, 1 << 31 | 1 << 11 | 4])
    assert np.bitwise_or.reduce(dq, initial=DQ.WARM).dtype == np.uint32


def test_a_narrower_plane_that_cannot_hold_them_is_refused() -> None:
    narrow = np.zeros(2, dtype=np.uint8)
    with pytest.raises(TypeError):
        narrow |= DQ.HOT
    assert (narrow | DQ.HOT).dtype == np.int64
