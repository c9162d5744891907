"""The command `iris zeropoint`: measure again, compare, draw."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import iris_photom_stars
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from click.testing import CliRunner, Result
from iris_photom_stars._product import measure_product
from iris_photom_stars.cli import zeropoint

from iris_core import InputError, run
from iris_core.cli import main

pytestmark = pytest.mark.slow

Make = Callable[..., Any]

RECIPE = """recipe: 1
name: stars
instrument: generic
steps:
  - assign_wcs: {use: iris-wcs}
  - photom: {use: iris-photom-stars, params: {total: 6.0, min_stars: 4}, save: cal}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("products")


@pytest.fixture
def product(folder: Path, make_field: Make, as_raw: Make, plugin_manager: Any) -> Path:
    """Write a rate and its catalogue, and calibrate it with the recipe, once."""
    cal = folder / "x_cal.fits"
    if not cal.exists():
        field = make_field(noise=3, mag_err=0.01)
        field.references(folder)
        plugin_manager.write_product(as_raw(field.exposure), folder / "x_rate.fits")
        recipe = folder / "recipe.yaml"
        recipe.write_text(RECIPE, encoding="utf-8")
        report = run(recipe, folder / "x_rate.fits", references={"catalog": folder / "stars.ecsv"})
        assert not report.failed, report.results[0].error
    return cal


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["zeropoint", *map(str, arguments)])


def test_a_product_says_with_what_it_was_calibrated(product: Path) -> None:
    """Catalogue and parameters come from the product, so that the result is the same."""
    result = call(product)
    assert result.exit_code == 0, result.output
    header = fits.getheader(product, "SCI")
    assert (
        f"zero point {header['ZP_AB']:.4f} +- {header['ZP_ERR']:.4f} mag (AB magnitude of 1 electron/s)"
        in result.output
    )
    assert "measured minus that is +0.0000 mag" in result.output.replace("-0.0000", "+0.0000")
    assert measure_product(product, None, {}).params.min_stars == 4


def test_options_change_parameters(product: Path) -> None:
    params = measure_product(product, None, {"aperture": 1.5}).params
    assert (params.aperture, params.total) == (1.5, 6.0)
    assert "aperture of 4.79 pixels" in call(product, "--aperture", "1.5").output


def test_numbers_as_json(product: Path) -> None:
    found = json.loads(call(product, "--json").stdout)
    header = fits.getheader(product, "SCI")
    assert found["ZP_AB"] == pytest.approx(header["ZP_AB"], abs=1e-6)
    assert found["difference"] == pytest.approx(0.0, abs=1e-6)
    assert found["counts"]["used"] == header["ZP_NSTAR"]


def test_a_calibration_that_is_off_is_seen(product: Path, tmp_path: Path) -> None:
    """Magnitudes that are all 0.1 larger: the product makes its stars too bright."""
    table = Table.read(product.with_name("stars.ecsv"))
    table["mag"] += 0.1
    table.write(tmp_path / "other.ecsv", format="ascii.ecsv")
    found = json.loads(call(product, "--catalog", tmp_path / "other.ecsv", "--json").stdout)
    assert found["difference"] == pytest.approx(0.1, abs=1e-5)


def test_a_rate_with_a_wcs_can_be_measured(folder: Path, product: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "wcs.yaml"
    recipe.write_text("recipe: 1\nname: wcs\nsteps:\n  - assign_wcs: {use: iris-wcs}\n", encoding="utf-8")
    report = run(recipe, folder / "x_rate.fits", directory=tmp_path, instrument="generic")
    rate = next(iter(report.results[0].products.values()))
    found = json.loads(call(rate, "--catalog", folder / "stars.ecsv", "--total", "6", "--json").stdout)
    assert found["stated"] is None
    assert found["ZP_AB"] == pytest.approx(fits.getheader(product, "SCI")["ZP_AB"], abs=1e-6)


def test_stars_are_written_as_a_table(product: Path, tmp_path: Path) -> None:
    path = tmp_path / "measured.ecsv"
    assert call(product, "--stars", path).exit_code == 0
    stars = Table.read(path)
    assert len(stars) == 14
    assert {"x", "y", "zero_point", "error", "status", "growth"} <= set(stars.colnames)
    used = stars[stars["status"] == "used"]
    assert np.std(used["zero_point"]) < 0.03


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_the_figure_is_drawn(product: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"zeropoint.{ending}"
    result = call(product, "--plot", path)
    assert result.exit_code == 0, result.output
    assert path.read_bytes()[:4] in (b"\x89PNG", b"%PDF")
    assert path.stat().st_size > 20_000


def test_the_figure_shows_what_was_measured(product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The panels, read back from the figure: as many points as stars, the mean, the curve, the shift."""
    from iris_photom_stars import _plot
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **options: Any) -> None:
        drawn.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    measured = measure_product(product, None, {})
    _plot.draw(measured, tmp_path / "zeropoint.png")
    magnitudes, detector, growth, places = drawn[0].axes[:4]
    assert len(detector.collections[0].get_offsets()) == measured.zero.number
    low, high = magnitudes.get_ylim()
    assert low < measured.zero.value < high
    assert growth.get_xlim()[1] == pytest.approx(measured.zero.apertures.total)
    assert re.search(r"after a shift of \([+-]0\.0\d, [+-]0\.0\d\) pixels", places.get_title())


def test_files_are_not_replaced_unasked(product: Path, tmp_path: Path) -> None:
    path = tmp_path / "zeropoint.png"
    path.write_text("mine")
    result = call(product, "--plot", path)
    assert result.exit_code == 2
    assert "exists; --overwrite replaces it" in result.output
    assert path.read_text() == "mine"
    assert call(product, "--plot", path, "--overwrite").exit_code == 0


def test_what_is_wrong_is_reported_without_a_traceback(folder: Path, product: Path, tmp_path: Path) -> None:
    rate = call(folder / "x_rate.fits", "--catalog", folder / "stars.ecsv")
    assert rate.exit_code == 1
    assert "has no gWCS; give a product that went through assign_wcs" in rate.output
    band = call(product, "--band", "J")
    assert band.exit_code == 1
    assert "stars.ecsv has no star in band 'J'; its bands are: Kbb" in band.output
    radii = call(product, "--aperture", "5")
    assert radii.exit_code == 2
    assert "radii of growing circles" in radii.output


def test_a_product_of_others_needs_a_catalogue(product: Path, tmp_path: Path) -> None:
    """Without a history of its own, and without PHOTMJSR."""
    with fits.open(product) as hdus:
        kept = fits.HDUList([hdu.copy() for hdu in hdus])
        del kept["SCI"].header["PHOTMJSR"]
        kept.writeto(tmp_path / "y_cal.fits")
    with pytest.raises(InputError, match=r"MJy / sr .*PHOTMJSR and PIXAR_SR"):
        measure_product(tmp_path / "y_cal.fits", None, {})


def test_a_catalogue_that_is_gone_is_named(product: Path) -> None:
    stars = product.with_name("stars.ecsv")
    stars.rename(product.with_name("gone.ecsv"))
    try:
        with pytest.raises(InputError, match=r"the catalogue of .*x_cal\.fits, .*stars\.ecsv, is not there any more"):
            measure_product(product, None, {})
    finally:
        product.with_name("gone.ecsv").rename(stars)


def test_every_parameter_is_an_option() -> None:
    names = {option.name for option in zeropoint.params}
    assert set(iris_photom_stars.ZeroPointParams.model_fields) <= names
