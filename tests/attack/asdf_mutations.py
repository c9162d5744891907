"""Harm to the blocks of an ASDF file, which hold the pixels; its tree is text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
Harm = Callable[[Rng, bytes], bytes]


def _blocks(content: bytes) -> int:
    return content.index(b"\xd3BLK")


def a_bit_of_a_block(rng: Rng, content: bytes) -> bytes:
    harmed = bytearray(content)
    harmed[int(rng.integers(_blocks(content), len(content)))] ^= 1 << int(rng.integers(8))
    return bytes(harmed)


def cut_in_a_block(rng: Rng, content: bytes) -> bytes:
    return content[: int(rng.integers(_blocks(content), len(content)))]


def a_block_lost(rng: Rng, content: bytes) -> bytes:
    at = [at for at in range(len(content)) if content[at : at + 4] == b"\xd3BLK"]
    lost = int(rng.integers(len(at)))
    return content[: at[lost]] + b"".join(
        content[one : (*at, len(content))[n + 1]] for n, one in enumerate(at) if n > lost
    )


ASDF: tuple[Harm, ...] = (a_bit_of_a_block, a_bit_of_a_block, cut_in_a_block, a_block_lost)
