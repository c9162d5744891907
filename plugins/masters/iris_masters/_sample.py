"""What is known of a stack as a whole: levels, scatter and weights, from an even sample of the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isqrt, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import DQ

if TYPE_CHECKING:
    from iris_core import Array, Doubles, Exposure, Exposures, Image
    from iris_masters._planes import Components

__all__ = ["MAD_TO_SIGMA", "MEDIAN_ERROR", "Sample", "sample_of", "take_sample"]

# Standard deviation over median absolute deviation, for a normal distribution.
MAD_TO_SIGMA = 1.482602
# Error of a median over that of a mean, for a normal distribution.
MEDIAN_ERROR = sqrt(np.pi / 2)
# Pixels of an image, and of all images together, that are looked at.
_PIXELS, _ALL = 250_000, 8_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Some pixels of all images.

    Parameters
    ----------
    values
        ``(n, k)``; NaN where they are not valid.
    variances
        Of what is new in each image, ``(n, k)``; None where the errors are not known.
    members
        For each image, the index of its exposure.
    """

    values: Image
    variances: Image | None
    members: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, images: Sequence[int]) -> Sample:
        """Return some of the images."""
        chosen = list(images)
        variances = None if self.variances is None else self.variances[chosen]
        return Sample(self.values[chosen], variances, tuple(self.members[number] for number in chosen))

    def levels(self) -> Doubles:
        """Return the median of each image; NaN where none of its pixels is valid."""
        return np.array([_median(one) for one in self.values])

    def level_errors(self) -> Doubles:
        """Return the errors of the levels, as if all pixels of the images were in the sample."""
        noise, numbers = self.noise(), np.count_nonzero(np.isfinite(self.values), axis=1)
        errors: Doubles = MEDIAN_ERROR * noise / np.sqrt(np.maximum(numbers, 1))
        return errors

    def noise(self) -> Doubles:
        """Return the typical standard deviation of a value of each image; from the scatter where it is not known."""
        if self.variances is None:
            return np.full(len(self), self.scatter(np.ones(len(self))))
        return np.sqrt([_median(one) for one in self.variances])

    def relative_variances(self, levels: Doubles) -> Doubles:
        """Return the variance of each image, at a common level, relative to that of the first."""
        if self.variances is None:
            return np.ones(len(self))
        first = self.variances[0] / levels[0] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = [_median(one / level**2 / first) for one, level in zip(self.variances, levels, strict=True)]
        return np.array([ratio if ratio > 0 else 1.0 for ratio in ratios])

    def scatter(self, levels: Doubles) -> float:
        """Return the scatter between the images over what their errors foretell; or as such, where these are unknown.

        It is that of the differences of successive images, over all pixels and pairs together: residuals from the
        stack's own mean would be too small. 1 for one image, 0 where a single one has unknown errors.
        """
        if len(self) < 2:
            return 0.0 if self.variances is None else 1.0
        values = self.values / levels[:, np.newaxis].astype(np.float32)
        differences = np.diff(values, axis=0)
        differences -= np.array([_median(one) for one in differences], dtype=np.float32)[:, np.newaxis]
        if self.variances is None:
            return MAD_TO_SIGMA * _median(np.abs(differences)) / sqrt(2)
        variances = self.variances / np.square(levels)[:, np.newaxis].astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            pulls = np.abs(differences) / np.sqrt(variances[1:] + variances[:-1])
        return MAD_TO_SIGMA * _median(pulls) or 1.0


def take_sample(exposures: Exposures, components: Components) -> Sample:
    """Return a sample of all images of exposures of one shape."""
    counts = [one.data.shape[0] if one.is_integrations else 1 for one in exposures.outlines]
    wanted = min(_PIXELS, _ALL // sum(counts))
    found = list(exposures.each(sample_of, independent=components.independent, wanted=wanted))
    variances = [variance for _, variance in found]
    members = tuple(np.repeat(np.arange(len(exposures)), counts).tolist())
    known = (
        None if any(one is None for one in variances) else np.concatenate([one for one in variances if one is not None])
    )
    return Sample(np.concatenate([values for values, _ in found]), known, members)


def sample_of(exposure: Exposure, independent: Sequence[str], wanted: int) -> tuple[Image, Image | None]:
    """Return some pixels of each image of an exposure, and their variances: ``(nint, k)``, NaN where not valid.

    Parameters
    ----------
    exposure
        The exposure.
    independent
        Components of its variance that count.
    wanted
        How many pixels.
    """
    part = _every(exposure.shape, wanted)
    shape = (-1, exposure.data[part].shape[-1] * exposure.data[part].shape[-2])
    variance = sum((exposure.variance[name][part] for name in independent), start=np.float32(0))
    usable = np.isfinite(exposure.data[part]) & ((exposure.dq[part] & DQ.DO_NOT_USE) == 0)
    values = np.where(usable & np.isfinite(variance), exposure.data[part], np.float32(np.nan))
    known = np.broadcast_to(variance, values.shape).reshape(shape) if independent else None
    return values.reshape(shape), known


def _every(shape: tuple[int, int], wanted: int) -> Any:
    """Return every so many rows and columns; an odd step meets all channels of a detector."""
    step = max(1, isqrt(ceil(shape[0] * shape[1] / max(1, wanted))))
    step += 1 - step % 2 if step > 1 else 0
    return ..., slice(None, None, step), slice(None, None, step)


def _median(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
