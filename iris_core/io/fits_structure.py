"""The structure of a FITS file, followed to its end before any pixel is used: headers, pixels and sums are whole."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from typing import BinaryIO

from iris_core.errors import InputError
from iris_core.io.cards import CARD, cards_of, is_end, mended
from iris_core.io.checksums import DataSum

__all__ = ["BLOCK", "HARMLESS", "RATIO", "Survey", "primary_header", "survey"]

BLOCK, PIECE = 2880, 1 << 20
# What unpacks to more than this times its size is no image of the sky (gzip itself ends at 1032), but a trap.
RATIO, HARMLESS = 1000, 1 << 30
_BITPIX = (8, 16, 32, 64, -32, -64)
_ENDLESS = 1 << 14  # blocks of a header, or behind the last HDU


@dataclass
class Survey:
    """What was found in a file: the number of HDUs, what has to be said, and whether a header had to be mended."""

    name: str
    is_packed: bool
    room: float
    count: int = 0
    stated: int | None = None  # number of extensions, by NEXTEND
    remarks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_clean: bool = True

    def refuse(self, words: str) -> InputError:
        """Return the error that a file is not whole."""
        return InputError(f"{self.name}: {words}")


@dataclass
class _Hdu:
    """One HDU: how it is called, and the cards that say how large its data are."""

    label: str
    values: Mapping[str, str]
    found: Survey

    def integer(self, keyword: str, default: int | None = None) -> int:
        text = self.values.get(keyword)
        if text is None and default is not None:
            return default
        number = re.fullmatch(r" *([+-]?\d{1,18}) *(/.*)?", text or "")
        if number is None:
            what = "is missing" if text is None else f"= {text.partition('/')[0].strip()} is no whole number"
            raise self.found.refuse(f"in the header of {self.label} {keyword} {what}")
        return int(number[1])

    @property
    def size(self) -> int:
        """Bytes of the data, without their fill (FITS 4.0, equation 1)."""
        bits, axes = self.integer("BITPIX"), self.integer("NAXIS")
        lengths = [self.integer(f"NAXIS{axis}") for axis in range(1, min(max(axes, 0), 999) + 1)]
        groups, parameters = self.integer("GCOUNT", 1), self.integer("PCOUNT", 0)
        if bits not in _BITPIX or not 0 <= axes <= 999 or min([*lengths, groups, parameters]) < 0:
            given = ", ".join(map(str, lengths))
            raise self.found.refuse(f"the header of {self.label} makes no sense: BITPIX {bits}, {axes} axes ({given})")
        if lengths and lengths[0] == 0 and self.values.get("GROUPS", "").split("/")[0].strip() == "T":
            lengths = lengths[1:]
        return abs(bits) // 8 * groups * (parameters + prod(lengths)) if axes else 0

    def check_scaling(self) -> None:
        """Refuse a BSCALE or BZERO that is no number: the pixels could not be known."""
        for keyword in ("BSCALE", "BZERO"):
            text = self.values.get(keyword, "1").partition("/")[0].strip()
            if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([EDed][+-]?\d+)?", text):
                raise self.found.refuse(f"in the header of {self.label} {keyword} = {text} is no number")


def survey(source: BinaryIO, found: Survey, sums: bool, pixels: bool, copy: BinaryIO | None = None) -> Survey:
    """Follow a file from header to header to its end.

    Parameters
    ----------
    source
        The file, unpacked.
    found
        Gives the name of the file, and takes what is found.
    sums
        Whether to verify DATASUM and CHECKSUM, for which all bytes are read.
    pixels
        Whether `copy` gets the pixels too; otherwise it has holes in their place.
    copy
        Where the file goes, with its headers mended.

    Raises
    ------
    InputError
        When the file is no FITS file, is truncated, or goes on behind its last HDU with what looks like another one.
    """
    block = _first_block(source, found)
    while block.startswith((b"SIMPLE", b"XTENSION")[min(found.count, 1)]):
        _follow(block, source, found, (sums, pixels), copy)
        block = source.read(BLOCK)
    _finish(block, source, found)
    return found


def primary_header(source: BinaryIO, found: Survey) -> bytes:
    """Return the first header of a file, as whole blocks, with cards that break the standard mended."""
    return mended(_read_header(_first_block(source, found), source, found, _label(found)))[0]


def _first_block(source: BinaryIO, found: Survey) -> bytes:
    block = source.read(BLOCK)
    if not block.startswith(b"SIMPLE"):
        words = "it is empty" if not block else "it does not begin with SIMPLE"
        raise found.refuse(f"not readable as FITS: {words}")
    return block


def _label(found: Survey) -> str:
    return f"extension {found.count}" if found.count else "the primary HDU"


def _follow(first: bytes, source: BinaryIO, found: Survey, wanted: tuple[bool, bool], copy: BinaryIO | None) -> None:
    """Follow one HDU, of which the first block has been read."""
    label = _label(found)
    raw = _read_header(first, source, found, label)
    header, faults = mended(raw)
    values: dict[str, str] = {}
    for card in cards_of(header):
        values.setdefault(card[:8].rstrip(), card[10:])
    name = values.get("EXTNAME", "").partition("/")[0].strip(" '")
    hdu = _Hdu(name or label, values, found)
    hdu.check_scaling()
    found.is_clean &= header is raw
    found.faults += [fault for fault in faults if fault not in found.faults]
    if not found.count and re.fullmatch(r" *\d+ *(/.*)?", values.get("NEXTEND", "")):
        found.stated = hdu.integer("NEXTEND")
    found.count += 1
    if copy is not None:
        copy.write(header)
    _follow_data(hdu, raw, source, wanted, copy)


def _read_header(block: bytes, source: BinaryIO, found: Survey, label: str) -> bytes:
    """Return a header up to END, as whole blocks."""
    blocks: list[bytes] = []
    while block and len(blocks) < _ENDLESS and not (blocks and block.startswith((b"XTENSION", b"SIMPLE  "))):
        blocks.append(block)
        if any(is_end(block[start : start + 8].decode("latin-1")) for start in range(0, len(block), CARD)):
            return b"".join(blocks).ljust(len(blocks) * BLOCK)
        block = source.read(BLOCK)
    if not block:
        raise found.refuse(f"the file is truncated: the header of {label} has no END, the file ends within it")
    raise found.refuse(f"the header of {label} has no END before the next one begins; the file is damaged")


def _follow_data(hdu: _Hdu, header: bytes, source: BinaryIO, wanted: tuple[bool, bool], copy: BinaryIO | None) -> None:
    found, (sums, pixels), size = hdu.found, wanted, hdu.size
    end = -(-size // BLOCK) * BLOCK
    total = DataSum() if sums and hdu.values.keys() & {"DATASUM", "CHECKSUM"} else None
    found.room -= end
    if found.room < 0:
        raise found.refuse(_too_large(hdu, size))
    if total is None and not found.is_packed and copy is None:
        missing = source.tell() + size - os.fstat(source.fileno()).st_size
        source.seek(max(size, 0), os.SEEK_CUR)
    else:
        takers: list[Callable[[bytes], object]] = [] if total is None else [total.add]
        takers += [copy.write] if copy is not None and pixels else []
        missing = _pass_on(source, size, takers)
    if missing > 0:
        raise found.refuse(f"the file is truncated: the data of {hdu.label} end {missing} of {size} bytes too early")
    fill = source.read(end - size)
    _check_fill(fill, end - size, hdu)
    if copy is not None:
        copy.write(fill.ljust(end - size, b"\0")) if pixels else copy.truncate(copy.seek(end, os.SEEK_CUR))
    if total is not None:
        total.add(fill)
        _check_sums(hdu, header, total.value)


def _too_large(hdu: _Hdu, size: int) -> str:
    amount = f"the data of {hdu.label} are {size / 2**30:.1f} GiB by its header"
    if hdu.found.is_packed:
        return f"{amount}, a thousand times the size of the compressed file or more than this machine's memory"
    return f"the file is truncated, or {amount}: more than the file has, or than this machine's memory"


def _pass_on(source: BinaryIO, size: int, takers: list[Callable[[bytes], object]]) -> int:
    """Read bytes and give them to all takers; return how many were missing."""
    while size > 0:
        piece = source.read(min(size, PIECE))
        if not piece:
            return size
        for take in takers:
            take(piece)
        size -= len(piece)
    return 0


def _check_fill(fill: bytes, length: int, hdu: _Hdu) -> None:
    """Note a fill that is missing or that is none: the pixels are all there."""
    if len(fill) < length:
        hdu.found.remarks.append(f"the fill after the data of {hdu.label} is cut off; the data are whole")
    elif fill.strip(b"\0 "):
        hdu.found.remarks.append(f"after the data of {hdu.label} the fill is not zero: are its NAXISn right?")


def _check_sums(hdu: _Hdu, header: bytes, data: int) -> None:
    whole = DataSum()
    whole.add(header)
    stated = {key: hdu.values.get(key, "").partition("/")[0].strip(" '") for key in ("DATASUM", "CHECKSUM")}
    total = (whole.value + data) % 0xFFFFFFFF
    if stated["DATASUM"] and stated["DATASUM"] != str(data):
        words = f"the DATASUM of {hdu.label} does not fit: its data are damaged, or were changed without it"
        hdu.found.remarks.append(words)
    elif stated["CHECKSUM"] and total:
        what = "its header was changed" if stated["DATASUM"] else "it is damaged, or was changed"
        hdu.found.remarks.append(f"the CHECKSUM of {hdu.label} does not fit: {what}")


def _looks_like_a_header(start: bytes) -> bool:
    return bool(re.match(rb"[A-Z0-9_-]{1,8} *= ", start)) or b"XTENSION".startswith(start)


def _finish(block: bytes, source: BinaryIO, found: Survey) -> None:
    """Follow what comes behind the last HDU to the end of the file, which for gzip is its CRC."""
    missing = (found.stated or 0) - (found.count - 1)
    if missing > 0:  # no refusal: programs that remove extensions often leave NEXTEND as it was
        words = f"NEXTEND is {found.stated}, and {missing} of the extensions are missing"
        found.remarks.append(f"{words}: the file is truncated after an extension, or they were removed")
    rest = chain([block] if block else [], iter(lambda: source.read(BLOCK), b""))
    for number, one in enumerate(rest):
        looks = one.startswith((b"XTENSION", b"SIMPLE  =")) if number else _looks_like_a_header(one)
        if looks or number > _ENDLESS:
            what = "another header that is not in its place" if looks else "very many bytes that belong to none"
            raise found.refuse(f"behind HDU number {found.count} comes {what}; the file is damaged")
        if not number and one.strip(b"\0 \n\r\x1a"):
            found.remarks.append(f"behind the last HDU, number {found.count}, come bytes that belong to none")
