"""The published distortion tables become references, and stars come out where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner, Result
from iris_nirc2.cli import nirc2

import iris_core
from iris_core import Doubles, InputError

pytestmark = pytest.mark.slow

PRE, POST = "nirc2_distort_{}_pre20150413_v2.fits", "nirc2_distort_{}_post20150413_v1.fits"
CENTRE = 511.5


def shifts(x: Any, y: Any, size: float) -> tuple[Doubles, Doubles]:
    """Return shifts of a few pixels, as the tables have them: with an offset, and of fifth degree."""
    u, v = (np.asarray(x) - CENTRE) / 512, (np.asarray(y) - CENTRE) / 512
    return size * (0.4 + u * v - 0.8 * u**3 + 0.2 * v**5), size * (-0.3 + 0.5 * u**2 + v**2 - 0.3 * u**2 * v**3)


def write_tables(folder: Path, name: str, size: float) -> list[str]:
    """Write the two tables of a solution, as they are published: 1024 x 1024 images in the primary HDU."""
    y, x = np.mgrid[:1024, :1024]
    paths = []
    for axis, table in zip("XY", shifts(x, y, size), strict=True):
        paths.append(folder / name.format(axis))
        fits.PrimaryHDU(table.astype(np.float32)).writeto(paths[-1])
    return [str(path) for path in paths]


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(nirc2, ["distortion", *map(str, arguments)])


@pytest.fixture
def references(tmp_path: Path) -> Path:
    """Return a folder with the references of both epochs."""
    tables = [*write_tables(tmp_path, PRE, 2.0), *write_tables(tmp_path, POST, 3.0)]
    result = convert(*tables, "--output-dir", tmp_path / "references")
    assert result.exit_code == 0, result.output
    return tmp_path / "references"


def test_each_pair_becomes_a_reference_with_its_date(references: Path) -> None:
    found = {}
    for path in sorted(references.iterdir()):
        with asdf.open(path) as file:
            found[path.name] = dict(file["meta"])
    assert list(found) == ["NIRC2_narrow_DISTORTION_20010101_0001.asdf", "NIRC2_narrow_DISTORTION_20150413_0001.asdf"]
    assert [meta["USEAFTER"] for meta in found.values()] == ["2001-01-01T00:00:00", "2015-04-13T00:00:00"]
    assert ["Yelda" in meta["AUTHOR"] for meta in found.values()] == [True, False]
    assert {meta["DETECTOR"] for meta in found.values()} == {"narrow"}


@pytest.mark.parametrize(("year", "size", "scale"), [(2011, 2.0, 0.009952), (2016, 3.0, 0.009971)])
def test_a_frame_gets_the_distortion_of_its_day(
    references: Path, make_frame: Any, tmp_path: Path, year: int, size: float, scale: float
) -> None:
    """Offsets on the sky are those of the closed form, within 0.02 pixel of the camera, corners included."""
    pytest.importorskip("iris_wcs")
    recipe = tmp_path / "pointed.yaml"
    recipe.write_text("recipe: 1\nname: pointed\nsteps:\n  - assign_wcs: {save: pointed}\n")
    frame = make_frame(np.zeros((1024, 1024)), CAMNAME="narrow", DATE_OBS=f"{year}-05-01")
    report = iris_core.run(recipe, frame, references={"store": references}, directory=tmp_path / "out")
    assert not report.failed, report.results
    product = iris_core.read_fits(report.products[0])
    assert product.wcs is not None
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 1023, 9), np.linspace(0, 1023, 9)))
    dx, dy = shifts(x, y, size)
    off = shifts(CENTRE, CENTRE, size)
    east, north = -(x + dx - CENTRE - off[0]) * scale, (y + dy - CENTRE - off[1]) * scale
    turn = np.radians(-0.252 if year < 2015 else -0.262)
    expected = east * np.cos(turn) + north * np.sin(turn), north * np.cos(turn) - east * np.sin(turn)
    ra, dec = product.wcs.pixel_to_world_values(x, y)
    ra0, dec0 = product.wcs.pixel_to_world_values(CENTRE, CENTRE)
    assert (ra0, dec0) == pytest.approx((150.43402, 2.95156), abs=1e-9)
    found = (ra - ra0) * np.cos(np.radians(dec0)) * 3600, (dec - dec0) * 3600
    assert np.hypot(found[0] - expected[0], found[1] - expected[1]).max() < 0.02 * np.sqrt(2) * scale + 1e-5
    assert product.fits_wcs["WCSERR"] <= 0.01


@pytest.mark.parametrize(("camera", "pixels"), [("narrow", 5.2), ("medium", 4.3), ("wide", 3.0)])
def test_without_a_reference_the_header_says_what_is_not_modelled(
    make_frame: Any, tmp_path: Path, camera: str, pixels: float
) -> None:
    pytest.importorskip("iris_wcs")
    recipe = tmp_path / "pointed.yaml"
    recipe.write_text("recipe: 1\nname: pointed\nsteps:\n  - assign_wcs: {save: pointed}\n")
    frame = make_frame(np.zeros((64, 64)), CAMNAME=camera)
    report = iris_core.run(recipe, frame, directory=tmp_path / "out")
    header = fits.getheader(report.products[0], "SCI")
    assert header["WCSERR"] == pixels
    assert "not in this WCS" in header.comments["WCSERR"]


def test_the_other_published_names_need_a_day(tmp_path: Path) -> None:
    for name in ("nirc2_{}_distortion.fits", "nirc2_narrow_xgeoim.fits"):
        folder = tmp_path / name[:12]
        folder.mkdir()
        tables = write_tables(folder, name.replace("x", "{}") if "geoim" in name else name, 1.0)
        if "geoim" in name:
            tables = [str(Path(table).rename(Path(table).with_name(Path(table).name.lower()))) for table in tables]
        assert isinstance(convert(*tables, "--output-dir", folder).exception, InputError)
        assert convert(*tables, "--useafter", "2007-01-01", "--output-dir", folder).exit_code == 0
        assert (folder / "NIRC2_narrow_DISTORTION_20070101_0001.asdf").exists()


def test_what_exists_is_replaced_only_when_told(references: Path, tmp_path: Path) -> None:
    tables = [tmp_path / POST.format(axis) for axis in "XY"]
    assert "--overwrite" in str(convert(*tables, "--output-dir", references).exception)
    assert convert(*tables, "--output-dir", references, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros((512, 512)), "512 x 512 pixels; a table of shifts has 1024 x 1024"),
        (np.full((1024, 1024), np.nan), "not finite"),
        (np.full((1024, 1024), 900.0), "above 30 pixels"),
        (np.random.default_rng(1).normal(0, 1, (1024, 1024)), "the best polynomial"),
        (None, "no image"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, table: Doubles | None, message: str) -> None:
    tables = write_tables(tmp_path, POST, 1.0)
    fits.PrimaryHDU(table).writeto(tables[1], overwrite=True)
    result = convert(*tables, "--output-dir", tmp_path / "out")
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert Path(tables[1]).name in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_tables_without_partner_text_files_and_two_pairs_of_one_day_are_refused(tmp_path: Path) -> None:
    first = write_tables(tmp_path, POST, 1.0)
    assert "no partner" in str(convert(first[0]).exception)
    second = write_tables(tmp_path, "other_{}_post20150413.fits", 1.0)
    assert "begins on 2015-04-13, too" in str(convert(*first, *second, "--output-dir", tmp_path / "out").exception)
    assert "one pair" in str(convert(*first, *second, "--useafter", "2015-04-13").exception)
    Path(first[0]).write_text("no FITS")
    assert "cannot be read as FITS" in str(convert(*first).exception)


def test_a_store_takes_the_references(references: Path, tmp_path: Path) -> None:
    store = pytest.importorskip("iris_references.cli", reason="iris-references is another package")
    pytest.importorskip("iris_wcs")
    files = [str(path) for path in references.iterdir()]
    result = CliRunner().invoke(store.references, ["add", *files, "--store", str(tmp_path / "store")])
    assert result.exit_code == 0, (result.output, result.exception)
