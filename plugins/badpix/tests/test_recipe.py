"""The stage in a run: with a mask, without one, for windows and background exposures."""

from __future__ import annotations

from pathlib import Path

import iris_badpix
import numpy as np
import pytest
from astropy.io import fits
from iris_testkit import make_exposure, make_reference

import iris_core
from iris_core import DQ, Flags, IrisError, PlannedStep

MASKING = """\
recipe: 1
name: masking
steps:
  - flag_bad_pixels: {save: dqinit}
"""
BAD = DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL
IRIS = {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb"}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "masking.yaml").write_text(MASKING)
    return tmp_path / "masking.yaml"


@pytest.fixture
def rate(tmp_path: Path) -> Path:
    iris_core.write_fits(make_exposure(header=IRIS), tmp_path / "x_rate.fits")
    return tmp_path / "x_rate.fits"


def mask_of(folder: Path, detector: str) -> Path:
    """Write a mask of a detector into a folder of references: pixel (row 3, column 4) is bad."""
    folder.mkdir(exist_ok=True)
    mask = np.zeros((32, 32))
    mask[3, 4] = 1
    header = {**IRIS, "DETECTOR": detector, "FILTER": "ANY", "REFTYPE": "mask", "USEAFTER": "2020-01-01T00:00:00"}
    return make_reference(folder / f"{detector}.fits", "mask", mask, **header).path


def product_of(recipe: Path | str, rate: Path, store: Path) -> tuple[fits.Header, Flags]:
    """Return the primary header and the DQ of the first product."""
    report = iris_core.run(recipe, rate, references={"store": store}, directory=store.parent / "out")
    assert [result.error for result in report.results] == [""]
    with fits.open(report.products[0]) as product:
        return product["PRIMARY"].header, product["DQ"].data


def planned_step(recipe: Path, rate: Path, store: Path) -> PlannedStep:
    """Return the step as ``iris check`` plans it."""
    checked = iris_core.check(recipe, rate, references={"store": store})
    assert not checked.errors
    (plan,) = checked.plans.values()
    return plan.steps[0]


def test_the_mask_of_the_detector_is_found_and_recorded(recipe: Path, rate: Path, tmp_path: Path) -> None:
    mask_of(tmp_path / "store", "IMG2")
    mask_of(tmp_path / "store", "IMG1")
    header, dq = product_of(recipe, rate, tmp_path / "store")
    assert (header["S_DQINIT"], header["R_MASK"]) == ("COMPLETE", "IMG1.fits")
    assert np.argwhere(dq == BAD).tolist() == [[3, 4]]
    assert np.count_nonzero(dq) == 1


def test_without_a_mask_the_stage_is_skipped_and_the_product_says_why(recipe: Path, rate: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    assert planned_step(recipe, rate, tmp_path / "store").skip == "no mask of IMG1 was found"
    header, dq = product_of(recipe, rate, tmp_path / "store")
    assert header["S_DQINIT"] == "SKIPPED"
    assert "R_MASK" not in header
    assert not dq.any()


def test_a_mask_of_another_detector_is_no_mask_and_is_named(recipe: Path, rate: Path, tmp_path: Path) -> None:
    mask_of(tmp_path / "store", "IMG2")
    step = planned_step(recipe, rate, tmp_path / "store")
    assert step.skip
    assert "IMG2.fits" in " ".join(step.notes)


def test_a_mask_named_by_hand_that_does_not_fit_is_refused(recipe: Path, rate: Path, tmp_path: Path) -> None:
    small = make_reference(tmp_path / "small.fits", "mask", np.zeros((16, 16))).path
    with pytest.raises(IrisError, match=r"small\.fits"):
        iris_core.run(recipe, rate, references={"mask": small}, directory=tmp_path / "out")


def test_the_recipe_flags_first_and_then_is_image2_dark_first(rate: Path) -> None:
    path = iris_badpix.recipes()["image2-masked"]
    checked = iris_core.check(path, rate)
    missing = " ".join(map(str, checked.errors))
    for reftype in ("dark", "flat", "photom"):
        assert reftype in missing
    assert "mask" not in missing


def test_the_arithmetic_needs_no_framework() -> None:
    from iris_badpix._dq import bad_pixels, flags_of

    bad = bad_pixels(np.array([[0, 1, np.nan, -2]], dtype=np.float32))
    assert bad.tolist() == [[False, True, True, True]]
    dq = np.array([[DQ.HOT, DQ.HOT, 0, 0]], dtype=np.uint32)
    assert flags_of(bad, dq).tolist() == [[DQ.HOT, BAD | DQ.HOT, BAD, BAD]]
