"""Names that no file can have, links that lead nowhere: put in words. Odd names that a file can have: taken."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iris_core import Plugins, Problems, run

Write = Callable[..., Path]


@pytest.fixture
def double(lab: Callable[..., Plugins]) -> Plugins:
    return lab(flat_field=lambda exposure: exposure.scale(2))


def association(folder: Path, name: str, member: str = "x_rate.fits", background: str = "") -> Path:
    members = [{"expname": member, "exptype": "science"}]
    members += [{"expname": background, "exptype": "background"}] if background else []
    path = folder / "night.json"
    path.write_text(json.dumps({"products": [{"name": name, "members": members}]}))
    return path


@pytest.mark.parametrize("name", ["a\0b", "a\ud800", "n" * 260])
def test_a_product_with_such_a_name_is_refused_before_the_first_pixel(
    double: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path, name: str
) -> None:
    write_exposure()
    with pytest.raises(Problems, match="cannot be written"):
        run(write_recipe(), association(tmp_path, name), plugins=double)


@pytest.mark.parametrize("name", ["x\0_rate.fits", "x\ud800_rate.fits", "n" * 260, "loop.fits", "dangling.fits"])
def test_a_member_with_such_a_name_is_no_file(
    double: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path, name: str
) -> None:
    (tmp_path / "loop.fits").symlink_to("loop.fits")
    (tmp_path / "dangling.fits").symlink_to("nowhere")
    write_exposure()
    for options in ({"member": name}, {"background": name}):
        with pytest.raises(Problems, match="no such file"):
            run(write_recipe(), association(tmp_path, "p", **options), plugins=double)
    with pytest.raises(Problems):
        run(write_recipe(), tmp_path / name, plugins=double)


@pytest.mark.parametrize("folder", ["loop", "x_rate.fits", "x_rate.fits/below", "dangling", "n" * 260])
def test_an_output_folder_that_cannot_be_one_is_named(
    double: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(Problems) as caught:
        run(write_recipe(), write_exposure(), plugins=double, directory=tmp_path / folder)
    assert folder.partition("/")[0] in str(caught.value)


@pytest.mark.parametrize(
    "name", ["new\nline_rate.fits", "\x1b[2J_rate.fits", " .fits", "-o_rate.fits", os.fsdecode(b"\xff_rate.fits")]
)
def test_an_odd_name_that_a_file_can_have_is_calibrated(
    double: Plugins, write_recipe: Write, write_exposure: Write, name: str
) -> None:
    report = run(write_recipe(), write_exposure(name), plugins=double)
    assert not report.failed
    assert [path.exists() for path in report.products] == [True]


def test_a_link_under_the_name_of_a_product_is_kept_like_a_file(
    double: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    write_exposure()
    (tmp_path / "x_cal.fits").symlink_to("nowhere")
    with pytest.raises(Problems, match=r"x_cal\.fits exists"):
        run(write_recipe(), tmp_path / "x_rate.fits", plugins=double)
    assert not run(write_recipe(), tmp_path / "x_rate.fits", plugins=double, overwrite=True).failed
    assert not (tmp_path / "x_cal.fits").is_symlink()
    assert not (tmp_path / "nowhere").exists()
