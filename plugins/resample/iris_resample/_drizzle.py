"""Drizzling (Fruchter & Hook 2002, PASP 114, 144) of the planes of an exposure, band by band."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from drizzle.resample import Drizzle

from iris_core import DQ, Array, Doubles, Exposure, Flags, Image, Mask
from iris_resample._grid import Grid
from iris_resample._pixmap import PixelMap
from iris_resample._unused import Unused

__all__ = ["Drop", "Planes", "Resampled", "drizzle_planes", "fall", "planes_of"]

# Variance components of a band, by name, to the weights of its pixels: a number or an array.
Weigh = Callable[[Mapping[str, Image]], Any]

# Input pixels around a grid that cuts the image: near the cut drizzle leaves out pixels that overlap by a corner.
_MARGIN = 32
# Output pixels around every other grid: the corners of the image may lie on its edges, but for rounding.
_ROUNDING = 2
# Rows of the pixel map that are held at a time: 128 of 4096 pixels are 8 MB.
_BAND = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The shape in which the value of a pixel falls: `kernel`, `pixfrac`, `ratio` of output to input pixel scale."""

    kernel: str
    pixfrac: float
    ratio: float

    @property
    def width(self) -> float:
        """Size of the drop over that of the pixel; 0 for a point."""
        return 0.0 if self.kernel == "point" else self.pixfrac


@dataclass(frozen=True, slots=True, kw_only=True)
class Planes:
    """What goes in; `data`, `dq` and each component of `variance` are ``(n, ny, nx)``.

    Pixels with one of the `unusable` bits, and those that are not finite, stay out.
    """

    data: Image
    dq: Flags
    variance: Mapping[str, Image]
    unusable: int


