"""What an image in a reference file has to be holds for files named by hand, of a folder, and added to a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_testkit import make_exposure, make_reference

from iris_core import (
    DQ,
    Exposure,
    InputError,
    Plugins,
    Problems,
    References,
    ReferenceType,
    as_plugin,
    calibrate,
    check,
    hookimpl,
    image_faults,
    image_of,
    read_fits,
    stage,
)
from iris_core.references.images import image_doubts

Write = Callable[..., Path]
SHAPE = (8, 9)
RATIO, RATE = ReferenceType(name="flat", quantity="ratio"), ReferenceType(name="flat", quantity="rate")


def with_value(value: float, plane: float = 1.0) -> np.ndarray[Any, Any]:
    made = np.full(SHAPE, plane, np.float32)
    made[2, 4] = value
    return made


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: References) -> Exposure:
    """Divide by the flat, whatever it is."""
    return exposure.scale(1 / references["flat"].image(exposure).data).mask_invalid()


class Types:
    """A plugin that declares the flat, a ratio."""

    @hookimpl
    def reference_types(self) -> list[ReferenceType]:
        """Return it."""
        return [RATIO]


@pytest.fixture
def plugins(bare: Plugins) -> Plugins:
    bare.add("types", Types())
    bare.add("lab", as_plugin("flat_field", divide, "lab"))
    return bare


@pytest.fixture
def recipe(write_recipe: Write) -> Path:
    return write_recipe("flat_field: {save: cal}")


def faults(kind: ReferenceType, tmp_path: Path, data: Any, **parts: Any) -> list[str]:
    made = make_reference(tmp_path / "f.fits", "flat", data, **parts)
    return list(image_faults(image_of(made.content), kind))


WRONG: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "all infinite": (np.full(SHAPE, np.inf), {}, ["72 values", "infinite", "column 1, row 1 (1-based)"]),
    "one infinite": (with_value(-np.inf), {}, ["1 values", "infinite", "column 5, row 3 (1-based)"]),
    "no value": (np.full(SHAPE, np.nan), {}, ["no pixel"]),
    "all bad": (np.ones(SHAPE), {"dq": np.ones(SHAPE, np.uint32)}, ["no pixel"]),
    "counts": (np.full(SHAPE, 20000.0), {}, ["median", "2e+04", "0.2 to 5"]),
    "zeros": (np.zeros(SHAPE), {}, ["median", "0.2 to 5"]),
    "negative errors": (np.ones(SHAPE), {"err": with_value(-1)}, ["1 errors", "negative"]),
    "unit": (np.ones(SHAPE), {"unit": "DN/s"}, ["DN/s", "BUNIT"]),
}


@pytest.mark.parametrize("how", ["by hand", "folder"])
@pytest.mark.parametrize(("data", "parts", "facts"), WRONG.values(), ids=WRONG)
def test_a_wrong_image_is_refused_however_it_is_found(
    plugins: Plugins, recipe: Path, tmp_path: Path, how: str, data: Any, parts: dict[str, Any], facts: list[str]
) -> None:
    (tmp_path / "refs").mkdir()
    path = tmp_path / "refs" / "f.fits"
    make_reference(path, "flat", data, **{"err": np.full(SHAPE, 0.1), **parts})
    named: dict[str, Path] = {"flat": path} if how == "by hand" else {"store": tmp_path / "refs"}
    with pytest.raises((InputError, Problems)) as caught:
        calibrate(make_exposure(SHAPE), recipe, references=named, plugins=plugins)
    assert [fact for fact in [str(path), *facts] if fact not in str(caught.value)] == []


def test_a_unit_that_is_wrong_is_found_before_any_pixel_is_read(
    plugins: Plugins, recipe: Path, write_exposure: Write, tmp_path: Path
) -> None:
    path = make_reference(tmp_path / "f.fits", "flat", np.ones(SHAPE), unit="DN").path
    (error,) = check(recipe, write_exposure(), references={"flat": path}, plugins=plugins).errors
    assert "DN" in str(error)


@pytest.mark.parametrize("level", [0.2, 1.0, 5.0])
def test_a_ratio_has_a_median_from_a_fifth_to_five(tmp_path: Path, level: float) -> None:
    assert faults(RATIO, tmp_path, np.full(SHAPE, level)) == []
    for outside in (0.19, 5.1):
        assert len(faults(RATIO, tmp_path, np.full(SHAPE, outside))) == 1


@pytest.mark.parametrize(("level", "odd"), [(0.25, True), (0.3, False), (3.0, False), (4.0, True)])
def test_a_ratio_that_is_not_normalized_is_warned_of(tmp_path: Path, level: float, odd: bool) -> None:
    image = image_of(read_fits(make_reference(tmp_path / "f.fits", "flat", np.full(SHAPE, level)).path))
    assert [f"{level:g}" in doubt for doubt in image_doubts(image, RATIO)] == [True] * odd


def test_a_rate_may_have_any_level_and_unit(tmp_path: Path) -> None:
    assert faults(RATE, tmp_path, np.full(SHAPE, -20000.0), unit="DN") == []


def test_pixels_without_a_value_or_that_are_bad_play_no_part_in_the_median(tmp_path: Path) -> None:
    data, dq = np.full(SHAPE, 50.0), np.full(SHAPE, int(DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE), np.uint32)
    data[0], dq[0] = np.nan, 0
    data[1], dq[1] = 0.9, 0
    assert faults(RATIO, tmp_path, data, dq=dq) == []


def test_a_value_that_only_one_pixel_in_a_million_has_counts(tmp_path: Path) -> None:
    """The median is taken from a sample of the pixels, the rest is not."""
    data = np.full((1500, 1500), np.nan)
    data[7, 8] = 1.0
    assert faults(RATIO, tmp_path, data) == []
    data[7, 9] = np.inf
    assert len(faults(RATIO, tmp_path, data)) == 1


def test_a_cube_is_no_reference_image(tmp_path: Path) -> None:
    (fault,) = faults(RATIO, tmp_path, np.ones((2, *SHAPE)))
    assert "(2, 8, 9)" in fault


def test_a_negative_error_of_an_exposure_is_unknown_and_of_a_reference_refused(tmp_path: Path) -> None:
    path = make_reference(tmp_path / "f.fits", "flat", np.ones(SHAPE), err=np.full(SHAPE, 0.1)).path
    for name in ("ERR", "VAR_RNOISE"):
        with fits.open(path, mode="update") as hdus:
            hdus[-1].name, hdus[-1].data = name, with_value(-1)
        assert int(np.isnan(next(iter(read_fits(path).variance.values()))).sum()) == 1
        with pytest.raises(InputError, match="1 errors are negative"):
            read_fits(path, reftype="flat")
