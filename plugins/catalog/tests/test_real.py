"""Real images, where they are at hand: the folder is named by the variable IRIS_TEST_DATA."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import iris_wcs
import numpy as np
import pytest
from astropy import units as u
from iris_testkit import run_stage

from iris_core import Exposure, mean_solid_angle, parse_unit, read_fits

DATA = Path(os.environ.get("IRIS_TEST_DATA", "data-that-is-not-there"))


def calibrated(path: Path, zero: float) -> Exposure:
    """Return an image in counts as MJy/sr, from the AB magnitude of one count in all pixels together."""
    exposure = run_stage(iris_wcs, read_fits(path).replace(unit=parse_unit("DN/s")))
    area = mean_solid_angle(exposure.wcs, exposure.shape)
    return exposure.scale(3631 * 10 ** (-0.4 * zero) / (1e6 * area)).replace(unit=u.MJy / u.sr)


@pytest.mark.skipif(not (DATA / "ukidss_wfcam_k").is_dir(), reason="no real data")
def test_the_crab_pulsar_has_its_magnitude(tools: Any) -> None:
    """MAGZPT is the Vega magnitude of one count per second, of 10 s here; the pulsar, in the middle, has K 13.8."""
    (path,) = (DATA / "ukidss_wfcam_k").glob("*.fits")
    exposure = read_fits(path)
    assert exposure.meta.exposure_time == 10
    result = tools.catalogue(calibrated(path, 24.053 + 2.5 + 1.85), ab_offset=1.85)
    table = result.tables["cat"]
    (index,), _ = tools.matched(result, np.array([[149.7, 149.1]]))
    assert 7 <= len(table) <= 12
    # not corrected for the light outside: too few stars are isolated
    assert table["aper70_vegamag"][index].value - 0.39 == pytest.approx(13.8, abs=0.4)
    assert result.exposure.sci_header["FWHM"] == pytest.approx(3.81 * 0.2, rel=0.1)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "twomass_gc_jhk").is_dir(), reason="no real data")
def test_the_bright_stars_towards_the_galactic_centre_are_found(tools: Any) -> None:
    """Of the 66 stars of Tycho-2 in the J image nearly all, within a pixel; no star is isolated there."""
    from astropy.table import Table

    result = tools.catalogue(calibrated(DATA / "twomass_gc_jhk" / "2MASS_j.fits.gz", 20.9044 + 0.91), ab_offset=0.91)
    stars = Table.read(DATA / "twomass_gc_jhk" / "tyc2_GC.csv", format="ascii.csv")
    ra, dec = (np.asarray(stars[next(one for one in stars.colnames if one.upper().startswith(key))], dtype=float)
               for key in ("RA", "DE"))  # fmt: skip
    places = np.column_stack(result.exposure.wcs.invert(ra, dec, with_bounding_box=False))
    ny, nx = result.exposure.shape
    places = places[np.all((places > 0) & (places < (nx - 1, ny - 1)), axis=1)]
    index, distance = tools.matched(result, places)
    assert len(places) >= 66
    assert np.count_nonzero(index >= 0) >= 60
    assert np.median(distance) < 0.3
    assert "fewer than 3 isolated stars" in " ".join(result.exposure.notes)