def planes_of(exposure: Exposure, unusable: int) -> Planes:
    """Return the planes of an exposure; a single image is one of one."""

    def cube(plane: Array) -> Array:
        return plane.reshape(-1, *exposure.shape)

    variance = {name: cube(component) for name, component in exposure.variance.items()}
    return Planes(data=cube(exposure.data), dq=cube(exposure.dq), variance=variance, unusable=unusable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """What comes out: `data`, `dq`, `variance`, `weight`, ``(n, ny, nx)``; NaN and DO_NOT_USE where nothing fell.

    The other bits are those of the pixels used, and, where unused ones leave a pixel blank or would have given more
    than half of its weight, of these too. `unweighted` counts the usable pixels that stayed out because they had no
    positive weight.
    """

    data: Image
    dq: Flags
    variance: Mapping[str, Image]
    weight: Image
    unweighted: int


def fall(onto: Drizzle, drop: Drop, data: Image, weight: Image, pixmap: Doubles, **planes: Any) -> None:
    """Let an image fall onto a grid; `planes` are further arguments of `Drizzle.add_image`."""
    with warnings.catch_warnings():
        # Known, documented, and in the notes of the stage.
        warnings.filterwarnings("ignore", "Kernel .* is not a flux-conserving kernel")
        onto.add_image(
            data,
            exptime=1.0,
            pixmap=pixmap,
            weight_map=weight,
            pixel_scale_ratio=drop.ratio,
            pixfrac=drop.pixfrac,
            **planes,
        )


def drizzle_planes(
    planes: Planes, mapping: PixelMap, drop: Drop, weigh: Weigh, grid: Grid, components: bool
) -> Resampled:
    """Drizzle every image of `planes` onto a grid of its own, all with the same pixel map.

    Parameters
    ----------
    planes
        The images.
    mapping
        Where their pixels fall.
    drop
        The shape in which they fall.
    weigh
        Gives their weights.
    grid
        Onto what they fall.
    components
        Whether to drizzle each component of the variance instead of their sum, ``total``.

    Returns
    -------
    Resampled
        Values are means with the weights of overlap; a variance is the sum of the variances times the squares of the
        normalised weights, which is that of the mean as long as the pixels of the exposure are independent.
    """
    count = len(planes.data)
    names = list(planes.variance) if components else ["total"] * bool(planes.variance)
    margin = int(np.ceil(_MARGIN / drop.ratio)) if grid.cuts else _ROUNDING
    result = _empty((count, *(size + 2 * margin for size in grid.shape)), names)
    outputs = [_output(result, index, drop) for index in range(count)]
    missing = [Unused(result.data.shape[1:]) for _ in outputs]
    weights = _Weights()
    for rows, inner in _bands(planes.data.shape[1]):
        pixmap = mapping(np.arange(rows.start, rows.stop, dtype=np.float64), slice(None)) + margin
        own = slice(inner["ymin"], inner["ymax"] + 1)
        for index, output in enumerate(outputs):
            band = _cut(planes, index, rows, weigh, names)
            fall(output, drop, band.data, band.weight, pixmap, **band.further, **inner)
            missing[index].add(band.weight == 0, planes.dq[index, rows], pixmap, own, drop.width, drop.ratio)
            weights.add(band)
    _flag_lacking(result, missing, _least_weight(result.weight, drop.kernel), weights.typical)
    return _finished(result, margin, weights.unweighted)


def _empty(shape: tuple[int, ...], names: list[str]) -> Resampled:
    return Resampled(
        data=np.zeros(shape, dtype=np.float32),
        dq=np.zeros(shape, dtype=np.uint32),
        variance={name: np.zeros(shape, dtype=np.float32) for name in names},
        weight=np.zeros(shape, dtype=np.float32),
        unweighted=0,
    )


def _output(result: Resampled, index: int, drop: Drop) -> Drizzle:
    """Return a drizzle that writes into the planes of `result`."""
    return Drizzle(
        kernel=drop.kernel,
        out_img=result.data[index],
        out_wht=result.weight[index],
        out_dq=result.dq[index],
        out_img2=[plane[index] for plane in result.variance.values()] or None,
        disable_ctx=True,
    )


def _bands(ny: int) -> Iterator[tuple[slice, dict[str, int]]]:
    """Give the rows of each band, and which of them are its own.

    A neighbour below and two above let drizzle find the corners of the pixels as in the middle of the image.
    """
    edges = np.linspace(0, ny, max(1, ny // _BAND) + 1).astype(int)
    for first, last in pairwise(edges):
        start, stop = max(first - 1, 0), min(last + 2, ny)
        yield slice(start, stop), {"ymin": first - start, "ymax": last - 1 - start}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Band:
    data: Image
    weight: Image
    further: dict[str, Any]
    unweighted: int


@dataclass(slots=True)
class _Weights:
    """The weights of all pixels, in short: their sum, how many are positive, and how many usable pixels have none."""

    total: float = 0.0
    number: int = 0
    unweighted: int = 0

    def add(self, band: _Band) -> None:
        self.total += float(np.sum(band.weight, dtype=np.float64))
        self.number += int(np.count_nonzero(band.weight))
        self.unweighted += band.unweighted

    @property
    def typical(self) -> float:
        return self.total / max(self.number, 1)


def _cut(planes: Planes, index: int, rows: slice, weigh: Weigh, names: list[str]) -> _Band:
    """Return one band as drizzle takes it: zero, with weight zero, what is not used."""
    data, dq = planes.data[index, rows], planes.dq[index, rows]
    variance = {name: plane[index, rows] for name, plane in planes.variance.items()}
    used = ((dq & np.uint32(planes.unusable)) == 0) & np.isfinite(data)
    if variance:
        used &= np.isfinite(_total(variance))
    weight = _weights(weigh, variance, used)
    weighted = weight > 0
    squares = [np.where(weighted, plane, np.float32(0)) for plane in _chosen(variance, names)]
    further: dict[str, Any] = {"data2": squares} if squares else {}
    if np.any(dq):
        further["dq"] = dq & ~np.uint32(DQ.DO_NOT_USE)
    return _Band(
        data=np.where(weighted, data, np.float32(0)),
        weight=weight,
        further=further,
        unweighted=int(np.count_nonzero(used) - np.count_nonzero(weighted)),
    )


def _chosen(variance: Mapping[str, Image], names: list[str]) -> list[Image]:
    return [_total(variance)] if names == ["total"] else [variance[name] for name in names]


def _total(variance: Mapping[str, Image]) -> Image:
    return reduce(operator.add, variance.values())


def _weights(weigh: Weigh, variance: Mapping[str, Image], used: Mask) -> Image:
    with np.errstate(all="ignore"):
        weight = np.where(used, weigh(variance), 0.0).astype(np.float32)
    weight[~((weight > 0) & np.isfinite(weight))] = 0
    return weight


def _least_weight(weight: Image, kernel: str) -> float:
    """Return the weight above which a pixel has a value.

    The lobes of lanczos cancel where the image ends; what they leave there is noise.
    """
    positive = weight[weight > 0]
    return float(np.median(positive)) / 2 if kernel.startswith("lanczos") and positive.size else 0.0


def _flag_lacking(result: Resampled, missing: list[Unused], least: float, typical: float) -> None:
    """Flag what has no value, or lacks much of its weight; NaN and weight 0 where the weight is not above `least`."""
    for index, unused in enumerate(missing):
        blank = ~(result.weight[index] > least)
        result.dq[index][blank] = DQ.DO_NOT_USE
        unused.flag(result.dq[index], result.weight[index], blank, typical)
        for plane in (result.data, *result.variance.values()):
            plane[index][blank] = np.nan
        result.weight[index][blank] = 0


def _finished(result: Resampled, margin: int, unweighted: int) -> Resampled:
    """Return `result` without its margin."""
    inner = (slice(None), *(slice(margin, size - margin) for size in result.data.shape[1:]))
    return Resampled(
        data=result.data[inner],
        dq=result.dq[inner],
        variance={name: plane[inner] for name, plane in result.variance.items()},
        weight=result.weight[inner],
        unweighted=unweighted,
    )
