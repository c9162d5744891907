"""Planes that are read from their file by rows: the values that astropy has, or none."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure
from iris_verify import StoredPlane, image_planes, stored_planes

from iris_core import Array, InputError, read_fits, row_blocks, write_asdf, write_fits

KINDS = ["u1", "i2", "i4", "u2", "u4", "f4", "f8"]


def write(path: Path, *hdus: Any) -> Path:
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def image(kind: str = "f4", shape: tuple[int, ...] = (5, 7), name: str = "SCI") -> fits.ImageHDU:
    """Return an image with the lowest and highest value of its type in it."""
    dtype = np.dtype(kind)
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    values = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    values.flat[:2] = limits.min, limits.max
    return fits.ImageHDU(values, name=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7), (2, 3, 5, 7)])
def test_any_rows_are_those_of_the_image(kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    hdu = image(kind, shape)
    plane = stored_planes(write(tmp_path / "x.fits", image("f8", (3, 2), "BEFORE"), hdu))["SCI"]
    assert plane is not None
    assert (plane.shape, plane.dtype) == (shape, np.dtype(kind))
    for cube in np.ndindex(*shape[:-2]):
        for rows in (slice(0, 5), slice(2, 4), slice(4, 5), slice(3, 3), slice(None), slice(-2, None), slice(3, 99)):
            part = plane[(*cube, rows)]
            assert part.dtype == np.dtype(kind)
            np.testing.assert_array_equal(part, hdu.data[(*cube, rows)])


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), pixels=st.integers(1, 300))
def test_blocks_of_rows_put_together_are_the_plane(
    rows: int, columns: int, pixels: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hdu = image("u4", (2, rows, max(2, columns)))
    plane = stored_planes(write(tmp_path_factory.mktemp("any") / "x.fits", hdu))["SCI"]
    assert plane is not None
    parts = [plane[block] for block in row_blocks(plane.shape, pixels)]
    np.testing.assert_array_equal(np.concatenate(parts).reshape(plane.shape), hdu.data)


def scaled() -> fits.ImageHDU:
    hdu = image("i2")
    hdu.scale("int16", bscale=2.0, bzero=5.0)
    return hdu


def with_blank() -> fits.ImageHDU:
    hdu = image("i2")
    hdu.header["BLANK"] = -1
    return hdu


@pytest.mark.parametrize(
    "hdu",
    [scaled(), with_blank(), fits.CompImageHDU(np.ones((40, 40), dtype="f4"), name="SCI")],
    ids=["scaled", "blank", "compressed"],
)
def test_an_image_whose_values_are_not_in_the_file_as_they_are_is_named_and_not_read(hdu: Any, tmp_path: Path) -> None:
    found = stored_planes(write(tmp_path / "x.fits", hdu, image(name="ERR")))
    assert found["SCI"] is None
    assert isinstance(found["ERR"], StoredPlane)


@pytest.mark.parametrize("name", ["x.fits", "x.fits.gz"])
def test_no_place_is_given_in_a_file_that_is_compressed_as_a_whole(name: str, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.fits", image())
    (tmp_path / name).write_bytes(gzip.compress(whole.read_bytes()))
    assert stored_planes(tmp_path / name) == {"SCI": None}


def test_no_place_is_given_in_a_file_whose_headers_were_mended(tmp_path: Path) -> None:
    """Pixels may lie elsewhere in the mended copy."""
    path = write(tmp_path / "x.fits", image())
    path.write_bytes(path.read_bytes().replace(b"EXTNAME = 'SCI     '", b"EXTNAME =  SCI      ", 1))
    assert all(one is None for one in stored_planes(path).values())


def test_of_two_images_of_one_name_the_first_counts_as_with_astropy(tmp_path: Path) -> None:
    first, second = (fits.ImageHDU(np.full((2, 3), value, dtype="f4"), name="SCI") for value in (1, 2))
    plane = stored_planes(write(tmp_path / "x.fits", first, second))["SCI"]
    assert plane is not None
    np.testing.assert_array_equal(plane[(slice(0, 2),)], first.data)


def test_tables_and_spectra_are_no_planes(tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])], name="TABLE")
    spectrum = fits.ImageHDU(np.ones(9, dtype="f4"), name="SPECTRUM")
    assert stored_planes(write(tmp_path / "x.fits", table, spectrum)) == {}


def test_a_file_that_is_cut_while_it_is_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fits", image(shape=(60, 70)))
    plane = stored_planes(path)["SCI"]
    assert plane is not None
    os.truncate(path, plane.offset + 30 * 70 * 4)
    assert plane[(slice(0, 30),)].shape == (30, 70)
    with pytest.raises(InputError, match=r"x\.fits.*ends"):
        plane[(slice(0, 31),)]
    path.unlink()
    with pytest.raises(InputError, match=r"x\.fits"):
        plane[(slice(0, 30),)]


def assert_planes_are(found: Any, expected: dict[str, Array], block: tuple[int | slice, ...]) -> None:
    assert set(found) == set(expected)
    for name, plane in expected.items():
        assert found[name].shape == plane.shape
        part = found[name][block]
        assert part.dtype == plane.dtype
        np.testing.assert_array_equal(part, plane[block])


@pytest.mark.parametrize("suffix", [".fits", ".asdf"])
@pytest.mark.parametrize("nint", [0, 2])
def test_the_image_of_a_product_is_that_of_the_exposure(suffix: str, nint: int, tmp_path: Path) -> None:
    exposure = make_exposure((40, 30), nint=nint, seed=1, bad=np.eye(40, 30, dtype=bool))
    path = tmp_path / f"x_cal{suffix}"
    (write_asdf if suffix == ".asdf" else write_fits)(exposure, path)
    assert exposure.err is not None
    planes = image_planes(path)
    expected = {"SCI": exposure.data, "ERR": exposure.err, "DQ": exposure.dq}
    assert_planes_are(planes, expected, (*((1,) if nint else ()), slice(7, 19)))
    assert all(isinstance(plane, StoredPlane) == (suffix == ".fits") for plane in planes.values())


def test_an_exposure_of_another_layout_is_read_by_its_reader(tmp_path: Path) -> None:
    data = np.arange(600, dtype=np.float32).reshape(20, 30)
    fits.writeto(tmp_path / "raw.fits", data, fits.Header({"BUNIT": "electron/s"}))
    planes = image_planes(tmp_path / "raw.fits")
    np.testing.assert_array_equal(planes["SCI"][3:5], data[3:5])
    assert "ERR" not in planes


def test_an_err_that_cannot_be_read_by_rows_is_not_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x_cal.fits"
    write_fits(make_exposure((40, 30), seed=1), path)
    err = read_fits(path).err
    with fits.open(path, memmap=False) as hdus:
        place = hdus.index_of("ERR")
        header = fits.Header({"EXTNAME": "ERR"})
        hdus[place] = fits.CompImageHDU(hdus["ERR"].data, header, compression_type="GZIP_1", quantize_level=0.0)
        hdus.writeto(path, overwrite=True)
    planes = image_planes(path)
    assert set(planes) == {"SCI", "ERR", "DQ"}
    assert err is not None
    np.testing.assert_array_equal(planes["ERR"][5:9], err[5:9])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (image(shape=(7, 5), name="ERR"), r"x\.fits: .*ERR and SCI.* 7 x 5 and 5 x 7"),
        (image("u4", (2, 5, 7), name="DQ"), r"x\.fits: .*DQ and SCI.* 2 x 5 x 7 and 5 x 7"),
        (image("f4", name="DQ"), r"x\.fits: DQ .*float32"),
    ],
)
def test_planes_that_do_not_belong_together_are_an_error(other: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        image_planes(write(tmp_path / "x.fits", image(), other))


def test_a_file_without_an_image_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fits", fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])]))
    with pytest.raises(InputError, match=r"x\.fits"):
        image_planes(path)
