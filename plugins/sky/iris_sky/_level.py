"""Levels of the sky in dithered exposures, and their noise, from some of the pixels of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Literal

import numpy as np
from iris_background import MAD_TO_SIGMA, Noise, measure_level

from iris_core import DQ, Doubles, Exposure, Exposures, Image, InputError, in_threads, thread_safe

if TYPE_CHECKING:
    from iris_core import Mask

__all__ = ["Levels", "Match", "Sample", "measure_levels", "take_sample"]

Match = Literal["factor", "offset"]

# Pixels of an exposure, and of all exposures together, that are looked at.
_OF_ONE, _OF_ALL = 250_000, 16_000_000
# Levels and pattern are known when a round changes them by less than a part of the scatter of the pixels.
_ROUNDS, _CLOSE = 8, 0.001


@dataclass(frozen=True, slots=True)
class Sample:
    """Every so many rows and columns of all exposures: `data` and `variance`, ``(n, m)``, NaN where not valid."""

    data: Image
    variance: Image | None
    step: int

    def without(self, masks: Sequence[Mask]) -> Sample:
        """Return the sample without the pixels of masks, ``(m,)`` each."""
        return Sample(np.where(np.stack(masks), np.float32(np.nan), self.data), self.variance, self.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What is known of the sky of each exposure.

    Parameters
    ----------
    match
        Whether the sky of one exposure is that of another times a factor, or with an offset.
    values
        Level of each.
    deviation
        Typical standard deviation of a pixel.
    inflation
        Scatter between the exposures over what their errors foretell, at least 1; 1 where they are not known.
    known
        Whether the errors are known.
    pattern
        Scatter of the sky's pattern, a part of its level (factor), or in its unit (offset).
    """

    match: Match
    values: Doubles
    deviation: float
    inflation: float
    known: bool
    pattern: float

    def factor(self, one: int, other: int) -> float:
        """Return by what the sky of another exposure has to be multiplied to bring it to the level of one."""
        return float(self.values[one] / self.values[other]) if self.match == "factor" else 1.0

    def offset(self, one: int, other: int) -> float:
        """Return what has to be added to the sky of another exposure to bring it to the level of one."""
        return float(self.values[one] - self.values[other]) if self.match == "offset" else 0.0

    def noise(self, one: int, others: Sequence[int]) -> Noise:
        """Return what the clip of others goes by that are at the level of one."""
        number = len(others)
        return Noise(
            known=self.known,
            deviation=self.deviation,
            inflation=self.inflation,
            weights=np.ones(number, dtype=np.float32),
            levels=np.full(number, self.values[one], dtype=np.float32),
            drifts=np.zeros(number, dtype=np.float32),
        )


