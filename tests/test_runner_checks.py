"""The check of a stage runs on the exposure right before the stage, and what it raises is not lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, Plugins, StageSkipped, calibrate, parse_unit, run, stage

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2)


def value(product: Exposure) -> float:
    return float(product.data[0, 0])


def test_a_stage_is_checked_on_the_exposure_right_before_it_runs(lab: Lab, write_recipe: Write) -> None:
    """The outline of before the run has no pixels; the exposure has those that the stage is given."""
    seen: list[Any] = []

    def look(exposure: Exposure) -> None:
        seen.append(("check", value(exposure)))

    @stage("photom", check=look)
    def photom(exposure: Exposure) -> Exposure:
        seen.append(("stage", value(exposure)))
        return exposure.replace(unit=parse_unit("MJy / sr"))

    calibrate(make_exposure(value=5), write_recipe("flat_field, photom"), plugins=lab(flat_field=double, photom=photom))
    assert seen[-2:] == [("check", 10), ("stage", 10)]


@pytest.mark.parametrize("error", [InputError("too bright"), KeyError("bug"), StageSkipped("too bright")])
def test_an_exception_of_a_check_on_the_exposure_reaches_the_result(
    lab: Lab, write_recipe: Write, write_exposure: Write, error: Exception
) -> None:
    """The stage does not run; one that has nothing to do is skipped."""

    def look(exposure: Exposure) -> None:
        if exposure.data.strides != (0, 0):
            raise error

    bright = stage("flat_field", check=look)(never)
    (result,) = run(write_recipe(), write_exposure(), plugins=lab(flat_field=bright)).results
    if isinstance(error, StageSkipped):
        assert [(record.status, record.notes) for record in result.history] == [("SKIPPED", ("too bright",))]
    else:
        for fact in (str(error), "flat_field", "lab-flat_field 1.0", "x_rate.fits"):
            assert fact in result.error
        assert not result.products


def never(exposure: Exposure) -> Exposure:
    raise AssertionError("the stage ran")


@pytest.mark.parametrize("error", [InputError("too bright"), ValueError("too bright")])
def test_an_exception_of_a_check_reaches_the_caller(lab: Lab, write_recipe: Write, error: Exception) -> None:
    def look(exposure: Exposure) -> None:
        if value(exposure) == 20:
            raise error

    plugins = lab(flat_field=double, dark_current=stage("dark_current", check=look)(never))
    with pytest.raises(type(error), match="too bright"):
        calibrate(make_exposure(value=10), write_recipe("flat_field, dark_current"), plugins=plugins)


def test_a_stage_that_looks_at_headers_only_is_run_once_on_each_exposure(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    seen: list[tuple[str, bool]] = []

    @stage("assign_wcs", headers_only=True)
    def assign(exposure: Exposure) -> Exposure:
        seen.append((exposure.name, exposure.data.strides == (0, 0)))
        return exposure

    files = [write_exposure("x.fits"), write_exposure("y.fits")]
    assert not run(write_recipe("assign_wcs"), *files, plugins=lab(assign_wcs=assign)).failed
    assert sorted(seen) == [("x.fits", False), ("x.fits", True), ("y.fits", False), ("y.fits", True)]
