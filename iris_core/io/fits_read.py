"""Read exposures from FITS: the layouts of JWST-like pipelines, DATA instead of SCI, and plain images."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.arrays import Array, Flags, Image, blank_plane
from iris_core.errors import InputError, one_line
from iris_core.exposure import Exposure
from iris_core.headers import is_wcs_keyword
from iris_core.io.tree import common_elsewhere, removed_before
from iris_core.keywords import meta_of_headers, parse_unit

if TYPE_CHECKING:
    from astropy.io.fits import HDUList, Header
    from astropy.units import UnitBase

__all__ = ["open_fits", "read_fits", "read_header"]

log = logging.getLogger(__name__)

SCIENCE = ("SCI", "DATA")
_STRUCTURE = (
    "SIMPLE",
    "XTENSION",
    "BITPIX",
    "NAXIS",
    "EXTEND",
    "PCOUNT",
    "GCOUNT",
    "BSCALE",
    "BZERO",
    "BLANK",
    "EXTNAME",
    "EXTVER",
)


def read_fits(path: str | Path, pixels: bool = True) -> Exposure:
    """Return the exposure in a FITS file as it is: NaN and DO_NOT_USE may still stand alone.

    Parameters
    ----------
    path
        A FITS file, also compressed (``.gz``, ``.fz``).
    pixels
        Whether to read pixels; an outline is returned otherwise.

    Raises
    ------
    InputError
        When the file is not one exposure, with what was found.
    """
    # A memory-mapped file stays resident until closed, so do not map.
    path = Path(path)
    with open_fits(path, memmap=False) as hdus:
        return _read(hdus, path, pixels)


def read_header(path: Path) -> dict[str, Any]:
    """Return the keywords of the primary header and of the first extension; the primary header counts first.

    A compressed image, and a table, have their keywords in the first extension.
    """
    with open_fits(path, ignore_missing_end=True) as hdus:
        return {card.keyword: card.value for hdu in reversed(hdus[:2]) for card in hdu.header.cards}


@contextmanager
def open_fits(path: Path, **options: Any) -> Iterator[HDUList]:
    """Open a FITS file; whatever astropy raises becomes an `InputError`, its warnings go to the log.

    Parameters
    ----------
    path
        The file.
    **options
        For `astropy.io.fits.open`.
    """
    from astropy.io import fits

    if not isfile(path):
        raise InputError(f"{path}: no such file")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(path, **options) as hdus:
                hdus.readall()
                yield hdus
        except Exception as error:
            # A truncated file fails in many ways; what it is comes first.
            _report(path, caught)
            if isinstance(error, InputError):
                raise
            words, _, _advice_for_programmers = one_line(error).partition(" If this is really")
            raise InputError(f"{path}: not readable as FITS: {words}") from error
    _report(path, caught)


def _report(path: Path, caught: Iterable[warnings.WarningMessage]) -> None:
    for message in dict.fromkeys(" ".join(str(item.message).split()) for item in caught):
        if "truncated" in message:
            raise InputError(f"{path}: the file is truncated: {message}")
        log.info("%s: %s", path, message)


def _read(hdus: HDUList, path: Path, pixels: bool) -> Exposure:
    science = _science(hdus, path)
    header = strip_structure(hdus[0].header)
    sci_header = strip_structure(science.header) if science is not hdus[0] else type(header)()
    shape = tuple(science.shape)
    meta = meta_of_headers(header, sci_header, path)
    if meta.window is not None and meta.window.shape != shape[-2:]:
        raise InputError(
            f"{path}: the header gives the window {meta.window}, but the data are {shape[-1]} x {shape[-2]}"
        )
    named = _named_images(hdus, science)
    extension = hdus["ASDF"] if pixels and "ASDF" in hdus else None
    if pixels:
        _warn_of_lost(hdus, (science, extension, *named.values()), path)
    data, variance = _image(science, pixels, path), _variance(named, pixels, path)
    return Exposure(
        data=data,
        dq=_flags(named.get("DQ"), shape, pixels, path),
        variance=variance,
        area=_image(named["AREA"], pixels, path) if "AREA" in named else None,
        planes={name: _plane(hdu, pixels) for name, hdu in named.items() if not _is_known(name)},
        unit=_unit(sci_header, header, path),
        meta=meta,
        header=header,
        sci_header=sci_header,
        **{
            "removed": removed_before(header, sci_header, path.name),
            "common": common_elsewhere(variance),
            **_restored(extension, sci_header if "CTYPE1" in sci_header else header, path),
        },
    )


def _science(hdus: HDUList, path: Path) -> Any:
    """Return the HDU with the science image."""
    named = [hdu for hdu in hdus if hdu.name in SCIENCE and getattr(hdu, "is_image", False)]
    if len(named) > 1:
        raise InputError(f"{path}: {len(named)} extensions are called {named[0].name}; an exposure has one")
    images = named or [hdu for hdu in hdus if getattr(hdu, "is_image", False) and len(hdu.shape) >= 2]
    if not images:
        found = ", ".join(_describe(index, hdu) for index, hdu in enumerate(hdus))
        raise InputError(f"{path}: no image in the file; an extension SCI or DATA is needed; there are: {found}")
    shape = tuple(images[0].shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{path}: the image {images[0].name} has shape {shape}; (ny, nx) or (nint, ny, nx) is needed")
    return images[0]


def _describe(index: int, hdu: Any) -> str:
    kind = f"image {tuple(hdu.shape)}" if getattr(hdu, "is_image", False) else type(hdu).__name__
    return f"{hdu.name or index} {kind}"


def _named_images(hdus: HDUList, science: Any) -> dict[str, Any]:
    """Return the image extensions beside the science image; of two with one name, the first."""
    named: dict[str, Any] = {}
    for hdu in hdus[1:]:
        if hdu is not science and getattr(hdu, "is_image", False) and (_is_known(hdu.name) or len(hdu.shape) >= 2):
            named.setdefault(hdu.name, hdu)
    return named


def _is_known(name: str) -> bool:
    return name in ("ERR", "DQ", "AREA") or name.startswith("VAR_")


def _warn_of_lost(hdus: HDUList, kept: Iterable[Any], path: Path) -> None:
    theirs = {id(hdu) for hdu in kept}
    lost = [hdu.name or "without a name" for hdu in hdus if id(hdu) not in theirs and (hdu.size or hdu is not hdus[0])]
    if lost:
        log.warning("%s: these extensions do not go into the products: %s", path, ", ".join(lost))


def _image(hdu: Any, pixels: bool, path: Path) -> Image:
    if not pixels:
        return blank_plane(tuple(hdu.shape))
    with np.errstate(over="ignore"):
        try:
            image = _without_blank(hdu, np.asarray(hdu.data, dtype=np.float32))
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: the pixels of {hdu.name} are not numbers: {error}") from error
    _let_go(hdu)
    return image


def _let_go(hdu: Any) -> None:
    """Release the pixels of astropy as soon as there is a copy of them: both together are twice the file."""
    del hdu.data


def _without_blank(hdu: Any, image: Image) -> Image:
    """Return an image with NaN for BLANK, which astropy overlooks in unsigned integers."""
    blank, raw = hdu.header.get("BLANK"), hdu.data
    if blank is None or raw.dtype.kind != "u":
        return image
    return np.where(raw == blank + (1 << (8 * raw.dtype.itemsize - 1)), np.float32(np.nan), image)


def _plane(hdu: Any, pixels: bool) -> Array:
    if not pixels:
        return blank_plane(tuple(hdu.shape), np.int32)
    data = np.asarray(hdu.data)
    _let_go(hdu)
    return data.astype(data.dtype.newbyteorder("="))


def _flags(hdu: Any, shape: tuple[int, ...], pixels: bool, path: Path) -> Flags:
    """Return DQ in the shape of the data: a 2-D DQ holds for every integration."""
    if hdu is None:
        return blank_plane(shape, np.uint32)
    if hdu.header["BITPIX"] < 0:
        raise InputError(f"{path}: DQ has pixels with a fraction (BITPIX {hdu.header['BITPIX']}); integers are needed")
    if not pixels:
        return blank_plane(shape if tuple(hdu.shape) == shape[-2:] else tuple(hdu.shape), np.uint32)
    raw = np.asarray(hdu.data)
    _let_go(hdu)
    if raw.dtype.kind not in "iub":
        raise InputError(f"{path}: DQ has {raw.dtype} pixels; they have to be integers")
    # A signed word of fewer bits has to keep its top bit and no more.
    bits = raw.astype(f"u{raw.dtype.itemsize}", copy=False)
    if bits.dtype.itemsize > 4 and bits.size and bits.max() > np.iinfo(np.uint32).max:
        raise InputError(f"{path}: DQ has bits above 31")
    flags = bits.astype(np.uint32, copy=False)
    if flags.ndim == 2 and flags.shape == shape[-2:]:
        return np.broadcast_to(flags, shape)
    return flags


def _variance(named: dict[str, Any], pixels: bool, path: Path) -> dict[str, Image]:
    """Return the components, and what ERR says beyond them: all of it (``total``), or the rest (``other``)."""
    components = {name[4:].lower(): hdu for name, hdu in named.items() if name.startswith("VAR_")}
    variance = {name: _positive(_image(hdu, pixels, path)) for name, hdu in components.items()}
    if "ERR" not in named or (variance and not pixels):
        return variance
    if variance:
        some = np.asarray(named["ERR"].data[..., ::16, :], dtype=np.float32)
        _let_go(named["ERR"])
        if not _exceeds(some, variance):
            return variance
    err = _positive(_image(named["ERR"], pixels, path))
    if not variance:
        return {"total": np.square(err) if pixels else err}
    log.warning("%s: ERR is larger than its components; the rest of its variance becomes VAR_OTHER", path)
    return {**variance, "other": np.maximum(np.square(err) - sum(variance.values()), 0)}


def _exceeds(err: Image, variance: dict[str, Image]) -> bool:
    """Whether ERR, every 16th row of it, says more than the sum of the components."""
    total = sum(plane[..., ::16, :].astype(np.float64) for plane in variance.values())
    with np.errstate(invalid="ignore"):
        return bool(np.mean(np.square(err, dtype=np.float64) > 1.01 * total) > 1e-3)


def _positive(error: Image) -> Image:
    """Return a variance or an error with NaN where it is negative: nobody knows the error of such a pixel."""
    if error.size == 0 or error.strides[-1] == 0 or not (error < 0).any():
        return error
    return np.where(error < 0, np.float32(np.nan), error)


def _unit(sci_header: Header, header: Header, path: Path) -> UnitBase | None:
    for name in ("BUNIT", "UNIT"):
        text = sci_header.get(name) or header.get(name)
        if isinstance(text, str) and text.strip():
            try:
                return parse_unit(text)
            except InputError as error:
                raise InputError(f"{path}: BUNIT: {error}") from None
    return None


def _restored(extension: Any, wcs_header: Header, path: Path) -> dict[str, Any]:
    """Return what the ASDF extension carries, and the FITS WCS beside it, from the header that has one."""
    if extension is None:
        return {}
    from iris_core.io.asdf_files import restore_tree

    if "ASDF_METADATA" not in getattr(getattr(extension, "columns", None), "names", ()):
        log.warning("%s: its extension ASDF has no column ASDF_METADATA and is not used", path)
        return {}
    fields = restore_tree(np.asarray(extension.data["ASDF_METADATA"]).tobytes(), path)
    if fields.get("wcs") is not None:
        cards = [card for card in wcs_header.cards if is_wcs_keyword(card.keyword) or card.keyword == "EQUINOX"]
        fields["fits_wcs"] = type(wcs_header)(cards)
    return {name: value for name, value in fields.items() if value or name != "removed"}


def strip_structure(header: Header) -> Header:
    """Return a copy of a header without the cards that describe the HDU itself."""
    kept = header.copy(strip=True)
    for keyword in (*_STRUCTURE, "CHECKSUM", "DATASUM"):
        kept.remove(keyword, ignore_missing=True, remove_all=True)
    return kept
