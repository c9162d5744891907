"""What a header says survives calibration: card by card, in every layout, through FITS and ASDF and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from iris_core import Plugins, run

RATE = np.arange(400.0, dtype=np.float32).reshape(20, 20)
FLAGS = np.zeros((20, 20), dtype=np.uint16)


def rich_header(name: str) -> fits.Header:
    """Return cards of every kind that observatories write, some of them not by the book."""
    header = fits.Header()
    header["ORIGIN"] = ("Mauna Kea", f"of {name}")
    header["PROGPI"] = ("O'Neill & Wolf /&", "quotes, a slash and an ampersand at the end")
    header["LONGTEXT"] = ("ten letters" * 30, "a text that needs CONTINUE, and a comment that needs it as well " * 2)
    header["HIERARCH ESO DET WIN1 STRX"] = (17, "as others write them")
    header["HIERARCH aoLoopGain"] = (0.35, "keywords in lower case")
    header["AOLOOP"] = (True, "a truth")
    header["BIGCOUNT"] = 12345678901234
    header["TINY"] = 1.25e-30
    header["EMPTY"] = ""
    header["NOTHING"] = fits.card.Undefined()
    header.add_comment(f"first comment of {name}")
    header.add_comment("a comment that is too long for one card " * 3)
    header.add_history("flown home")
    header.add_history("reduced by hand, and then by hand once more " * 3)
    header.add_blank("a card without keyword")
    header.append(fits.Card.fromstring("FORTRAN =            1.250000D+02 / with an exponent of double precision"))
    header.append(fits.Card.fromstring("AIRMAST =                    1.10 / a zero at the end"))
    header.append(("ORIGIN", "Hilo", "a second card of that name"), end=True)
    return header


def jwst_like(path: Path) -> None:
    science = fits.ImageHDU(RATE, header=rich_header("SCI"), name="SCI")
    save(path, primary("PRIMARY"), science, fits.ImageHDU(FLAGS, name="DQ"))


def liger(path: Path) -> None:
    science = fits.ImageHDU(RATE, header=rich_header("DATA"), name="DATA")
    save(path, primary("PRIMARY"), science, fits.ImageHDU(FLAGS, name="DQ"))


def plain(path: Path) -> None:
    save(path, primary("PRIMARY", RATE))


def fpacked(path: Path) -> None:
    options: dict[str, Any] = {"compression_type": "GZIP_2", "quantize_level": 0}
    save(path, primary("PRIMARY"), fits.CompImageHDU(RATE, header=rich_header("SCI"), name="SCI", **options))


def primary(name: str, data: Any = None) -> fits.PrimaryHDU:
    header = rich_header(name)
    header["INSTRUME"], header["DETECTOR"] = "IRIS", "IMG1"
    return fits.PrimaryHDU(data, header=header)


def save(path: Path, *hdus: Any) -> None:
    fits.HDUList(list(hdus)).writeto(path, output_verify="silentfix")


LAYOUTS = {
    "x.fits": jwst_like,
    "x.fits.gz": jwst_like,
    "x.fits.fz": fpacked,
    "2024B-P1-001_IRIS_IMG1_SCI_LVL1_0001-00.fits": liger,
    "n0031.fits": plain,
}


def in_order(wanted: Sequence[str], cards: Iterator[str]) -> list[str]:
    """Return the wanted cards that are not found in `cards`, or not in this order."""
    return [card for card in wanted if card not in cards]  # the search goes on behind what it found


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("formats", [("fits",), ("asdf",), ("fits", "asdf", "fits"), ("asdf", "fits")])
@pytest.mark.filterwarnings("error")
def test_every_card_is_still_there_after_every_run(
    lab: Callable[..., Plugins], tmp_path: Path, write_recipe: Callable[..., Path], name: str, formats: tuple[str, ...]
) -> None:
    """What the runs write of themselves comes in addition."""
    path = tmp_path / name
    LAYOUTS[name](path)
    with fits.open(path) as hdus:
        headers = [hdu.header.copy(strip=True) for hdu in hdus if hdu.name not in ("DQ", "ASDF")]
    stages = ["dark_current", "flat_field", "resample"][: len(formats)]
    plugins = lab(**{stage: lambda exposure: exposure.scale(2) for stage in stages})
    for stage, form in zip(stages, formats, strict=True):
        recipe = write_recipe(f"{stage}: {{save: {stage[:4]}}}")
        report = run(recipe, path, plugins=plugins, format=form, directory=tmp_path / stage)
        assert not report.failed, report.failed[0].error
        (path,) = report.products
    product = plugins.read_exposure(path)
    assert np.array_equal(product.data, RATE * 2 ** len(formats))
    for theirs, ours in zip(headers, (product.header, product.sci_header), strict=False):
        wanted = [str(card) for card in theirs.cards if card.keyword not in ("EXTNAME", "EXTEND")]
        assert len(wanted) >= 18
        assert in_order(wanted, iter(str(card) for card in ours.cards)) == []


def test_the_search_for_cards_finds_what_is_lost_and_what_is_out_of_order() -> None:
    """The tests above stand on it."""
    assert in_order(["a", "b"], iter("xaxbx")) == []
    assert in_order(["a", "b", "c"], iter("ac")) == ["b", "c"]
    assert in_order(["a", "b"], iter("ba")) == ["b"]
