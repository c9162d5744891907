"""Drizzling (Fruchter & Hook 2002, PASP 114, 144) of the planes of an exposure, band by band."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from drizzle.resample import Drizzle

from iris_core import DQ, Array, Doubles, Exposure, Flags, Image, Mask, in_threads
from iris_resample._layout import Place
from iris_resample._pixmap import PixelMap
from iris_resample._unused import LayOut, Unused, lay_out_with

__all__ = [
    "Drop",
    "Planes",
    "Resampled",
    "Totals",
    "Weigh",
    "drizzle_planes",
    "empty",
    "fall",
    "finish",
    "planes_of",
    "variance_names",
    "without_margin",
]

# Variance components of a band, by name, to the weights of its pixels: a number or an array.
Weigh = Callable[[Mapping[str, Image]], Any]

# The kernels that conserve flux.
_CONSERVING = ("square", "turbo", "point")
_ONE_AT_A_TIME = Lock()

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


def planes_of(exposure: Exposure, unusable: int, errors: bool = True) -> Planes:
    """Return the planes of an exposure, with its `errors` or as if they were unknown; a single image is one of one."""

    def cube(plane: Array) -> Array:
        return plane.reshape(-1, *exposure.shape)

    variance = {name: cube(component) for name, component in exposure.variance.items() if errors}
    return Planes(data=cube(exposure.data), dq=cube(exposure.dq), variance=variance, unusable=unusable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """What comes out: `data`, `dq`, `variance`, `weight`, ``(n, ny, nx)``; zeros where nothing fell.

    The bits are those of the pixels used; what the others would have given is in `unused`, for each image.
    `typical` is the mean weight of a pixel used, `unweighted` counts the usable pixels that stayed out because they
    had no positive weight. `program` is what made it, the name of a distribution.
    """

    data: Image
    dq: Flags
    variance: Mapping[str, Image]
    weight: Image
    unused: Sequence[Unused]
    typical: float
    unweighted: int
    program: str = "drizzle"


def fall(onto: Drizzle, drop: Drop, data: Image, weight: Image, pixmap: Doubles, **planes: Any) -> None:
    """Let an image fall onto a grid; `planes` are further arguments of `Drizzle.add_image`."""
    with _without_warning(onto.kernel):
        onto.add_image(
            data,
            exptime=1.0,
            pixmap=pixmap,
            weight_map=weight,
            pixel_scale_ratio=drop.ratio,
            pixfrac=drop.pixfrac,
            **planes,
        )


@contextmanager
def _without_warning(kernel: str) -> Iterator[None]:
    """Keep the library from warning of what is known, documented, and in the notes of the stage.

    All threads have the same filters of warnings, which are left alone where there is no warning.
    """
    if kernel in _CONSERVING:
        yield
        return
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Kernel .* is not a flux-conserving kernel")
        yield


def drizzle_planes(
    planes: Planes, mapping: PixelMap, drop: Drop, weigh: Weigh, place: Place, components: bool
) -> Resampled:
    """Drizzle, with the library, every image of `planes` onto a grid of its own, all with the same pixel map.

    Parameters
    ----------
    planes
        The images.
    mapping
        Where their pixels fall on the whole grid.
    drop
        The shape in which they fall.
    weigh
        Gives their weights.
    place
        The part of the grid that comes out.
    components
        Whether to drizzle each component of the variance instead of their sum, ``total``.

    Returns
    -------
    Resampled
        Values are means with the weights of overlap; a variance is the sum of the variances times the squares of the
        normalised weights, which is that of the mean as long as the pixels of the exposure are independent.
    """
    names = variance_names(planes.variance, components)
    ny, nx = (size + 2 * place.margin for size in place.shape)
    result = empty((len(planes.data), ny, nx), names)
    outputs = [_output(result, index, drop) for index in range(len(planes.data))]
    weights = Totals()
    for rows, inner in _bands(planes.data.shape[1]):
        pixmap = mapping(np.arange(rows.start, rows.stop, dtype=np.float64), slice(None)) + place.offset
        own = slice(inner["ymin"], inner["ymax"] + 1)
        for index, output in enumerate(outputs):
            band = _cut(planes, index, rows, weigh, names)
            fall(output, drop, band.data, band.weight, pixmap, **band.further, **inner)
            unused = result.unused[index]
            unused.add(band.weight == 0, planes.dq[index, rows], _lay_out(pixmap), own, drop.width, drop.ratio)
            weights.add_band(band)
    if drop.kernel.startswith("lanczos"):
        _blank_lobes(result)
    return without_margin(result, place.margin, weights)


def _lay_out(pixmap: Doubles) -> LayOut:
    return lay_out_with(lambda y, x: pixmap[y, x], pixmap.shape[:2])


def variance_names(variance: Iterable[str], components: bool) -> list[str]:
    """Return the components of a result: those that there are, or their sum; none where the errors are unknown."""
    names = list(variance)
    return names if components else ["total"] * bool(names)


def finish(result: Resampled) -> Resampled:
    """Flag, in place, what has no value, NaN then, or lacks much of its weight; and return it without the unused."""
    for index in range(len(result.unused)):
        list(in_threads(partial(_finish_rows, result, index), range(0, result.dq.shape[1], _BAND)))
    return replace(result, unused=())  # as large as two planes, and done with


def _finish_rows(result: Resampled, index: int, first: int) -> None:
    rows = slice(first, min(first + _BAND, result.dq.shape[1]))
    dq, weight = result.dq[index, rows], result.weight[index, rows]
    blank = weight == 0
    np.copyto(dq, np.uint32(DQ.DO_NOT_USE), where=blank)
    result.unused[index].part(rows, slice(0, dq.shape[1])).flag(dq, weight, blank, result.typical)
    for plane in (result.data, *result.variance.values()):
        np.copyto(plane[index, rows], np.float32(np.nan), where=blank)


def empty(shape: tuple[int, int, int], names: list[str], program: str = "drizzle") -> Resampled:
    """Return planes of zeros, ``(n, ny, nx)``, with the variances `names`."""
    return Resampled(
        data=np.zeros(shape, dtype=np.float32),
        dq=np.zeros(shape, dtype=np.uint32),
        variance={name: np.zeros(shape, dtype=np.float32) for name in names},
        weight=np.zeros(shape, dtype=np.float32),
        unused=[Unused(shape[1:]) for _ in range(shape[0])],
        typical=0.0,
        unweighted=0,
        program=program,
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
class Totals:
    """The weights of all pixels, in short: their sum, how many are positive, and how many usable pixels have none."""

    total: float = 0.0
    number: int = 0
    unweighted: int = 0

    def add_band(self, band: _Band) -> None:
        self.add(float(np.sum(band.weight, dtype=np.float64)), int(np.count_nonzero(band.weight)), band.unweighted)

    def add(self, total: float, number: int, unweighted: int) -> None:
        """Add what is known of some pixels."""
        self.total += total
        self.number += number
        self.unweighted += unweighted

    @property
    def typical(self) -> float:
        """The mean of the positive ones."""
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
        further["dq"] = dq & ~DQ.DO_NOT_USE
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


def _blank_lobes(result: Resampled) -> None:
    """Take out what has less than half the usual weight.

    The lobes of lanczos cancel where the image ends; what they leave there is noise.
    """
    positive = result.weight[result.weight > 0]
    least = float(np.median(positive)) / 2 if positive.size else 0.0
    blank = ~(result.weight > least)
    for plane in (result.data, result.weight, *result.variance.values()):
        plane[blank] = 0


def without_margin(result: Resampled, margin: int, weights: Totals) -> Resampled:
    """Return `result` without its margin, and with what is known of its weights."""
    inner = (slice(None), *(slice(margin, size - margin) for size in result.data.shape[1:]))
    return Resampled(
        data=result.data[inner],
        dq=result.dq[inner],
        variance={name: plane[inner] for name, plane in result.variance.items()},
        weight=result.weight[inner],
        unused=[one.part(*inner[1:]) for one in result.unused],
        typical=weights.typical,
        unweighted=weights.unweighted,
        program=result.program,
    )
