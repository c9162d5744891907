"""Real images, where they are at hand: the folder is named by the variable IRIS_TEST_DATA."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from iris_testkit import run_stage

import iris_wcs
from iris_core import Exposure, parse_unit, read_fits

DATA = Path(os.environ.get("IRIS_TEST_DATA", "data-that-is-not-there"))


def calibrated(path: Path, zero: float) -> Exposure:
    """Return an image in counts as MJy/sr, from the AB magnitude of one count in all pixels together."""
    exposure = run_stage(iris_wcs, read_fits(path).replace(unit=parse_unit("DN/s")))
    from iris_core import mean_solid_angle

    area = mean_solid_angle(exposure.wcs, exposure.shape)
    return exposure.scale(3631 * 10 ** (-0.4 * zero) / (1e6 * area)).replace(unit=u.MJy / u.sr)


@pytest.mark.skipif(not (DATA / "ukidss_wfcam_k").is_dir(), reason="no real data")
def test_the_stars_of_a_ukidss_image_have_reasonable_magnitudes(tools: Any) -> None:
    """MAGZPT is the Vega magnitude of one count per second; there are 8 bright stars over the Crab nebula."""
    (path,) = (DATA / "ukidss_wfcam_k").glob("*.fits")
    with fits.open(path) as hdus:
        header = hdus[1].header
        zero = header["MAGZPT"] + 2.5 * np.log10(header["EXP_TIME"]) + 1.85
    result = tools.catalogue(calibrated(path, zero), ab_offset=1.85)
    table = result.tables["cat"]
    magnitude = np.sort(table["aper70_vegamag"].value)
    assert 8 <= len(table)
    assert 10 < magnitude[0] < 16
