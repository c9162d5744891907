"""The recipe image3 as it is installed: its steps in order, its members, its products."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import iris_image3
import pytest
from iris_testkit import make_exposure

from iris_core import Check, InputError, Recipe, check, load_plugins, write_exposure
from iris_core.recipes.reading import load_recipe

STEPS = [
    "flag_bad_pixels",
    "dark_current",
    "flat_field",
    "background",
    "assign_wcs",
    "dither_sky",
    "photom",
    "align",
    "sky_match",
    "outlier_detection",
    "mosaic",
    "source_catalog",
]
# What needs reference files, which are not there.
CALIBRATED = dict.fromkeys(("flag_bad_pixels", "dark_current", "flat_field", "photom"), "calibrated before")
PIXEL = 0.004 / 3600  # deg
Take = Callable[..., Path]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Return a function that writes an exposure, some pixels to the north of the field."""

    def write(name: str, north: float, **meta: str) -> Path:
        wcs = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 8.5, "CRPIX2": 8.5, "CDELT1": -PIXEL}
        pointing = {"CDELT2": PIXEL, "CRVAL1": 150.0, "CRVAL2": 2.0 + north * PIXEL}
        exposure = make_exposure((16, 16), value=1.0, seed=1, sci_header={**wcs, **pointing}, header=meta)
        return write_exposure(exposure, tmp_path / f"{name}_rate.fits")

    return write


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe(iris_image3.recipes()["image3"], load_plugins().recipes())


def plan(*files: Path, **skip: str) -> Check:
    return check("image3", *files, skip={**CALIBRATED, **skip})


def names(found: Check) -> set[str]:
    (planned,) = found.plans.values()
    return {path.name for path in planned.outputs}


def test_the_stages_are_in_the_documented_order(recipe: Recipe) -> None:
    assert [step.stage for step in recipe.steps] == STEPS


def test_it_takes_any_number_of_exposures_and_at_most_one_catalogue(recipe: Recipe) -> None:
    assert dict(recipe.members) == {"science": (1, None), "background": (0, None), "refcat": (0, 1), "objects": (0, 1)}


def test_all_of_it_is_installed() -> None:
    assert not set(STEPS) - set(load_plugins().stages())


def test_exposures_of_one_filter_are_one_product(take: Take) -> None:
    found = plan(*[take(f"e{at}", north=20.0 * at) for at in range(3)])
    assert not found.errors
    each = {f"e{at}_{suffix}.fits" for at in range(3) for suffix in ("cal", "crf")}
    assert names(found) == {*each, "e0_i2d.fits", "e0_cat.ecsv", "e0_segm.fits"}


def test_exposures_of_two_filters_are_refused_as_one_product(take: Take) -> None:
    found = plan(take("k", north=0.0, FILTER="Kbb"), take("h", north=20.0, FILTER="Hbb"))
    assert any("differ in filter" in str(error) for error in found.errors)


def test_a_folder_has_one_product_for_each_filter_and_target(take: Take, tmp_path: Path) -> None:
    for at in range(2):
        for band in ("Kbb", "Hbb"):
            take(f"{band}{at}", north=20.0 * at, FILTER=band, OBJECT="NGC 1")
    found = plan(tmp_path)
    made = {path.name for planned in found.plans.values() for path in planned.outputs}
    assert {"NGC-1_Kbb_i2d.fits", "NGC-1_Hbb_i2d.fits"} <= made


def test_one_exposure_has_no_sky_of_others_and_goes_without(take: Take) -> None:
    alone = take("e0", north=0.0)
    assert [type(error) for error in plan(alone).errors] == [InputError]
    found = plan(alone, dither_sky="one frame")
    assert not found.errors
    assert "e0_i2d.fits" in names(found)


def test_a_check_tells_the_grid_of_the_mosaic_and_what_a_run_needs(take: Take) -> None:
    """Exposures of 16 x 16 in steps of 20 pixels: 56 rows and a margin."""
    (planned,) = plan(*[take(f"e{at}", north=20.0 * at) for at in range(3)]).plans.values()
    columns, _, rows, _ = planned.facts["size after mosaic"].split()
    assert 56 <= int(rows) <= 62
    assert 16 <= int(columns) <= 22
    assert "GiB of memory" in planned.facts["needs"]
    assert "GiB of disk" in planned.facts["needs"]


def test_an_exposure_of_another_field_is_refused_by_name(take: Take) -> None:
    """At a distance of 100,000 pixels, with and without the stages before the mosaic."""
    files = [take("e0", north=0.0), take("e1", north=20.0), take("far", north=1e5)]
    for skips in ({}, dict.fromkeys(("dither_sky", "align", "sky_match", "outlier_detection"), "only the grid")):
        found = plan(*files, **skips)
        assert any("far" in str(error) for error in found.errors), found.errors


def test_an_exposure_without_wcs_is_refused_by_name(take: Take, tmp_path: Path) -> None:
    bare = write_exposure(make_exposure((16, 16), value=1.0, seed=1), tmp_path / "bare_rate.fits")
    found = plan(take("e0", north=0.0), take("e1", north=20.0), bare)
    assert any("bare" in str(error) for error in found.errors)
