"""A package is written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

import pytest
from iris_new_plugin._write import check_folder, tree_of, write_package

from iris_core import InputError

FILES = {PurePosixPath("README.md"): "# x\n", PurePosixPath("a/b/c.py"): "'é'\n", PurePosixPath("a/__init__.py"): ""}


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    }


def test_the_files_are_there_and_nothing_beside_them(tmp_path: Path) -> None:
    write_package(FILES, tmp_path / "new" / "x")
    assert contents(tmp_path / "new") == {f"x/{path}": text for path, text in FILES.items()}
    assert os.listdir(tmp_path / "new") == ["x"]


def test_the_folder_can_be_read_by_others_as_any_folder(tmp_path: Path) -> None:
    (tmp_path / "any").mkdir()
    write_package(FILES, tmp_path / "x")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == stat.S_IMODE((tmp_path / "any").stat().st_mode)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    write_package(FILES, tmp_path / "x")
    assert len(contents(tmp_path / "x")) == 3


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("mine")
    with pytest.raises(InputError, match=r"x is not empty.*--out"):
        write_package(FILES, tmp_path / "x")
    assert contents(tmp_path) == {"x/mine": "mine"}


def test_a_file_or_a_link_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    (tmp_path / "y").symlink_to(tmp_path / "nowhere")
    for name in ("x", "y"):
        with pytest.raises(InputError, match="not a folder"):
            check_folder(tmp_path / name)


def test_a_file_above_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"file .*--out"):
        check_folder(tmp_path / "file" / "x")


def test_when_writing_fails_nothing_is_left(tmp_path: Path) -> None:
    """A name that is longer than any file system takes."""
    with pytest.raises(InputError, match="x: cannot be written"):
        write_package({**FILES, PurePosixPath("z" * 300): ""}, tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_the_tree_has_files_before_folders() -> None:
    assert list(tree_of(FILES)) == ["  README.md", "  a/", "    __init__.py", "    b/", "      c.py"]
