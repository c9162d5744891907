"""Which program drizzles: the compiled kernel what it can, and the drizzle library all else."""

from __future__ import annotations

from typing import Any

import iris_drizzle
import numpy as np
from numpy.typing import NDArray

from iris_core import DQ, in_threads
from iris_resample._drizzle import (
    Drop,
    Planes,
    Resampled,
    Totals,
    drizzle_planes,
    empty,
    variance_names,
    without_margin,
)
from iris_resample._layout import Place
from iris_resample._pixmap import PixelMap, Smooth
from iris_resample._unused import Unused
from iris_resample._weights import Weighing

__all__ = ["COMPILED", "drizzle"]

COMPILED = "iris-drizzle"

# Output pixels along a drop: above this the corners of the drops are all that counts, and nothing is gained.
_WIDEST = 64
# Rows that are surveyed at a time.
_BAND = 128


def drizzle(
    planes: Planes, mapping: PixelMap, drop: Drop, weighing: Weighing, place: Place, components: bool
) -> Resampled:
    """Drizzle every image of `planes` onto a grid of its own, as `iris_resample._drizzle.drizzle_planes` does.

    The compiled kernel of iris-drizzle does it where it is compiled, for the kernel square and a smooth pixel map.
    """
    wide = drop.pixfrac > _WIDEST * drop.ratio
    if not isinstance(mapping, Smooth) or drop.kernel != "square" or wide or not iris_drizzle.instructions():
        return drizzle_planes(planes, mapping, drop, weighing, place, components)
    return _compiled(planes, mapping, drop, weighing, place, components)


def _compiled(
    planes: Planes, mapping: Smooth, drop: Drop, weighing: Weighing, place: Place, components: bool
) -> Resampled:
    ny, nx = (size + 2 * place.margin for size in place.shape)
    result = empty((len(planes.data), ny, nx), variance_names(planes.variance, components), COMPILED)
    x, y = (float(one) for one in place.offset)
    totals = Totals()
    for index in range(len(planes.data)):
        image = _image(planes, index, weighing)
        _survey(image, mapping, place, drop, result.unused[index], totals)
        variance = {name: plane[index] for name, plane in result.variance.items()}
        grid = iris_drizzle.Grid(
            data=result.data[index], weight=result.weight[index], dq=result.dq[index], variance=variance
        )
        iris_drizzle.drizzle(image, mapping.spline, grid, offset=(x, y), pixfrac=drop.pixfrac)
    return without_margin(result, place.margin, totals)


def _image(planes: Planes, index: int, weighing: Weighing) -> iris_drizzle.Image:
    return iris_drizzle.Image(
        data=planes.data[index],
        dq=planes.dq[index],
        variance={name: plane[index] for name, plane in planes.variance.items()},
        unusable=planes.unusable,
        hidden=int(DQ.DO_NOT_USE),
        weight=weighing.weight,
    )


def _survey(
    image: iris_drizzle.Image, mapping: Smooth, place: Place, drop: Drop, unused: Unused, totals: Totals
) -> None:
    """Find the pixels that are not used, what they would have given, and the weights of the others."""
    offset = float(place.offset[0]), float(place.offset[1])

    def survey(first: int) -> tuple[int, slice, iris_drizzle.Survey]:
        last = min(first + _BAND, image.shape[0])
        start = max(first - 1, 0)
        found = iris_drizzle.survey(image, slice(start, min(last + 1, image.shape[0])))
        return start, slice(first - start, last - start), found

    for start, own, found in in_threads(survey, range(0, image.shape[0], _BAND)):

        def lay_out(y: NDArray[np.intp], x: NDArray[np.intp], *how: Any, start: int = start) -> None:
            iris_drizzle.lay_out(mapping.spline, image.shape, offset, (y + start, x), *how)

        unused.add(found.unused, image.dq[start : start + len(found.unused)], lay_out, own, drop.width, drop.ratio)
        # One row after the other: the sum does not depend on how many are surveyed at a time.
        for total in found.total[own]:
            totals.add(float(total), 0, 0)
        totals.add(0.0, int(found.weighted[own].sum()), int(found.unweighted[own].sum()))
