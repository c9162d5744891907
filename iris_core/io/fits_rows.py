"""Exposures of which some rows are read at a time, straight from their FITS files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from iris_core.arrays import Array, mask_together
from iris_core.errors import InputError
from iris_core.io.fits_layout import Layout
from iris_core.io.fits_pixels import decide_errors, read_flags, read_image, read_variance
from iris_core.io.fits_raw import Cut, is_plain
from iris_core.io.hashing import state_of

__all__ = ["FitsRows", "rows_of"]


@dataclass(frozen=True, slots=True)
class FitsRows:
    """The pixels of one exposure in a FITS file, of which some rows are read when they are asked for.

    Parameters
    ----------
    path
        The file.
    layout
        Of its images, those that are used.
    state
        That of the file, in which it has to stay.
    """

    path: Path
    layout: Layout
    state: tuple[int, ...]

    def read(self, rows: slice) -> Mapping[str, Array]:
        """Return the planes of some rows by name, ``(rows, nx)``; NaN and DO_NOT_USE go together.

        Raises
        ------
        InputError
            When the file has changed: then its planes are perhaps elsewhere.
        """
        if state_of(self.path) != self.state:
            raise InputError(f"{self.path} has changed during the run; run it again")
        layout, path = _cut(self.layout, rows), self.path
        data, variance = read_image(layout.science, True, path), read_variance(layout, True, path, [])
        dq, (data, *components) = mask_together(read_flags(layout, True, path), [data, *variance.values()])
        return {
            "data": data,
            "dq": dq,
            **{f"variance:{name}": plane for name, plane in zip(variance, components, strict=True)},
        }


def rows_of(layout: Layout, path: Path, remarks: list[str]) -> FitsRows | None:
    """Return what reads some rows of an exposure; None where the exposure has to be read as a whole.

    That is a cube, a file that is packed, has scaled images, or an error of which only a part is in its components.

    Parameters
    ----------
    layout
        Of the open file.
    path
        The file.
    remarks
        What is odd of its errors is added here.
    """
    total = [] if layout.total is None else [layout.total[0]]
    images = (layout.science, *layout.flags.values(), *layout.components.values(), *total)
    shape = tuple(layout.science.shape)
    if len(shape) != 2 or not all(is_plain(one, path) and tuple(one.shape) == shape for one in images):
        return None
    used = decide_errors(layout, path, remarks)
    return None if used is None else FitsRows(path, replace(used, area=None, further={}), state_of(path))


def _cut(layout: Layout, rows: slice) -> Layout:
    def cut(images: dict[str, Any]) -> dict[str, Any]:
        return {name: Cut(hdu, rows) for name, hdu in images.items()}

    return replace(
        layout,
        science=Cut(layout.science, rows),
        flags=cut(layout.flags),
        components=cut(layout.components),
        total=layout.total and (Cut(layout.total[0], rows), layout.total[1]),
    )
