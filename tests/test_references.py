"""A reference file as a stage sees it: its image cut to the window, its table, its model."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Polynomial2D, Shift
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from iris_core import DQ, InputError, Reference, ReferenceNotFound, References, Window
from iris_core.testing import make_exposure, make_reference

FULL = np.arange(12.0 * 10).reshape(12, 10)


def subarray(window: Window, nint: int = 0) -> object:
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


def test_an_image_without_errors_flags_or_unit_says_so(tmp_path: Path) -> None:
    image = make_reference(tmp_path / "f.fits", "flat", FULL).image(make_exposure((12, 10)))
    assert image.err is None
    assert image.unit is None
    assert not image.dq.any()


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
    image = reference.image(subarray(Window(x, y, width, height)))  # type: ignore[arg-type]
    truth = FULL[y - 1 : y - 1 + height, x - 1 : x - 1 + width]
    for plane in (image.data, image.err, image.dq):
        assert_array_equal(plane, truth)


def test_a_reference_may_itself_be_a_window(tmp_path: Path) -> None:
    where = {"SUBSTRT1": 5, "SUBSTRT2": 7, "SUBSIZE1": 4, "SUBSIZE2": 3}
    reference = make_reference(tmp_path / "d.fits", "dark", np.arange(12.0).reshape(3, 4), **where)
    image = reference.image(subarray(Window(6, 8, 2, 2)))  # type: ignore[arg-type]
    assert_array_equal(image.data, [[5, 6], [9, 10]])
    with pytest.raises(InputError, match=r"the dark d\.fits does not cover x_rate\.fits: the window 4 x 3 pixels"):
        reference.image(make_exposure((3, 4)))


def test_integrations_share_the_reference(tmp_path: Path) -> None:
    reference = make_reference(tmp_path / "d.fits", "dark", FULL)
    assert reference.image(subarray(Window(2, 2, 3, 4), nint=5)).data.shape == (4, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exposure", "words"),
    [
        (
            make_exposure((4, 4)),
            r"the flat f\.fits has shape \(12, 10\) but x_rate\.fits has \(4, 4\); a subarray exposure",
        ),
        (make_exposure((13, 10)), r"has shape \(12, 10\) but x_rate\.fits has \(13, 10\)"),
        (
            subarray(Window(8, 1, 4, 4)),
            r"does not cover x_rate\.fits: the window 4 x 4 pixels from column 8, row 1 is not",
        ),
        (subarray(Window(20, 20, 4, 4)), r"does not cover x_rate\.fits"),
    ],
)
def test_an_image_that_does_not_cover_the_exposure_is_refused(tmp_path: Path, exposure: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_reference(tmp_path / "f.fits", "flat", FULL).image(exposure)  # type: ignore[arg-type]


def test_a_cube_is_no_reference_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the dark d\.fits has shape \(2, 4, 4\); one image \(ny, nx\) is needed"):
        make_reference(tmp_path / "d.fits", "dark", np.zeros((2, 4, 4))).image(make_exposure((4, 4)))


def plain(path: Path, reftype: str = "photom") -> Reference:
    return Reference(reftype=reftype, path=path, provider="test")


@pytest.mark.parametrize("name", ["t.fits", "t.ecsv"])
def test_a_table_is_read_with_its_units(tmp_path: Path, name: str) -> None:
    table = Table({"filter": ["Kbb", "J"], "photmjsr": [0.5, 0.25]}, units={"photmjsr": "MJy s/sr"})
    table.write(tmp_path / name, format="ascii.ecsv" if name.endswith("ecsv") else None)
    read = plain(tmp_path / name).table()
    assert list(read["filter"]) == ["Kbb", "J"]
    assert str(read["photmjsr"].unit) == "MJy s / sr"


@pytest.mark.parametrize("content", [b"", b"no table\n\x00", b"SIMPLE  =                    T"])
@pytest.mark.parametrize("name", ["t.fits", "t.ecsv", "t.txt"])
def test_what_is_no_table_is_an_error_with_the_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"the photom .*{name} is not a table \(FITS or ECSV\): ") as caught:
        plain(tmp_path / name).table()
    assert "\n" not in str(caught.value)


def test_a_model_is_read_whole(tmp_path: Path) -> None:
    model = Shift(1) & Shift(2) | Polynomial2D(2, c1_0=3)
    asdf.AsdfFile({"model": model}).write_to(tmp_path / "d.asdf")
    read = plain(tmp_path / "d.asdf", "distortion").model()
    (tmp_path / "d.asdf").unlink()
    assert read(1, 1) == model(1, 1)


@pytest.mark.parametrize("tree", [{}, {"model": 3}, None])
def test_what_is_no_model_is_an_error_with_the_file(tmp_path: Path, tree: dict[str, object] | None) -> None:
    path = tmp_path / "d.asdf"
    if tree is None:
        path.write_bytes(b"#ASDF 1.0.0\nnonsense: [")
    else:
        asdf.AsdfFile(tree).write_to(path)
    with pytest.raises(
        InputError, match=r"the distortion .*d\.asdf is not an ASDF file with an astropy model under"
    ) as caught:
        plain(path, "distortion").model()
    assert "\n" not in str(caught.value)


def test_the_use_of_a_reference_is_its_file_and_checksum(tmp_path: Path) -> None:
    (tmp_path / "d.fits").write_bytes(b"abc")
    use = plain(tmp_path / "d.fits", "dark").use()
    assert (use.reftype, use.path, use.provider) == ("dark", str(tmp_path / "d.fits"), "test")
    assert use.sha256 == sha256(b"abc").hexdigest()


def test_a_reference_without_a_reader_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="comes without a reader"):
        plain(tmp_path / "d.fits").image(make_exposure())


def test_references_of_a_step_are_a_mapping_that_names_what_is_missing(tmp_path: Path) -> None:
    dark = plain(tmp_path / "d.fits", "dark")
    references = References({"dark": dark})
    assert references["dark"] is dark
    assert references.get("distortion") is None
    assert list(references) == ["dark"]
    assert len(references) == 1
    assert "flat" not in references
    with pytest.raises(ReferenceNotFound, match="no flat reference was given; there are: dark"):
        references["flat"]


@pytest.mark.parametrize("name", ["f.fits.gz", "f.fits.fz"])
def test_a_compressed_reference_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    reference = make_reference(tmp_path / "f.fits", "flat", FULL)
    with fits.open(reference.path) as hdus:
        if name.endswith("fz"):
            packed = fits.CompImageHDU(hdus["SCI"].data, hdus["SCI"].header, name="SCI", quantize_level=0)
            fits.HDUList([hdus[0], packed]).writeto(tmp_path / name)
        else:
            hdus.writeto(tmp_path / name)
    other = Reference(reftype="flat", path=tmp_path / name, provider="test", read=reference.read)
    assert_array_equal(other.image(make_exposure((12, 10))).data, FULL)
