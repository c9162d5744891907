"""The light of an evenly lit field: on minus off, frames brought to one level, and the slope against the level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_masters._combine import Combined, Rule, or_of_used
from iris_masters._planes import weighted_sum

if TYPE_CHECKING:
    from iris_core import Array, Doubles, Image, Mask
    from iris_masters._planes import Planes

__all__ = ["difference", "fit_slope", "spread"]


def difference(on: Combined, off: Combined) -> Combined:
    """Return the light of a lamp: on minus off; an error that both share cancels."""
    return Combined(
        on.data - off.data,
        on.dq | off.dq,
        {name: plane + off.variance[name] for name, plane in on.variance.items()},
        {name: plane - off.errors[name] for name, plane in on.errors.items()},
        np.concatenate([on.rejected, off.rejected]),
    )


def spread(levels: Doubles) -> float:
    """Return by how much levels differ, over their mean."""
    return float((levels.max() - levels.min()) / levels.mean())


def fit_slope(planes: Planes, rule: Rule) -> Combined:
    """Return the slope of each pixel's values against the levels of the images, times their mean level.

    ``F = sum (m - <m>) d / sum (m - <m>)^2``, its variance ``sum (m - <m>)^2 v / (sum (m - <m>)^2)^2``: what does not
    change with the level, a dark or a thermal pattern, has no part in it.
    """
    keep = planes.valid()
    if rule.clip.sigma is not None and len(planes) > 2:
        keep = _reject(planes, keep, rule)
    weights, defined = _weights(keep, rule.levels)
    keep &= defined
    factor = np.float32(rule.levels.mean())
    combined = Combined(
        _sum(planes.data, keep, weights) * factor,
        or_of_used(planes, keep),
        {
            name: _sum(each, keep, np.square(weights)) * np.float32(factor**2 * rule.factor)
            for name, each in planes.variance.items()
        },
        {name: _sum(planes.signed_errors(name), keep, weights) * factor for name in planes.shared},
        np.count_nonzero(planes.valid() & ~keep, axis=1),
    )
    combined.data[~defined] = np.nan
    return combined


def _sum(planes: object, keep: Mask, weights: Image) -> Image:
    used = [np.where(kept, one, np.float32(0)) for one, kept in zip(planes, keep, strict=True)]  # type: ignore[call-overload]
    return weighted_sum(used, list(weights))


def _weights(keep: Mask, levels: Doubles) -> tuple[Image, Mask]:
    """Return what each value counts for in the slope of its pixel, and where there is one: at two levels or more."""
    number = np.maximum(np.count_nonzero(keep, axis=0), 1)
    offset = np.where(keep, (levels / levels.mean())[:, np.newaxis], 0.0)
    offset = np.where(keep, offset - offset.sum(axis=0) / number, 0.0)
    total = np.sum(np.square(offset), axis=0)
    defined = total > 1e-6
    weights = np.divide(offset, total, out=np.zeros_like(offset), where=defined) / levels.mean()
    return weights.astype(np.float32), defined


def _reject(planes: Planes, keep: Mask, rule: Rule) -> Mask:
    """Return the values that lie on the line of their pixel; the furthest one is left out until all do."""
    values, variance = np.array(planes.data), _total(planes)
    keep, open_ = keep.copy(), np.arange(planes.pixels)
    for _ in range(len(planes) - 2):
        pulls = _pulls(values[:, open_], variance[:, open_], keep[:, open_], rule)
        worst = np.argmax(pulls, axis=0)
        enough = np.count_nonzero(keep[:, open_], axis=0) > 2
        off = enough & (pulls[worst, np.arange(open_.size)] > np.float32(rule.clip.sigma or 0) * rule.inflation)
        open_, worst = open_[off], worst[off]
        if not open_.size:
            break
        keep[worst, open_] = False
    return keep


def _total(planes: Planes) -> Image:
    ones = [np.float32(1)] * len(planes.variance)
    return np.array([weighted_sum(each, ones) for each in zip(*planes.variance.values(), strict=True)])


def _pulls(values: Image, variance: Image, keep: Mask, rule: Rule) -> Array:
    """Return how many of its own standard deviations each residual is long: at the ends of the line they are short."""
    weights, defined = _weights(keep, rule.levels)
    used = np.where(keep, values, np.float32(0))
    number = np.maximum(np.count_nonzero(keep, axis=0), 1)
    levels = rule.levels.astype(np.float32)[:, np.newaxis]
    middle = np.sum(np.where(keep, levels, 0), axis=0) / number
    slope = np.sum(used * weights, axis=0)
    residual = np.where(keep, values - used.sum(axis=0) / number - slope * (levels - middle), 0)
    leverage = 1 / number + (levels - middle) * weights
    expected = np.where(keep, variance, 0).sum(axis=0) / number * np.maximum(1 - leverage, 1e-6)
    pulls = np.divide(np.abs(residual), np.sqrt(expected), out=np.zeros_like(residual), where=expected > 0)
    return np.where(defined, pulls, 0)
