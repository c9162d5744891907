"""The mean or the median of the same pixels of many images, with its errors and flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from iris_background import middle

from iris_core import DQ
from iris_masters._keep import Clip, agreeing, trimmed_scatter
from iris_masters._planes import weighted_sum

if TYPE_CHECKING:
    from iris_core import Array, Doubles, Flags, Image, Mask
    from iris_masters._planes import Planes

__all__ = ["Combined", "Rule", "combine", "median_factor", "or_of_used"]

# Variance of a median over that of the mean of so many values with one normal distribution.
_MEDIAN = (1.0, 1.0, 1.346, 1.193, 1.434, 1.288, 1.473, 1.345, 1.495)
_NOT_HANDED_ON = np.uint32(DQ.OUTLIER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How images become one.

    Parameters
    ----------
    levels
        Of each image; values are compared, and the result made, at the mean of the levels. 1 where all are alike.
    weights
        Of each image.
    relative
        Variance of each image, at a common level, relative to that of the first.
    inflation
        By how much the scatter exceeds what the errors foretell.
    factor
        What the variances of the images are multiplied by.
    median
        Whether the median of what is kept is taken, not the mean.
    clip
        What is not kept.
    noisy
        A pixel of five values or more that scatters more than this many times its error is TELEGRAPH; None for none.
    """

    levels: Doubles
    weights: Doubles
    relative: Doubles
    inflation: float = 1.0
    factor: float = 1.0
    median: bool = False
    clip: Clip = field(default_factory=Clip)
    noisy: float | None = None

    @property
    def is_uniform(self) -> bool:
        """Whether all images count the same."""
        return bool(np.all(self.levels == 1) and np.all(self.weights == 1) and np.all(self.relative == 1))

    @property
    def rounding(self) -> float:
        """How much equal values may differ, relative to the largest, once they are at one level."""
        return 8 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class Combined:
    """Some pixels of the result.

    Parameters
    ----------
    data
        ``(k,)``; NaN where nothing was kept.
    dq
        `iris_core.DQ` bits of the values that were kept; of all, with DO_NOT_USE, where none was.
    variance
        By component.
    errors
        By shared component, the mean of the errors with their sign.
    rejected
        For each image, how many valid values were not kept.
    """

    data: Image
    dq: Flags
    variance: Mapping[str, Image]
    errors: Mapping[str, Image]
    rejected: Array

    def put(self, where: Any, part: Combined) -> None:
        """Replace some of the pixels: the indices of them, or rows."""
        shape = self.data[where].shape
        self.data[where], self.dq[where] = part.data.reshape(shape), part.dq.reshape(shape)
        for mine, theirs in ((self.variance, part.variance), (self.errors, part.errors)):
            for name, plane in mine.items():
                plane[where] = theirs[name].reshape(shape)
        np.add(self.rejected, part.rejected, out=self.rejected)


def combine(planes: Planes, rule: Rule) -> Combined:
    """Return the result for some pixels.

    Where the largest deviation from the mean shows that nothing is to be clipped, the median is not looked for:
    it is within one standard deviation, that of the values themselves, of their mean.
    """
    if rule.median or not rule.clip.is_plain:
        return _combine_clipped(planes, rule)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values are suspects
        combined = _combine_all(planes, rule)
        suspects = np.flatnonzero(~_agree(planes, combined, rule))
    if suspects.size:
        combined.put(suspects, _combine_clipped(planes.take(suspects), rule))
    return combined


def _float32(values: Doubles) -> list[np.float32]:
    return [np.float32(value) for value in values]


def _combine_all(planes: Planes, rule: Rule) -> Combined:
    """Return the mean of all values; right where all are valid and agree."""
    share = rule.weights * rule.levels.mean() / np.sum(rule.weights * rule.levels)
    shares, squares = _float32(share), _float32(rule.factor * share**2)
    return Combined(
        weighted_sum(planes.data, shares),
        np.bitwise_or.reduce(planes.dq) & ~_NOT_HANDED_ON,
        {name: weighted_sum(each, squares) for name, each in planes.variance.items()},
        {name: weighted_sum(planes.signed_errors(name), shares) for name in planes.shared},
        np.zeros(len(planes), dtype=np.int64),
    )


