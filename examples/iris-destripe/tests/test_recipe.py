"""The recipe of this package, on a simulated exposure with stripes put into it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import iris_core
import numpy as np
import pytest
from iris_core import Exposure
from scenes import alternating

simulate = pytest.importorskip("iris_simulate")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a simulated exposure and its reference files."""
    folder = tmp_path_factory.mktemp("night")
    made = simulate.simulate(simulate.SimulationSpec(size=(256, 256)))
    simulate.write_set(made, folder)
    return folder


def calibrate(night: Path, stripes: float, recipe: str, skip: Mapping[str, str]) -> Exposure:
    exposure = iris_core.read_fits(next(night.glob("*_rate.fits")))
    striped = exposure.replace(data=exposure.data + alternating(256, stripes)[:, np.newaxis])
    skipped = {"background": "there is none", "resample": "pixels are compared", **skip}
    return iris_core.calibrate(striped, recipe, references={"store": night / "references"}, skip=skipped)["cal"]


def test_a_striped_exposure_is_calibrated_as_one_without_stripes(night: Path) -> None:
    clean = calibrate(night, 0.0, "image2", {})
    striped = calibrate(night, 1.0, "image2", {})
    destriped = calibrate(night, 1.0, "image2-destripe", {})
    assert [one.stage for one in destriped.history if one.status == "COMPLETE"] == [
        "assign_wcs",
        "dark_current",
        "destripe",
        "flat_field",
        "photom",
    ]
    assert clean.err is not None
    wrong, left = (float(np.nanstd((one.data - clean.data) / clean.err)) for one in (striped, destriped))
    assert left < 0.2 * wrong
    assert destriped.header["S_DESTRP"] == "COMPLETE"
    assert "destripe" in destriped.variance


def test_left_out_with_a_reason_it_changes_nothing(night: Path) -> None:
    image2 = calibrate(night, 1.0, "image2", {})
    skipped = calibrate(night, 1.0, "image2-destripe", {"destripe": "to compare"})
    np.testing.assert_array_equal(skipped.data, image2.data)
