"""The demonstration recovers the truth through the whole of image2."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner
from iris_simulate import SimulatedSet, WrittenSet
from iris_simulate._demo import _calibrate, _cells, _summary, measure_products
from iris_simulate.cli import demo
from matplotlib.image import imread

from iris_core import Exposure, IrisError

STAGES = ("background", "subarray", "wcs", "dark", "flat", "photom", "resample")
missing = [name for name in STAGES if find_spec(f"iris_{name}") is None]
needs_image2 = pytest.mark.skipif(bool(missing), reason=f"image2 lacks the stages of: {', '.join(missing)}")


@pytest.fixture(scope="module")
def calibrated(written: WrittenSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Exposure]]:
    folder = tmp_path_factory.mktemp("calibrated")
    return folder, _calibrate(written, folder, overwrite=False)


@needs_image2
@pytest.mark.slow
def test_the_demonstration_prints_a_comparison_and_draws_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    result = CliRunner().invoke(demo, ["--out", str(out), "--size", "256", "--seed", "2"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "cal: 2 of 2 stars measured" in result.output
    assert "i2d: 2 of 2 stars measured" in result.output
    names = {path.name for path in out.iterdir()}
    assert {"sim_IMG1_Kbb_0001_cal.fits", "sim_IMG1_Kbb_0001_i2d.fits", "demo.png", "truth.ecsv", "references"} <= names
    assert imread(out / "demo.png").shape[1] > 1000


@needs_image2
@pytest.mark.slow
def test_calibrated_stars_are_where_and_as_bright_as_the_truth_says(
    field: SimulatedSet, calibrated: tuple[Path, dict[str, Exposure]]
) -> None:
    found = measure_products(field, calibrated[1])
    assert np.max(np.abs(found["cal"]["pull"])) < 4.5
    assert np.max(np.abs(found["i2d"]["error"] - found["cal"]["error"])) < 0.03
    for one in found.values():
        assert np.max(one["offset"]) < 2.0
        assert np.max(one["offset_fits"]) < 2.0


@needs_image2
def test_the_sky_goes_with_the_background_exposures(calibrated: tuple[Path, dict[str, Exposure]]) -> None:
    cal = calibrated[1]["cal"]
    assert "background" in cal.variance
    assert abs(np.nanmedian(cal.data)) < 0.05 * np.nanmedian(cal.err)


@needs_image2
def test_products_are_not_overwritten_without_leave(
    written: WrittenSet, calibrated: tuple[Path, dict[str, Exposure]]
) -> None:
    with pytest.raises(IrisError, match="overwrit"):
        _calibrate(written, calibrated[0], overwrite=False)


def comparison(**columns: list[float]) -> Table:
    rows = len(columns["error"])
    filled = {name: [1.0] * rows for name in ("flux", "measured", "pull", "offset", "offset_fits")}
    return Table({"id": list(range(1, rows + 1)), **filled, **columns})


def test_the_summary_leaves_out_what_could_not_be_measured() -> None:
    nan = float("nan")
    text = _summary(
        comparison(
            flux=[10.0, 9.0, 0.5, 8.0],
            error=[0.001, -0.003, 0.5, nan],
            pull=[1.0, -1.0, 1.0, nan],
            offset=[0.1, 0.3, 9.0, nan],
        )
    )
    assert "3 of 4 stars measured; the 2 bright ones" in text
    assert "median error 0.200 % in flux and 0.200 mas" in text
    assert f"scatter of all fluxes {np.std([1, -1, 1]):.2f}" in text


def test_a_row_of_the_table_shows_the_numbers_in_their_units() -> None:
    row = comparison(flux=[2e-6], measured=[2.02e-6], error=[0.01], pull=[-1.23], offset=[0.5], offset_fits=[0.25])[0]
    assert _cells(row, row) == ("1", "2.0", "2.0", "+1.00", "-1.2", "0.500", "0.250", "+1.00", "0.500")
