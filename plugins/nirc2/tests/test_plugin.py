"""What the package brings, seen from the framework: its reader, modes, stage and recipe in a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_nirc2 import recipes

import iris_core

MASKING = """\
recipe: 1
name: masking
steps:
  - flag_bad_pixels: {save: dqinit}
"""


def test_import_is_light() -> None:
    """Nothing heavy is imported before it is needed."""
    code = "import sys, iris_nirc2; sys.exit(any(name in sys.modules for name in ('astropy', 'gwcs', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_recipe_is_there() -> None:
    assert [path.is_file() for path in recipes().values()] == [True]


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """Return a mask as NIRC2's come: an image of the whole array and no header."""
    bad = np.zeros((1024, 1024), dtype=np.float32)
    bad[480 + 10, 480 + 20] = 1
    fits.PrimaryHDU(bad).writeto(tmp_path / "badpix.fits")
    return tmp_path / "badpix.fits"


@pytest.fixture
def masking(tmp_path: Path) -> Path:
    path = tmp_path / "masking.yaml"
    path.write_text(MASKING)
    return path


def test_a_stage_of_a_third_party_runs_like_any_other(
    make_frame: Any, mask: Path, masking: Path, tmp_path: Path
) -> None:
    """Declared here, implemented here, named in a recipe: status, reference and mode are in the product.

    The frame is a window of 64 x 64 pixels in the middle of the array, from column and row 480 (0-based).
    """
    frame = make_frame(np.full((64, 64), 800))
    report = iris_core.run(masking, frame, references={"mask": mask}, directory=tmp_path / "out")
    assert not report.failed
    assert report.results[0].mode == "nirc2-wide"
    with fits.open(tmp_path / "out" / "n0031_dqinit.fits") as product:
        assert product["PRIMARY"].header["S_DQINIT"] == "COMPLETE"
        assert product["PRIMARY"].header["R_MASK"] == "badpix.fits"
        assert product["PRIMARY"].header["OUTDIR"] == "/sdata903/nirc13/2011apr13/"
        assert product["SCI"].header["BUNIT"] == "DN/s"
        assert np.argwhere(product["DQ"].data).tolist() == [[10, 20]]
        assert np.argwhere(np.isnan(product["SCI"].data)).tolist() == [[10, 20]]
        assert np.nanmedian(product["SCI"].data) == 10.0


def test_a_product_is_read_again_with_its_camera(make_frame: Any, mask: Path, masking: Path, tmp_path: Path) -> None:
    """By the framework's own reader: what this one found in the header stands there in the framework's words."""
    path = make_frame(np.full((64, 64), 800))
    frame = iris_core.run(masking, path, references={"mask": mask}).products[0]
    again = iris_core.read_fits(frame)
    assert (again.meta.instrument, again.meta.detector, again.meta.filter) == ("NIRC2", "wide", "Ks")
    assert (again.meta.read_mode, again.meta.exposure_time) == ("MCDS16-80s", 80.0)
    assert set(again.variance) == {"poisson", "rnoise"}
