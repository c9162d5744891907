"""What would fail is found from the headers, before a pixel is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iris_resample import ResampleParams, check_grid, resample
from iris_testkit import iris_mode, make_exposure

from iris_core import Exposure, InputError, blank_plane, check, write_fits

IRIS = iris_mode()

Maker = Callable[..., Exposure]

RECIPE = """
recipe: 1
name: rectify
steps:
  - assign_wcs
  - resample
"""
SCALE = 0.004 / 3600
WCS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 20.5, "CRPIX2": 16.5, "CRVAL1": 150.0, "CRVAL2": 2.0}
LINEAR = {**WCS, "CD1_1": -SCALE, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": SCALE}
HEADER = {"TELESCOP": "TMT", "INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb"}


def outline_of(exposure: Exposure) -> Exposure:
    """Return what a check is given: headers and WCS, no pixels."""
    shape = exposure.data.shape
    return exposure.replace(data=blank_plane(shape), variance={}, dq=blank_plane(shape, "uint32"))


@pytest.mark.parametrize(
    ("shape", "asked", "message"),
    [
        ((1, 1), {}, "1 x 1 pixels cannot be drizzled"),
        ((40, 48), {"output_shape": (100_000, 100_000)}, "would have 100000 x 100000 pixels"),
        ((40, 48), {"crval": (330.0, 0.0)}, "no position within 90 deg of crval"),
        ((40, 48), {"crpix_fits": (500.0, 3.0), "output_shape": (50, 50)}, "does not touch the exposure"),
    ],
)
def test_what_the_stage_refuses_the_check_refuses(
    on_sky: Maker, shape: tuple[int, int], asked: dict[str, Any], message: str
) -> None:
    exposure = on_sky(shape)
    for function, given in ((resample, exposure), (check_grid, outline_of(exposure))):
        with pytest.raises(InputError, match=message):
            function(given, ResampleParams(**asked), IRIS)


def test_what_the_stage_accepts_the_check_accepts(on_sky: Maker) -> None:
    assert check_grid(outline_of(on_sky(cubic=1.0, nint=2)), ResampleParams(rotation=30.0), IRIS) is None


def test_a_wcs_that_no_stage_makes_is_found(on_sky: Maker) -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: resample needs a WCS .* run assign_wcs"):
        check_grid(outline_of(on_sky()).replace(wcs=None), ResampleParams(), IRIS)


def test_a_wcs_that_another_implementation_makes_later_is_left_to_it() -> None:
    """Its check need not make the WCS, but the outline then records that the stage will be done."""
    planned = make_exposure().replace(done=frozenset({"assign_wcs"}))
    assert check_grid(outline_of(planned), ResampleParams(), IRIS) is None


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"skip": {"assign_wcs": "not tonight"}}, "resample needs a WCS"),
        ({"params": {"resample.output_shape": [100_000, 100_000]}}, "would have 100000 x 100000 pixels"),
        ({"params": {"resample.crval": [330.0, 0.0]}}, "no position within 90 deg"),
    ],
)
def test_check_of_a_recipe_finds_it(tmp_path: Path, options: dict[str, Any], fact: str) -> None:
    pytest.importorskip("iris_wcs")
    recipe, path = tmp_path / "rectify.yaml", tmp_path / "x_rate.fits"
    recipe.write_text(RECIPE)
    write_fits(make_exposure((32, 40), header=HEADER, sci_header=LINEAR), path)
    assert check(recipe, path).errors == ()
    (problem,) = check(recipe, path, **options).errors
    assert fact in str(problem)
