"""What cosmic_rays takes, refuses and leaves alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import iris_cosmic_rays
import numpy as np
import pytest
from iris_testkit import iris_mode, make_exposure, run_recipe, run_stage

from iris_core import DQ, Exposure, InputError, InstrumentMode, StageSkipped


def with_a_ray(**options: Any) -> Exposure:
    """Return a sky of 100 with errors of 1, and 1000 in one pixel."""
    value = np.full((64, 64), 100.0)
    value[20, 30] = 1000
    return make_exposure(
        (64, 64), **{"value": value, "poisson": 0.9, "rnoise": 0.1, "seed": 1, "read_mode": "CDS", **options}
    )


def flag(exposure: Exposure, mode: InstrumentMode | None = None, **params: Any) -> Exposure:
    return run_stage(iris_cosmic_rays, exposure, mode=mode, **params)


def test_a_ray_is_flagged_and_nothing_else_changes() -> None:
    exposure = with_a_ray()
    result = flag(exposure)
    assert np.argwhere(result.dq).tolist() == [[20, 30]]
    good = result.dq == 0
    assert np.array_equal(result.data[good], exposure.data[good])
    assert all(np.array_equal(result.variance[name][good], plane[good]) for name, plane in exposure.variance.items())
    assert result.notes[-1].startswith("1 pixels hit")


def test_each_integration_is_looked_at_by_itself() -> None:
    value = np.full((3, 64, 64), 100.0)
    value[1, 20, 30] = 1000
    assert np.argwhere(flag(with_a_ray(value=value, nint=3)).dq).tolist() == [[1, 20, 30]]


@pytest.mark.parametrize(
    "known", [{"read_mode": "UTR"}, {"header": {"S_JUMP": "COMPLETE"}}, {"header": {"S_RAMPFI": "COMPLETE"}}]
)
def test_rates_of_ramps_are_skipped_unless_wanted(known: dict[str, Any]) -> None:
    exposure = with_a_ray(**known)
    with pytest.raises(StageSkipped):
        flag(exposure)
    assert flag(exposure, ramps=True).dq[20, 30] & DQ.OUTLIER


@pytest.mark.parametrize("from_mode", [True, False])
def test_counts_need_a_gain(from_mode: bool) -> None:
    """That of the mode, or the parameter: 4 electrons in a DN."""
    gain = {"value": 4.0, "unit": "electron/DN", "source": "here"}
    mode = replace(iris_mode(), facts={"gain": gain} if from_mode else {})
    exposure = with_a_ray(unit="DN/s")
    assert flag(exposure, mode, **({} if from_mode else {"gain": 4.0})).dq[20, 30]
    with pytest.raises(InputError, match=r"give 'gain'"):
        flag(exposure, replace(iris_mode(), facts={}))


@pytest.mark.parametrize(
    ("known", "wanted"), [({"unit": "MJy/sr"}, "before photom"), ({"exposure_time": None}, "EXPTIME")]
)
def test_what_gives_no_electrons_is_refused(known: dict[str, Any], wanted: str) -> None:
    with pytest.raises(InputError, match=wanted):
        flag(with_a_ray(**known))


def test_an_exposure_that_would_lose_too_much_is_refused() -> None:
    value = np.full((64, 64), 100.0)
    value[::4, ::4] = 1000
    with pytest.raises(InputError, match=r"max_fraction: 5%"):
        flag(with_a_ray(value=value))
    assert flag(with_a_ray(value=value), max_fraction=0.2).dq[::4, ::4].all()


def test_the_rim_of_a_saturated_star_is_no_ray() -> None:
    value = np.full((64, 64), 100.0)
    value[18:23, 28:33] = 800
    saturated = np.zeros((64, 64), dtype=bool)
    saturated[19:22, 29:32] = True
    exposure = with_a_ray(value=value).flag(saturated, DQ.SATURATED | DQ.DO_NOT_USE)
    assert np.array_equal(flag(exposure).dq != 0, saturated)


def test_an_exposure_without_a_good_pixel_comes_through() -> None:
    exposure = with_a_ray().flag(np.ones((64, 64), dtype=bool), DQ.DO_NOT_USE)
    assert np.all(flag(exposure).dq == DQ.DO_NOT_USE)


def test_a_recipe_names_it(tmp_path: Path) -> None:
    """By name, wherever it is put; no recipe of the framework has it."""
    products = run_recipe(["cosmic_rays"], with_a_ray(), folder=tmp_path, plugins=[iris_cosmic_rays])
    (product,) = products.values()
    assert product.header["S_COSRAY"] == "COMPLETE"
    assert product.dq[20, 30] == DQ.OUTLIER | DQ.DO_NOT_USE
