"""Write products as FITS."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.arrays import Array, Image, blank_plane, root_of_sum, row_blocks
from iris_core.exposure import Exposure
from iris_core.headers import with_wcs
from iris_core.io.asdf_files import dump_tree
from iris_core.keywords import unit_string

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["write_fits"]


def write_fits(exposure: Exposure, path: str | Path) -> Path:
    """Write PRIMARY, SCI, ERR, DQ, VAR_<COMPONENT>, AREA, further planes, and ASDF.

    Parameters
    ----------
    exposure
        Any exposure; ERR is written where its errors are known.
    path
        Where to.
    """
    from astropy.io import fits

    path = Path(path)
    # astropy warns of each long keyword that it writes as HIERARCH; it came so and goes so.
    primary = fits.PrimaryHDU(header=_current(exposure.header, exposure))
    primary.writeto(path, output_verify="silentfix")
    _append(path, "SCI", exposure.data, _science_header(exposure))
    for name, plane in _planes(exposure).items():
        header = fits.Header()
        if name.startswith(("ERR", "VAR_")) and exposure.unit is not None:
            header["BUNIT"] = unit_string(exposure.unit if name == "ERR" else exposure.unit**2)
        _append(path, name, plane, header)
    with fits.open(path, mode="append") as hdus:
        hdus.append(_asdf_extension(exposure))
    return path


def _append(path: Path, name: str, plane: Any, header: Header) -> None:
    """Append an image extension, block by block: a FITS file has its bytes in another order, which takes a copy."""
    from astropy.io import fits

    described = fits.ImageHDU(blank_plane(plane.shape, plane.dtype), header=header, name=name)
    described.verify("silentfix")
    stream = fits.StreamingHDU(str(path), described.header)
    for block in row_blocks(plane.shape):
        stream.write(_as_stored(plane[block], described.header))
    stream.close()


def _as_stored(plane: Array, header: Header) -> Array:
    """Return integers with the sign that FITS has for their size: BZERO is half of their range."""
    if "BZERO" not in header:
        return plane
    kind, size = plane.dtype.kind, plane.dtype.itemsize
    bits = np.ascontiguousarray(plane).view(f"u{size}") ^ np.array(1 << (8 * size - 1), dtype=f"u{size}")
    stored: Array = bits.view(f"i{size}" if kind == "u" else f"u{size}")
    return stored


class _Errors:
    """ERR, block by block: the root of the sum of the components."""

    def __init__(self, components: Iterable[Image], shape: tuple[int, ...]) -> None:
        self.components, self.shape, self.dtype = tuple(components), shape, np.dtype(np.float32)

    def __getitem__(self, block: tuple[int | slice, ...]) -> Image:
        return root_of_sum([component[block] for component in self.components])


def _planes(exposure: Exposure) -> dict[str, Any]:
    known = bool(exposure.variance)
    planes: dict[str, Any] = {"ERR": _Errors(exposure.variance.values(), exposure.data.shape)} if known else {}
    planes["DQ"] = exposure.dq
    planes |= {f"VAR_{name.upper()}": plane for name, plane in exposure.variance.items()}
    if exposure.area is not None:
        planes["AREA"] = exposure.area
    return planes | dict(exposure.planes)


def _asdf_extension(exposure: Exposure) -> Any:
    from astropy.io import fits

    content = np.frombuffer(dump_tree(exposure), dtype=np.uint8)
    column = fits.Column(name="ASDF_METADATA", format=f"{content.size}B", array=content[np.newaxis])
    return fits.BinTableHDU.from_columns([column], name="ASDF")


def _science_header(exposure: Exposure) -> Header:
    header = _current(exposure.sci_header, exposure)
    if exposure.unit is not None:
        header["BUNIT"] = (unit_string(exposure.unit), "unit of the data")
    return header if exposure.wcs is None else with_wcs(header, exposure.fits_wcs)


def _current(header: Header, exposure: Exposure) -> Header:
    """Return a copy with the present unit, and without a WCS that a stage has replaced."""
    kept = header.copy() if exposure.wcs is None else with_wcs(header)
    if exposure.unit is not None:
        for keyword in ("BUNIT", "UNIT"):
            if keyword in kept:
                kept[keyword] = unit_string(exposure.unit)
    return kept
