"""One image to measure stars in: a rate, or the mean of its integrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from iris_core import DQ, Doubles, Exposure, Image, Mask, variance_of_mean

__all__ = ["Frame", "box", "discs", "frame_of"]

_MARKS = {"nonlinear": DQ.NONLINEAR, "persistent": DQ.PERSISTENCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An image, all planes ``(ny, nx)``.

    Parameters
    ----------
    data
        In the unit of the exposure; 0 where it is not valid.
    err
        Its standard deviation, NaN where it is not valid; None where the errors are unknown.
    bad
        Pixels without a valid value.
    saturated
        Pixels that filled their well in any integration.
    marked
        By word, pixels whose value is there and not the star's alone: ``nonlinear``, ``persistent``.
    """

    data: Image
    err: Image | None
    bad: Mask
    saturated: Mask
    marked: Mapping[str, Mask] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.data.shape[0], self.data.shape[1]

    def cut(self, rows: slice, columns: slice) -> Frame:
        """Return a part of the image."""
        return Frame(
            data=self.data[rows, columns],
            err=None if self.err is None else self.err[rows, columns],
            bad=self.bad[rows, columns],
            saturated=self.saturated[rows, columns],
            marked={name: mask[rows, columns] for name, mask in self.marked.items()},
        )


def frame_of(exposure: Exposure) -> Frame:
    """Return the image of a rate, or the mean of the valid integrations of each pixel.

    A pixel that saturated in one integration counts as saturated: those in which it did not are the low ones. The same
    holds for what else is marked.
    """
    data, err, bad = _mean(exposure) if exposure.is_integrations else _alone(exposure)
    flags = np.bitwise_or.reduce(exposure.dq, axis=0) if exposure.is_integrations else exposure.dq
    saturated = (flags & DQ.SATURATED) != 0
    marked = {name: (flags & np.uint32(bit)) != 0 for name, bit in _MARKS.items()}
    return Frame(data=data, err=err, bad=bad, saturated=saturated, marked=marked)


def _alone(exposure: Exposure) -> tuple[Image, Image | None, Mask]:
    bad, err = ~np.isfinite(exposure.data), exposure.err
    data = np.where(bad, np.float32(0), exposure.data)
    return data, None if err is None else np.where(bad, np.float32(np.nan), err), bad


def _mean(exposure: Exposure) -> tuple[Image, Image | None, Mask]:
    valid = np.isfinite(exposure.data)
    number = np.count_nonzero(valid, axis=0)
    bad = number == 0
    divisor = np.where(bad, 1, number).astype(np.float32)
    data = np.sum(exposure.data, axis=0, where=valid, dtype=np.float32) / divisor
    return data, _error(exposure, np.asarray(valid / divisor, dtype=np.float64), bad), bad


def _error(exposure: Exposure, share: Doubles, bad: Mask) -> Image | None:
    if not exposure.variance:
        return None
    components = exposure.variance.items()
    parts = [variance_of_mean(plane, share, name in exposure.common) for name, plane in components]
    variance = np.sum(parts, axis=0)
    result: Image = np.where(bad, np.nan, np.sqrt(variance)).astype(np.float32)
    return result


def discs(shape: tuple[int, int], places: Iterable[Doubles], radius: float) -> Mask:
    """Return the pixels within `radius` of any of some places ``(x, y)``."""
    mask = np.zeros(shape, dtype=np.bool_)
    for x, y in places:
        rows, columns = box((x, y), radius, shape)
        down, across = np.ogrid[rows, columns]
        mask[rows, columns] |= (across - x) ** 2 + (down - y) ** 2 <= radius**2
    return mask


def box(place: tuple[float, float], radius: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of an image that hold a circle, as far as they are in it."""
    (x, y), half = place, int(np.ceil(radius)) + 1
    column, row = round(float(x)), round(float(y))
    return (
        slice(max(row - half, 0), max(min(row + half + 1, shape[0]), 0)),
        slice(max(column - half, 0), max(min(column + half + 1, shape[1]), 0)),
    )
