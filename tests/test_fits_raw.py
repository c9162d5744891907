"""Pixels that are read without astropy are those that astropy reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from iris_core import InputError
from iris_core.io.fits_raw import Cut, read_pixels

KINDS = ["u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def written(path: Path, kind: str, shape: tuple[int, ...], **cards: Any) -> Path:
    """Write an image of all values of its kind that are odd, first, last and in between."""
    rng = np.random.default_rng(4)
    plane = rng.integers(0, 256, (*shape, np.dtype(kind).itemsize), dtype=np.uint8).view(kind)[..., 0]
    if plane.dtype.kind == "f":
        plane = np.where(np.isnan(plane), plane.dtype.type(2.5), plane)
        plane.flat[:3] = np.nan, np.inf, -np.inf
    else:
        plane.flat[:2] = np.iinfo(kind).min, np.iinfo(kind).max
    hdu = fits.ImageHDU(plane, name="SCI")
    hdu.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7), (300, 1100)])
def test_pixels_are_those_of_astropy(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    path = written(tmp_path / "x.fits", kind, shape)
    with fits.open(path, memmap=False) as ours, fits.open(path, memmap=False) as theirs:
        found, wanted = read_pixels(ours["SCI"], path), theirs["SCI"].data
        assert found.dtype == wanted.dtype.newbyteorder("=")
        assert found.flags.writeable
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_become_another_kind_as_numpy_makes_them(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "x.fits", kind, (5, 7))
    with fits.open(path, memmap=False) as ours, fits.open(path, memmap=False) as theirs, np.errstate(over="ignore"):
        found, wanted = read_pixels(ours["SCI"], path, np.float32), theirs["SCI"].data.astype(np.float32)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("kind", "cards"), [("i2", {"BSCALE": 2.0}), ("f4", {"BZERO": 5.0}), ("i2", {"BLANK": 7})])
def test_what_is_scaled_or_blank_is_left_to_astropy(tmp_path: Path, kind: str, cards: dict[str, Any]) -> None:
    path = written(tmp_path / "x.fits", kind, (5, 7), **cards)
    with fits.open(path, memmap=False) as ours, fits.open(path, memmap=False) as theirs:
        np.testing.assert_array_equal(read_pixels(ours["SCI"], path), theirs["SCI"].data)


def test_packed_images_are_left_to_astropy(tmp_path: Path) -> None:
    plane = np.arange(200, dtype=np.int16).reshape(10, 20)
    path = tmp_path / "x.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(plane, name="SCI")]).writeto(path)
    with fits.open(path, memmap=False) as hdus:
        np.testing.assert_array_equal(read_pixels(hdus["SCI"], path), plane)


@pytest.mark.parametrize("cards", [{}, {"BZERO": 5.0}])
@pytest.mark.parametrize("shape", [(7, 5), (2, 33, 7), (300, 1100)])
@pytest.mark.parametrize("rows", [slice(None, None, 16), slice(2, 5), slice(3, 400), slice(1, 6, 3)])
def test_some_rows_are_those_of_the_whole(
    tmp_path: Path, shape: tuple[int, ...], cards: dict[str, Any], rows: slice
) -> None:
    path = written(tmp_path / "x.fits", "f4", shape, **cards)
    with fits.open(path, memmap=False) as ours, fits.open(path, memmap=False) as theirs:
        some = Cut(ours["SCI"], rows)
        wanted = theirs["SCI"].data[..., rows, :]
        assert some.shape == wanted.shape
        np.testing.assert_array_equal(read_pixels(some, path), wanted)


@pytest.mark.parametrize("cards", [{}, {"BZERO": 5.0}])
def test_all_pixels_are_changed_once_on_the_way(tmp_path: Path, cards: dict[str, Any]) -> None:
    path = written(tmp_path / "x.fits", "i2", (300, 1100), **cards)

    def add(some: np.ndarray) -> None:
        some += 1

    with fits.open(path, memmap=False) as ours, fits.open(path, memmap=False) as theirs:
        found = read_pixels(ours["SCI"], path, np.float32, each=add)
        np.testing.assert_array_equal(found, theirs["SCI"].data.astype(np.float32) + 1)


def test_a_file_that_is_cut_meanwhile_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.fits", "f4", (300, 1100))
    with fits.open(path, memmap=False) as hdus:
        science = hdus["SCI"]
        path.write_bytes(path.read_bytes()[: 300 * 1100])
        with pytest.raises(InputError, match="truncated"):
            read_pixels(science, path)
