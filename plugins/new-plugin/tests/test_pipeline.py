"""Packages of all seven stages calibrate an exposure with ``iris run``, as the stages of image2 do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import iris_core

USE = {
    "background": "my-background",
    "parse_subarray_map": "my-windows",
    "assign_wcs": "my-wcs",
    "dark_current": "my-dark",
    "flat_field": "my-flat",
    "photom": "my-photom",
    "resample": "my-grid",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a simulated exposure, its window, four background exposures, and reference files."""
    simulate = pytest.importorskip("iris_simulate")
    folder = tmp_path_factory.mktemp("night")
    made = simulate.simulate(size=(192, 160), stars=5, backgrounds=4, subarrays=1, seed=3)
    simulate.write_set(made, folder)
    return folder


def run_iris(packages: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    sites = [str(site) for package in packages.values() for site in package.sites]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(sites))}
    command = [sys.executable, "-P", "-c", "from iris_core.cli import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_recipe_of_all_seven_gives_what_image2_gives(packages: dict[str, Any], night: Path, tmp_path: Path) -> None:
    (association,) = night.glob("*_asn.json")
    steps = "".join(f"  - {stage}: {{use: {plugin}}}\n" for stage, plugin in USE.items())
    (tmp_path / "mine.yaml").write_text(f"recipe: 1\nname: mine\nextends: image2\nsteps:\n{steps}")
    options = ["--reference", f"store={night / 'references'}", "--output-dir", str(tmp_path / "mine")]
    done = run_iris(packages, "run", str(tmp_path / "mine.yaml"), str(association), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    report = iris_core.run(
        "image2", association, references={"store": night / "references"}, directory=tmp_path / "usual"
    )
    assert not report.failed
    mine, usual = (iris_core.read_fits(next((tmp_path / name).glob("*_cal.fits"))) for name in ("mine", "usual"))
    rectified = iris_core.read_fits(next((tmp_path / "mine").glob("*_i2d.fits")))
    assert {record.stage: record.plugin for record in rectified.history} == USE
    assert {record.status for record in rectified.history} == {"COMPLETE"}
    assert mine.unit == usual.unit
    assert mine.subarrays == usual.subarrays
    np.testing.assert_array_equal(np.isnan(mine.data), np.isnan(usual.data))
    # Where nothing was clipped from the background the mean is the same; what was clipped is a per cent of the pixels.
    assert np.nanquantile(np.abs(mine.data - usual.data) / usual.err, 0.95) < 1e-3
    assert np.nanmedian(np.abs(mine.err / usual.err - 1)) < 1e-3
    assert np.nanmedian(rectified.data) == pytest.approx(np.nanmedian(mine.data), rel=0.01)


def test_two_implementations_and_no_choice_are_an_error_that_names_both(packages: dict[str, Any], night: Path) -> None:
    done = run_iris({"my-dark": packages["my-dark"]}, "check", "image2", str(next(night.glob("*_rate.fits"))))
    assert done.returncode == 1
    message = done.stderr + done.stdout
    assert "dark_current" in message
    assert "iris-dark" in message
    assert "my-dark" in message


def test_every_package_is_listed_with_its_hooks_and_none_is_broken(packages: dict[str, Any]) -> None:
    done = run_iris(packages, "plugins", "--json")
    assert done.returncode == 0, done.stdout
    for package in packages.values():
        assert f'"{package.name}"' in done.stdout
