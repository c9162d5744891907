"""The pixels of FITS images: plain ones are read block by block, and no plane is in memory twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike

from iris_core.arrays import Array, row_blocks
from iris_core.errors import InputError

__all__ = ["Cut", "is_plain", "read_pixels"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Some rows of an image, which can be read like the whole image."""

    hdu: Any
    rows: slice

    @property
    def header(self) -> Any:
        """The header of the image."""
        return self.hdu.header

    @property
    def name(self) -> str:
        """The name of the image."""
        return str(self.hdu.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(rows, nx)``, or ``(nint, rows, nx)``."""
        *cube, rows, columns = self.hdu.shape
        return (*cube, len(range(*self.rows.indices(rows))), columns)


def read_pixels(
    hdu: Any, path: Path, dtype: DTypeLike | None = None, each: Callable[[Array], object] | None = None
) -> Array:
    """Return the pixels of an image; the HDU does not hold them.

    Those that need no more than another order of their bytes, or another sign, are read block by block; astropy reads
    what is packed, scaled or blank, and files of which it has a mended copy.

    Parameters
    ----------
    hdu
        Of an open file (or one that was open, where `is_plain`), or some rows of it, `Cut`.
    path
        The file.
    dtype
        Of the result; by default that of the pixels, in the order of bytes of this machine.
    each
        Called with some rows of the result at a time, which it may change: they are in a processor's cache then.

    Raises
    ------
    InputError
        When the file ends within the pixels.
    """
    image, rows = (hdu.hdu, hdu.rows) if isinstance(hdu, Cut) else (hdu, slice(None))
    stored = _stored(image, path)
    if stored is None:
        pixels = np.asarray(image.data)
        del image.data  # with a copy of them it is twice the plane
        made = pixels[..., rows, :] if isinstance(hdu, Cut) else pixels
        made = made.astype(made.dtype.newbyteorder("=") if dtype is None else dtype, copy=False)
        if each is not None:
            each(made)
        return made
    made = np.empty(hdu.shape, stored.newbyteorder("=") if dtype is None else dtype)
    first, _, step = rows.indices(image.shape[-2])
    begin, blocks = image.fileinfo()["datLoc"], cast("Iterable[tuple[Any, ...]]", row_blocks(made.shape))
    with path.open("rb", buffering=0) as file:
        for block in blocks:
            raw, (*cube, where) = np.empty(made[block].shape, stored), block
            alone = zip(raw, range(where.start, where.stop), strict=True)
            for part, row in [(raw, where.start)] if step == 1 else alone:
                place = int(np.ravel_multi_index((*cube, first + step * row, 0), image.shape))
                _fill(part, file.fileno(), begin + place * stored.itemsize, path)
            np.copyto(made[block], _unsigned(raw) if stored.kind == "u" else raw, casting="unsafe")
            if each is not None:
                each(made[block])
    return made


def is_plain(hdu: Any, path: Path) -> bool:
    """Whether an image is read without astropy: also some rows of it, and when its file has been closed."""
    return _stored(hdu, path) is not None


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
