"""Open FITS files that are whole: plain or compressed, followed to their end before a pixel of them is used."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from iris_core.errors import InputError, one_line
from iris_core.io.files import require_file
from iris_core.io.fits_structure import HARMLESS, RATIO, Survey, primary_header, survey

if TYPE_CHECKING:
    from astropy.io.fits import HDUList, Header

__all__ = ["open_fits", "read_header", "read_primary_header"]

log = logging.getLogger(__name__)

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ": "lzma", b"PK\x03\x04": "zip", b"\x1f\x9d": "compress"}


@contextmanager
def open_fits(path: Path, pixels: bool = True, tell: Callable[[str], object] | None = None) -> Iterator[HDUList]:
    """Open a FITS file that is whole; whatever goes wrong meanwhile becomes an `InputError`.

    Cards that break the standard are mended before astropy reads them.

    Parameters
    ----------
    path
        The file, also compressed (gzip, bzip2, xz, zip; ``.Z`` with the package uncompresspy).
    pixels
        Whether pixels will be read; then DATASUM and CHECKSUM are verified.
    tell
        Called with each remark on what is odd and harms nothing; by default they are logged as warnings.

    Raises
    ------
    InputError
        When the file is no regular file, is no FITS file, is damaged or truncated, or is too large.
    """
    from astropy.io import fits

    require_file(path)
    with warnings.catch_warnings(record=True) as caught, ExitStack() as stack:
        warnings.simplefilter("always")
        with _in_words(path):
            file, found = _whole(path, pixels, stack)
            for remark in _remarks(found):
                tell(remark) if tell else log.warning("%s: %s", path, remark)
            opened = stack.enter_context(fits.open(file, memmap=False, ignore_missing_end=True))
            hdus = fits.HDUList(opened[: found.count])
            _check_tiles(hdus, path)
            yield hdus
    _report(path, caught)


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a file into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {_words(error)}") from error


def _report(path: Path, caught: Iterable[warnings.WarningMessage]) -> None:
    for message in dict.fromkeys(" ".join(str(item.message).split()) for item in caught):
        log.info("%s: %s", path, message)


def _words(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the file is truncated: the compressed data break off"
    words, _, _advice_for_programmers = one_line(error).partition(" If this is really")
    return f"not readable as FITS: {words}"


def _remarks(found: Survey) -> Iterator[str]:
    yield from found.remarks
    if found.faults:
        names, more = ", ".join(found.faults[:5]), len(found.faults) - 5
        yield f"header cards against the FITS standard were mended: {names}{f' and {more} more' if more > 0 else ''}"


def _whole(path: Path, pixels: bool, stack: ExitStack) -> tuple[Any, Survey]:
    """Return what astropy is to open, followed to its end: the file, or an unpacked or mended copy of it."""
    kind = _kind(path)
    with _unpacked(path, kind) as source:
        copy = _scratch(stack) if kind else None
        found = survey(source, _survey_of(path, kind), pixels, pixels, copy)
    if copy is None and not found.is_clean:
        copy = _scratch(stack)
        with path.open("rb") as source:
            survey(source, _survey_of(path, kind), False, pixels, copy)
    if copy is None:
        return path, found
    copy.seek(0)
    return stack.enter_context(os.fdopen(os.dup(copy.fileno()), "rb")), found


def _scratch(stack: ExitStack) -> BinaryIO:
    """Return a file without a name, which is gone with the process whatever ends it."""
    from tempfile import TemporaryFile

    return stack.enter_context(TemporaryFile())


def _survey_of(path: Path, kind: str) -> Survey:
    memory = _memory()
    return Survey(str(path), bool(kind), min(memory, max(HARMLESS, RATIO * path.stat().st_size)) if kind else memory)


def _memory() -> float:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every system
        return float("inf")


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(6)
    return next((kind for magic, kind in _PACKED.items() if start.startswith(magic)), "")


def _unpacked(path: Path, kind: str) -> Any:
    """Return the opened file, which gives its bytes unpacked."""
    if kind == "zip":
        return _member(path)
    if kind == "compress":
        try:
            return import_module("uncompresspy").LZWFile(path)
        except ImportError:
            remedy = "uncompress it, or install the package uncompresspy"
            raise InputError(f"{path}: not readable as FITS: it is compressed with compress (.Z); {remedy}") from None
    return import_module(kind).open(path, "rb") if kind else path.open("rb")


@contextmanager
def _member(path: Path) -> Iterator[Any]:
    from zipfile import ZipFile

    with ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise InputError(f"{path}: the archive has {len(names)} files; one is needed")
        with archive.open(names[0]) as file:
            yield file


def _check_tiles(hdus: HDUList, path: Path) -> None:
    """Refuse compressed images that are far larger than their file: whoever unpacks them needs the memory."""
    images = [hdu for hdu in hdus if type(hdu).__name__ == "CompImageHDU"]
    size = sum(prod(hdu.shape) * abs(hdu.header["BITPIX"]) // 8 for hdu in images)
    if size > min(_memory(), max(HARMLESS, RATIO * path.stat().st_size)):
        raise InputError(f"{path}: its compressed images are {size / 2**30:.1f} GiB, too much for its size")


def read_primary_header(path: Path) -> Header:
    """Return the primary header of a FITS file, and read nothing else of it: to see which instrument wrote it.

    Parameters
    ----------
    path
        The file, also compressed, as of `open_fits`.

    Raises
    ------
    InputError
        When it is no file, or does not begin with a FITS header. Nothing is said of what follows.
    """
    from astropy.io.fits import Header

    require_file(path)
    with _in_words(path):
        kind = _kind(path)
        with _unpacked(path, kind) as source:
            return Header.fromstring(primary_header(source, Survey(str(path), bool(kind), room=0)))


def read_header(path: Path) -> dict[str, Any]:
    """Return the keywords of the primary header and of the first extension; the primary header counts first.

    A compressed image, and a table, have their keywords in the first extension.
    """
    with open_fits(path, pixels=False) as hdus:
        return {card.keyword: card.value for hdu in reversed(hdus[:2]) for card in hdu.header.cards}
