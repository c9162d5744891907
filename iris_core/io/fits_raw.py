"""The pixels of FITS images: plain ones are read block by block over threads, and no plane is in memory twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from iris_core.arrays import Array, row_blocks
from iris_core.errors import InputError
from iris_core.rows import in_threads

__all__ = ["read_pixels"]


def read_pixels(
    hdu: Any,
    path: Path,
    dtype: DTypeLike | None = None,
    *,
    each: Callable[[Array], object] | None = None,
    every: int = 1,
) -> Array:
    """Return the pixels of an image; the HDU does not hold them.

    Those that need no more than another order of their bytes, or another sign, are read over threads; astropy reads
    what is packed, scaled or blank, and files of which it has a mended copy.

    Parameters
    ----------
    hdu
        Of an open file.
    path
        The file.
    dtype
        Of the result; by default that of the pixels, in the order of bytes of this machine.
    each
        Called with some rows of the result at a time, which it may change: they are in a processor's cache then.
    every
        Of the rows, every so many are read.

    Raises
    ------
    InputError
        When the file ends within the pixels.
    """
    stored = _stored(hdu, path)
    if stored is None:
        pixels = np.asarray(hdu.data)[..., ::every, :] if every > 1 else np.asarray(hdu.data)
        del hdu.data  # with a copy of them it is twice the plane
        made = pixels.astype(pixels.dtype.newbyteorder("=") if dtype is None else dtype, copy=False)
        if each is not None:
            each(made)
        return made
    *cube, rows, columns = hdu.shape
    made = np.empty((*cube, -(-rows // every), columns), stored.newbyteorder("=") if dtype is None else dtype)
    start = hdu.fileinfo()["datLoc"]
    with path.open("rb", buffering=0) as file:

        def read(block: tuple[int | slice, ...]) -> None:
            first = [at if isinstance(at, int) else at.start * every for at in (*block, 0)]
            raw = np.empty(made[block].shape, stored)
            _fill(raw, file.fileno(), start + int(np.ravel_multi_index(first, hdu.shape)) * stored.itemsize, path)
            np.copyto(made[block], _unsigned(raw) if stored.kind == "u" else raw, casting="unsafe")
            if each is not None:
                each(made[block])

        list(in_threads(read, row_blocks(made.shape, columns if every > 1 else 0)))
    return made


def _stored(hdu: Any, path: Path) -> np.dtype[Any] | None:
    """Return what the pixels of a plain image are in its file; None where astropy has to make something of them."""
    header, opened = hdu.header, (hdu.fileinfo() or {}).get("file")
    if type(hdu).__name__ not in ("PrimaryHDU", "ImageHDU") or opened is None or opened.name != str(path):
        return None
    bits, zero = header["BITPIX"], header.get("BZERO", 0)
    is_unsigned = bits in (16, 32, 64) and zero == 1 << (bits - 1)
    if header.get("BSCALE", 1) != 1 or "BLANK" in header or not (zero == 0 or is_unsigned):
        return None
    if len(hdu.shape) < 2 or not all(hdu.shape):
        return None
    kind = "f" if bits < 0 else "u" if is_unsigned or bits == 8 else "i"
    return np.dtype(f">{kind}{abs(bits) // 8}")


def _fill(raw: Array, descriptor: int, start: int, path: Path) -> None:
    """Read the bytes of an array from their place in a file."""
    rest = raw.reshape(-1).view(np.uint8).data
    while rest:
        size = os.preadv(descriptor, [rest], start)
        if not size:
            raise InputError(f"{path}: the file is truncated: it ended while it was read")
        rest, start = rest[size:], start + size


def _unsigned(raw: Array) -> Array:
    """Return unsigned integers; FITS has bytes as they are, and others with BZERO, half of their range."""
    half = 1 << (8 * raw.itemsize - 1) if raw.itemsize > 1 else 0
    return np.asarray(raw ^ raw.dtype.newbyteorder("=").type(half))
