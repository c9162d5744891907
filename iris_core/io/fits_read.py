"""Read exposures from FITS: the layouts of jwst, CCDData, DRAGONS, LSST and HST, and plain images."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.arrays import Array, blank_plane, mask_together
from iris_core.errors import InputError
from iris_core.exposure import Exposure, as_masked
from iris_core.headers import is_wcs_keyword
from iris_core.io.fits_layout import INT_TIMES, find_layout
from iris_core.io.fits_open import open_fits
from iris_core.io.fits_pixels import read_flags, read_image, read_variance
from iris_core.io.fits_raw import read_pixels
from iris_core.io.fits_rows import FitsRows, rows_of
from iris_core.io.times import doubts, in_utc, with_times
from iris_core.io.tree import common_elsewhere, removed_before
from iris_core.io.wheels import with_filter
from iris_core.keywords import meta_of_headers, parse_unit

if TYPE_CHECKING:
    from astropy.io.fits import HDUList, Header
    from astropy.units import UnitBase

__all__ = ["open_rows", "read_fits", "strip_structure"]

log = logging.getLogger(__name__)

_STRUCTURE = (
    *("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "BSCALE", "BZERO", "BLANK"),
    *("EXTNAME", "EXTVER", "INHERIT", "NEXTEND", "CHECKSUM", "DATASUM"),
)


def read_fits(path: str | Path, pixels: bool = True, reftype: str = "", *, masked: bool = False) -> Exposure:
    """Return the exposure in a FITS file as it is: NaN and DO_NOT_USE may still stand alone.

    What is odd and harms nothing is logged as a warning, and noted in the exposure.

    Parameters
    ----------
    path
        A FITS file, also compressed (``.gz``, ``.fz``, ``.bz2``, ``.xz``, ``.zip``).
    pixels
        Whether to read pixels; an outline is returned otherwise.
    reftype
        Of the reference file that it is: of its errors none may be negative. In an exposure these are NaN.
    masked
        Whether NaN and DO_NOT_USE are put together, which costs no copy here.

    Raises
    ------
    InputError
        When the file is damaged, or is not one exposure, with what was found.
    """
    # A memory-mapped file stays resident until closed, so it is not mapped.
    path, remarks = Path(path), list[str]()
    with open_fits(path, pixels, remarks.append) as hdus:
        exposure = _read(hdus, path, pixels, remarks, reftype, masked)
    for remark in dict.fromkeys(remarks) if pixels else ():
        log.warning("%s: %s", path, remark)
    return exposure.replace(notes=tuple(dict.fromkeys(remarks)))


def open_rows(path: Path) -> tuple[Exposure, FitsRows] | None:
    """Return an outline of the exposure in a FITS file, without WCS, and what reads some rows of its pixels.

    None where it has to be read as a whole: see `rows_of`. What is odd and harms nothing is noted in the outline.

    Raises
    ------
    InputError
        When the file is damaged, or is not one exposure; its checksums are verified.
    """
    remarks: list[str] = []
    with open_fits(path, True, remarks.append) as hdus:
        layout = find_layout(hdus, path)
        rows = rows_of(layout, path, remarks)
        if rows is None:
            return None
        outline = _read(hdus, path, False, remarks, "", False)
        extension = next((hdu for hdu in hdus if hdu.name == "ASDF"), None)
        remarks += _lost(hdus, (*layout.hdus, extension))
        known = _restored(extension, outline.sci_header, path, wcs=False)
    names = [*rows.layout.components, *(["total"] if rows.layout.total else [])]
    variance = {name: blank_plane(outline.data.shape) for name in names}
    known |= {"notes": tuple(dict.fromkeys(remarks)), "area": None, "planes": {}, "wcs": None, "fits_wcs": None}
    return outline.replace(variance=variance, common=known.pop("common", common_elsewhere(variance)), **known), rows


def _read(hdus: HDUList, path: Path, pixels: bool, remarks: list[str], reftype: str, masked: bool) -> Exposure:
    layout = find_layout(hdus, path)
    science, shape = layout.science, tuple(layout.science.shape)
    header, sci_header = in_utc(*_headers(hdus[0], science, remarks), remarks)
    header = with_filter(header, sci_header)
    meta = meta_of_headers(header, sci_header, path)
    remarks += [*layout.remarks, *doubts(header, sci_header)]
    if meta.window is not None and meta.window.shape != shape[-2:]:
        raise InputError(
            f"{path}: the header gives the window {meta.window}, but the data are {shape[-1]} x {shape[-2]}"
        )
    extension = hdus["ASDF"] if pixels and "ASDF" in hdus else None
    remarks += _lost(hdus, (*layout.hdus, extension)) if pixels else []
    further = {name: _plane(hdu, pixels, path) for name, hdu in layout.further.items()}
    data, variance = read_image(science, pixels, path), read_variance(layout, pixels, path, remarks, reftype)
    dq = read_flags(layout, pixels, path)
    masked = masked and pixels and all(plane.shape == data.shape for plane in variance.values())
    if masked:
        dq, (data, *components) = mask_together(dq, (data, *variance.values()))
        variance = dict(zip(variance, components, strict=True))
    exposure = Exposure(
        data=data,
        dq=dq,
        variance=variance,
        area=None if layout.area is None else read_image(layout.area, pixels, path),
        planes=further,
        unit=_unit(sci_header, header, path),
        meta=meta,
        header=with_times(header, sci_header, meta, further.get(INT_TIMES)),
        sci_header=sci_header,
        **{
            "removed": removed_before(header, sci_header, path.name),
            "common": common_elsewhere(variance),
            **_restored(extension, sci_header if "CTYPE1" in sci_header else header, path),
        },
    )
    return as_masked(exposure) if masked else exposure


def _headers(primary: Any, science: Any, remarks: list[str]) -> tuple[Header, Header]:
    """Return the primary header, and that of the science image with the WCS cards that it inherits (INHERIT)."""
    header = strip_structure(primary.header)
    if science is primary:
        return header, type(header)()
    own = strip_structure(science.header)
    frame = _inherited(header, own)
    if science.header.get("INHERIT") is True:
        own.extend(frame)
    elif frame and "CTYPE1" in own and set(frame) & {"RADESYS", "RADECSYS", "EQUINOX", "EPOCH"}:
        given = ", ".join(f"{key} = {frame[key]}" for key in frame)
        remarks.append(f"the primary header has {given}; without INHERIT = T that is not the frame of its WCS")
    return header, own


def _inherited(header: Header, own: Header) -> Header:
    """Return the WCS cards of the primary header that an extension lacks; a matrix or projection is taken whole."""
    linear = re.compile(r"(CD|PC)\d+_\d+|CDELT\d|CROTA\d|CRPIX\d")
    parts = [linear.fullmatch, re.compile(r"CTYPE\d|CRVAL\d|CUNIT\d|P[VS]\d_\d+|[AB]P?_.*|LONPOLE|LATPOLE").fullmatch]
    there = [part for part in parts if any(map(part, own))]
    cards = [card for card in header.cards if is_wcs_keyword(card.keyword) or card.keyword == "EQUINOX"]
    kept = (card for card in cards if card.keyword not in own and not any(part(card.keyword) for part in there))
    return type(header)(kept)


def _lost(hdus: HDUList, kept: Iterable[Any]) -> list[str]:
    theirs = {id(hdu) for hdu in kept}
    lost = [hdu.name or "without a name" for hdu in hdus if id(hdu) not in theirs and (hdu.size or hdu is not hdus[0])]
    return [f"these extensions do not go into the products: {', '.join(lost)}"] if lost else []


def _plane(hdu: Any, pixels: bool, path: Path) -> Array:
    columns = getattr(hdu, "columns", None)
    if columns is not None and not getattr(hdu, "is_image", False):
        table = np.asarray(hdu.data)
        return table.astype(table.dtype.newbyteorder("="))
    if not pixels:
        return blank_plane(tuple(hdu.shape), np.int32)
    return read_pixels(hdu, path)


def _unit(sci_header: Header, header: Header, path: Path) -> UnitBase | None:
    for name in ("BUNIT", "UNIT"):
        text = sci_header.get(name) or header.get(name)
        if isinstance(text, str) and text.strip():
            try:
                return parse_unit(text)
            except InputError as error:
                raise InputError(f"{path}: BUNIT: {error}") from None
    return None


def _restored(extension: Any, wcs_header: Header, path: Path, wcs: bool = True) -> dict[str, Any]:
    """Return what the ASDF extension carries, and the FITS WCS beside it, from the header that has one."""
    if extension is None:
        return {}
    from iris_core.io.asdf_files import restore_tree

    if "ASDF_METADATA" not in getattr(getattr(extension, "columns", None), "names", ()):
        log.warning("%s: its extension ASDF has no column ASDF_METADATA and is not used", path)
        return {}
    fields = restore_tree(np.asarray(extension.data["ASDF_METADATA"]).tobytes(), path, wcs)
    if fields.get("wcs") is not None:
        cards = [card for card in wcs_header.cards if is_wcs_keyword(card.keyword) or card.keyword == "EQUINOX"]
        fields["fits_wcs"] = type(wcs_header)(cards)
    return {name: value for name, value in fields.items() if value or name != "removed"}


def strip_structure(header: Header) -> Header:
    """Return a copy of a header without the cards that describe the HDU itself."""
    kept = header.copy(strip=True)
    for keyword in _STRUCTURE:
        kept.remove(keyword, ignore_missing=True, remove_all=True)
    return kept
