"""From a recipe and two names to what differs: real processes, differences that are known."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from iris_compare import Comparison, compare_stages
from iris_compare._difference import BitChange, Validity

from iris_core import InputError, read_fits

pytestmark = pytest.mark.slow  # one process for each implementation


@pytest.fixture(scope="module")
def found(lab: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Compare many implementations at once."""
    out = tmp_path_factory.mktemp("compare") / "out"
    names = ["lab-one", "lab-same", "lab-percent", "lab-pixels", "lab-fails", "lab-dies", "lab-skips"]
    return compare_stages(lab.recipe, lab.exposure, stage="flat_field", use=names, out=out)


def test_every_implementation_has_a_folder_of_its_own(found: Comparison) -> None:
    first = found.outcomes[0]
    assert {suffix: path.parent.name for suffix, path in first.products.items()} == {
        "flat_field": "lab-one",
        "cal": "lab-one",
    }
    assert all(path.exists() for one in found.outcomes for path in one.products.values())


def test_an_implementation_that_does_the_same_is_identical(found: Comparison) -> None:
    assert {suffix: one.identical for suffix, one in found.differences["lab-same"].items()} == {
        "flat_field": True,
        "cal": True,
    }


def test_a_flat_one_per_cent_too_low_is_one_per_cent_too_high_everywhere(found: Comparison) -> None:
    """100 / 0.99 - 100 = 1.0101, over an err of 2; the err grows by 1 / 0.99."""
    for one in found.differences["lab-percent"].values():
        assert one.pixels == Validity(both=119, first_only=0, other_only=0)
        assert one.changed == 119
        assert one.data is not None
        assert one.sigma is not None
        assert one.err is not None
        assert (one.data.median, one.data.rms) == pytest.approx((100 / 99,) * 2, rel=1e-5)
        assert one.sigma.largest.value == pytest.approx(50 / 99, rel=1e-5)
        assert one.err.median == pytest.approx(1 / 0.99, rel=1e-6)


def test_single_pixels_are_found(found: Comparison) -> None:
    one = found.differences["lab-pixels"]["flat_field"]
    assert one.dq == {
        "DO_NOT_USE": BitChange(1, 0),
        "HOT": BitChange(3, 0),
        "NO_FLAT_FIELD": BitChange(1, 0),
    }
    assert one.pixels == Validity(both=118, first_only=1, other_only=0)
    assert one.changed == 1
    assert one.data is not None
    assert one.sigma is not None
    assert one.err is not None
    assert (one.data.largest.value, one.data.largest.pixel) == (8, (4, 7))
    assert one.sigma.largest.value == 4
    assert (one.err.median, one.err.largest.value, one.err.largest.pixel) == (1, 2, (4, 7))
    assert one.notes == ("the variance component 'flat' is in the other only",)


def test_one_that_fails_and_one_that_dies_take_no_other_along(found: Comparison) -> None:
    assert [one.implementation for one in found.failed] == ["lab-fails", "lab-dies"]
    assert found.differences["lab-fails"] == found.differences["lab-dies"] == {}
    assert len(found.differences["lab-skips"]) == 2


def test_a_stage_that_was_skipped_is_compared_as_the_exposure_then_stands(found: Comparison) -> None:
    assert found.outcomes[-1].skipped == "flat is not needed"
    assert found.differences["lab-skips"]["flat_field"].identical


def test_there_is_a_picture_of_each_product_that_differs(found: Comparison) -> None:
    assert [path.name for path in found.pictures] == [
        "flat_field_lab-percent_vs_lab-one.png",
        "cal_lab-percent_vs_lab-one.png",
        "flat_field_lab-pixels_vs_lab-one.png",
        "cal_lab-pixels_vs_lab-one.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found.pictures)


def test_integrations_are_compared_pixel_by_pixel(lab: SimpleNamespace, tmp_path: Path) -> None:
    told: list[str] = []
    use = ["lab-one", "lab-pixels"]
    found = compare_stages(lab.short, lab.cube, stage="flat_field", use=use, out=tmp_path, tell=told.append)
    one = found.differences["lab-pixels"]["flat_field"]
    assert one.shape == (3, 10, 12)
    assert one.pixels == Validity(both=3 * 118, first_only=3, other_only=0)
    assert one.dq["HOT"] == BitChange(9, 0)
    assert one.data is not None
    assert one.data.largest.pixel == (4, 7, 0)
    assert found.outcomes[1].products["flat_field"].name == "y_flat_fieldints.fits"
    assert told[:2] == ["checking", f"lab-one: {lab.short}"]
    assert told[-1] == "lab-pixels: comparing flat_field"


def test_a_product_that_failed_later_is_compared_as_far_as_it_came(lab: SimpleNamespace, tmp_path: Path) -> None:
    """dark_current refuses the read mode that lab-late writes into the header."""
    from iris_testkit import make_reference

    kind = {"unit": "electron/s", "READMODE": "DEFAULT"}
    dark = make_reference(tmp_path / "dark.fits", "dark", read_fits(lab.exposure).data * 0, **kind).path
    recipe = tmp_path / "own.yaml"
    recipe.write_text(f"recipe: 1\nname: own\nreferences: {{dark: {dark}}}\nsteps: [flat_field, dark_current]\n")
    found = compare_stages(recipe, lab.exposure, stage="flat_field", use=["lab-one", "lab-late"], out=tmp_path / "out")
    assert "READMODE DEFAULT" in found.outcomes[1].error
    assert set(found.outcomes[1].products) == {"flat_field"}
    assert set(found.differences["lab-late"]) == {"flat_field"}
    assert found.differences["lab-late"]["flat_field"].identical


def test_parameters_of_one_implementation_change_that_one(lab: SimpleNamespace, tmp_path: Path) -> None:
    params = {"lab-scaled:flat_field.factor": 1.5}
    use = ["lab-one", "lab-scaled"]
    found = compare_stages(lab.short, lab.exposure, stage="flat_field", use=use, out=tmp_path, params=params)
    one = found.differences["lab-scaled"]["flat_field"]
    assert one.data is not None
    assert one.data.median == 50
    assert found.plain()["runs"][1]["record"]["params"] == {"factor": 1.5}


def test_all_of_it_can_be_written_as_json(found: Comparison) -> None:
    written = json.loads(json.dumps(found.plain(), allow_nan=False))
    one = written["differences"]["lab-pixels"]["flat_field"]
    assert one["data"]["largest"] == {"value": 8.0, "pixel": [4, 7]}
    assert one["dq"]["HOT"] == {"gained": 3, "lost": 0}
    assert written["runs"][0]["products"]["cal"].endswith("lab-one/x_cal.fits")
    assert written["runs"][0]["record"]["plugin"] == "lab-one"
    assert "ValueError: the lamp was off" in written["runs"][4]["error"]
    assert written["runs"][5]["record"] is None


def test_what_is_wrong_is_raised_before_anything_is_written(lab: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two or more implementations"):
        compare_stages(lab.recipe, lab.exposure, stage="flat_field", use=["lab-one"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
