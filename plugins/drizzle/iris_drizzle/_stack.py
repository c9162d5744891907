"""The clipped mean of a stack of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from iris_drizzle._kernel import fastest, native
from iris_drizzle._planes import Plane

__all__ = ["MOST_IMAGES", "ClippedMean", "Layer", "clip_stack"]

# The most images of a stack: none where the kernel is not compiled.
MOST_IMAGES: int = native.MOST_IMAGES if native else 0


class Layer(Protocol):
    """An image of a stack.

    Attributes
    ----------
    data
        ``(ny, nx)``, NaN where there is no value.
    variance
        Components, ``(ny, nx)``; NaN where the data are.
    hidden
        Further pixels without value, ``(ny, nx)``, or None.
    factor, offset
        What the data are multiplied by, and the variance by its square, and what is then added to them.
    """

    @property
    def data(self) -> Plane: ...
    @property
    def variance(self) -> Sequence[Plane]: ...
    @property
    def hidden(self) -> NDArray[np.bool_] | None: ...
    @property
    def factor(self) -> float: ...
    @property
    def offset(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippedMean:
    """The mean of a stack without its outliers.

    Parameters
    ----------
    mean, variance
        ``(ny, nx)``, NaN where no value is left.
    valid, clipped
        How many values each image has, and how many of these were clipped, ``(n,)``.
    """

    mean: Plane
    variance: Plane
    valid: NDArray[np.int64]
    clipped: NDArray[np.int64]


def clip_stack(
    layers: Sequence[Layer],
    *,
    tolerance: float,
    rounding: float,
    unmeasured: float,
    known: bool = True,
    using: str = "",
) -> ClippedMean:
    """Return the mean of images of one shape without the values that do not agree with the others of their pixel.

    Values agree that are no farther from the median than `tolerance` times the root of the mean variance of their
    pixel, plus `rounding`. Where an even number of values falls into two halves that do not agree, the lower half is
    kept; of two values the lower one where they differ by more than 1.25 times the tolerance of their difference.

    Parameters
    ----------
    layers
        Up to `MOST_IMAGES` images.
    tolerance
        In standard deviations.
    rounding
        In the unit of the values.
    unmeasured
        The variance of values that have none, or one of 0.
    known
        Whether the variances of the images are to be believed; otherwise all are `unmeasured`.
    using
        One of `instructions`; by default the first. No bit of the result depends on it.
    """
    shape, size = layers[0].data.shape, layers[0].data.size
    mean, variance = np.empty((2, *shape), dtype=np.float32)
    valid, clipped = np.zeros((2, len(layers)), dtype=np.int64)
    given = tuple(_layer(one, known) for one in layers)
    rules = tolerance, rounding, unmeasured
    native.clip(using or fastest(), given, size, rules, (mean, variance, valid, clipped))
    return ClippedMean(mean=mean, variance=variance, valid=valid, clipped=clipped)


def _layer(one: Layer, known: bool) -> tuple[Any, ...]:
    data, *variance = (np.ascontiguousarray(plane, dtype=np.float32) for plane in (one.data, *one.variance))
    hidden = None if one.hidden is None else np.ascontiguousarray(one.hidden, dtype=np.bool_)
    return data, tuple(variance) if known else (), hidden, one.factor, one.factor**2, one.offset
