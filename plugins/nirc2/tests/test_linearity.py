"""The stage linearity: counts as a linear array would have given them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from iris_nirc2 import plugin
from iris_testkit import iris_mode, make_exposure, run_stage

from iris_core import Exposure, InputError, StageSkipped

WIDE = plugin.instrument_modes()[2]


def straighten(exposure: Exposure) -> Exposure:
    return run_stage(plugin, exposure, stage="linearity", mode=WIDE)


@pytest.mark.parametrize("coadds", [1, 5])
@pytest.mark.parametrize("nint", [0, 2])
def test_the_published_polynomial_is_applied_to_each_coadd(coadds: int, nint: int) -> None:
    """8000 DN a coadd: 8000 / (1.001 - 0.0552 - 0.00448), noise by the slope of that."""
    exposure = make_exposure(
        mode=WIDE, nint=nint, value=8000 * coadds / 100, poisson=4.0, rnoise=1.0, header={"COADDS": coadds}
    )
    result = straighten(exposure)
    response = 1.001 - 6.9e-6 * 8000 - 0.7e-10 * 8000**2
    slope = (response + 8000 * (6.9e-6 + 1.4e-10 * 8000)) / response**2
    assert np.allclose(result.data, exposure.data / response, rtol=1e-6)
    assert np.allclose(result.variance["poisson"], 4.0 * slope**2, rtol=1e-5)
    assert np.allclose(result.variance["rnoise"], slope**2, rtol=1e-5)


def test_a_star_on_a_bright_sky_gets_its_light_back() -> None:
    """1000 DN above a sky of 5700 lose 9 %: the difference of two linear numbers, not a factor on the star."""
    raw = np.full((32, 32), 57.0)
    raw[16, 16] = 67.0
    result = straighten(make_exposure(mode=WIDE, value=raw))
    assert (result.data[16, 16] - result.data[0, 0]) / 10.0 == pytest.approx(1.10, abs=0.01)


def test_other_cameras_and_the_new_electronics_are_skipped() -> None:
    with pytest.raises(StageSkipped):
        run_stage(plugin, make_exposure(unit="DN/s"), stage="linearity", mode=iris_mode())
    with pytest.raises(StageSkipped):
        straighten(make_exposure(mode=WIDE, start_time=datetime(2024, 6, 1, tzinfo=UTC)))


@pytest.mark.parametrize("known", [{"unit": "electron/s"}, {"exposure_time": None}])
def test_what_is_no_rate_of_counts_is_refused(known: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"DN/s and EXPTIME are needed"):
        straighten(make_exposure(mode=WIDE, **known))
