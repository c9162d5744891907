"""With the package Liger's files are calibrated; without it they are refused, and nothing else is different."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner, Result
from iris_testkit import make_exposure

from iris_core import Exposure, ModeNotFound, read_fits

DOUBLE = """\
from iris_core import stage


@stage("flat_field")
def double(exposure):
    return exposure.scale(2)
"""


@pytest.fixture
def folder(tmp_path: Path, write_as: Any, liger: Any) -> Path:
    """Return a folder with a rate of Liger in its own layout, one of IRIS, a recipe, and a plugin of one file."""
    write_as("liger", make_exposure((8, 9), mode=liger, instrument="LIGER"), tmp_path / "liger_rate.fits")
    write_as("jwst-like", make_exposure((8, 9)), tmp_path / "iris_rate.fits")
    (tmp_path / "flat.yaml").write_text("recipe: 1\nname: flat\nsteps: [flat_field: {save: cal}]\n")
    (tmp_path / "double.py").write_text(DOUBLE)
    return tmp_path


def iris(folder: Path, command: str, *arguments: str) -> Result:
    (main,) = entry_points(group="console_scripts", name="iris")
    plugin = ("--plugin", str(folder / "double.py")) if command in ("run", "check") else ()
    paths = [str(folder / argument) if argument.endswith((".fits", ".yaml")) else argument for argument in arguments]
    return CliRunner().invoke(main.load(), [command, *paths, *plugin])


@pytest.fixture(params=[True, False], ids=["installed", "not installed"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether the package is there; without it all others still are."""
    if not request.param:
        others = {point.name for point in entry_points(group="iris_core")} - {"iris-liger"}
        monkeypatch.setenv("IRIS_LOAD_PLUGINS", ",".join(others))
    return bool(request.param)


REFUSED = (
    "liger_rate.fits: no mode matches INSTRUME 'LIGER', DETECTOR 'IMG'; installed modes are: iris-imager (IRIS: IMG1"
)


def test_liger_files_are_calibrated_with_the_package_and_refused_without(folder: Path, installed: bool) -> None:
    result = iris(folder, "run", "flat.yaml", "liger_rate.fits")
    product = folder / "liger_cal.fits"
    assert result.exit_code == (0 if installed else 1), result.output
    assert product.exists() == installed
    if installed:
        assert (read_fits(product).data == 20).all()
    else:
        assert REFUSED in result.stderr


def test_check_says_the_same_before_any_pixel_is_read(folder: Path, installed: bool) -> None:
    result = iris(folder, "check", "flat.yaml", "liger_rate.fits")
    assert result.exit_code == (0 if installed else 1)
    assert (REFUSED in result.stderr) == (not installed)


def test_without_the_package_a_liger_file_fails_alone(folder: Path, installed: bool) -> None:
    result = iris(folder, "run", "flat.yaml", "liger_rate.fits", "iris_rate.fits", "--json")
    exposures = json.loads(result.stdout)["exposures"]
    assert [bool(exposure["products"]) for exposure in exposures] == [installed, True]
    assert (folder / "iris_cal.fits").exists()


def test_the_package_changes_no_bit_of_other_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of header, data and errors: nothing in them says that it was installed."""
    contents = []
    for only in ("iris-imager", "iris-imager,iris-liger"):
        monkeypatch.setenv("IRIS_LOAD_PLUGINS", only)
        assert iris(folder, "run", "flat.yaml", "iris_rate.fits", "--overwrite").exit_code == 0
        with fits.open(folder / "iris_cal.fits") as hdus:
            contents.append([(hdu.header.tostring(), np.asarray(hdu.data).tobytes()) for hdu in hdus[:-1]])
    assert contents[0] == contents[1]


def test_what_is_listed(folder: Path, installed: bool) -> None:
    listed = json.loads(iris(folder, "list", "--json").stdout)
    names = {row.get("mode") or row.get("recipe") or row.get("plugin") for rows in listed.values() for row in rows}
    assert ({"liger-imager", "liger-image2", "iris-liger"} & names == set()) == (not installed)
    assert "iris-imager" in names


def test_its_recipe_is_not_known_without_it(folder: Path, installed: bool) -> None:
    result = iris(folder, "show", "liger-image2")
    assert (result.exit_code == 0) == installed
    if not installed:
        assert "liger-image2" in result.stderr


def test_it_is_found_by_name_in_memory(run_recipe: Any, liger: Any) -> None:
    """With the plugins of a test, and no others."""

    def double(exposure: Exposure) -> Exposure:
        return exposure.scale(2)

    exposure = make_exposure(mode=liger)
    options = {"stages": {"flat_field": double}}
    products = run_recipe([{"flat_field": {"save": "cal"}}], exposure, installed=["iris-liger"], **options)
    assert (products["cal"].data == 20).all()
    assert products["cal"].meta.mode == "liger-imager"
    with pytest.raises(ModeNotFound, match="no mode matches INSTRUME 'Liger', DETECTOR 'IMG'; installed modes are: "):
        run_recipe([{"flat_field": {"save": "cal"}}], exposure, **options)