def take_sample(exposures: Exposures) -> Sample:
    """Return some of the pixels of all exposures."""
    rows, columns = exposures.outlines[0].shape
    number = min(_OF_ONE, _OF_ALL // len(exposures))
    step = isqrt(max(1, rows * columns // number)) | 1
    data, variances = zip(*exposures.each(thin_out, step=step), strict=True)
    known = all(variance is not None and _tells_errors(variance) for variance in variances)
    return Sample(np.stack(data), np.stack(variances) if known else None, step)


def _tells_errors(variance: Image) -> bool:
    """Return whether variances are not 0; of an exposure without a valid pixel nothing contradicts it."""
    valid = variance[np.isfinite(variance)]
    return not valid.size or bool(np.median(valid) > 0)


@thread_safe
def thin_out(exposure: Exposure, step: int) -> tuple[Image, Image | None]:
    """Return every so many rows and columns of an exposure as a row of values, NaN where not valid, and variances."""
    part = slice(None, None, step), slice(None, None, step)
    data, dq = exposure.data[part].ravel(), exposure.dq[part].ravel()
    valid = np.isfinite(data) & ((dq & DQ.DO_NOT_USE) == 0)
    own = [plane[part].ravel() for name, plane in exposure.variance.items() if name not in ("dark", "flat")]
    values = np.where(valid, data, np.float32(np.nan))
    return values, np.where(valid, np.sum(own, axis=0), np.float32(np.nan)) if own else None


def measure_levels(sample: Sample, match: Match, names: Sequence[str]) -> Levels:
    """Return the levels of the sky.

    The pattern of the sky is the mean of all exposures at one level but the highest, pixel by pixel. The level of an
    exposure is measured without it, so that it does not matter which of its pixels sources cover.

    Raises
    ------
    InputError
        When an exposure has no valid pixel, or a level by which to multiply is not above 0.
    """
    # A pixel of one exposure alone says nothing of their levels.
    seen = np.count_nonzero(np.isfinite(sample.data), axis=0) > 1
    if not seen.any():
        _check(np.full(len(names), np.nan), match, names)
    values = sample.data[:, seen]
    levels = np.array([one.value for one in in_threads(measure_level, values)])
    _check(levels, match, names)
    shape = np.zeros(values.shape[1], dtype=np.float32)
    for _ in range(_ROUNDS):
        shape, before = _pattern(values, levels, match), levels
        levels = _levels_on(values, shape, levels, match)
        _check(levels, match, names)
        if np.abs(levels - before).max() <= _CLOSE * measure_level(values[0]).scatter:
            break
    variance = None if sample.variance is None else sample.variance[:, seen]
    deviation, inflation = _noise(values, variance, levels, match)
    return Levels(
        match=match,
        values=levels,
        deviation=deviation,
        inflation=inflation,
        known=variance is not None,
        pattern=measure_level(shape).scatter,
    )


def _levels_on(values: Image, shape: Image, levels: Doubles, match: Match) -> Doubles:
    """Return the levels of exposures on a pattern, whose strength those before tell."""
    strengths = levels if match == "factor" else np.ones(len(levels))

    def level_of(one: int) -> float:
        return measure_level(values[one] - shape * np.float32(strengths[one])).value

    return np.array([*in_threads(level_of, range(len(values)))])


def _check(levels: Doubles, match: Match, names: Sequence[str]) -> None:
    for level, name in zip(levels, names, strict=True):
        if not (level > 0 if match == "factor" else np.isfinite(level)):
            what = "no valid pixel" if not np.isfinite(level) else f"a sky of {level:.4g}, not above 0"
            remedy = "leave it out" if not np.isfinite(level) else "use match: offset"
            raise InputError(f"match: {match} needs the level of the sky, but {name} has {what}; {remedy}")


def _pattern(values: Image, levels: Doubles, match: Match) -> Image:
    column = levels.astype(np.float32)[:, np.newaxis]
    alike = values / column - np.float32(1) if match == "factor" else values - column
    # Not the median: where an exposure is that itself, it would seem to be at the level it had before.
    number, valid = np.count_nonzero(np.isfinite(alike), axis=0), np.isfinite(alike)
    highest = np.max(alike, axis=0, where=valid, initial=-np.inf) * (number > 2)
    shape = (np.sum(alike, axis=0, where=valid) - highest) / (number - (number > 2))
    # A level of its own would be taken off the levels of all exposures.
    return np.asarray(shape - measure_level(shape).value, dtype=np.float32)


def _noise(values: Image, variance: Image | None, levels: Doubles, match: Match) -> tuple[float, float]:
    """Return the standard deviation of a value, and by how much more the exposures scatter than their errors say."""
    scale = (levels.mean() / levels if match == "factor" else np.ones(len(levels))).astype(np.float32)[:, np.newaxis]
    differences = np.diff(values * scale, axis=0)
    differences -= np.nanmedian(differences, axis=1, keepdims=True)
    if variance is None:
        return MAD_TO_SIGMA * float(np.nanmedian(np.abs(differences))) / 2**0.5, 1.0
    alike = variance * scale**2
    pulls = np.abs(differences) / np.sqrt(alike[1:] + alike[:-1])
    return float(np.sqrt(np.nanmedian(alike))), max(1.0, MAD_TO_SIGMA * float(np.nanmedian(pulls)))
