"""CHECKSUM and DATASUM, the sums over an HDU by which damage is found (FITS 4.0, section 4.4.2.7 and appendix J)."""

from __future__ import annotations

import numpy as np

__all__ = ["DataSum", "encoded"]

_ONES, _WORD = 0xFFFFFFFF, np.dtype(">u4")
_PUNCTUATION = frozenset((*range(0x3A, 0x41), *range(0x5B, 0x61)))  # what may not stand in the text of a sum


class DataSum:
    """The sum of bytes, as words of 32 bits in ones' complement; they are given piece by piece."""

    def __init__(self) -> None:
        self._total, self._size = 0, 0

    def add(self, piece: bytes | memoryview) -> None:
        """Add the bytes that follow."""
        data = np.frombuffer(piece, dtype=np.uint8)
        before, after = self._size % 4, -(self._size + data.size) % 4
        self._size += data.size
        if before or after:
            data = np.pad(data, (before, after))
        self._total += int(data.view(_WORD).sum(dtype=np.uint64))

    def add_words(self, total: int) -> None:
        """Add a sum of words of 32 bits, in which their order does not matter; bytes before them fill whole words."""
        self._total += total

    @property
    def value(self) -> int:
        """The sum so far, from 0 to 2**32 - 1."""
        return self._total % _ONES or (_ONES if self._total else 0)


def encoded(value: int) -> str:
    """Return the complement of a sum as the 16 letters and digits of CHECKSUM.

    Parameters
    ----------
    value
        The sum of an HDU in which CHECKSUM is 16 times the digit 0.
    """
    letters = np.empty((4, 4), dtype=np.int64)
    for place, byte in enumerate((_ONES - value).to_bytes(4, "big")):
        quotient, rest = divmod(byte, 4)
        letters[:, place] = _letters([quotient + rest, quotient, quotient, quotient])
    text = bytes(letters.ravel().tolist()).decode("ascii")
    return text[-1] + text[:-1]


def _letters(numbers: list[int]) -> list[int]:
    """Return four letters with the sum of `numbers` (and of four times the digit 0), none of them punctuation."""
    letters = [number + ord("0") for number in numbers]
    for first in (0, 2):
        while {letters[first], letters[first + 1]} & _PUNCTUATION:
            letters[first] += 1
            letters[first + 1] -= 1
    return letters
