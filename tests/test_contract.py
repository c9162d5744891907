"""What every stage has to keep is checked after it, and a stage that breaks it is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import (
    DQ,
    Exposure,
    Plugins,
    Removal,
    StageContractError,
    StageInputs,
    StageRecord,
    calibrate,
    check_contract,
    check_step,
    compile_recipe,
    parse_unit,
    stage,
)
from iris_core.recipes.reading import load_recipe

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


BROKEN: list[tuple[Callable[[Exposure], Any], list[str]]] = [
    (lambda exposure: None, ["NoneType", "return"]),
    (lambda exposure: exposure.data, ["ndarray"]),
    (lambda exposure: (yield), ["generator"]),
    (lambda exposure: exposure.replace(unit=None), ["without a unit"]),
    (lambda exposure: exposure.replace(unit=parse_unit("DN/s")), ["DN / s", "electron / s"]),
    (add_history, ["'history'"]),
    (lambda exposure: exposure.replace(done=frozenset({"photom"})), ["'done'"]),
    (lambda exposure: exposure.replace(removed={"dark": Removal.WHOLE}), ["'removed'"]),
    (lose_bits, ["DQ bits", "1 pixels"]),
    (flip, ["DQ bits", "1 pixels"]),
    (lambda exposure: exposure.replace(dq=np.zeros_like(exposure.dq)), ["DQ bits", "1 pixels"]),
    (
        lambda exposure: exposure.replace(data=np.zeros((2, 2)), dq=np.zeros((2, 2)), variance={}),
        ["(4, 5)", "(2, 2)", "reshapes"],
    ),
    (lambda exposure: exposure.replace(data=with_nan(exposure.data)), ["1 pixels", "data", "mask_invalid"]),
    (lambda exposure: exposure.replace(variance={"total": with_nan(exposure.data)}), ["1 pixels", "total"]),
    (lambda exposure: exposure.replace(dq=exposure.dq | 1), ["20 pixels", "data", "DO_NOT_USE"]),
    (lambda exposure: exposure.replace(data=np.full((4, 5), np.inf)), ["20 pixels", "data"]),
    (lambda exposure: exposure.scale(np.nan).replace(dq=exposure.dq | 2), ["20 pixels", "data"]),
]


@pytest.mark.parametrize(("broken", "facts"), BROKEN)
def test_a_stage_that_breaks_the_contract_is_refused_by_name(
    lab: Lab, write_recipe: Callable[..., Path], broken: Callable[[Exposure], Any], facts: list[str]
) -> None:
    hot = np.zeros((4, 5), dtype=bool)
    hot[0, 1] = True
    exposure = make_exposure((4, 5)).flag(hot, DQ.HOT)
    with pytest.raises(StageContractError) as caught:
        calibrate(exposure, write_recipe("flat_field"), plugins=lab(flat_field=broken))
    for fact in ("'flat_field'", "lab-flat_field 1.0", *facts):
        assert fact in str(caught.value)
    assert not hasattr(caught.value, "__notes__")  # it names the stage itself


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
        changed = make_exposure((7, 8))
        return changed.replace(history=exposure.history, done=exposure.done, removed=exposure.removed)

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
    for fact in ("'flat_field'", "lab-flat_field 1.0", "x_rate.fits"):
        assert fact in where
    assert "exposure.replace()" in remedy
    assert exposure.data[0, 0] == 10


@pytest.mark.parametrize("name", ["header", "sci_header"])
def test_a_stage_that_writes_into_a_header_fails_at_once_and_is_named(
    lab: Lab, write_recipe: Callable[..., Path], name: str
) -> None:
    def careless(exposure: Exposure) -> Exposure:
        getattr(exposure, name)["FILTER"] = "J"
        return exposure

    exposure = make_exposure(sci_header={"FILTER": "Kbb"})
    with pytest.raises(TypeError, match=r"read-only.*with_keywords") as caught:
        calibrate(exposure, write_recipe("flat_field"), plugins=lab(flat_field=careless))
    assert "lab-flat_field 1.0" in caught.value.__notes__[0]
    assert getattr(exposure, name)["FILTER"] == exposure.meta.filter == "Kbb"


def test_the_exposure_that_was_given_is_not_changed(lab: Lab, write_recipe: Callable[..., Path]) -> None:
    exposure = make_exposure(header={"A": 1})
    before = exposure.header.tostring(), exposure.sci_header.tostring()
    calibrate(exposure, write_recipe("flat_field"), plugins=lab(flat_field=lambda exposure: exposure.scale(3)))
    assert (exposure.data == 10).all()
    assert (exposure.header.tostring(), exposure.sci_header.tostring()) == before
    assert exposure.history == ()


@pytest.fixture
def step(lab: Lab, write_recipe: Callable[..., Path]) -> Any:
    """Return a step whose check is to be given by the test, and what it is given."""

    def make(look: Callable[..., Any] | None, **declared: Any) -> Any:
        work = stage("photom", check=look, **declared)(lambda exposure: exposure)
        recipe = load_recipe(write_recipe("photom"), {})
        ((one,), _) = compile_recipe(recipe, lab(photom=work), None)
        return one

    return make


def inputs(**header: Any) -> StageInputs:
    from iris_testkit import iris_mode

    return StageInputs(exposure=make_exposure(header=header), instrument=iris_mode())


def test_a_check_returns_the_outline_as_the_stage_will_leave_it(step: Any) -> None:
    given = inputs()
    changed = given.exposure.scale(2)
    assert check_step(step(lambda exposure: changed), given) is changed


def test_a_check_that_returns_nothing_and_no_check_leave_the_outline_as_it_is(step: Any) -> None:
    given = inputs()
    assert check_step(step(lambda exposure, instrument: None), given) is given.exposure


def test_a_stage_without_a_check_is_not_run_as_one(step: Any) -> None:
    given = inputs()
    assert check_step(step(None), given, outline_only=True) is given.exposure


@pytest.mark.parametrize("result", [3, "x", [1]])
def test_a_check_that_returns_something_else_breaks_the_contract(step: Any, result: Any) -> None:
    with pytest.raises(StageContractError, match=type(result).__name__):
        check_step(step(lambda exposure: result), inputs())


def test_the_contract_can_be_checked_by_authors(step: Any) -> None:
    before = make_exposure()
    one = step(None)
    with pytest.raises(StageContractError, match="MJy / sr"):
        check_contract(one, before, before)
