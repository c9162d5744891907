"""The installed stages recover the truth from every kind of exposure."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from iris_simulate import SimulatedSet, WrittenSet, compare, measure_stars, simulate, write_set
from iris_simulate._demo import measure_products

from iris_core import Exposure, InstrumentMode, read_fits, run

STAGES = ("subarray", "wcs", "dark", "flat", "photom", "resample")
missing = [name for name in STAGES if find_spec(f"iris_{name}") is None]
without = pytest.mark.skipif(bool(missing), reason=f"stages are not installed: {', '.join(missing)}")
pytestmark = [without, pytest.mark.slow]

RECIPE = """recipe: 1
name: no-background
steps:
  - parse_subarray_map
  - assign_wcs
  - dark_current
  - flat_field
  - photom: {save: cal}
"""


def products(written: WrittenSet, folder: Path, *files: Path, resample: bool = False) -> list[dict[str, Exposure]]:
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE + "  - resample: {save: i2d}\n" * resample)
    store = next(iter(written.references.values())).parent
    report = run(recipe, *files, references={"store": store}, directory=folder, overwrite=True)
    assert not report.failed, [result.error for result in report.failed]
    return [{suffix: read_fits(path) for suffix, path in result.products.items()} for result in report.results]


def measured(made: SimulatedSet, cal: Exposure) -> Table:
    truth = made.truth()
    return compare(measure_stars(cal, made.scene.camera.psf, truth["ra"], truth["dec"]), truth)


def assert_recovered(found: Table) -> None:
    """Require 0.5 % of bright stars and 2 mas of all, with pulls that no honest error exceeds."""
    bright = np.asarray(found["flux"] > found["flux"].max() / 4)
    assert np.max(np.abs(found["error"][bright])) < 0.005
    assert np.max(np.abs(found["pull"])) < 4.5
    assert np.max(found["offset"]) < 2.0
    assert np.max(found["offset_fits"]) < 0.05 * 4.0


def test_dithered_exposures_agree_with_the_truth(mode: InstrumentMode, tmp_path: Path) -> None:
    made = simulate(
        instrument=mode, size=(300, 280), stars=8, dithers=2, filter="Hbb", position_angle=33.0, margin=45, seed=21
    )
    written = write_set(made, tmp_path / "set")
    for found in products(written, tmp_path, *written.science, resample=True):
        assert_recovered(measured(made, found["cal"]))
        rectified = measure_products(made, found)["i2d"]
        bright = np.asarray(rectified["flux"] > rectified["flux"].max() / 4)
        assert np.max(np.abs(rectified["error"][bright])) < 0.006
        assert np.max(rectified["offset"]) < 2.0


def test_each_integration_agrees_with_the_truth(mode: InstrumentMode, tmp_path: Path) -> None:
    made = simulate(instrument=mode, size=(300, 320), stars=6, integrations=2, exposure_time=200.0, seed=22)
    written = write_set(made, tmp_path / "set")
    (found,) = products(written, tmp_path, *written.science)
    cube = found["calints"] if "calints" in found else found["cal"]
    for k in range(2):
        variance = {name: plane[k] for name, plane in cube.variance.items()}
        one = cube.replace(data=cube.data[k], dq=cube.dq[k], variance=variance)
        assert_recovered(measured(made, one))


def test_a_window_agrees_with_the_truth_through_its_own_wcs(mode: InstrumentMode, tmp_path: Path) -> None:
    made = simulate(instrument=mode, size=(400, 400), stars=25, separation=25, subarrays=2, seed=23)
    written = write_set(made, tmp_path / "set")
    truth, psf = made.truth(), made.scene.camera.psf
    (windows,) = written.windows
    for window, found in zip(made.windows, products(written, tmp_path, *windows), strict=True):
        x, y = truth["x_0001"] - window.xstart + 1, truth["y_0001"] - window.ystart + 1
        inside = np.minimum(np.minimum(x, window.xsize - 1 - x), np.minimum(y, window.ysize - 1 - y)) > 13
        near = truth[(x > -30) & (y > -30) & (x < window.xsize + 30) & (y < window.ysize + 30)]
        stars = compare(measure_stars(found["cal"], psf, near["ra"], near["dec"]), near)
        wanted = np.isin(near["id"], truth["id"][inside])
        assert np.isfinite(stars["error"][wanted]).all()
        assert np.max(stars["offset"][wanted], initial=0.0) < 2.0


def test_pixels_of_the_calibrated_exposure_pull_to_the_true_surface_brightness(
    mode: InstrumentMode, tmp_path: Path
) -> None:
    made = simulate(instrument=mode, size=(256, 256), stars=3, flat_error=0.01, dark_error=0.1, margin=50, seed=24)
    scene = made.scene
    camera, detector = scene.camera, scene.detector
    pulls = []
    for k in range(2):
        written = write_set(made.again(k), tmp_path / f"set{k}")
        (found,) = products(written, tmp_path, *written.science)
        cal = found["cal"]
        with np.errstate(divide="ignore", invalid="ignore"):
            truth = (scene.rate(0) - detector.dark) / detector.flat * camera.conversion()
        good = np.isfinite(cal.data)
        assert np.array_equal(~good, detector.hot | detector.dead)
        pulls.append(((cal.data - truth) / cal.err)[good])
    together = np.concatenate(pulls)
    assert together.std() == pytest.approx(1.0, abs=0.02)
    assert together.mean() == pytest.approx(0.0, abs=0.02)


def test_the_calibrated_sky_is_as_bright_as_its_magnitude_says(mode: InstrumentMode, tmp_path: Path) -> None:
    made = simulate(instrument=mode, size=(128, 128), stars=0, sky=14.0, seed=25)
    written = write_set(made, tmp_path / "set")
    (found,) = products(written, tmp_path, *written.science, resample=True)
    vega_kbb = 666.7 * (2.1935 / 2.159) ** (np.log(666.7 / 1024.0) / np.log(2.159 / 1.662))
    expected = vega_kbb * 10 ** (-0.4 * 14.0) * 206264.806**2 * 1e-6
    assert np.nanmean(found["cal"].data) == pytest.approx(expected, rel=2e-3)
    assert np.nanmean(found["i2d"].data) == pytest.approx(expected, rel=2e-3)
