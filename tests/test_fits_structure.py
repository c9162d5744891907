"""Damaged files are refused: truncated, without END, with sums that do not fit, packed badly, or no files at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from iris_core import (
    InputError,
    Plugins,
    Problems,
    check,
    read_asdf,
    read_exposure,
    read_fits,
    read_primary_header,
    run,
    write_fits,
)

SCI = np.random.default_rng(1).normal(10, 1, (40, 50)).astype(np.float32)
DQ = np.eye(40, 50, dtype=np.uint32)
NAMES = ("SCI", "ERR", "DQ")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return a file with SCI, ERR and DQ, with its checksums."""
    planes = (SCI, np.ones_like(SCI), DQ)
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in zip(NAMES, planes, strict=True)]
    path = tmp_path / "x.fits"
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, checksum=True)
    return path


def place(path: Path, name: str) -> tuple[int, int, int]:
    """Return where header and data of an HDU begin, and where it ends."""
    with fits.open(path) as hdus:
        info = hdus[name].fileinfo()
    return info["hdrLoc"], info["datLoc"], info["datLoc"] + info["datSpan"]


def refused(path: Path, words: str, both: bool = True) -> None:
    for pixels in (True, False) if both else (True,):
        with pytest.raises(InputError, match=words) as caught:
            read_fits(path, pixels)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_whole_file_is_read_without_a_remark(whole: Path) -> None:
    assert read_fits(whole).notes == ()
    assert_array_equal(read_fits(whole).data, SCI)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [1, 80, 1000, 2879])
def test_a_file_that_ends_within_a_header_is_refused(whole: Path, name: str, at: int) -> None:
    whole.write_bytes(whole.read_bytes()[: place(whole, name)[0] + at])
    refused(whole, "truncated|another header")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [0, 1, 7999])
def test_a_file_that_ends_within_pixels_is_refused(whole: Path, name: str, at: int) -> None:
    whole.write_bytes(whole.read_bytes()[: place(whole, name)[1] + at])
    refused(whole, f"truncated: the data of {name}")


@pytest.mark.parametrize("name", ["ERR", "DQ", "ASDF"])
def test_a_product_that_ends_between_two_extensions_is_named(whole: Path, tmp_path: Path, name: str) -> None:
    product = write_fits(read_fits(whole), tmp_path / "product.fits")
    assert read_fits(product).notes == ()
    product.write_bytes(product.read_bytes()[: place(product, name)[0]])
    for pixels in (True, False):
        assert any("NEXTEND" in note and "truncated" in note for note in read_fits(product, pixels).notes)


def test_what_removes_extensions_and_leaves_nextend_is_named_and_what_adds_some_is_not(whole: Path) -> None:
    for number, is_named in ((2, False), (3, False), (4, True), ("many", False)):
        fits.setval(whole, "NEXTEND", value=number)
        exposure = read_fits(whole)
        assert any("NEXTEND" in note for note in exposure.notes) is is_named
        assert "NEXTEND" not in exposure.header
        assert_array_equal(exposure.data, SCI)


def test_the_fill_after_the_last_pixels_may_be_missing(whole: Path) -> None:
    whole.write_bytes(whole.read_bytes()[: place(whole, "DQ")[1] + 4 * DQ.size])
    exposure = read_fits(whole)
    assert_array_equal(exposure.dq, DQ)
    assert any("fill" in note for note in exposure.notes)


@pytest.mark.parametrize("name", ["PRIMARY", *NAMES])
def test_a_header_without_end_is_refused(whole: Path, name: str) -> None:
    content = bytearray(whole.read_bytes())
    end = content.index(b"END" + b" " * 77, place(whole, name)[0])
    content[end : end + 3] = b"   "
    whole.write_bytes(content)
    refused(whole, "no END")


@pytest.mark.parametrize("name", NAMES)
def test_an_extension_that_cannot_be_recognised_is_not_passed_over(whole: Path, name: str) -> None:
    content = bytearray(whole.read_bytes())
    start = place(whole, name)[0]
    content[start : start + 8] = b"XTENSIOM"
    whole.write_bytes(content)
    refused(whole, "another header")


def test_two_files_in_one_are_refused(whole: Path) -> None:
    whole.write_bytes(2 * whole.read_bytes())
    refused(whole, "another header")


@pytest.mark.parametrize("more", [b"\0" * 2880, b"\0", b" " * 100, b"\r\n", bytes(range(1, 181)) * 16])
def test_what_belongs_to_no_hdu_may_follow_the_last(whole: Path, more: bytes) -> None:
    whole.write_bytes(whole.read_bytes() + more)
    exposure = read_fits(whole)
    assert_array_equal(exposure.data, SCI)
    assert bool(exposure.notes) is more.startswith(b"\1")


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("NAXIS1  =                   -5", "NAXIS1|makes no sense"),
        ("NAXIS1  =                 five", "NAXIS1 = 'five"),
        ("NAXIS1  =      900000000000000", "truncated|memory"),
        ("NAXIS   =                 1000", "NAXIS"),
        ("BITPIX  =                  -33", "BITPIX"),
        ("GCOUNT  =                   -1", "makes no sense"),
        ("PCOUNT  =              1000000", "truncated"),
    ],
)
def test_a_header_whose_pixels_make_no_sense_is_refused(whole: Path, card: str, words: str) -> None:
    start, data, _ = place(whole, "SCI")
    content = whole.read_bytes()
    at = content.index(card[:10].encode(), start, data)
    whole.write_bytes(content[:at] + card.ljust(80).encode() + content[at + 80 :])
    refused(whole, words)


