"""How much the images of a stack may differ: measured on the stack as a whole, not pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from iris_background._frame import Frame, FrameInFile, sample

if TYPE_CHECKING:
    from iris_core import Image

__all__ = ["MAD_TO_SIGMA", "Noise", "measure_noise"]

# Standard deviation over median absolute deviation, for a normal distribution.
MAD_TO_SIGMA = 1.482602
# No pixel sees the sky more than so many times as bright as the median: what is brighter is dark current, say.
_BRIGHTEST_SKY = 2.0
# Sky and pedestal drift between exposures, but not by more than this part of their level.
_LARGEST_DRIFT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What is known of the differences between the images of a stack.

    Parameters
    ----------
    known
        Whether the errors of all images are known.
    deviation
        Typical standard deviation of a value; measured from the scatter where the errors are not known.
    inflation
        Scatter between the images over what their errors foretell, at least 1; 1 where they are not known.
    weights
        Variance of each image relative to the first.
    levels
        Median of each image.
    drifts
        How far each image as a whole lies above the others.
    proportional
        Whether a drift has the pattern of the sky, as before the flat, and is a part of each value; otherwise it is
        the same in all pixels.
    """

    known: bool
    deviation: float
    inflation: float
    weights: Image
    levels: Image
    drifts: Image
    proportional: bool = False

    @property
    def parts(self) -> Image:
        """What part of the level of each image its drift is; 0 where drifts are the same in all pixels."""
        return self.drifts / self._own_levels if self.proportional else np.zeros_like(self.drifts)

    @property
    def _own_levels(self) -> Image:
        return np.asarray(self.drifts + abs(np.median(self.levels)), dtype=np.float32)

    def without_drift(self, values: Image) -> Image:
        """Return values, image by image along the first axis, as they would be had the sky not changed."""
        each = (-1, *[1] * (values.ndim - 1))
        if not self.proportional:
            return values - self.drifts.reshape(each)
        own = self._own_levels.reshape(each)
        sky = np.where(values > _BRIGHTEST_SKY * own, own, values)
        return np.asarray(values - self.parts.reshape(each) * sky, dtype=np.float32)

    def with_mean_drift(self, values: Image) -> Image:
        """Return values without drift at the mean level of the images, those too far off to be believed apart."""
        middle = np.float32(abs(np.median(self.levels)))
        believed = self.drifts[np.abs(self.drifts) < np.float32(0.999 * _LARGEST_DRIFT) * middle]
        drift = np.float32(believed.mean()) if believed.size else np.float32(0)
        if not self.proportional:
            return np.asarray(values + drift, dtype=np.float32)
        sky = np.where(values > _BRIGHTEST_SKY * middle, middle, values)
        return np.asarray(values + drift / middle * sky, dtype=np.float32)

    @property
    def rounding(self) -> np.float32:
        """How much two equal values may differ in float32 once a drift has been taken off them."""
        return np.float32(8 * np.finfo(np.float32).eps * np.abs(self.levels).max())


def measure_noise(frames: Sequence[Frame | FrameInFile], proportional: bool = False) -> Noise:
    """Return levels, drifts and scatter of a stack of two images or more.

    Parameters
    ----------
    frames
        The images.
    proportional
        Whether a drift of the sky is proportional to the values, which it is until the flat is divided out.

    Notes
    -----
    The scatter is that of the differences of successive images, without their drift, over the standard
    deviation that is expected of a difference. It is a median absolute deviation over all pixels and all pairs
    together: hundreds of thousands of values, where a single pixel has a handful. Residuals from the stack's own
    median would be too small, since it lies nearer to the values than the truth does; differences are not.
    """
    part = sample(frames[0].shape)
    parts = [frame.cut(part) for frame in frames]
    values = np.stack([one.values().ravel() for one in parts])
    some = np.isfinite(values).any(axis=0)
    values = values[:, some]
    known = all(one.variance for one in parts)
    variances = np.stack([one.variances().ravel()[some] for one in parts]) if known else np.ones_like(values)
    levels = _each([_median(row) for row in values])
    middle = _median(levels)
    noise = Noise(
        known=known,
        deviation=_median(np.sqrt(variances)),
        inflation=1.0,
        weights=_each([_ratio(row, variances[0]) for row in variances]),
        levels=levels,
        drifts=_drifts(values, _LARGEST_DRIFT * abs(middle)),
        proportional=proportional and middle > 0,
    )
    scatter = _scatter(noise.without_drift(values), variances * np.square(1 - noise.parts)[:, np.newaxis])
    return replace(noise, inflation=max(1.0, scatter)) if known else replace(noise, deviation=scatter)


def _drifts(values: Image, limit: float) -> Image:
    # From the median of each pixel they would come out too small: where an image is itself that median it has no drift.
    drifts = _each([_median(row - values[0]) for row in values])
    drifts -= _median(drifts)
    return drifts.clip(-limit, limit)


def _each(values: list[float]) -> Image:
    return np.array(values, dtype=np.float32)


def _median(values: Image) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0


def _ratio(variance: Image, reference: Image) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return _median(variance / reference) or 1.0


def _scatter(values: Image, variances: Image) -> float:
    differences = np.diff(values, axis=0)
    differences -= _each([_median(row) for row in differences])[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        return MAD_TO_SIGMA * _median(np.abs(differences) / np.sqrt(variances[1:] + variances[:-1]))
