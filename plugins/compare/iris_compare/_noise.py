"""Whether two images differ by more than the noise that their errors give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_compare._difference import where_valid
from iris_compare._stored import Planes
from iris_core import Array, Exposure, Image

__all__ = ["MAD_TO_SIGMA", "Noise", "measure_noise"]

_SIDE = 16  # pixels of a block
_FAR = 5.0
MAD_TO_SIGMA = 1.4826  # of a normal distribution, over its median absolute value


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The difference of two images over the error that both errs give it, ``sqrt(err1^2 + err2^2)``.

    Two realisations of one truth have a `spread` of 1 and a `coherent` of 1.

    Parameters
    ----------
    spread
        1.4826 times the median of its absolute value.
    coherent
        The same of the means of blocks of 16 x 16 pixels, each over its own error: what has the same sign in
        neighbouring pixels adds up in it, noise does not. The correlation of resampled pixels, CORRFAC, is divided out.
    far
        Fraction of the pixels beyond 5.
    """

    spread: float
    coherent: float
    far: float


def measure_noise(first: Exposure | Planes, other: Exposure | Planes) -> Noise | None:
    """Return the difference over its error; None where an err is not known, or no pixel is valid in both.

    Parameters
    ----------
    first, other
        Of one shape and unit.
    """
    first, other = Planes.of(first), Planes.of(other)
    if not (first.variance and other.variance):
        return None
    plane = where_valid(first, other, _over_both)
    sizes = np.abs(plane[np.isfinite(plane)])
    if not sizes.size:
        return None
    images = plane.reshape(-1, *plane.shape[-2:])
    means = np.concatenate([_mean_of_blocks(image) for image in images])
    return Noise(
        spread=MAD_TO_SIGMA * float(np.median(sizes)),
        coherent=MAD_TO_SIGMA * float(np.median(np.abs(means))) / _correlation(first.outline),
        far=float(np.mean(sizes > _FAR)),
    )


def _correlation(exposure: Exposure) -> float:
    """Return by how much the error of a mean is larger than of independent pixels; 1 where the header does not say."""
    found = exposure.sci_header.get("CORRFAC", exposure.header.get("CORRFAC"))
    return float(found) if isinstance(found, int | float) and found > 0 else 1.0


def _over_both(data: Array, other: Array, err: Array, other_err: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.subtract(other, data, dtype=np.float64) / np.hypot(err, other_err, dtype=np.float64)
    return np.where(np.isfinite(over), over, np.nan)


def _mean_of_blocks(image: Image) -> Array:
    """Return, for each block that has a value, the sum over the root of their number."""
    columns = np.arange(0, image.shape[1], _SIDE)
    found = []
    for start in range(0, image.shape[0], _SIDE):
        rows = image[start : start + _SIDE]
        known = np.isfinite(rows)
        sums = np.add.reduceat(np.where(known, rows, 0.0).sum(axis=0, dtype=np.float64), columns)
        counts = np.add.reduceat(known.sum(axis=0), columns)
        found.append(sums[counts > 0] / np.sqrt(counts[counts > 0]))
    return np.concatenate(found)
