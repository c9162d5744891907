"""Independent streams of random numbers, each by its purpose, so that one more exposure changes none of the others."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(IntEnum):
    """What random numbers are for."""

    DETECTOR = 0
    STARS = 1
    EXPOSURE = 2
    BACKGROUND = 3
    DARK = 4
    FLAT = 5
    CHIP = 6
    FIELD = 7
    COLOUR = 8
    TWILIGHT = 9
    FRAME = 10
    RAYS = 11


def generator(seed: int, stream: Stream, realisation: int = 0, index: int = 0) -> np.random.Generator:
    """Return the generator of one stream: the same arguments give the same numbers."""
    return np.random.default_rng([seed, int(stream), realisation, index])
