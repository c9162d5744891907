"""Harm to a FITS file, and changes that are none: each a small function of a random generator and the file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from astropy.io import fits

Rng = np.random.Generator
Harm = Callable[[Rng, bytes], bytes]

BLOCK, CARD = 2880, 80
NAMED = ("SCI", "ERR", "DQ")
GARBAGE: tuple[Any, ...] = (
    "INDEF",
    "",
    " ",
    "nan",
    "******",
    "1,5",
    "(1,2)",
    "é".encode(),
    "x" * 300,
    True,
    -1,
    0,
    1e300,
)
GARBAGE_CARDS: tuple[Any, ...] = (
    b"NAN     =                  NaN",
    b"COMMA   =                1,234",
    b"QUOTE   = 'never closed",
    b"lower   =                    1",
    b"TWO KEY =                    1",
    b"NOTHING =",
    b"TABBED  = 'a\tb'",
    b"HISTORY a\ttab and a \x1b[31mcolour",
    b"COMMENT \xe9t\xe9",
    b"CONTINUE  'of nothing'",
    b"HIERARCH ESO DET EXP XPTIME = = 3",
    b"=       =                    1",
    b"BIG     = " + b"9" * 60,
    b"NUL     = 'a\x00b'",
    b"\xff" * 80,
    b"DATE-OBS= '2026-03-21T08:00:00'",
    b"EXTNAME = 'ERR'",
)
KEYWORDS = ("INSTRUME", "DETECTOR", "FILTER", "READMODE", "DATE-OBS", "EXPTIME", "TELESCOP", "OBJECT")
WORLD = ("CTYPE1", "CTYPE2", "CRPIX1", "CRVAL1", "CRVAL2", "CD1_1", "CD2_2", "RADESYS", "BUNIT")
STRUCTURE = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT")


def write(hdus: list[Any], checksum: bool = False) -> bytes:
    """Return HDUs as a file, as they are."""
    file = BytesIO()
    fits.HDUList(hdus).writeto(file, output_verify="ignore", checksum=checksum)
    return file.getvalue()


def read(content: bytes) -> list[Any]:
    """Return the HDUs of a file that is whole."""
    with fits.open(BytesIO(content), memmap=False) as hdus:
        return [type(hdu)(hdu.data, hdu.header) for hdu in hdus]


def with_sums(content: bytes) -> bytes:
    """Return a file with CHECKSUM and DATASUM in each HDU."""
    return write(read(content), checksum=True)


def headers(content: bytes) -> list[tuple[int, int]]:
    """Return where each header of a file begins, and where its END card stands."""
    cards = [content[at : at + CARD] for at in range(0, len(content), CARD)]
    starts = [at for at in range(0, len(cards), BLOCK // CARD) if cards[at].startswith((b"SIMPLE  =", b"XTENSION="))]
    return [(at * CARD, cards.index(b"END".ljust(CARD), at) * CARD) for at in starts]


def _insert(content: bytes, start: int, end: int, *cards: bytes) -> bytes:
    """Put cards before the END card of the header from `start` to `end`."""
    text = content[start:end] + b"".join(card[:CARD].ljust(CARD) for card in cards) + b"END".ljust(CARD)
    length = -(-(end + CARD - start) // BLOCK) * BLOCK
    return content[:start] + text.ljust(-(-len(text) // BLOCK) * BLOCK) + content[start + length :]


def _format(keyword: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return keyword.encode().ljust(8) + b"= '" + value + b"'"
    return fits.Card(keyword, value).image[:CARD].encode("ascii")


def _replace(content: bytes, header: tuple[int, int], keyword: str, card: bytes) -> bytes:
    """Put a card in place of the one of a keyword; before END where the header has none."""
    for at in range(*header, CARD):
        if content[at : at + 8] == keyword.encode().ljust(8):
            return content[:at] + card[:CARD].ljust(CARD) + content[at + CARD :]
    return _insert(content, *header, card)


def _one(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


# Bytes of the file.


def a_byte_of_a_file_with_sums(rng: Rng, content: bytes) -> bytes:
    summed = bytearray(with_sums(content))
    summed[int(rng.integers(len(summed)))] ^= 1 << int(rng.integers(8))
    return bytes(summed)


def a_block_of_a_file_with_sums(rng: Rng, content: bytes) -> bytes:
    summed = with_sums(content)
    at, new = (
        int(rng.integers(len(summed) // BLOCK)) * BLOCK,
        _one(rng, (b"\0" * BLOCK, b" " * BLOCK, rng.bytes(BLOCK))),
    )
    return summed[:at] + new + summed[at + BLOCK :]


def cut(rng: Rng, content: bytes) -> bytes:
    """Cut within an HDU: what ends with an HDU is a whole file."""
    starts = {start for start, _ in headers(content)}
    return content[: _one(rng, [at for at in range(1, len(content), 7) if at not in starts])]


def a_block_lost(rng: Rng, content: bytes) -> bytes:
    at = int(rng.integers(len(content) // BLOCK)) * BLOCK
    return content[:at] + content[at + BLOCK :]


def a_block_twice(rng: Rng, content: bytes) -> bytes:
    at = int(rng.integers(len(content) // BLOCK)) * BLOCK
    return content[: at + BLOCK] + content[at:]


def bytes_inserted(rng: Rng, content: bytes) -> bytes:
    at = int(rng.integers(len(content)))
    return content[:at] + rng.bytes(int(rng.integers(1, 200))) + content[at:]


def a_gzip_that_is_cut(rng: Rng, content: bytes) -> bytes:
    packed = gzip.compress(content, 1)
    return packed[: int(rng.integers(1, len(packed)))]


def a_gzip_with_another_byte(rng: Rng, content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content, 1))
    packed[int(rng.integers(10, len(packed)))] ^= 1 << int(rng.integers(8))
    return bytes(packed)


# Cards.


def a_value_that_is_none(rng: Rng, content: bytes) -> bytes:
    """Give a keyword that means something a value that says nothing."""
    header, keyword = _one(rng, [(0, key) for key in KEYWORDS] + [(1, key) for key in WORLD])
    value = _one(rng, GARBAGE if keyword not in ("CRPIX1", "CRVAL1", "CRVAL2", "CD1_1", "CD2_2") else GARBAGE[:-4])
    return _replace(content, headers(content)[header], keyword, _format(keyword, value))


def a_card_removed(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    header, keyword = _one(rng, [(0, key) for key in KEYWORDS] + [(1, key) for key in WORLD])
    hdus[header].header.remove(keyword, ignore_missing=True)
    return write(hdus)


def a_card_of_noise(rng: Rng, content: bytes) -> bytes:
    return _insert(content, *_one(rng, headers(content)), rng.bytes(CARD))


def a_card_against_the_standard(rng: Rng, content: bytes) -> bytes:
    return _insert(content, *_one(rng, headers(content)[:2]), _one(rng, GARBAGE_CARDS))


# Structure.


def a_structural_value(rng: Rng, content: bytes) -> bytes:
    keyword, values = _one(rng, STRUCTURE), (*GARBAGE, 7, 999, 31, 10**9, -64, 2**63)
    return _replace(content, _one(rng, headers(content)), keyword, _format(keyword, _one(rng, values)))


def no_end_card(rng: Rng, content: bytes) -> bytes:
    _, end = _one(rng, headers(content))
    return content[:end] + b" " * CARD + content[end + CARD :]


def an_extension_of_another_name(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    names = {
        "SCI": ("SCIENCE", "ERR", "DQ"),
        "ERR": ("ERROR", "UNCERT", "STDDEV", "SCI"),
        "DQ": ("MASK", "FLAGS", "BPM", "ERR"),
    }
    hdu = _one(rng, hdus[1:])
    hdu.header["EXTNAME"] = _one(rng, names[hdu.name])
    return write(hdus)


def an_extension_without_a_name(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    del _one(rng, hdus[1:]).header["EXTNAME"]
    return write(hdus)


def an_extension_twice(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    hdu = _one(rng, hdus[1:])
    other = fits.ImageHDU(hdu.data + hdu.data.dtype.type(1), hdu.header)
    return write([hdus[0], other, *hdus[1:]] if rng.random() < 0.5 else [*hdus, other])


def science_lost(_: Rng, content: bytes) -> bytes:
    return write([hdu for hdu in read(content) if hdu.name != "SCI"])


def a_plane_of_another_shape(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    at = int(rng.integers(2, len(hdus)))
    plane = hdus[at].data
    shaped = _one(
        rng, (plane[1:], plane[:, :-3], plane[None], plane.ravel(), np.stack([plane] * 2), plane[:0], plane[:1])
    )
    hdus[at] = fits.ImageHDU(shaped, name=hdus[at].name)
    return write(hdus)


def a_plane_as_a_table(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    at = int(rng.integers(1, len(hdus)))
    rows = hdus[at].data.astype("f4").reshape(-1, 32)
    hdus[at] = fits.BinTableHDU.from_columns([fits.Column("a", "32E", array=rows)], name=hdus[at].name)
    return write(hdus)


def flags_with_a_fraction(_: Rng, content: bytes) -> bytes:
    hdus = read(content)
    hdus[-1] = fits.ImageHDU(hdus[-1].data.astype("f4"), name=hdus[-1].name)
    return write(hdus)


# Changes that do no harm: the same pixels, whatever is said about them.


def other_cards(rng: Rng, content: bytes) -> bytes:
    cards = [
        b"NOISE%-3d= %20.4E / [adu] of the amplifier" % (at, rng.normal()) for at in range(int(rng.integers(1, 90)))
    ]
    return _insert(content, *_one(rng, headers(content)), *cards)


def a_long_history(rng: Rng, content: bytes) -> bytes:
    words = _one(rng, (b"HISTORY", b"COMMENT", b"       "))
    lines = [words.ljust(8) + b" line %d = 'x' / END" % at for at in range(int(rng.integers(1, 2000)))]
    return _insert(content, *_one(rng, headers(content)), *lines)


def a_hierarch_card(rng: Rng, content: bytes) -> bytes:
    card = b"HIERARCH ESO INS OPTI%d NAME = 'Kbb     ' / of another camera" % rng.integers(99)
    return _insert(content, *_one(rng, headers(content)), card)


def a_continued_text(rng: Rng, content: bytes) -> bytes:
    cards = (b"PROPOSAL= 'a long title&'", b"CONTINUE  ' of three lines, ''quoted''&'", b"CONTINUE  '' / done")
    return _insert(content, *_one(rng, headers(content)), *cards)


def blank_cards(rng: Rng, content: bytes) -> bytes:
    return _insert(content, *_one(rng, headers(content)), *[b""] * int(rng.integers(1, 80)))


def another_order_of_cards(rng: Rng, content: bytes) -> bytes:
    start, end = headers(content)[1]
    cards = [content[at : at + CARD] for at in range(start, end, CARD)]
    first = sum(card[:8].rstrip() in (*map(str.encode, STRUCTURE), b"BSCALE", b"BZERO") for card in cards)
    return (
        content[:start]
        + b"".join(cards[:first] + [cards[at] for at in first + rng.permutation(len(cards) - first)])
        + content[end:]
    )


def another_order_of_planes(rng: Rng, content: bytes) -> bytes:
    first, *planes = read(content)
    return write([first, *(planes[at] for at in rng.permutation(len(planes)))])


def another_extension(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.arange(9.0))], name="GUIDER")
    hdus.insert(int(rng.integers(1, len(hdus) + 1)), _one(rng, (table, fits.ImageHDU(name="EMPTY"))))
    return write(hdus)


def sums_and_packing(rng: Rng, content: bytes) -> bytes:
    return _one(rng, (with_sums, gzip.compress, lambda whole: gzip.compress(with_sums(whole))))(content)


def names_in_small_letters(rng: Rng, content: bytes) -> bytes:
    at = _one(rng, headers(content)[1:])
    name = next(content[i + 11 : i + 19] for i in range(*at, CARD) if content[i : i + 8] == b"EXTNAME ")
    return _replace(content, at, "EXTNAME", b"EXTNAME = '" + name.lower() + b"'")


def planes_of_doubles(_: Rng, content: bytes) -> bytes:
    hdus = read(content)
    for hdu in hdus[1:3]:
        hdu.data = hdu.data.astype("f8")
    return write(hdus)


def a_lossless_compression(rng: Rng, content: bytes) -> bytes:
    hdus = read(content)
    how = _one(rng, ("GZIP_1", "GZIP_2"))
    planes = [
        fits.CompImageHDU(hdu.data, hdu.header, name=hdu.name, compression_type=how, quantize_level=0)
        for hdu in hdus[1:]
    ]
    return write([hdus[0], *planes])


BYTES: tuple[Harm, ...] = (
    a_byte_of_a_file_with_sums,
    a_byte_of_a_file_with_sums,
    a_block_of_a_file_with_sums,
    cut,
    a_block_lost,
    a_block_twice,
    bytes_inserted,
    a_gzip_that_is_cut,
    a_gzip_with_another_byte,
)
CARDS: tuple[Harm, ...] = (
    a_value_that_is_none,
    a_value_that_is_none,
    a_card_removed,
    a_card_of_noise,
    a_card_against_the_standard,
    a_card_against_the_standard,
)
STRUCTURES: tuple[Harm, ...] = (
    a_structural_value,
    a_structural_value,
    no_end_card,
    an_extension_of_another_name,
    an_extension_without_a_name,
    an_extension_twice,
    science_lost,
    a_plane_of_another_shape,
    a_plane_as_a_table,
    flags_with_a_fraction,
)
HARMLESS: tuple[Harm, ...] = (
    other_cards,
    a_long_history,
    a_hierarch_card,
    a_continued_text,
    blank_cards,
    another_order_of_cards,
    another_order_of_planes,
    another_extension,
    sums_and_packing,
    names_in_small_letters,
    planes_of_doubles,
    a_lossless_compression,
)