def _agree(planes: Planes, combined: Combined, rule: Rule) -> Mask:
    """Return where it is certain that all values are valid and none is clipped."""
    finite: Mask = np.isfinite(combined.data) & ((combined.dq & DQ.DO_NOT_USE) == 0)
    for plane in (*combined.variance.values(), *combined.errors.values()):
        finite &= np.isfinite(plane)
    if rule.clip.sigma is None:
        return finite
    lowest, highest, spread = _spread(planes, combined, rule)
    tolerance = np.float32(rule.clip.sigma * rule.inflation) * _expected(planes, combined, rule)
    tolerance *= np.float32(np.sqrt(rule.relative.min()))
    np.add(highest, spread, out=highest)
    np.subtract(spread, lowest, out=lowest)
    agree: Mask = finite & (np.maximum(highest, lowest) <= tolerance)
    return agree


def _spread(planes: Planes, combined: Combined, rule: Rule) -> tuple[Image, Image, Image]:
    """Return the lowest and highest deviation of the levelled values from their mean, and their standard deviation."""
    factors = _float32(rule.levels.mean() / rule.levels)
    equal = np.float32(1 / len(planes))
    mean = combined.data if rule.is_uniform else weighted_sum(planes.data, [equal * one for one in factors])
    lowest, highest, total, offset = (np.zeros_like(mean) for _ in range(4))
    for values, factor in zip(planes.data, factors, strict=True):
        np.subtract(values if factor == 1 else values * factor, mean, out=offset)
        np.minimum(lowest, offset, out=lowest)
        np.maximum(highest, offset, out=highest)
        np.square(offset, out=offset)
        total += offset
    return lowest, highest, np.sqrt(total * equal, out=total)


def _expected(planes: Planes, combined: Combined, rule: Rule) -> Image:
    """Return the standard deviation of a value of the first image, averaged so that no outlier excuses itself."""
    number = len(planes)
    if rule.is_uniform:
        parts = [plane * np.float32(number / rule.factor) for plane in combined.variance.values()]
    else:
        weights = _float32((rule.levels.mean() / rule.levels) ** 2 / rule.relative / number)
        parts = [weighted_sum(each, weights) for each in planes.variance.values()]
    ones = [np.float32(1)] * len(parts)
    return np.sqrt(weighted_sum(parts, ones)) if parts else np.zeros_like(combined.data)


def _combine_clipped(planes: Planes, rule: Rule) -> Combined:
    """Return the result of the values that are kept, whatever is the matter with the others."""
    valid = planes.valid()
    factors = (rule.levels.mean() / rule.levels).astype(np.float32)
    values = np.where(valid, np.array(planes.data) * factors[:, np.newaxis], np.float32(np.nan))
    error = _expected_of_valid(planes, rule, valid, factors)
    keep = valid if rule.clip.sigma is None and rule.clip.is_plain else _kept(values, error, rule)
    weights = zip(keep, _float32(rule.weights), strict=True)
    used: list[Image] = [np.where(kept, one, np.float32(0)) for kept, one in weights]
    total: Image = weighted_sum(used, _float32(rule.levels / rule.levels.mean()))
    total[total == 0] = np.nan
    data = _average(values, planes, keep, used, rule)
    scale: Image = np.asarray(rule.factor / np.square(total), dtype=np.float32)
    if rule.median:
        scale *= median_factor(np.count_nonzero(keep, axis=0))
    else:
        data /= total
    combined = Combined(
        data,
        or_of_used(planes, keep),
        {name: _sum_kept(each, np.square(used)) * scale for name, each in planes.variance.items()},
        {name: _over(_sum_kept(planes.signed_errors(name), used), total) for name in planes.shared},
        np.count_nonzero(valid & ~keep, axis=1),
    )
    return _without_noisy(combined, values, error, rule)


def _over(plane: Image, total: Image) -> Image:
    plane /= total
    return plane


def _expected_of_valid(planes: Planes, rule: Rule, valid: Mask, factors: Image) -> Image:
    weights = np.where(valid, (factors**2 / rule.relative.astype(np.float32))[:, np.newaxis], np.float32(0))
    total = np.zeros(planes.pixels, dtype=np.float32)
    for each in planes.variance.values():
        total += _sum_kept(each, weights)
    number = np.maximum(np.count_nonzero(valid, axis=0), 1).astype(np.float32)
    error: Image = np.sqrt(total / number)
    return error


