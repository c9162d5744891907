"""The planes of a product read by rows: where they stand in its file as they are in memory, none is held whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from iris_core import Array, Exposure, InputError, open_fits, outline_of, row_blocks

__all__ = ["Plane", "Planes", "StoredPlane", "leave_in_file", "planes_of"]

# The only two forms in which a product has planes: BITPIX and BZERO, what they are in the file and in memory.
_FORMS = {(-32, 0): (">f4", "f4"), (32, 1 << 31): (">u4", "u4")}
_SIGN = np.uint32(1 << 31)
_NAMES = {"data": "SCI", "dq": "DQ", "area": "AREA"}


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
    form
        What its values are in the file.
    dtype, shape
        What they are in memory.
    """

    path: Path
    offset: int
    form: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __getitem__(self, block: tuple[int | slice, ...]) -> Array:
        cube, rows = [int(number) for number in block[:-1] if isinstance(number, int)], block[-1]
        assert isinstance(rows, slice)
        height, width = self.shape[-2:]
        start = int(np.ravel_multi_index(cube, self.shape[:-2])) * height if cube else 0
        number = (rows.stop - rows.start) * width
        at = self.offset + (start + rows.start) * width * self.dtype.itemsize
        values = np.fromfile(self.path, self.form, number, offset=at).astype(self.dtype)
        # FITS has no unsigned integers: it stores them less 2^31.
        return (values ^ _SIGN if self.dtype.kind == "u" else values).reshape(-1, width)

    def holds(self, plane: Array) -> bool:
        """Whether the file has these very bits."""
        try:
            return all(_bits(self[block]) == _bits(plane[block]) for block in row_blocks(plane.shape))
        except (OSError, ValueError):  # the file ends before
            return False


def _bits(values: Array) -> bytes:
    return values.tobytes()


def planes_of(exposure: Exposure) -> dict[str, Array]:
    """Return the planes of an exposure by name."""
    area = {} if exposure.area is None else {"area": exposure.area}
    variance = {f"variance:{name}": plane for name, plane in exposure.variance.items()}
    return {"data": exposure.data, "dq": exposure.dq, **variance, **area, **exposure.planes}


@dataclass(frozen=True, slots=True)
class Planes:
    """An exposure without its planes, and its planes by name: ``data``, ``dq``, ``variance:poisson`` ..."""

    outline: Exposure
    planes: Mapping[str, Plane]

    @classmethod
    def of(cls, exposure: Exposure | Planes) -> Planes:
        """Return an exposure that is in memory as its planes."""
        return exposure if isinstance(exposure, Planes) else cls(exposure, planes_of(exposure))

    @property
    def data(self) -> Plane:
        """The data."""
        return self.planes["data"]

    @property
    def dq(self) -> Plane:
        """The flags."""
        return self.planes["dq"]

    @property
    def variance(self) -> dict[str, Plane]:
        """The components of the variance, by name."""
        mark = "variance:"
        return {name.removeprefix(mark): one for name, one in self.planes.items() if name.startswith(mark)}

    def err(self, block: Any) -> Array:
        """Return the err of some rows; one NaN where it is not known."""
        components = [plane[block] for plane in self.variance.values()]
        return np.sqrt(sum(components, np.zeros(1, dtype=np.float32))) if components else np.full(1, np.nan)


def leave_in_file(exposure: Exposure) -> Planes:
    """Return an exposure that was read from a file without those planes that stand in it as they were read."""
    stored = dict(_stored(exposure.meta.path)) if exposure.meta.path.suffix == ".fits" else {}
    planes: dict[str, Plane] = {}
    for name, plane in planes_of(exposure).items():
        one = stored.get(_NAMES.get(name, name.replace("variance:", "VAR_").upper()))
        is_there = one is not None and (one.shape, one.dtype) == (plane.shape, plane.dtype) and one.holds(plane)
        planes[name] = one if one is not None and is_there else plane
    return Planes(outline_of(exposure), planes)


def _stored(path: Path) -> Iterator[tuple[str, StoredPlane]]:
    try:
        with open_fits(path, pixels=False) as hdus:
            for hdu in hdus:
                form = _FORMS.get((hdu.header["BITPIX"], hdu.header.get("BZERO", 0)))
                if form and hdu.is_image and len(hdu.shape) >= 2 and hdu.header.get("BSCALE", 1) == 1:
                    offset = hdu.fileinfo()["datLoc"]
                    yield hdu.name, StoredPlane(path, offset, form[0], np.dtype(form[1]), tuple(hdu.shape))
    except InputError:
        return
