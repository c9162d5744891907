"""CHECKSUM and DATASUM against astropy's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from iris_core.io.checksums import DataSum, encoded


def sum_of(*pieces: bytes) -> int:
    total = DataSum()
    for piece in pieces:
        total.add(piece)
    return total.value


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_the_sum_is_that_of_astropy_however_the_bytes_are_cut(content: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    padded = np.frombuffer(content.ljust(-(-len(content) // 4) * 4, b"\0"), dtype=np.uint8)
    hdu = fits.ImageHDU(padded) if padded.size else fits.ImageHDU()
    assert sum_of(*(content[start:stop] for start, stop in pairwise(places))) == int(hdu._calculate_datasum())


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\0" * 8])
def test_the_two_zeros_of_ones_complement(content: bytes) -> None:
    assert sum_of(content) == (0xFFFFFFFF if b"\xff" in content else 0)


@given(st.integers(0, 2**32 - 1))
def test_the_text_of_a_sum_makes_the_sum_of_the_hdu_minus_zero(value: int) -> None:
    text = encoded(value)
    assert text.isalnum()
    assert len(text) == 16
    # The text begins at the fourth byte of a word; 16 times the digit 0 is what stood there before.
    before, after = sum_of(b"\0\0\0" + b"0" * 16), sum_of(b"\0\0\0" + text.encode())
    assert (value + after - before) % 0xFFFFFFFF == 0
