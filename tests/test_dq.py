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
