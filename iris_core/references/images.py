"""What an image in a reference file has to be, named by hand, of a folder or of a store: the one rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil, sqrt

import numpy as np

from iris_core.arrays import Array, Image, Mask, row_blocks
from iris_core.dq import DQ
from iris_core.errors import InputError
from iris_core.keywords import unit_string
from iris_core.reference import ReferenceImage, ReferenceType

__all__ = ["RATIO_LIMITS", "first_pixel", "image_doubts", "image_faults", "refuse_faults", "unit_faults"]

# A response is divided by its median, so that calibrated pixels keep their unit; outside of this it was not.
RATIO_LIMITS = (0.2, 5.0)
_USUAL_RATIO = (0.3, 3.0)
# From this many pixels the median of a plane is known to 4e-3 of its scatter.
_SAMPLE = 100_000


def refuse_faults(name: str, faults: Iterable[str]) -> None:
    """Raise `InputError` with what is wrong with a reference file, if anything is; `name` is what to call it."""
    found = "; ".join(faults)
    if found:
        raise InputError(f"{name} cannot be used: {found}")


def unit_faults(image: ReferenceImage, kind: ReferenceType) -> Iterator[str]:
    """Yield what is wrong with the unit of a reference image, which its header tells."""
    from astropy.units import dimensionless_unscaled

    if kind.quantity == "ratio" and image.unit not in (None, dimensionless_unscaled):
        yield f"it is in {unit_string(image.unit)}; a ratio has no unit: divide it by its median and remove its BUNIT"


def image_faults(image: ReferenceImage, kind: ReferenceType) -> Iterator[str]:
    """Yield what is wrong with a reference image.

    It is one image; a ratio has no unit and a median between 0.2 and 5; no value is infinite, and some are valid.

    Parameters
    ----------
    image
        As a reader returned it, with its pixels.
    kind
        The type of the file, as a package declares it.
    """
    if image.data.ndim != 2:
        yield f"it has shape {image.data.shape}; one image (ny, nx) is needed"
        return
    yield from unit_faults(image, kind)
    low, high = _extremes(image.data)
    if np.isinf(low) or np.isinf(high):
        infinite = np.isinf(image.data)
        yield f"{infinite.sum()} values are infinite, the first at {first_pixel(infinite)}; NaN stands for no value"
    good = _some_good(image)
    if not good.size:
        yield "no pixel has a valid value"
    elif kind.quantity == "ratio":
        yield from _ratio_faults(float(np.median(good)))


def image_doubts(image: ReferenceImage, kind: ReferenceType) -> Iterator[str]:
    """Yield what is odd of a reference image that `image_faults` lets pass: a ratio far from 1."""
    median = float(np.median(_some_good(image))) if kind.quantity == "ratio" else 1.0
    if not _USUAL_RATIO[0] <= median <= _USUAL_RATIO[1]:
        yield f"its median is {median:.4g}: it was not divided by it, and calibrated pixels change by that factor"


def _ratio_faults(median: float) -> Iterator[str]:
    low, high = RATIO_LIMITS
    if not low <= median <= high:
        yield (
            f"its median is {median:.4g}; a ratio is normalized, with a median from {low:g} to {high:g}: "
            f"divide it by its median"
        )


def _extremes(plane: Image) -> tuple[float, float]:
    """Return the lowest and the highest value of a plane; NaN counts only where there is nothing else."""
    blocks = [plane[block] for block in row_blocks(plane.shape)]
    lows, highs = ([reduce(one, axis=None) for one in blocks] for reduce in (np.fmin.reduce, np.fmax.reduce))
    return float(np.fmin.reduce(lows)), float(np.fmax.reduce(highs))


def _some_good(image: ReferenceImage) -> Array:
    """Return the usable values of an even sample of the pixels; of all, where the sample has none."""
    step = ceil(sqrt(image.data.size / _SAMPLE))
    found = _good(image.data[::step, ::step], image.dq[::step, ::step])
    return found if found.size or step == 1 else _good(image.data, image.dq)


def _good(data: Image, dq: Array) -> Array:
    return np.asarray(data[np.isfinite(data) & ((dq & (DQ.DO_NOT_USE | DQ.NO_FLAT_FIELD)) == 0)])


def first_pixel(where: Mask) -> str:
    """Return the first pixel of a mask, as an astronomer counts."""
    row, column = np.argwhere(where)[0][-2:]
    return f"column {column + 1}, row {row + 1} (1-based)"
