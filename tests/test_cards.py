"""Header cards that no stage needs stop nothing, and no product has a card that breaks the FITS standard."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from iris_core import read_asdf, read_fits, write_asdf, write_fits
from iris_core.io.cards import CARD, mended

END = "END".ljust(CARD)
RATE = np.arange(12, dtype=np.float32).reshape(3, 4)
# What stands in a file, and what becomes of it: keyword and value.
ODD: dict[str, tuple[str, Any]] = {
    "ESTAR   =                  NaN": ("ESTAR", "NaN"),
    "OBSERVER= 'A\tB     '": ("OBSERVER", "A B"),
    "ORIGIN  = 'CASA 4.7.0\n'": ("ORIGIN", "CASA 4.7.0"),
    "TEMP    = 3,5 / [deg] dome": ("TEMP", "3,5"),
    "HISTORY a\tb": ("HISTORY", "a b"),
    "COMMENT caf\xe9": ("COMMENT", "caf?"),
    "MY KEY  = 3": ("COMMENT", "MY KEY  = 3"),
    "mykey   = 3": ("MYKEY", 3),
    "LARGE   = 1E400": ("LARGE", "1E400"),
    "OPEN    = 'no end": ("OPEN", "no end"),
    "SHIFTED =3": ("SHIFTED", 3),
    "HEX     = 0x12": ("HEX", "0x12"),
    "NAME    = 'caf\xe9'": ("NAME", "caf?"),
    "HIERARCH ESO TEL AIRM = 1,2": ("ESO TEL AIRM", "1,2"),
    "CONTINUE  'of nothing'": ("COMMENT", "CONTINUE  'of nothing'"),
    "$PRICE  = 3": ("COMMENT", "$PRICE  = 3"),
    "NUL     = 'a\0b'": ("NUL", "a b"),
}
RIGHT = [
    "LONG    = 'begins here &'",
    "HIERARCH ESO DET CHIP1 = 3 / x",
    "FLOAT   = 1.5D3 / double",
    "COMPLEX = (1.0, 2.0)",
    "EMPTY   =",
    "TRUE    =                    T",
    "QUOTED  = 'it''s' / fine",
    "DATE    2020-01-01",
    "HISTORY anything = 'goes",
    "",
]


def header_of(*cards: str) -> bytes:
    text = "".join(card.ljust(CARD) for card in cards) + END
    return text.ljust(-(-len(text) // 2880) * 2880).encode("latin-1")


@pytest.mark.parametrize("card", ODD)
def test_an_odd_card_is_mended_and_named(card: str) -> None:
    header, faults = mended(header_of(card))
    parsed = fits.Header.fromstring(header)
    keyword, value = ODD[card]
    assert (parsed.cards[0].keyword, parsed.cards[0].value) == (keyword, value)
    parsed.cards[0].verify("exception")
    assert len(faults) == 1


@pytest.mark.parametrize("card", RIGHT)
def test_a_card_that_keeps_to_the_standard_stays_as_it_is(card: str) -> None:
    content = header_of(card)
    assert mended(content) == (content, [])


def test_a_text_may_go_on() -> None:
    content = header_of("LONG    = 'begins here &'", "CONTINUE  'and goes on&'", "CONTINUE  '' / comment")
    assert mended(content) == (content, [])


@given(st.lists(st.binary(min_size=CARD, max_size=CARD), max_size=5))
def test_any_bytes_become_a_header_that_can_be_read_and_written(cards: list[bytes]) -> None:
    raw = b"".join(card for card in cards if not card.startswith(b"END"))
    raw += END.encode()
    header, _ = mended(raw.ljust(-(-len(raw) // 2880) * 2880))
    assert mended(header)[0] == header
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for card in fits.Header.fromstring(header).cards:
            assert card.value is not None
            card.verify("exception")


@given(
    st.builds(
        "{:8.8}= {}".format,
        st.text("ABC_-1 xé\t", min_size=1, max_size=8),
        st.text("'&/ 1.eETN,(\té", max_size=CARD - 10),
    )
)
def test_near_misses_become_cards_that_can_be_read_and_written(card: str) -> None:
    header, _ = mended(header_of(card[:CARD]))
    assert mended(header)[0] == header
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = fits.Header.fromstring(header)
        for one in parsed.cards:
            assert one.value is not None
        fits.PrimaryHDU(header=parsed).header.tostring()


@pytest.mark.parametrize("place", ["PRIMARY", "SCI", "ERR"])
@pytest.mark.parametrize("card", ODD)
def test_an_odd_card_anywhere_stops_nothing_and_makes_no_invalid_product(tmp_path: Path, card: str, place: str) -> None:
    path = tmp_path / "x.fits"
    hdus = [fits.ImageHDU(RATE, name="SCI"), fits.ImageHDU(RATE + 1, name="ERR")]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    with fits.open(path) as opened:
        start = opened[place].fileinfo()["hdrLoc"]
    content = path.read_bytes()
    end = content.index(END.encode(), start)
    content = content[:end] + card.ljust(CARD).encode("latin-1") + END.encode() + content[end + 2 * CARD :]
    path.write_bytes(content)
    exposure = read_fits(path)
    assert np.array_equal(exposure.data, RATE)
    assert sum("mended" in note for note in exposure.notes) == 1
    assert read_fits(path, pixels=False).meta == exposure.meta
    write_fits(exposure, tmp_path / "y.fits")
    with fits.open(tmp_path / "y.fits", checksum=True) as hdus_out:
        hdus_out.verify("exception")
    write_asdf(exposure, tmp_path / "y.asdf")
    assert repr(read_asdf(tmp_path / "y.asdf").header) == repr(exposure.header)
