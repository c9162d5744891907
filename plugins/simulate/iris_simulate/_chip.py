"""A detector of a night as it truly is: dark current, amplifier glow, response in each filter, bad pixels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iris_core import DQ, Flags, Image, Mask
from iris_simulate._detector import axes, dark_pattern

if TYPE_CHECKING:
    from iris_core import Array

__all__ = ["BAD_DQ", "Bad", "Chip", "make_chip"]

_PIXEL_SCATTER = 0.005
_BOWL = 0.03
_FILTER_TILT = 0.005
_THERMAL_BOWL = 0.3
_HOT_RATE = (1.0, 100.0)  # electron/s
_LOW_RESPONSE = (0.2, 0.45)
_NOISE_FACTOR = 10.0


class Bad(IntEnum):
    """What is wrong with a pixel."""

    GOOD = 0
    HOT = 1
    DEAD = 2
    LOW_QE = 3
    NOISY = 4


_SHARES = {Bad.HOT: 0.4, Bad.DEAD: 0.2, Bad.LOW_QE: 0.2, Bad.NOISY: 0.2}
BAD_DQ = {Bad.HOT: DQ.HOT, Bad.DEAD: DQ.DEAD, Bad.LOW_QE: DQ.LOW_QE, Bad.NOISY: DQ.TELEGRAPH}


@dataclass(frozen=True, slots=True)
class Chip:
    """A detector without noise; all planes ``(ny, nx)``.

    Parameters
    ----------
    dark
        electron / s, without amplifier glow.
    glow
        electron of one read.
    response
        Relative quantum efficiency, mean 1 over the good pixels, before what a filter changes.
    bad
        What is wrong with each pixel, of `Bad`.
    """

    dark: Image
    glow: Image
    response: Image
    bad: NDArray[np.uint8]

    def efficiency(self, number: int) -> Image:
        """Return the relative quantum efficiency through filter `number`: the light is tilted, more with each filter.

        The tilt is that of the light that reaches the pixels; it is 0 in the middle.
        """
        y, x = axes(self.bad.shape)
        tilt = np.float32(_FILTER_TILT * (number % 4 - 1.5))
        return self.response * (1 + tilt * x - tilt * y)

    def thermal(self) -> Image:
        """Return the pattern of thermal light before it meets the pixels, mean 1: brightest in the corners."""
        y, x = axes(self.bad.shape)
        pattern = 1 + np.float32(_THERMAL_BOWL) * (x * x + y * y)
        return np.asarray(pattern / pattern.mean(dtype=np.float64), dtype=np.float32)

    def extra_noise(self, read_noise: float, rng: np.random.Generator) -> tuple[Mask, Array]:
        """Return the noisy pixels, and what their noise of an exposure is more than `read_noise`, electron."""
        noisy = self.bad == Bad.NOISY
        wide = read_noise * np.sqrt(_NOISE_FACTOR**2 - 1)
        return noisy, rng.normal(0.0, wide, np.count_nonzero(noisy))

    @property
    def dq(self) -> Flags:
        """What is wrong with each pixel, as DQ, without DO_NOT_USE."""
        table = np.zeros(len(Bad), dtype=np.uint32)
        for kind, flag in BAD_DQ.items():
            table[kind] = int(flag)
        return table[self.bad]


def make_chip(
    shape: tuple[int, int], dark_current: float, glow: float, defects: float, rng: np.random.Generator
) -> Chip:
    """Return a detector with all that is random in it.

    Parameters
    ----------
    shape
        Rows and columns.
    dark_current
        Mean of the pixels that are not hot, electron / s.
    glow
        The brightest pixel's, electron in a read.
    defects
        Share of bad pixels.
    rng
        Source of all that is random in the detector.
    """
    bad = _kinds(shape, defects, rng)
    dark = dark_pattern(shape, dark_current, rng)
    hot = bad == Bad.HOT
    low, high = np.log(_HOT_RATE)
    dark[hot] += np.exp(rng.uniform(low, high, np.count_nonzero(hot))).astype(np.float32)
    return Chip(dark, _glow(shape, glow), _response(bad, rng), bad)


def _kinds(shape: tuple[int, int], defects: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    edges = defects * np.cumsum(list(_SHARES.values()))
    place = np.searchsorted(edges, rng.random(shape, dtype=np.float32), side="right")
    return np.array([*_SHARES, Bad.GOOD], dtype=np.uint8)[place]


def _glow(shape: tuple[int, int], peak: float) -> Image:
    """Return the glow of amplifiers along the right edge: the same electrons with every read."""
    y, x = axes(shape)
    glow = np.exp(6 * (x - 1)) * (0.75 + 0.25 * np.cos(4 * np.pi * y))
    return np.asarray(peak * glow, dtype=np.float32)


def _response(bad: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    y, x = axes(bad.shape)
    response = rng.standard_normal(bad.shape, dtype=np.float32)
    response *= np.float32(_PIXEL_SCATTER)
    response += 1 - np.float32(_BOWL) * (x * x + y * y)
    response[bad == Bad.DEAD] = 0
    low = bad == Bad.LOW_QE
    response[low] = rng.uniform(*_LOW_RESPONSE, np.count_nonzero(low)).astype(np.float32)
    good = ~low & (bad != Bad.DEAD)
    response /= np.float32(response[good].mean(dtype=np.float64))
    return response
