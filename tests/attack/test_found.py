"""What the attack found, each as a sentence of its own: the smallest file that shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from iris_testkit import make_exposure

from iris_core import InputError, check, read_asdf, read_fits, write_asdf, write_fits

from .fits_mutations import BLOCK, headers

Write = Callable[..., Path]

PLANES = {"SCI": np.full((8, 9), 10, "f4"), "ERR": np.full((8, 9), 2, "f4"), "DQ": np.eye(8, 9, dtype="u4")}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes an exposure with extensions of the names given, as they are spelled."""

    def call(*names: str) -> Path:
        path = tmp_path / "x_rate.fits"
        hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(PLANES[name.upper()], name=name) for name in names)]
        fits.HDUList(hdus).writeto(path)
        content = path.read_bytes()
        for name in names:
            content = content.replace(f"'{name.upper():8}'".encode(), f"'{name:8}'".encode())
        path.write_bytes(content)
        return path

    return call


@pytest.mark.parametrize("names", [("sci", "ERR", "DQ"), ("SCI", "err", "DQ"), ("SCI", "Err", "dq")])
def test_names_of_extensions_are_compared_whatever_their_case(write: Write, names: tuple[str, ...]) -> None:
    exposure = read_fits(write(*names))
    assert np.array_equal(exposure.dq, PLANES["DQ"])
    assert (exposure.variance["total"] == 4).all()
    assert not exposure.planes


@pytest.mark.parametrize("names", [("ERR", "DQ"), ("DQ",), ("ERR",)])
def test_errors_and_flags_are_never_the_science_image(write: Write, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=names[0]):
        read_fits(write(*names))


def test_a_key_given_twice_in_an_association_is_refused(write: Write, write_recipe: Write, tmp_path: Path) -> None:
    write("SCI")
    alone = '"members": [{"expname": "x_rate.fits", "exptype": "science"}]'
    (tmp_path / "asn.json").write_text(f'{{"products": [{{"name": "x", {alone}, {alone}}}]}}')
    found = check(write_recipe(), tmp_path / "asn.json", instrument="iris-imager")
    assert any("members" in str(error) for error in found.errors)


def test_a_bit_of_an_asdf_file_that_has_changed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x_rate.asdf"
    write_asdf(make_exposure((8, 9)), path)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"\xd3BLK") + 60] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x_rate\.asdf"):
        read_asdf(path)


def test_a_card_with_its_sign_in_column_10_is_in_no_product(write: Write, tmp_path: Path) -> None:
    """Such a card is none (FITS 4.0, section 4.1.2.2); astropy would warn at each reading of the product."""
    path = write("SCI")
    start, end = headers(path.read_bytes())[0]
    content = path.read_bytes()
    card = b"COLUMN10 =                    1".ljust(80)
    path.write_bytes(content[:end] + card + content[end : start + BLOCK - 80] + content[start + BLOCK :])
    write_fits(read_fits(path), tmp_path / "product.fits")
    assert b"COLUMN10 =" not in (tmp_path / "product.fits").read_bytes()
