"""The planes of a file read by rows: a whole exposure takes ten times the memory of one plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from iris_core import Array, InputError, open_fits, read_asdf, read_exposure

__all__ = ["Plane", "StoredPlane", "image_planes", "stored_planes"]

# BITPIX and BZERO: what values are in memory. FITS has no unsigned integers: it stores them less half their range.
_FORMS = {
    (8, 0): "u1",
    (16, 0): "i2",
    (32, 0): "i4",
    (16, 1 << 15): "u2",
    (32, 1 << 31): "u4",
    (-32, 0): "f4",
    (-64, 0): "f8",
}
_IMAGE = ("SCI", "ERR", "DQ")


class Plane(Protocol):
    """What is needed of an array: some of its rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """What its values are."""

    def __getitem__(self, block: Any, /) -> Any:
        """Return the values of a block of `iris_core.row_blocks`."""


@dataclass(frozen=True, slots=True)
class StoredPlane:
    """A plane of a FITS file that is not compressed.

    Parameters
    ----------
    path, offset
        The file, and where the plane begins in it [byte].
    dtype, shape
        What its values are in memory, and ``(ny, nx)`` or ``(..., ny, nx)``.
    """

    path: Path
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __getitem__(self, block: tuple[int | slice, ...]) -> Array:
        """Return some rows of one image: as many integers as there are axes before them, and a slice.

        Raises
        ------
        InputError
            When the file cannot be read any more, or ends before the rows do.
        """
        cube, rows = [one for one in block if isinstance(one, int)], block[-1]
        height, width = self.shape[-2:]
        assert isinstance(rows, slice)
        assert len(cube) == len(self.shape) - 2
        image = int(np.ravel_multi_index(cube, self.shape[:-2])) if cube else 0
        start, stop, _ = rows.indices(height)
        number, first = max(0, stop - start) * width, (image * height + start) * width
        return self._read(first, number).reshape(-1, width)

    def _read(self, first: int, number: int) -> Array:
        kind = "i" if self.dtype.kind == "u" and self.dtype.itemsize > 1 else self.dtype.kind
        form = np.dtype(f">{kind}{self.dtype.itemsize}")
        try:
            values = np.fromfile(self.path, form, number, offset=self.offset + first * form.itemsize)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        if values.size < number:
            raise InputError(f"{self.path}: it ends before its pixels do; it was cut or replaced while it was read")
        native: Array = values.astype(form.newbyteorder("="), copy=False)
        if kind != self.dtype.kind:
            native = native.view(self.dtype)
            native ^= self.dtype.type(1 << (8 * self.dtype.itemsize - 1))
        return native


def stored_planes(path: Path) -> dict[str, StoredPlane | None]:
    """Return the images of a FITS file by EXTNAME, those that stand in it as they are in memory.

    None stands for one that does not: it is compressed or scaled or has BLANK, or the whole file is compressed, or its
    headers had to be mended to be read.

    Raises
    ------
    InputError
        When the file is damaged, or no FITS file.
    """
    found: dict[str, StoredPlane | None] = {}
    with open_fits(path, pixels=False) as hdus:
        for hdu in hdus:
            if hdu.is_image and len(hdu.shape) >= 2:
                found.setdefault(hdu.name, _stored(hdu, path))
    return found


def _stored(hdu: Any, path: Path) -> StoredPlane | None:
    form = _FORMS.get((hdu.header["BITPIX"], hdu.header.get("BZERO", 0)))
    is_scaled = hdu.header.get("BSCALE", 1) != 1 or "BLANK" in hdu.header
    if form is None or is_scaled or type(hdu).__name__ == "CompImageHDU":
        return None
    place = hdu.fileinfo()
    if place["file"].name != str(path):  # an unpacked or mended copy
        return None
    return StoredPlane(path, place["datLoc"], np.dtype(form), tuple(hdu.shape))


def image_planes(path: Path) -> Mapping[str, Plane]:
    """Return those planes that a product, or an exposure, has of ``SCI``, ``ERR`` and ``DQ``.

    They stay in the file where it has them as they are in memory; otherwise the exposure is read.

    Raises
    ------
    InputError
        When the file is damaged or has no image, or ERR and DQ are not of its pixels.
    """
    stored = stored_planes(path) if path.suffix == ".fits" else {}
    found = {name: stored[name] for name in _IMAGE if name in stored}
    planes = {name: one for name, one in found.items() if one is not None}
    if "SCI" in planes and len(planes) == len(found):
        _refuse_others(planes, path)
        return planes
    exposure = read_asdf(path) if path.suffix == ".asdf" else read_exposure(path)
    err = exposure.err
    return {"SCI": exposure.data, **({} if err is None else {"ERR": err}), "DQ": exposure.dq}


def _refuse_others(planes: Mapping[str, StoredPlane], path: Path) -> None:
    shape = planes["SCI"].shape
    for name, plane in planes.items():
        if plane.shape != shape:
            sizes = (" x ".join(map(str, one)) for one in (plane.shape, shape))
            raise InputError(f"{path}: the shapes of {name} and SCI differ: {' and '.join(sizes)}")
    if "DQ" in planes and planes["DQ"].dtype.kind == "f":
        raise InputError(f"{path}: DQ has no bits: its values are {planes['DQ'].dtype}, not integers")
