"""What every stage owes is checked after it, and who breaks it is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iris_core import DQ, Exposure, StageContractError, calibrate
from iris_core.meta import StageRecord
from iris_core.plugins import Plugins
from iris_core.testing import make_exposure

Lab = Callable[..., Plugins]


def with_nan(plane: Any) -> Any:
    changed = np.array(plane)
    changed[0, 0] = np.nan
    return changed


def add_history(exposure: Exposure) -> Exposure:
    return exposure.replace(history=(StageRecord(stage="mine", status="COMPLETE"),))


def lose_bits(exposure: Exposure) -> Exposure:
    return exposure.replace(dq=exposure.dq & ~np.uint32(DQ.HOT))


def flip(exposure: Exposure) -> Exposure:
    return exposure.replace(data=exposure.data[::-1], dq=exposure.dq[::-1])


BROKEN: list[tuple[Callable[[Exposure], Any], str]] = [
    (lambda exposure: None, "returned NoneType, not an Exposure"),
    (lambda exposure: exposure.data, "returned ndarray, not an Exposure"),
    (lambda exposure: (yield), "returned generator, not an Exposure"),
    (lambda exposure: exposure.replace(unit=None), "returned an exposure without a unit"),
    (add_history, "changed the history; only the runner writes it"),
    (lose_bits, "removed DQ bits in 1 pixels; bits are only ever added"),
    (flip, "removed DQ bits in 1 pixels"),
    (lambda exposure: exposure.replace(dq=np.zeros_like(exposure.dq)), "removed DQ bits in 1 pixels"),
    (
        lambda exposure: exposure.replace(data=np.zeros((2, 2)), dq=np.zeros((2, 2)), variance={}),
        r"changed the shape from \(4, 5\) to \(2, 2\)",
    ),
    (
        lambda exposure: exposure.replace(data=with_nan(exposure.data)),
        "in 1 pixels data is NaN without DO_NOT_USE, or finite with it; end the stage with exposure.mask_invalid",
    ),
    (
        lambda exposure: exposure.replace(variance={"total": with_nan(exposure.data)}),
        "in 1 pixels total is NaN without DO_NOT_USE",
    ),
    (lambda exposure: exposure.replace(dq=exposure.dq | 1), "in 20 pixels data is NaN without DO_NOT_USE, or finite"),
    (lambda exposure: exposure.replace(data=np.full((4, 5), np.inf)), "in 20 pixels data is NaN without"),
]


@pytest.mark.parametrize(("broken", "words"), BROKEN)
def test_a_stage_that_breaks_the_contract_is_refused_by_name(
    lab: Lab, write_recipe: Callable[..., Path], broken: Callable[[Exposure], Any], words: str
) -> None:
    hot = np.zeros((4, 5), dtype=bool)
    hot[0, 1] = True
    exposure = make_exposure((4, 5)).flag(hot, DQ.HOT)
    with pytest.raises(StageContractError, match=words) as caught:
        calibrate(exposure, write_recipe("flat_field"), plugins=lab(flat_field=broken))
    assert "stage 'flat_field' of lab-flat_field 1.0" in str(caught.value)


def test_what_a_stage_may_do(lab: Lab, write_recipe: Callable[..., Path]) -> None:
    """Change values, add bits and components, invalidate pixels, and write keywords."""

    def good(exposure: Exposure) -> Exposure:
        corner = np.zeros(exposure.shape, dtype=bool)
        corner[0, 0] = True
        changed = exposure.scale(2).add_variance("mine", 1.0).flag(corner, DQ.DO_NOT_USE | DQ.HOT)
        return changed.with_keywords({"MINE": (1, "")}).note("done")

    product = calibrate(make_exposure((4, 5)), write_recipe("flat_field"), plugins=lab(flat_field=good))["cal"]
    assert np.isnan(product.data[0, 0])
    assert product.dq[0, 0] == DQ.DO_NOT_USE | DQ.HOT
    assert sorted(product.variance) == ["mine", "poisson", "rnoise"]


def test_a_stage_that_is_declared_to_reshape_may(lab: Lab, write_recipe: Callable[..., Path]) -> None:
    def enlarge(exposure: Exposure) -> Exposure:
        return make_exposure((7, 8)).replace(history=exposure.history)

    product = calibrate(make_exposure((4, 5)), write_recipe("resample"), plugins=lab(resample=enlarge))["i2d"]
    assert product.shape == (7, 8)


@pytest.mark.parametrize("plane", ["data", "dq", "variance"])
def test_a_stage_that_writes_into_its_input_fails_at_once_and_is_named(
    lab: Lab, write_recipe: Callable[..., Path], plane: str
) -> None:
    def careless(exposure: Exposure) -> Exposure:
        planes = getattr(exposure, plane)
        array = planes["poisson"] if plane == "variance" else planes
        array[0, 0] = 3
        return exposure

    exposure = make_exposure()
    with pytest.raises(ValueError, match="read-only") as caught:
        calibrate(exposure, write_recipe("flat_field"), plugins=lab(flat_field=careless))
    where, remedy = caught.value.__notes__
    assert where == "in stage 'flat_field' of plugin lab-flat_field 1.0, exposure x_rate.fits"
    assert "compute new ones and return exposure.replace()" in remedy
    assert exposure.data[0, 0] == 10


def test_the_exposure_that_was_given_is_not_changed(lab: Lab, write_recipe: Callable[..., Path]) -> None:
    exposure = make_exposure(header={"A": 1})
    before = exposure.header.tostring(), exposure.sci_header.tostring()
    calibrate(exposure, write_recipe("flat_field"), plugins=lab(flat_field=lambda exposure: exposure.scale(3)))
    assert (exposure.data == 10).all()
    assert (exposure.header.tostring(), exposure.sci_header.tostring()) == before
    assert exposure.history == ()
