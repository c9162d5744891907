"""A reference file as a stage gets it: its image cut to the window, its table, its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Polynomial2D, Shift
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure, make_reference
from numpy.testing import assert_array_equal

from iris_core import (
    DQ,
    Candidate,
    Choice,
    Exposure,
    InputError,
    Need,
    Reference,
    ReferenceNotFound,
    References,
    ReferenceType,
    Window,
)
from iris_core.reference import image_of, references_of

FULL = np.arange(12.0 * 10).reshape(12, 10)


def subarray(window: Window, nint: int = 0) -> Exposure:
    return make_exposure(window.shape, window=window, nint=nint)


def test_an_image_of_the_same_size_is_taken_whole(tmp_path: Path) -> None:
    reference = make_reference(tmp_path / "d.fits", "dark", FULL, err=FULL / 2, dq=FULL.astype(int), unit="electron/s")
    image = reference.image(make_exposure((12, 10)))
    assert_array_equal(image.data, FULL)
    assert_array_equal(image.err, FULL / 2)
    assert_array_equal(image.dq, FULL)
    assert image.dq.dtype == np.uint32
    assert str(image.unit) == "electron / s"
    assert image.meta.detector == "IMG1"


def test_an_image_without_errors_flags_or_unit_has_none(tmp_path: Path) -> None:
    image = make_reference(tmp_path / "f.fits", "flat", FULL).image(make_exposure((12, 10)))
    assert not image.has_errors
    assert_array_equal(image.err, np.zeros((12, 10), np.float32))
    assert image.unit is None
    assert not image.dq.any()


@pytest.mark.parametrize("err", [None, FULL])
def test_the_planes_of_an_image_cannot_be_written_to(tmp_path: Path, err: Any) -> None:
    """Every exposure of a run gets the same ones."""
    reference = make_reference(tmp_path / "f.fits", "flat", FULL, err=err)
    assert isinstance(reference.content, Exposure)
    for one in (reference, reference.with_content(image_of(reference.content))):
        image = one.image(make_exposure((12, 10)))
        for plane in (image.data, image.err, image.dq):
            with pytest.raises(ValueError, match="read-only"):
                plane[0, 0] = 7


def test_a_missing_value_stays_missing_and_is_not_flagged(tmp_path: Path) -> None:
    """It is for the stage to say what the absence of a value means."""
    holed = FULL.copy()
    holed[3, 3] = np.nan
    image = make_reference(tmp_path / "f.fits", "flat", holed, err=FULL).image(make_exposure((12, 10)))
    assert np.isnan(image.data[3, 3])
    assert image.dq[3, 3] == DQ.GOOD


@given(st.integers(1, 10), st.integers(1, 12), st.data())
def test_a_full_frame_is_cut_to_the_window_of_the_exposure(tmp_path: Path, x: int, y: int, data: st.DataObject) -> None:
    """Windows count from 1: column x of the detector is column x - 1 of the array."""
    width, height = data.draw(st.integers(1, 11 - x)), data.draw(st.integers(1, 13 - y))
    path = tmp_path / "flat.fits"
    reference = make_reference(path, "flat", FULL, err=FULL, dq=FULL)
    image = reference.image(subarray(Window(x, y, width, height)))
    truth = FULL[y - 1 : y - 1 + height, x - 1 : x - 1 + width]
    for plane in (image.data, image.err, image.dq):
        assert_array_equal(plane, truth)


def test_a_reference_may_itself_be_a_window(tmp_path: Path) -> None:
    where: dict[str, Any] = {"SUBSTRT1": 5, "SUBSTRT2": 7, "SUBSIZE1": 4, "SUBSIZE2": 3}
    reference = make_reference(tmp_path / "d.fits", "dark", np.arange(12.0).reshape(3, 4), **where)
    image = reference.image(subarray(Window(6, 8, 2, 2)))
    assert_array_equal(image.data, [[5, 6], [9, 10]])
    with pytest.raises(InputError, match=r"dark d\.fits does not cover x_rate\.fits: .* 4 x 3 pixels"):
        reference.image(make_exposure((3, 4)))


def test_integrations_share_the_reference(tmp_path: Path) -> None:
    reference = make_reference(tmp_path / "d.fits", "dark", FULL)
    assert reference.image(subarray(Window(2, 2, 3, 4), nint=5)).data.shape == (4, 3)


@pytest.mark.parametrize(
    ("exposure", "words"),
    [
        (
            make_exposure((4, 4)),
            r"flat f\.fits .*\(12, 10\).*x_rate\.fits.*\(4, 4\).*SUBSTRT1/2 and SUBSIZE1/2",
        ),
        (make_exposure((13, 10)), r"\(12, 10\).*x_rate\.fits.*\(13, 10\)"),
        (
            subarray(Window(8, 1, 4, 4)),
            r"does not cover x_rate\.fits: .*4 x 4 pixels from column 8, row 1",
        ),
        (subarray(Window(20, 20, 4, 4)), r"does not cover x_rate\.fits"),
    ],
)
def test_an_image_that_does_not_cover_the_exposure_is_refused(tmp_path: Path, exposure: Exposure, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_reference(tmp_path / "f.fits", "flat", FULL).image(exposure)


def test_a_cube_is_no_reference_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dark d\.fits has shape \(2, 4, 4\); .*\(ny, nx\)"):
        make_reference(tmp_path / "d.fits", "dark", np.zeros((2, 4, 4))).image(make_exposure((4, 4)))


def plain(path: Path, content: object = None, reftype: str = "photom") -> Reference:
    return Reference(reftype=reftype, path=path, provider="test").with_content(content)


def test_a_table_is_a_copy() -> None:
    """What a stage writes into its table is not in that of the next exposure."""
    reference = plain(Path("t.ecsv"), Table({"filter": ["Kbb", "J"]}))
    reference.table()["filter"][0] = "H"
    assert list(reference.table()["filter"]) == ["Kbb", "J"]


def test_a_model_is_a_copy() -> None:
    reference = plain(Path("d.asdf"), Shift(1) & Shift(2) | Polynomial2D(2, c1_0=3), "distortion")
    reference.model()[0].offset = 7
    assert reference.model()(1, 1) == 6


CONTENTS = {"image": make_exposure(), "table": Table(), "model": Shift(1), "nothing": None}
FOUND = {"image": "Exposure", "table": "Table", "model": "Shift", "nothing": "has not been read"}


@pytest.mark.parametrize(
    ("wanted", "given"), [(one, other) for one in CONTENTS for other in CONTENTS if one not in (other, "nothing")]
)
def test_what_is_of_another_kind_is_an_error_with_the_file(wanted: str, given: str) -> None:
    reference = plain(Path("calib/p.fits"), CONTENTS[given])
    get = {"image": lambda: reference.image(make_exposure()), "table": reference.table, "model": reference.model}
    with pytest.raises(InputError, match=rf"photom calib/p\.fits .*{wanted}.*{FOUND[given]}"):
        get[wanted]()


def test_the_use_of_a_reference_is_its_file_and_checksum(tmp_path: Path) -> None:
    use = plain(tmp_path / "d.fits", reftype="dark").use("abc")
    assert (use.reftype, use.path, use.provider, use.sha256) == ("dark", str(tmp_path / "d.fits"), "test", "abc")
    known = Reference(reftype="dark", path=tmp_path / "d.fits", provider="test", sha256="def")
    assert known.use().sha256 == "def"


def test_references_of_a_step_are_a_mapping_that_names_what_is_missing(tmp_path: Path) -> None:
    dark = plain(tmp_path / "d.fits", "dark")
    references = References({"dark": dark})
    assert references["dark"] is dark
    assert references.get("distortion") is None
    assert list(references) == ["dark"]
    assert len(references) == 1
    assert "flat" not in references
    with pytest.raises(ReferenceNotFound, match=r"no flat reference .*: dark"):
        references["flat"]


def test_a_type_cannot_be_selected_by_a_keyword_that_is_no_selector() -> None:
    with pytest.raises(ValueError, match=r"'ghosts'.* OBSMODE, SLIT; INSTRUME, DETECTOR, FILTER"):
        ReferenceType(name="ghosts", selectors=("DETECTOR", "SLIT", "OBSMODE"))


def candidate(name: str, reason: str) -> Candidate:
    return Candidate(Path("calib") / name, reason)


def test_the_references_of_a_step_are_what_was_chosen_with_a_note_on_what_was_not(tmp_path: Path) -> None:
    """An optional file that exists and does not fit is not passed over in silence."""
    dark = plain(tmp_path / "d.fits", reftype="dark")
    rejected = (candidate("a.fits", "FILTER is J, not Kbb"), candidate("b.fits", "keyword FILTER is missing"))
    found = references_of(
        [
            Choice(Need("photom", "dark", True), chosen=dark),
            Choice(Need("photom", "area", False), rejected=rejected),
            Choice(Need("photom", "mask", False)),
        ]
    )
    assert dict(found) == {"dark": dark}
    assert found.notes == (
        "no area reference is used; candidates: a.fits: FILTER is J, not Kbb; b.fits: keyword FILTER is missing",
    )


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [
        (Choice(Need("photom", "area", False), chosen=plain(Path("a.fits"))), "chosen (test)"),
        (
            Choice(Need("photom", "area", True), problem=ReferenceNotFound("two are equally good")),
            "two are equally good",
        ),
        (Choice(Need("photom", "area", False)), "none; optional"),
    ],
)
def test_the_outcome_of_a_choice_is_one_phrase(choice: Choice, outcome: str) -> None:
    assert choice.outcome == outcome


def test_what_is_derived_of_a_file_is_made_once_for_a_key(tmp_path: Path) -> None:
    """And goes with the content, not with the choice of the file for one exposure."""
    derived: dict[Any, Any] = {}
    first, second = (
        Reference(reftype="distortion", path=tmp_path / "d.asdf", provider="p").with_content("model", derived)
        for _ in range(2)
    )
    made = first.derive(object, "inverse", 1)
    assert second.derive(object, "inverse", 1) is made
    assert second.derive(object, "inverse", 2) is not made
    assert second.with_content("another").derive(object, "inverse", 1) is not made
