"""Zero points of simulated IRIS fields: a core and a halo, distortion, defects, references with noise."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from iris_core import Exposure, read_fits, run

NEEDED = ("simulate", "wcs", "dark", "flat")
missing = [name for name in NEEDED if find_spec(f"iris_{name}") is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"packages are not installed: {', '.join(missing)}")

RECIPE = """recipe: 1
name: stars
steps:
  - assign_wcs: {use: iris-wcs}
  - dark_current: {use: iris-dark}
  - flat_field: {use: iris-flat}
  - photom: {use: iris-photom-stars, save: cal}
"""
Calibrate = Callable[..., list[Exposure]]


def write_catalog(made: Any, path: Path, error: float, seed: int) -> Path:
    """Write the stars of a simulated set with magnitudes that are off by `error`."""
    stars = made.scene.stars
    noise = error * np.random.default_rng(seed).standard_normal(len(stars.flux))
    columns = {
        "ra": stars.ra * u.deg,
        "dec": stars.dec * u.deg,
        "mag": (noise - 2.5 * np.log10(stars.flux / 3631)) * u.mag,
        "mag_err": np.full(len(noise), error) * u.mag,
        "band": [made.scene.camera.filter] * len(noise),
    }
    meta = {"MAGSYS": "AB", "REFTYPE": "catalog", "INSTRUME": "ANY", "DETECTOR": "ANY"}
    Table(columns, meta=meta).write(path, format="ascii.ecsv")
    return path


def true_zero_point(made: Any) -> float:
    """Return the AB magnitude of 1 electron/s."""
    return float(2.5 * np.log10(made.scene.camera.electrons_per_jy * 3631))


def pull(product: Exposure, made: Any) -> float:
    header = product.sci_header
    return float((header["ZP_AB"] - true_zero_point(made)) / header["ZP_ERR"])


@pytest.fixture
def calibrate(tmp_path: Path) -> Calibrate:
    """Return a function that writes a simulated set, with its catalogue among the references, and calibrates files."""
    from iris_simulate import write_set

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")

    def calibrated(made: Any, windows: bool = False, **params: Any) -> list[Exposure]:
        written = write_set(made, tmp_path / "set", overwrite=True)
        store = next(iter(written.references.values())).parent
        (store / "stars.ecsv").unlink(missing_ok=True)
        write_catalog(made, store / "stars.ecsv", 0.01, seed=made.realisation)
        files = written.windows[0] if windows else written.science
        given = {f"photom.{name}": value for name, value in params.items()}
        report = run(recipe, *files, references={"store": store}, params=given, directory=tmp_path, overwrite=True)
        assert not report.failed, [result.error for result in report.failed]
        return [read_fits(next(iter(result.products.values()))) for result in report.results]

    return calibrated


@pytest.mark.slow
def test_fifty_stars_on_2048_pixels_give_the_zero_point_within_5_mmag(calibrate: Calibrate) -> None:
    """The catalogue, good to 10 mmag, is found in the store; the PSF has 26 % of its light in a wide halo."""
    from iris_simulate import simulate

    made = simulate(size=(2048, 2048), stars=50, seed=3)
    (product,) = calibrate(made)
    header = product.sci_header
    assert header["ZP_AB"] == pytest.approx(true_zero_point(made), abs=0.005)
    assert abs(pull(product, made)) < 3
    assert header["ZP_ERR"] < 0.005
    assert header["PHOTMJSR"] == pytest.approx(made.scene.camera.conversion(), rel=0.005)
    assert header["PIXAR_SR"] == pytest.approx(made.scene.camera.solid_angle, rel=1e-6)
    assert header["ZP_NSTAR"] >= 35
    assert header["ZP_APCOR"] == pytest.approx(-0.264, abs=0.01)
    assert product.area is not None
    np.testing.assert_allclose(product.area, made.scene.camera.area, atol=1e-6)


@pytest.mark.slow
def test_errors_are_honest_over_realisations_of_the_noise(calibrate: Calibrate) -> None:
    """Pixels, references and catalogue; a benchmark of the project does the same on 2048 pixels."""
    from iris_simulate import simulate

    made = simulate(size=(768, 768), stars=12, separation=110, seed=5)
    pulls = np.array([pull(calibrate(made.again(realisation))[0], made) for realisation in range(8)])
    assert np.sqrt(np.mean(pulls**2)) < 1.7
    assert abs(pulls.mean()) < 1.2


@pytest.mark.slow
def test_saturated_stars_are_left_out(calibrate: Calibrate) -> None:
    from iris_simulate import simulate

    made = simulate(size=(1024, 1024), stars=20, separation=90, brightest=1e-4, seed=9)
    (product,) = calibrate(made)
    assert any("saturated" in note for note in product.history[-1].notes)
    assert abs(pull(product, made)) < 3


def test_integrations_share_one_zero_point(calibrate: Calibrate) -> None:
    from iris_simulate import simulate

    made = simulate(size=(640, 640), stars=12, separation=100, integrations=3, exposure_time=300.0, seed=6)
    (product,) = calibrate(made)
    assert product.data.shape == (3, 640, 640)
    assert abs(pull(product, made)) < 3
    assert product.sci_header["ZP_AB"] == pytest.approx(true_zero_point(made), abs=0.02)


@pytest.mark.slow
def test_a_window_uses_the_stars_in_it(calibrate: Calibrate) -> None:
    """Its WCS is that of the window, and so is the mean area of its pixels."""
    from iris_simulate import simulate

    made = simulate(size=(1600, 1600), stars=500, separation=45, halo_fwhm=0.03, subarrays=1, seed=7)
    (product,) = calibrate(made, windows=True, total=6.0)
    header = product.sci_header
    assert product.shape == (266, 200)
    assert 5 <= header["ZP_NSTAR"] < 20
    assert abs(pull(product, made)) < 3
    assert header["PIXAR_SR"] / made.scene.camera.solid_angle == pytest.approx(
        made.scene.camera.area[made.windows[0].slices_in(whole(made))].mean(), rel=1e-5
    )


def whole(made: Any) -> Any:
    from iris_core import Window

    rows, columns = made.scene.camera.shape
    return Window(1, 1, columns, rows)


@pytest.mark.slow
def test_it_is_swapped_in_from_the_command_line_and_the_table_of_factors_is_not_asked(tmp_path: Path) -> None:
    from click.testing import CliRunner
    from iris_simulate import simulate, write_set

    from iris_core.cli import main

    made = simulate(size=(768, 768), stars=12, separation=110, seed=5)
    written = write_set(made, tmp_path / "set")
    store = next(iter(written.references.values())).parent
    next(store.glob("*PHOTOM*")).unlink()
    stars = write_catalog(made, tmp_path / "stars.ecsv", 0.01, seed=1)
    words = ["--use", "photom=iris-photom-stars", "--reference", f"catalog={stars}", "--reference", f"store={store}"]
    done = CliRunner().invoke(main, ["run", "image2", str(written.science[0]), *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (path,) = written.science[0].parent.glob("*_cal.fits")
    product = read_fits(path)
    record = next(one for one in product.history if one.stage == "photom")
    assert (record.plugin, record.references[0].path) == ("iris-photom-stars", str(stars))
    assert abs(pull(product, made)) < 4
    usual = CliRunner().invoke(main, ["check", "image2", str(written.science[0]), "--reference", f"store={store}"])
    assert "photom needs a photom reference" in usual.stderr