def test_a_scale_that_is_no_number_is_refused(whole: Path) -> None:
    content = whole.read_bytes()
    at = content.index(b"BZERO   =", place(whole, "DQ")[0])
    whole.write_bytes(content[:at] + b"BZERO   =         2147483648,0".ljust(80) + content[at + 80 :])
    refused(whole, "BZERO")


@pytest.mark.parametrize("name", NAMES)
def test_pixels_that_do_not_fit_their_sum_are_named(whole: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    content = bytearray(whole.read_bytes())
    content[place(whole, name)[1] + 4000] ^= 1
    whole.write_bytes(content)
    exposure = read_fits(whole)
    assert any("DATASUM" in note and name in note for note in exposure.notes)
    assert "DATASUM" in caplog.text


def test_a_header_that_does_not_fit_its_sum_is_named(whole: Path) -> None:
    content = whole.read_bytes()
    start = place(whole, "SCI")[0]
    whole.write_bytes(content[:start] + content[start:].replace(b"array data type", b"array data typo", 1))
    assert any("CHECKSUM" in note and "SCI" in note for note in read_fits(whole).notes)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "x.fits.gz": gzip.compress,
    "x.fits.bz2": bz2.compress,
    "x.fits.xz": lzma.compress,
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_file_is_read_and_verified_to_its_end(whole: Path, name: str) -> None:
    content = PACKERS[name](whole.read_bytes())
    path = whole.with_name(name)
    path.write_bytes(content)
    assert_array_equal(read_fits(path).data, SCI)
    assert_array_equal(read_fits(path).dq, DQ)
    assert read_fits(path, pixels=False).shape == SCI.shape
    for kept in (0.3, 0.7, 0.999):
        path.write_bytes(content[: int(len(content) * kept)])
        refused(path, "truncated|not readable")


@pytest.mark.parametrize("name", ["x.fits", *PACKERS])
def test_of_the_primary_header_nothing_that_follows_is_looked_at(whole: Path, name: str) -> None:
    path = whole.with_name(name)
    path.write_bytes(PACKERS.get(name, bytes)(whole.read_bytes()[: place(whole, "SCI")[1] + 100]))
    header = read_primary_header(path)
    assert header["NAXIS"] == 0
    assert header["EXTEND"] is True
    with pytest.raises(InputError, match="truncated"):
        read_fits(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"XTENSION", "does not begin with SIMPLE"),
        (b"SIMPLE  =                    T".ljust(2880), "has no END"),
        (b"\x1f\x8bno gzip", "not readable as FITS|truncated"),
    ],
)
def test_what_has_no_primary_header_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_primary_header(path)
    assert "x.fits" in str(caught.value)
    with pytest.raises(InputError):
        read_primary_header(tmp_path / "none.fits")


def test_a_gzip_file_whose_crc_does_not_fit_is_refused(whole: Path) -> None:
    path = whole.with_name("x.fits.gz")
    content = bytearray(gzip.compress(whole.read_bytes()))
    content[-8] ^= 1
    path.write_bytes(content)
    refused(path, "CRC")


def test_a_zip_archive_of_one_file_is_read(whole: Path) -> None:
    path = whole.with_name("x.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(whole, "x.fits")
    assert_array_equal(read_fits(path).data, SCI)
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(whole, "y.fits")
    refused(path, "2 files")


def header_of(shape: tuple[int, ...], primary: bool = True) -> bytes:
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", len(shape))])
    for axis, length in enumerate(reversed(shape), 1):
        header[f"NAXIS{axis}"] = length
    return bytes(header.tostring().encode())


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.fits.bz2"
    path.write_bytes(bz2.compress(header_of((2**20, 2**20))))
    refused(path, "4096.0 GiB")


def test_what_follows_the_last_hdu_is_not_unpacked_without_end(tmp_path: Path) -> None:
    path = tmp_path / "x.fits.bz2"
    path.write_bytes(bz2.compress(header_of((10, 10)) + bytes(2880) + bytes(60 << 20)))
    refused(path, "very many bytes")


def test_a_file_larger_than_the_memory_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    path.write_bytes(header_of((2**20, 2**20)))
    os.truncate(path, 2880 + 4 * 2**40)
    refused(path, "memory")


@pytest.fixture
def no_files(tmp_path: Path) -> list[Path]:
    """Return a pipe, a device and a folder."""
    (tmp_path / "folder.fits").mkdir()
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "link.fits").symlink_to("/dev/zero")
    return [tmp_path / "folder.fits", tmp_path / "pipe.fits", tmp_path / "link.fits", Path("/dev/zero")]


def test_what_is_no_regular_file_is_refused_at_once(no_files: list[Path], bare: Plugins, tmp_path: Path) -> None:
    reads: list[Callable[[Path], Any]] = [read_fits, read_asdf, lambda path: read_exposure(path, plugins=bare)]
    for path in no_files:
        for read in reads:
            with pytest.raises(InputError, match="regular file"):
                read(path)


@pytest.mark.parametrize("role", ["exposure", "association", "background"])
@pytest.mark.parametrize("do", [check, run])
def test_no_regular_file_is_refused_in_every_role(
    role: str, do: Any, whole: Path, no_files: list[Path], bare: Plugins, write_recipe: Callable[..., Path]
) -> None:
    pipe = whole.with_name("pipe.json")
    os.mkfifo(pipe)
    for path in (*no_files, pipe) if role != "association" else [pipe]:
        files, backgrounds = ((whole,), (path,)) if role == "background" else ((path,), ())
        options: dict[str, Any] = {"backgrounds": backgrounds, "plugins": bare, "instrument": "iris-imager"}
        try:
            told = " ".join(str(error) for error in do(write_recipe(), *files, **options).errors)
        except Problems as error:
            told = str(error)
        assert "regular file" in told
        assert path.name in told
