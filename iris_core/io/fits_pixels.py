"""The pixels of FITS images: numbers as float32, errors as variances, flags as the bits of `DQ`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from iris_core.arrays import Array, Flags, Image, blank_plane
from iris_core.dq import DQ
from iris_core.errors import InputError
from iris_core.io.fits_layout import Layout, name_of
from iris_core.io.fits_raw import Cut, read_pixels

__all__ = ["decide_errors", "read_flags", "read_image", "read_variance"]

# Rows by which an error is compared with its components.
_SOME = slice(None, None, 16)
_ZERO = "its errors are zero nearly everywhere: they count as unknown"
_BAD = DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL
# DRAGONS, geminidr/doc: bad pixel, nonlinear, saturated, cosmic ray, no data, overlap (no fault), unilluminated.
_DRAGONS: dict[int, DQ] = {
    0: _BAD,
    1: DQ.NONLINEAR,
    2: DQ.DO_NOT_USE | DQ.SATURATED,
    3: DQ.DO_NOT_USE | DQ.JUMP_DET,
    4: _BAD,
    6: DQ.DO_NOT_USE | DQ.NON_SCIENCE,
}
# LSST, afw.image.Mask: the header numbers the bits by name.
_LSST: dict[str, DQ] = {
    "MP_BAD": _BAD,
    "MP_SAT": DQ.DO_NOT_USE | DQ.SATURATED,
    "MP_CR": DQ.DO_NOT_USE | DQ.JUMP_DET,
    "MP_NO_DATA": _BAD,
    "MP_INTRP": DQ.FLUX_ESTIMATED,
}


def read_image(hdu: Any, pixels: bool, path: Path, each: Callable[[Image], object] | None = None) -> Image:
    """Return an image as float32, NaN where it is blank; an outline takes no memory. See `read_pixels`."""
    if not pixels:
        return blank_plane(tuple(hdu.shape))
    blank = hdu.header.get("BLANK")
    with np.errstate(over="ignore"):
        try:
            if blank is None:
                return read_pixels(hdu, path, np.float32, each)
            image = _without(blank, read_pixels(hdu, path))
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: the pixels of {hdu.name} are not numbers: {error}") from error
    if each is not None:
        each(image)
    return image


def _without(blank: int, raw: Array) -> Image:
    """Return an image with NaN for BLANK, which astropy overlooks in unsigned integers."""
    image = np.asarray(raw, dtype=np.float32)
    if raw.dtype.kind != "u":
        return image
    return np.where(raw == blank + (1 << (8 * raw.dtype.itemsize - 1)), np.float32(np.nan), image)


def read_flags(layout: Layout, pixels: bool, path: Path) -> Flags:
    """Return the flags in the shape of the data: 2-D flags hold for every integration.

    Raises
    ------
    InputError
        When DQ is no image of integers, or has bits above 31.
    """
    shape = tuple(layout.science.shape)
    for name, hdu in layout.flags.items():
        _check_flags(name, hdu, shape, path)
    if not pixels or not layout.flags:
        return blank_plane(shape, np.uint32)
    is_dragons = layout.total is not None and name_of(layout.total[0]) == "VAR"
    meanings = _DRAGONS if is_dragons else {}
    first, *others = (
        _mask(hdu, path) if name == "MASK" else _bits(hdu, path, meanings) for name, hdu in layout.flags.items()
    )
    flags = first | others[0] if others else first
    return flags if flags.shape == shape else np.broadcast_to(flags, shape)


def _check_flags(name: str, hdu: Any, shape: tuple[int, ...], path: Path) -> None:
    bits, found = hdu.header["BITPIX"], tuple(hdu.shape)
    if name == "DQ" and bits < 0:
        raise InputError(f"{path}: DQ has pixels with a fraction (BITPIX {bits}); integers are needed")
    if found not in (shape, shape[-2:]):
        raise InputError(f"{path}: {name} has shape {found}, but the data have {shape}")


def _bits(hdu: Any, path: Path, meanings: Mapping[int, DQ]) -> Flags:
    raw = read_pixels(hdu, path)
    if raw.dtype.kind not in "iub":
        raise InputError(f"{path}: DQ has {raw.dtype} pixels; they have to be integers")
    # A signed word of fewer bits has to keep its top bit and no more.
    bits = raw.astype(f"u{raw.dtype.itemsize}", copy=False)
    if bits.dtype.itemsize > 4 and bits.size and bits.max() > np.iinfo(np.uint32).max:
        raise InputError(f"{path}: DQ has bits above 31")
    flags = bits.astype(np.uint32, copy=False)
    return _translated(flags, meanings) if meanings else flags


def _translated(bits: Array, meanings: Mapping[int, DQ]) -> Flags:
    """Return flags from bits that mean something else in another pipeline."""
    flags = np.zeros(bits.shape, dtype=np.uint32)
    for bit, meaning in meanings.items():
        flags[bits & np.uint32(1 << bit) != 0] |= np.uint32(meaning)
    return flags


def _mask(hdu: Any, path: Path) -> Flags:
    """Return the flags of a mask: LSST's by the names of its bits, any other (CCDData's) bad where it is not 0."""
    raw = read_pixels(hdu, path)
    if any(name.startswith("MP_") for name in hdu.header):
        meanings = {int(hdu.header[name]): meaning for name, meaning in _LSST.items() if name in hdu.header}
        return _translated(raw.astype(np.int64).astype(np.uint32), meanings)
    return np.where(raw != 0, np.uint32(_BAD), np.uint32(0))


def read_variance(layout: Layout, pixels: bool, path: Path, remarks: list[str], reftype: str = "") -> dict[str, Image]:
    """Return the components, and what the error says beyond them: all of it (``total``), or the rest (``other``).

    An error below 0 is not known: in an exposure it is NaN, in a reference file it is refused.
    """
    negative: list[int] = []
    positive = partial(_drop_negative, found=negative)
    variance = {name: read_image(hdu, pixels, path, positive) for name, hdu in layout.components.items()}
    if layout.total is not None and (pixels or not variance):
        variance |= _beyond(layout.total, variance, pixels, path, remarks, positive, whole=bool(reftype))
    if reftype and negative:
        wrong = f"{sum(negative)} errors are negative; NaN stands for no value"
        raise InputError(f"the {reftype} {path} cannot be used: {wrong}")
    if pixels and not layout.decided and _is_zero(_some_of(variance)):
        remarks.append(_ZERO)
        return {}
    return variance


def decide_errors(layout: Layout, path: Path, remarks: list[str]) -> Layout | None:
    """Return a layout with those of its errors that `read_variance` uses; None where these are only a part of one."""
    drop = partial(_drop_negative, found=[])
    parts = {name: read_image(Cut(hdu, _SOME), True, path, drop) for name, hdu in layout.components.items()}
    used = replace(layout, total=None if parts else layout.total, decided=True)
    if layout.total is not None:
        hdu, kind = layout.total
        total = read_image(Cut(hdu, _SOME), True, path, partial(_square, kind=kind))
        if parts and _exceeds(total, parts):
            return None
        parts = parts or {"total": total}
    if not _is_zero(parts):
        return used
    remarks.append(_ZERO)
    return replace(used, components={}, total=None)


def _some_of(variance: dict[str, Image]) -> dict[str, Image]:
    return {name: plane[..., _SOME, :] for name, plane in variance.items()}


def _beyond(
    total: tuple[Any, str],
    variance: dict[str, Image],
    pixels: bool,
    path: Path,
    remarks: list[str],
    positive: Callable[[Image], object],
    whole: bool,
) -> dict[str, Image]:
    """Return what a total is beyond its components; `whole`: all of it is looked at, also where nothing is."""
    (hdu, kind), some = total, _some_of(variance)
    square = partial(_square, kind=kind)
    if variance and not whole and not _exceeds(read_image(Cut(hdu, _SOME), pixels, path, square), some):
        return {}
    rest = read_image(hdu, pixels, path, lambda rows: (positive(rows), square(rows)))
    if not variance:
        return {"total": rest}
    if whole and not _exceeds(rest[..., _SOME, :], some):
        return {}
    remarks.append(f"{hdu.name} is larger than its components; the rest of its variance becomes VAR_OTHER")
    for plane in variance.values():
        rest -= plane
    return {"other": np.maximum(rest, 0, out=rest)}


def _square(image: Image, kind: str) -> None:
    """Make the variance of a standard deviation, a variance or its inverse, in place; NaN where there is none."""
    image[image < 0] = np.nan
    if kind == "err":
        np.square(image, out=image)
    elif kind == "inverse":
        with np.errstate(divide="ignore"):
            np.divide(1, image, out=image)
        image[np.isinf(image)] = np.nan


def _exceeds(total: Image, parts: dict[str, Image]) -> bool:
    """Whether a total is more than the sum of the components."""
    with np.errstate(invalid="ignore"):
        return bool(np.mean(total > np.float32(1.01) * sum(parts.values())) > 1e-3)


def _is_zero(parts: dict[str, Image]) -> bool:
    """Whether the variance is 0 in nearly all pixels: nobody has measured that."""
    return bool(parts) and all(np.count_nonzero(part) < 0.01 * part.size for part in parts.values())


def _drop_negative(error: Image, found: list[int]) -> None:
    """Make negative errors NaN, in place: nobody knows the error of such a pixel; tell how many there are."""
    negative = error < 0
    if negative.any():
        found.append(int(np.count_nonzero(negative)))
        error[negative] = np.nan
