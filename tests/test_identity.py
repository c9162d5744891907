"""Products of an exposure that were made together can be told from a mixture of two runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_reference

from iris_core import Exposure, Plugins, References, Report, read_fits, run, stage

Write = Callable[..., Path]


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: References) -> Exposure:
    return exposure.scale(1 / references["flat"].image(exposure).data)


@stage("dark_current")
def subtract(exposure: Exposure) -> Exposure:
    return exposure.replace(data=exposure.data - 1)


@pytest.fixture
def calibrate(
    lab: Callable[..., Plugins], write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> Callable[..., Report]:
    """Return a function that runs two stages, each with its product, into a new folder."""
    plugins, recipe = (
        lab(flat_field=divide, dark_current=subtract),
        write_recipe("dark_current: {save: dark}, flat_field"),
    )
    write_exposure()
    make_reference(tmp_path / "flat.fits", "flat", np.full((8, 9), 2.0))

    def call(folder: str, path: str = "x_rate.fits", **options: Any) -> Report:
        given = {"references": {"flat": tmp_path / "flat.fits"}, **options}
        return run(recipe, tmp_path / path, plugins=plugins, directory=tmp_path / folder, **given)

    return call


def identities(report: Report) -> list[str]:
    assert not report.failed
    return [str(read_fits(path).header["IRISKEY"]) for path in report.products]


def test_all_products_of_a_run_have_the_same_and_so_has_an_equal_run(calibrate: Callable[..., Report]) -> None:
    first, other = identities(calibrate("a")), identities(calibrate("b"))
    assert len(first) == 2
    assert len({*first, *other}) == 1


@pytest.mark.parametrize("change", ["flat", "pixel", "skip", "another", "header"])
def test_what_changes_a_product_changes_it(
    calibrate: Callable[..., Report], write_exposure: Write, tmp_path: Path, change: str
) -> None:
    before, options = identities(calibrate("a"))[0], {}
    if change == "flat":
        make_reference(tmp_path / "flat.fits", "flat", np.full((8, 9), 2.1))
    elif change == "pixel":
        write_exposure(value=1.1)
    elif change == "header":
        write_exposure(header={"OBJECT": "another"})
    elif change == "skip":
        options = {"skip": {"dark_current": "why not"}}
    else:
        write_exposure("y_rate.fits", header={"OBJECT": "another"})
        options = {"path": "y_rate.fits"}
    assert before not in identities(calibrate("b", **options))


def test_a_product_that_is_calibrated_again_gets_that_of_its_own_run(
    calibrate: Callable[..., Report], tmp_path: Path
) -> None:
    (first, _), again = calibrate("a").products, calibrate("b", path="a/x_dark.fits", skip={"dark_current": "done"})
    assert read_fits(first).header["IRISKEY"] not in identities(again)
