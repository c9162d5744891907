"""Products as FITS: what is written is read back, by us and by the tools of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_testkit import make_exposure
from numpy.testing import assert_array_equal

from iris_core import (
    DQ,
    Exposure,
    ReferenceUse,
    Removal,
    StageRecord,
    Subarray,
    Window,
    read_asdf,
    read_fits,
    write_asdf,
    write_fits,
)

USE = ReferenceUse(reftype="flat", path="flat.fits", sha256="0" * 64, provider="by hand")
RECORD = StageRecord(
    stage="flat_field",
    status="COMPLETE",
    keyword="S_FLAT",
    plugin="lab-flat",
    version="1.2",
    notes=("noted", "nicht \N{LATIN SMALL LETTER O WITH DIAERESIS}de\nat all"),
    params={"inverse": False, "sigma": 3.0, "bits": ["HOT"], "box": None},
    references=(USE,),
    backgrounds=("a.fits", "b.fits"),
)
WINDOW = Subarray(id=3, window=Window(11, 21, 4, 5), detxsize=4096, detysize=4096, fastaxis=-1, slowaxis=2)


def gwcs_of_a_tangent_plane() -> Any:
    from astropy import coordinates as coord
    from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial, Scale, Shift
    from gwcs import WCS as GWCS
    from gwcs import coordinate_frames as frames

    model = Shift(-4) & Shift(-4) | Scale(1e-6) & Scale(1e-6) | Pix2Sky_TAN() | RotateNative2Celestial(150, 2, 180)
    detector = frames.Frame2D(name="detector", unit=(u.pix, u.pix))
    sky = frames.CelestialFrame(name="world", reference_frame=coord.ICRS(), unit=(u.deg, u.deg))
    wcs = GWCS([(detector, model), (sky, None)])
    wcs.bounding_box = ((-0.5, 7.5), (-0.5, 7.5))
    return wcs


def full(nint: int = 0) -> Exposure:
    """Return an exposure in which every field says something."""
    exposure = make_exposure((8, 8), nint=nint, unit="MJy/sr", header={"INSTRUME": "IRIS", "DETECTOR": "IMG1"})
    hole = np.zeros(exposure.data.shape, dtype=bool)
    hole[..., 2, 3] = True
    return exposure.replace(
        data=np.random.default_rng(1).normal(size=exposure.data.shape),
        area=np.full((8, 8), 0.5),
        planes={"WHT": np.full((8, 8), 2.0), "CON": np.full((1, 8, 8), 3, dtype=np.int32)},
        history=(RECORD,),
        subarrays=(WINDOW,),
        provenance={"recipe": "image2", "software": {"numpy": "2.0"}},
        done=frozenset({"background", "flat_field"}),
        common=frozenset({"poisson"}),
        removed={"dark": Removal.PART, "background": Removal.WHOLE, "ghosts": Removal.NO},
    ).flag(hole, DQ.DO_NOT_USE | DQ.REFERENCE_PIXEL)


def there_and_back(exposure: Exposure, folder: Path, ending: str) -> Exposure:
    path = folder / f"product{ending}"
    path.unlink(missing_ok=True)
    if ending == ".asdf":
        write_asdf(exposure, path)
        return read_asdf(path)
    write_fits(exposure, path)
    return read_fits(path)


both = pytest.mark.parametrize("ending", [".fits", ".asdf"])


@both
@pytest.mark.parametrize("nint", [0, 3])
def test_every_field_survives_being_written_and_read(tmp_path: Path, ending: str, nint: int) -> None:
    exposure = full(nint)
    back = there_and_back(exposure, tmp_path, ending)
    assert_array_equal(back.data, exposure.data)
    assert_array_equal(back.dq, exposure.dq)
    assert list(back.variance) == list(exposure.variance)
    for name, plane in exposure.variance.items():
        assert_array_equal(back.variance[name], plane)
    for name, plane in exposure.planes.items():
        assert_array_equal(back.planes[name], plane)
        assert back.planes[name].dtype == plane.dtype
    assert_array_equal(back.area, exposure.area)
    assert back.unit == exposure.unit
    for field in ("history", "subarrays", "provenance", "done", "removed", "common"):
        assert getattr(back, field) == getattr(exposure, field)


@both
def test_paths_may_be_text(tmp_path: Path, ending: str) -> None:
    write, read = (write_asdf, read_asdf) if ending == ".asdf" else (write_fits, read_fits)
    path = f"{tmp_path}/x{ending}"
    assert write(make_exposure((2, 2)), path) == Path(path)
    assert read(path).meta.path == read(path, pixels=False).meta.path == Path(path)


@both
def test_unknown_errors_stay_unknown_and_an_empty_exposure_is_written_too(tmp_path: Path, ending: str) -> None:
    back = there_and_back(make_exposure((2, 2)).replace(variance={}, unit=None), tmp_path, ending)
    assert back.err is None
    assert back.unit is None
    assert (back.area, back.wcs, back.planes, back.history) == (None, None, {}, ())


def rich_header() -> fits.Header:
    header = fits.Header()
    header["INSTRUME"] = ("IRIS", "instrument")
    header["LONG"] = ("x" * 200, "a text that needs CONTINUE")
    header["HIERARCH ESO DET DIT"] = (10.5, "as others write them")
    header["HIERARCH lowercase.key"] = True
    header["FLAG"] = (True, "a truth")
    header["COUNT"] = 12345678901
    header["SMALL"] = 1.25e-30
    header["COMPLEX"] = 1 + 2j
    header["EMPTY"] = ""
    header["NOTHING"] = fits.card.Undefined()
    header["QUOTED"] = "it's /not/ a comment"
    header.add_comment("first comment")
    header.add_comment("second comment " + "y" * 100)
    header.add_history("made by hand")
    header.add_blank("a card without keyword")
    header["LAST"] = ("end", "after the comments")
    return header


@both
@pytest.mark.filterwarnings("error")
def test_unknown_keywords_survive_the_round_trip(tmp_path: Path, ending: str) -> None:
    header = rich_header()
    back = there_and_back(make_exposure((2, 2)).replace(header=header, sci_header=header), tmp_path, ending)
    for found in (back.header, back.sci_header):
        kept = [card for card in found.cards if card.keyword != "BUNIT"]
        assert [str(card) for card in kept] == [str(card) for card in header.cards]


cards = st.dictionaries(
    st.from_regex(r"X[A-Z0-9_-]{0,7}", fullmatch=True),
    st.tuples(
        st.one_of(
            st.booleans(),
            st.integers(-(10**15), 10**15),
            st.integers(-(10**9), 10**9).map(lambda number: number / 100),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120).map(str.rstrip),
        ),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    ),
    max_size=5,
)


@both
@pytest.mark.filterwarnings("ignore:Card is too long, comment will be truncated")  # as astropy does
@settings(max_examples=40)
@given(written=cards)
def test_any_cards_survive_the_round_trip(tmp_path: Path, ending: str, written: dict[str, tuple[Any, str]]) -> None:
    """They come back as astropy reads what astropy writes, which loses a slash after a quote."""
    header = fits.Header([(name, value, comment) for name, (value, comment) in written.items()])
    back = there_and_back(make_exposure((1, 1)).replace(header=header), tmp_path, ending)
    truth = [fits.Card.fromstring(str(card)) for card in header.cards]
    assert [(card.keyword, card.value) for card in back.header.cards] == [(card.keyword, card.value) for card in truth]


@both
def test_the_gwcs_survives_unchanged(tmp_path: Path, ending: str) -> None:
    wcs = gwcs_of_a_tangent_plane()
    back = there_and_back(full().replace(wcs=wcs), tmp_path, ending).wcs
    assert back is not None
    rows, columns = np.mgrid[:8, :8]
    assert_array_equal(back(columns, rows), wcs(columns, rows))
    assert back.bounding_box == wcs.bounding_box
    assert back.output_frame.name == "world"


def test_the_wcs_of_a_stage_takes_the_place_of_the_one_in_the_file(tmp_path: Path) -> None:
    """Tools without gwcs find one WCS, the new one, and it is in the science header."""
    old = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CD1_1": 1.0, "CRVAL1": 9.0, "A_ORDER": 2, "EQUINOX": 2000.0}
    new = fits.Header(
        [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", 150.0), ("CRVAL2", 2.0), ("CRPIX1", 5.0)]
    )
    exposure = make_exposure((8, 8), header=old, sci_header=old).replace(wcs=gwcs_of_a_tangent_plane(), fits_wcs=new)
    write_fits(exposure, tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits") as hdus:
        assert not {"CTYPE1", "CD1_1", "A_ORDER"} & set(hdus[0].header)
        assert hdus[0].header["EQUINOX"] == 2000.0
        assert not {"CD1_1", "A_ORDER"} & set(hdus["SCI"].header)
        assert hdus["SCI"].header["CRVAL1"] == 150.0
        assert WCS(hdus["SCI"].header).wcs.crval[0] == 150.0
    back = read_fits(tmp_path / "x.fits")
    assert back.fits_wcs is not None
    for name in (*old, *new):
        assert back.sci_header.get(name) == exposure.sci_header.get(name)
        assert back.header.get(name) == exposure.header.get(name)


def test_a_wcs_without_fits_keywords_leaves_none_in_the_product(tmp_path: Path) -> None:
    old = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 9.0}
    exposure = make_exposure((8, 8), header=old, sci_header=old).replace(wcs=gwcs_of_a_tangent_plane())
    back = there_and_back(exposure, tmp_path, ".fits")
    assert not set(old) & {*back.header, *back.sci_header}
    assert back.wcs is not None


@both
def test_a_product_in_memory_and_its_file_have_the_same_cards_of_the_wcs(tmp_path: Path, ending: str) -> None:
    new = fits.Header([("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", 150.0), ("CRPIX1", 5.0)])
    exposure = full().replace(wcs=gwcs_of_a_tangent_plane(), fits_wcs=new)
    back = there_and_back(exposure, tmp_path, ending)
    for found in (exposure, back):
        assert {name: found.sci_header[name] for name in new} == dict(new)
        assert dict(found.fits_wcs or {}) == dict(new)


def test_the_wcs_of_the_file_stays_where_no_stage_made_another(tmp_path: Path) -> None:
    old = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 9.0}
    back = there_and_back(make_exposure((8, 8), header=old), tmp_path, ".fits")
    assert back.header["CRVAL1"] == 9.0


@pytest.mark.parametrize("place", ["PRIMARY", "SCI"])
def test_the_fits_wcs_beside_a_gwcs_is_kept_whichever_header_it_came_in(tmp_path: Path, place: str) -> None:
    """Liger has it in the primary header; what no stage replaces is written again, with the equinox of its frame."""
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 5.0}
    cards |= {"CD1_1": -1e-6, "CD2_2": 1e-6, "RADESYS": "FK5", "EQUINOX": 1975.0}
    write_fits(full().replace(wcs=gwcs_of_a_tangent_plane(), fits_wcs=fits.Header()), tmp_path / "theirs.fits")
    with fits.open(tmp_path / "theirs.fits", mode="update") as hdus:
        hdus[place].header.update(cards)
    write_fits(read_fits(tmp_path / "theirs.fits"), tmp_path / "ours.fits")
    with fits.open(tmp_path / "ours.fits") as hdus:
        assert {name: hdus["SCI"].header.get(name) for name in cards} == cards
        assert "CTYPE1" not in hdus["PRIMARY"].header


def test_the_layout_of_a_product(tmp_path: Path) -> None:
    write_fits(full(), tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits") as hdus:
        assert [hdu.name for hdu in hdus] == [
            "PRIMARY", "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE", "AREA", "WHT", "CON", "ASDF",
        ]  # fmt: skip
        assert hdus["SCI"].header["BUNIT"] == hdus["ERR"].header["BUNIT"] == "MJy/sr"
        assert u.Unit(hdus["VAR_POISSON"].header["BUNIT"]) == (u.MJy / u.sr) ** 2
        assert hdus["DQ"].data.dtype == np.uint32
        assert hdus["DQ"].data[2, 3] == DQ.DO_NOT_USE | DQ.REFERENCE_PIXEL
        assert hdus["SCI"].header["BITPIX"] == -32


def test_a_unit_that_stood_in_the_primary_header_is_brought_up_to_date(tmp_path: Path) -> None:
    header = {"BUNIT": "electron/s", "UNIT": "electron/s"}
    exposure = make_exposure((2, 2), unit="MJy/sr", header=header, sci_header=header)
    write_fits(exposure, tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits") as hdus:
        for place in (0, "SCI"):
            assert {hdus[place].header[name] for name in ("BUNIT", "UNIT")} == {"MJy/sr"}


def test_tools_of_the_field_open_a_product(tmp_path: Path) -> None:
    write_fits(full(), tmp_path / "x.fits")
    image = CCDData.read(tmp_path / "x.fits", hdu="SCI", hdu_uncertainty="ERR", hdu_mask="DQ")
    assert image.unit == u.MJy / u.sr
    assert image.uncertainty is not None
    assert image.shape == (8, 8)


def test_a_product_passes_the_verification_of_astropy(tmp_path: Path) -> None:
    write_fits(full(3), tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", checksum=True) as hdus:
        hdus.verify("exception")


def test_writing_does_not_change_the_exposure(tmp_path: Path) -> None:
    exposure = full()
    before = repr(exposure.header), exposure.data.copy()
    write_fits(exposure, tmp_path / "x.fits")
    assert repr(exposure.header) == before[0]
    assert_array_equal(exposure.data, before[1])
