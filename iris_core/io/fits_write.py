"""Write products as FITS."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from iris_core.arrays import Array, Image, blank_plane, root_of_sum, row_blocks
from iris_core.exposure import Exposure
from iris_core.headers import with_wcs
from iris_core.io.asdf_files import ONE_AT_A_TIME, dump_tree
from iris_core.io.cards import mended
from iris_core.io.checksums import DataSum, encoded
from iris_core.io.fits_structure import BLOCK
from iris_core.keywords import unit_string

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["write_fits"]

# Of a piece that is written, and handed to the thread that hashes.
_PIXELS = 1 << 19
# Without the time that astropy puts there: two runs give the same bytes.
_SUMS = {"CHECKSUM": "sum of the HDU: -0", "DATASUM": "sum of the data"}


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

    path = path if isinstance(path, Path) else Path(path)  # one that is followed stays so
    planes, header = _planes(exposure), _current(exposure.header, exposure)
    header["NEXTEND"] = (len(planes) + 2, "number of extensions")
    with path.open("wb") as file:
        _append_bytes(file, fits.PrimaryHDU(header=header), b"")
        _append_image(file, "SCI", exposure.data, _science_header(exposure))
        for name, plane in planes.items():
            if getattr(plane, "dtype", np.dtype(float)).names:
                _append_table(file, name, plane)
            else:
                _append_image(file, name, plane, _error_header(name, exposure))
        content = np.frombuffer(dump_tree(exposure), dtype=np.uint8)
        column = fits.Column(name="ASDF_METADATA", format=f"{content.size}B", array=content[np.newaxis])
        _append_bytes(file, fits.BinTableHDU.from_columns([column], name="ASDF"), content.tobytes())
    return path


def _append_image(file: BinaryIO, name: str, plane: Any, header: Header) -> None:
    """Append an image extension, block by block: a FITS file has its bytes in another order, which takes a copy."""
    from astropy.io import fits

    described = fits.ImageHDU(blank_plane(plane.shape, plane.dtype), header=header, name=name)

    def stored(block: tuple[int | slice, ...]) -> Array:
        return np.ascontiguousarray(_as_stored(plane[block], described.header))

    def piece(block: tuple[int | slice, ...]) -> memoryview:
        pixels = stored(block)
        swapped = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False)
        return swapped.reshape(-1).view(np.uint8).data.toreadonly()

    data, blocks = DataSum(), list(row_blocks(plane.shape, _PIXELS))
    if plane.dtype.itemsize % 4:
        for one in map(piece, blocks):
            data.add(one)
    else:
        data.add_words(sum(_sum_of_words(stored(block)) for block in blocks))
    _append(file, described, data, map(piece, blocks))


def _sum_of_words(block: Array) -> int:
    # Twice as fast as to sum with another type.
    return int(block.reshape(-1).view(np.uint32).astype(np.uint64).sum())


def _append_table(file: BinaryIO, name: str, rows: Array) -> None:
    from astropy.io import fits

    described, whole = fits.BinTableHDU(rows, name=name), BytesIO()
    with ONE_AT_A_TIME:
        fits.HDUList([fits.PrimaryHDU(), described]).writeto(whole)
    with fits.open(BytesIO(whole.getvalue())) as hdus:
        start = hdus[1].fileinfo()["datLoc"]
    _append_bytes(file, described, whole.getvalue()[start:])


def _append_bytes(file: BinaryIO, described: Any, content: bytes) -> None:
    data = DataSum()
    data.add(content)
    _append(file, described, data, [content])


def _append(file: BinaryIO, described: Any, data: DataSum, pieces: Iterable[bytes | memoryview]) -> None:
    """Append an HDU, of whose data the sum is known: what is written is never changed, and may be followed."""
    # astropy warns of each long keyword that it writes as HIERARCH; it came so and goes so.
    described.verify("silentfix")
    header, whole = described.header.copy(), DataSum()
    for keyword, value in (("CHECKSUM", "0" * 16), ("DATASUM", str(data.value))):
        header.set(keyword, value, _SUMS[keyword])
    whole.add(_bytes_of(header))
    header["CHECKSUM"] = encoded((whole.value + data.value) % 0xFFFFFFFF)
    file.write(_bytes_of(header))
    for piece in pieces:
        file.write(piece)
    file.write(b"\0" * (-file.tell() % BLOCK))


def _bytes_of(header: Header) -> bytes:
    """Return a header as it stands in a file; cards that no file may hold are mended."""
    return mended(header.tostring().encode("latin-1", "replace"))[0]


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


def _error_header(name: str, exposure: Exposure) -> Header:
    from astropy.io import fits

    if exposure.unit is None or not name.startswith(("ERR", "VAR_")):
        return fits.Header()
    return fits.Header({"BUNIT": unit_string(exposure.unit if name == "ERR" else exposure.unit**2)})


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