def _sum_kept(planes: Iterable[Image], weights: Iterable[Image]) -> Image:
    """Return the weighted sum of the values whose weight is not 0; the others may be NaN."""
    total: Image = np.zeros(1, dtype=np.float32)
    for plane, weight in zip(planes, weights, strict=True):
        total = np.asarray(total + np.where(weight == 0, np.float32(0), plane) * weight, dtype=np.float32)
    return total


def _kept(values: Image, error: Image, rule: Rule) -> Mask:
    sigma = np.inf if rule.clip.sigma is None else rule.clip.sigma * rule.inflation
    relative = rule.relative.astype(np.float32)
    widths = np.float32(sigma) * np.sqrt(relative)[:, np.newaxis]
    largest = np.fmax.reduce(np.abs(values), axis=0, initial=0)
    tolerance = np.broadcast_to(widths if np.isinf(sigma) else widths * error, values.shape)
    tolerance = np.asarray(tolerance + np.float32(rule.rounding) * largest, dtype=np.float32)
    return agreeing(values, tolerance, relative, rule.clip)


def _average(values: Image, planes: Planes, keep: Mask, used: list[Image], rule: Rule) -> Image:
    """Return the sum of the kept values times their weights; or their median, at the mean level."""
    if not rule.median:
        return _sum_kept(planes.data, used)
    kept = np.where(keep, values, np.float32(np.nan))
    if not np.all(rule.weights == 1):
        return _weighted_median(kept, np.array(used))
    low, high = middle(kept, np.count_nonzero(keep, axis=0))
    return np.asarray(0.5 * (low + high), dtype=np.float32)


def _weighted_median(values: Image, weights: Image) -> Image:
    """Return the value that has half of the weight below and half above; NaN where there is none.

    Half of a value's own weight counts as below it, and the value is interpolated there: for equal weights it is the
    median.
    """
    order = np.argsort(values, axis=0, kind="stable")
    ordered, weight = np.take_along_axis(values, order, axis=0), np.take_along_axis(weights, order, axis=0)
    below = np.cumsum(weight, axis=0) - 0.5 * weight
    half = 0.5 * np.sum(weight, axis=0)
    number = np.count_nonzero(np.isfinite(ordered), axis=0)
    upper = np.minimum(np.count_nonzero((below < half) & np.isfinite(ordered), axis=0), np.maximum(number - 1, 0))
    lower = np.maximum(upper - 1, 0)
    (a, x), (b, y) = (
        [np.take_along_axis(plane, index[np.newaxis], axis=0)[0] for plane in (ordered, below)]
        for index in (lower, upper)
    )
    part = np.clip(np.divide(half - x, y - x, out=np.ones_like(half), where=y > x), 0, 1)
    return np.asarray(a + part * (b - a), dtype=np.float32)


def median_factor(number: Array) -> Image:
    """Return the variance of the median of so many values over that of their mean, for a normal distribution.

    Exact up to nine values; from ten on ``(pi/2) n/(n + 0.44)`` for odd and ``(pi/2) n/(n + 1.38)`` for even numbers,
    good to 0.3 %.
    """
    many = np.maximum(number, 1)
    limit = np.pi / 2 * many / (many + np.where(many % 2, 0.44, 1.38))
    table = np.array((1.0, *_MEDIAN))
    return np.where(many < len(table), table[np.minimum(many, len(table) - 1)], limit).astype(np.float32)


def or_of_used(planes: Planes, keep: Mask) -> Flags:
    """Return the flags of the values that were kept; of all, with DO_NOT_USE, where none was."""
    unusable = np.uint32(DQ.DO_NOT_USE)
    used, every = (np.zeros(planes.pixels, dtype=np.uint32) for _ in range(2))
    for flags, kept in zip(planes.dq, keep, strict=True):
        every |= flags
        used |= np.where(kept, flags, np.uint32(0))
    return np.where(keep.any(axis=0), used & ~unusable, every | unusable) & ~_NOT_HANDED_ON


def _without_noisy(combined: Combined, values: Image, error: Image, rule: Rule) -> Combined:
    if rule.noisy is None or len(values) < 5:
        return combined
    noisy = trimmed_scatter(values, np.isfinite(values)) > np.float32(rule.noisy * rule.inflation) * error
    combined.data[noisy] = np.nan
    combined.dq[noisy] |= DQ.TELEGRAPH | DQ.DO_NOT_USE
    return combined
