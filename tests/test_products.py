"""A file under its final name is always whole, and nothing is left behind of one that could not be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from iris_core import Exposure, InputError, hookimpl, read_fits
from iris_core.plugins import Plugins
from iris_core.products import write_product
from iris_core.testing import make_exposure


class Writer:
    """Writes files that end in .half: as much as it is told, then fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.seen: list[Path] = []

    @hookimpl
    def write_product(self, exposure: Exposure, path: Path) -> Path | None:
        if path.suffix != ".half":
            return None
        self.seen.append(path)
        path.write_text("half")
        if self.error is not None:
            raise self.error
        return path


def test_a_product_is_written_under_a_hidden_name_in_its_folder_and_renamed(bare: Plugins, tmp_path: Path) -> None:
    writer = Writer()
    bare.add("lab", writer)
    write_product(make_exposure(), tmp_path / "new" / "x_cal.half", bare)
    (temporary,) = writer.seen
    assert temporary.parent == tmp_path / "new"
    assert temporary.name.startswith(".x_cal.")
    assert ".part" in temporary.name
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x_cal.half"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a bug"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_nothing_and_the_old_product_as_it_was(
    bare: Plugins, tmp_path: Path, error: Exception
) -> None:
    path = tmp_path / "x_cal.half"
    path.write_text("old")
    bare.add("lab", Writer(error))
    expected: type[BaseException] = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        write_product(make_exposure(), path, bare)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x_cal.half", "old")]


def test_a_product_replaces_one_of_its_name(bare: Plugins, tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        write_product(make_exposure((2, 2), value=value), tmp_path / "x.fits", bare)
    assert (read_fits(tmp_path / "x.fits").data == 2).all()
    assert [path.name for path in tmp_path.iterdir()] == ["x.fits"]


def test_a_folder_that_cannot_be_made_is_an_error(bare: Plugins, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"x\.fits: cannot be written: "):
        write_product(make_exposure(), tmp_path / "file" / "x.fits", bare)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_to_is_an_error(bare: Plugins, tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(InputError, match=r"x\.fits: cannot be written: Permission denied"):
        write_product(make_exposure(), tmp_path / "x.fits", bare)


def test_a_suffix_nobody_writes_is_an_error_and_leaves_nothing(bare: Plugins, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no installed writer knows the suffix '\.jpg'"):
        write_product(make_exposure(), tmp_path / "x.jpg", bare)
    assert list(tmp_path.iterdir()) == []
