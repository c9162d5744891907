"""A file that is hashed while it is written: its hash is that of its bytes, or it says that it has none."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import sha256_of, write_asdf, write_fits
from iris_core.io.followed import FollowedPath


@given(st.lists(st.binary(max_size=50), max_size=80))
def test_the_hash_is_that_of_all_pieces(pieces: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = FollowedPath(folder) / "x"
        followed = FollowedPath(path)
        with followed.open("wb") as file:
            assert [file.write(piece) for piece in pieces] == list(map(len, pieces))
            assert file.tell() == sum(map(len, pieces))
        assert followed.sha256() == hashlib.sha256(b"".join(pieces)).hexdigest() == sha256_of(Path(followed))


def test_a_piece_may_change_as_soon_as_it_is_written(tmp_path: Path) -> None:
    followed, piece = FollowedPath(tmp_path / "x"), bytearray(b"a" * 1000)
    with followed.open("wb") as file:
        for letter in b"abcdef":
            piece[:] = bytes([letter]) * 1000
            file.write(piece)
    assert followed.sha256() == sha256_of(followed)


def test_nobody_vouches_for_what_was_not_appended(tmp_path: Path) -> None:
    """Gone back to and written again, written by others beside or afterwards, not closed, or never opened."""
    followed = FollowedPath(tmp_path / "x")
    assert followed.sha256() == ""
    with followed.open("wb") as file:
        file.write(b"12345")
        file.seek(0)
        file.write(b"")
    assert followed.sha256() == ""
    with followed.open("wb") as file:
        file.write(b"12345")
        assert followed.sha256() == ""
        np.arange(3).tofile(file)
    assert followed.sha256() == ""
    with followed.open("wb") as file:
        file.write(b"12345")
    assert followed.sha256() == sha256_of(followed)
    with Path(followed).open("r+b") as file:
        file.write(b"54321")
    assert followed.sha256() == ""


@pytest.mark.parametrize("shape", [(40, 50), (3, 40, 50)])
def test_products_in_fits_are_followed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Also with planes of bytes and of odd length, and a table; ASDF is written here and there, and is not."""
    planes = {"BYTES": np.arange(15, dtype=np.uint8).reshape(3, 5), "SHORT": np.ones((3, 7), np.uint16)}
    exposure = make_exposure(shape, value=3.0, seed=1).replace(
        planes={**planes, "HDRTAB": np.array([(1, 2.5), (2, 3.5)], dtype=[("a", "i4"), ("b", "f8")])}
    )
    followed = FollowedPath(tmp_path / "x.fits")
    write_fits(exposure, followed)
    assert followed.sha256() == sha256_of(followed)
    other = FollowedPath(tmp_path / "x.asdf")
    write_asdf(exposure, other)
    assert other.sha256() == ""
