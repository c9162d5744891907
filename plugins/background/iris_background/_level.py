"""The level of the sky in an image with sources, and what a subtraction has left of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

from iris_background._noise import MAD_TO_SIGMA
from iris_core import in_threads

if TYPE_CHECKING:
    from iris_core import Array, Exposure, Image, Mask

__all__ = [
    "Level",
    "Residual",
    "is_too_dark",
    "measure_level",
    "measure_residual",
    "step_of",
    "thinned",
    "thinned_exposure",
    "widened",
]

# Standard deviations around the level within which values are looked at: light of faint sources is outside.
_WINDOW = 1.5
# Error of the level over that of a mean of all values; measured on noise.
_EFFICIENCY = 1.65
# Pixels of an image that are looked at, at most.
_SAMPLE = 1_000_000
# Blocks on a side of the image.
_BLOCKS = 8
# Light that is more than so many errors below nothing is light that was subtracted.
_CERTAIN = 5.0


@dataclass(frozen=True, slots=True)
class Level:
    """The level of the sky among some values, its formal error, and their scatter around it."""

    value: float
    error: float
    scatter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """What a subtraction has left of the sky.

    Parameters
    ----------
    subtracted
        Level of what was subtracted.
    left
        Level of the sky that is left.
    error
        Of `left`: its formal error, or the scatter of the levels of 8 x 8 blocks of the image where that is larger.
    lifted
        Fraction of the pixels of what was subtracted that sources have lifted: those 5 sigma above its level, less
        those 5 below.
    """

    subtracted: float
    left: float
    error: float
    lifted: float

    @property
    def is_significant(self) -> bool:
        """Whether more than three errors are left."""
        return abs(self.left) > 3 * self.error

    def cards(self, unit: str) -> Mapping[str, tuple[float, str]]:
        """Return the keywords that record it."""
        described = {
            "BKGSKY": (self.subtracted, f"[{unit}] level of the sky subtracted"),
            "BKGRESID": (self.left, f"[{unit}] level of the sky left"),
            "BKGRERR": (self.error, f"[{unit}] error of BKGRESID"),
        }
        return {name: (float(f"{value:.6g}"), text) for name, (value, text) in described.items() if np.isfinite(value)}


def measure_level(values: Image) -> Level:
    """Return the level of the sky among values, most of which are of the sky; NaN is ignored.

    The median of the values within 1.5 standard deviations of it, found by iteration from the median of all. The
    standard deviation is that of the values below, where there is no light of sources.
    """
    # Once they are sorted, each selection by value is a slice, and its median stands in the middle.
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        return Level(np.nan, np.nan, np.nan)
    level, scatter = _middle(values), 0.0
    for _ in range(20):
        below = values[: np.searchsorted(values, np.float32(level), "right")] - np.float32(level)
        scatter = float(np.sqrt(np.mean(np.square(below), dtype=np.float64)))
        first, last = np.float32(level - _WINDOW * scatter), np.float32(level + _WINDOW * scatter)
        near = values[np.searchsorted(values, first) : np.searchsorted(values, last, "right")]
        before, level = level, _middle(near)
        if abs(level - before) <= 1e-4 * scatter:
            break
    return Level(level, _EFFICIENCY * scatter / values.size**0.5, scatter)


def _middle(values: Image) -> float:
    """Return the median of sorted values."""
    return float(np.mean(values[(len(values) - 1) // 2 : len(values) // 2 + 1]))


def measure_residual(exposure: Exposure, sky: Image) -> Residual:
    """Return what the subtraction of a sky has left in an exposure, from a million of its pixels.

    Parameters
    ----------
    exposure
        After the subtraction, or a sample of it.
    sky
        What was subtracted, in any shape.
    """
    seen, taken = thinned(exposure.data), thinned(sky)
    level, subtracted, *levels = in_threads(measure_level, (seen, taken, *_blocks(seen)))
    blocks = np.array([one.value for one in levels])
    blocks = blocks[np.isfinite(blocks)]
    scatter = MAD_TO_SIGMA * float(np.median(np.abs(blocks - np.median(blocks)))) if blocks.size else np.nan
    return Residual(
        subtracted=subtracted.value,
        left=level.value,
        error=float(np.fmax(level.error, scatter)),
        lifted=_lifted(taken, subtracted),
    )


def thinned(data: Array, step: int = 0) -> Array:
    """Return every so many rows and columns of an image or a cube; an odd step meets all channels of a detector."""
    step = step or step_of(data)
    return data[..., ::step, ::step]


def step_of(data: Array) -> int:
    """Return of how many rows and columns of an image or a cube one is enough."""
    return isqrt(max(1, data.size // _SAMPLE)) | 1


def thinned_exposure(exposure: Exposure, step: int) -> Exposure:
    """Return every so many rows and columns of an exposure: planes of the size of a sample."""
    return exposure.replace(
        data=thinned(exposure.data, step),
        dq=thinned(exposure.dq, step),
        variance={name: thinned(plane, step) for name, plane in exposure.variance.items()},
        area=None,
        planes={},
    )


def _lifted(values: Image, level: Level) -> float:
    reach = _CERTAIN * level.scatter
    above, below = (np.count_nonzero(sign * (values - level.value) > reach) for sign in (1, -1))
    return float(above - below) / max(1, int(np.count_nonzero(np.isfinite(values))))


def widened(sample: Exposure, left: float) -> float:
    """Return how many errors nothing lies below the sky that is left: 5, as widened by the scatter of a sample.

    Parameters
    ----------
    sample
        Pixels after the subtraction, with errors.
    left
        Level of the sky that is left.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = (sample.data - np.float32(left)) / _error(sample)
    return _CERTAIN * max(1.0, measure_level(pulls).scatter)


def is_too_dark(exposure: Exposure, left: float, reach: float) -> Mask:
    """Return where an exposure is darker than the sky that is left by more than so many errors."""
    limit = np.float32(reach) * _error(exposure)
    return np.asarray((np.float32(left) - exposure.data > limit) & (limit > 0))


def _error(exposure: Exposure) -> Image:
    return np.sqrt(sum(exposure.variance.values()), dtype=np.float32)


def _blocks(data: Image) -> Iterator[Image]:
    rows, columns = (np.linspace(0, size, _BLOCKS + 1).astype(int) for size in data.shape[-2:])
    for (bottom, top), (left, right) in product(pairwise(rows), pairwise(columns)):
        yield data[..., bottom:top, left:right]
