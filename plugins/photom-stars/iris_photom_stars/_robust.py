"""Weighted means of values that scatter more than their errors say, some of them wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Doubles, Mask

__all__ = ["ERROR_FLOOR", "Mean", "combine", "combine_scaled"]

_ROUNDS = 50
_SCATTERS = 300
_MAD_TO_SIGMA = 1.4826
# Magnitudes, or shares of a flux: an error of zero would be a weight without limit.
ERROR_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A weighted mean.

    Parameters
    ----------
    value, error
        The mean, and its standard deviation.
    intrinsic
        Most probable standard deviation of the values beyond what their own errors explain.
    scatter
        Standard deviation of the values themselves.
    used
        Which values were not clipped, ``(n,)``.
    """

    value: float
    error: float
    intrinsic: float
    scatter: float
    used: Mask


def combine(values: Doubles, errors: Doubles, clip: float) -> Mean:
    """Return the mean of values that scatter by an unknown amount that is the same for all, beside their errors.

    For each intrinsic scatter the weights are ``1 / (error^2 + intrinsic^2)``. Mean and error are those over all
    intrinsic scatters, each as probable as the restricted likelihood of the values gives (with a flat prior, Gelman
    2006, Bayesian Analysis 1, 515): few stars do not tell it well, and the error has to know that.

    Parameters
    ----------
    values, errors
        Finite, ``(n,)``, n > 0.
    clip
        Standard deviations of a single value beyond which it is rejected. That starts from the median and its MAD, and
        goes on until nothing changes.
    """
    errors = np.maximum(errors, ERROR_FLOOR)
    spread = float(np.sqrt(max(_robust_variance(values) - float(np.median(errors**2)), 0.0)))
    centre, used = float(np.median(values)), np.ones(len(values), dtype=np.bool_)
    for _ in range(_ROUNDS):
        before, used = used, _kept(values, centre, np.hypot(errors, spread), clip)
        centre, error, spread = _over_scatters(values[used], errors[used])
        if np.array_equal(before, used):
            break
    return _finish(values, used, centre, error, spread)


def _over_scatters(values: Doubles, errors: Doubles) -> tuple[float, float, float]:
    """Return the mean and its error over all intrinsic scatters, and the most probable scatter."""
    scatter = float(np.ptp(values)) * np.linspace(0, 1, _SCATTERS) ** 2
    variance = errors**2 + scatter[:, np.newaxis] ** 2
    total = np.sum(1 / variance, axis=1)
    mean = np.sum(values / variance, axis=1) / total
    chi_squared = np.sum((values - mean[:, np.newaxis]) ** 2 / variance, axis=1)
    likelihood = -(np.log(variance).sum(axis=1) + np.log(total) + chi_squared) / 2
    probability = np.exp(likelihood - likelihood.max()) * np.linspace(0, 1, _SCATTERS)
    if not probability.any():  # a single value, or equal ones: there is no scatter
        probability[0] = 1.0
    probability /= probability.sum()
    centre = float(np.sum(probability * mean))
    error = np.sqrt(np.sum(probability * (1 / total + (mean - centre) ** 2)))
    return centre, float(error), float(scatter[np.argmax(likelihood)])


def combine_scaled(values: Doubles, errors: Doubles, clip: float) -> Mean:
    """Return the mean of values whose errors are all too small by one factor; see `combine` for the parameters.

    The weights are ``1 / error^2``, and the error of the mean is multiplied by the root of chi squared over the number
    of degrees of freedom where that is above 1 (Birge 1932, Phys. Rev. 40, 207).
    """
    errors = np.maximum(errors, ERROR_FLOOR)
    pulls = (values - np.median(values)) / errors
    centre, factor = float(np.median(values)), max(1.0, float(np.sqrt(_robust_variance(pulls))))
    used = np.ones(len(values), dtype=np.bool_)
    for _ in range(_ROUNDS):
        before, used = used, _kept(values, centre, factor * errors, clip)
        centre, error, factor = _with_factor(values[used], errors[used])
        if np.array_equal(before, used):
            break
    return _finish(values, used, centre, error, 0.0)


def _robust_variance(values: Doubles) -> float:
    return float((_MAD_TO_SIGMA * np.median(np.abs(values - np.median(values)))) ** 2)


def _kept(values: Doubles, centre: float, errors: Doubles, clip: float) -> Mask:
    """Return which values are to be used; the one that is nearest to the centre always is."""
    off = np.abs(values - centre) / errors
    return np.asarray(off <= max(clip, float(off.min())))


def _finish(values: Doubles, used: Mask, centre: float, error: float, spread: float) -> Mean:
    scatter = float(np.std(values[used], ddof=1)) if np.count_nonzero(used) > 1 else 0.0
    return Mean(value=centre, error=error, intrinsic=spread, scatter=scatter, used=used)


def _with_factor(values: Doubles, errors: Doubles) -> tuple[float, float, float]:
    """Return the weighted mean, its error, and the factor by which the errors are too small."""
    weights = errors**-2.0
    centre = float(np.average(values, weights=weights))
    chi_squared = float(np.sum(weights * (values - centre) ** 2))
    factor = float(np.sqrt(max(1.0, chi_squared / max(len(values) - 1, 1))))
    return centre, factor * float(weights.sum()) ** -0.5, factor
