"""FITS files of other pipelines, plain images, and files that are no exposure."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

from iris_core import InputError, Window, read_exposure, read_fits
from iris_core.io.fits_open import open_fits

RATE = np.arange(12.0, dtype=np.float32).reshape(3, 4)
CARDS = {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "EXPTIME": 100.0}


def image(name: str, data: Any, **cards: Any) -> fits.ImageHDU:
    return fits.ImageHDU(data, name=name, header=fits.Header(list(cards.items())))


def write(path: Path, *hdus: Any, primary: Any = None, cards: dict[str, Any] = CARDS) -> Path:
    first = fits.PrimaryHDU(primary, header=fits.Header(list(cards.items())))
    fits.HDUList([first, *hdus]).writeto(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x_rate.fits"


@pytest.mark.parametrize("name", ["SCI", "DATA"])
def test_the_layouts_of_jwst_and_of_liger(path: Path, name: str) -> None:
    components = (image("VAR_POISSON", RATE + 1), image("VAR_RNOISE", RATE + 2), image("VAR_FLAT", RATE))
    flags = image("DQ", RATE.astype(np.uint32))
    further = (image("AREA", RATE), image("SUBARR_MAP", RATE.astype(np.int16)))
    write(path, image(name, RATE, BUNIT="electron/s"), image("ERR", RATE), flags, *components, *further)
    exposure = read_fits(path)
    assert_array_equal(exposure.data, RATE)
    assert_array_equal(exposure.dq, RATE)
    assert list(exposure.variance) == ["poisson", "rnoise", "flat"]
    assert exposure.common == {"flat"}
    assert exposure.err is not None
    assert_allclose(exposure.err, np.sqrt(3 * RATE + 3))
    assert_array_equal(exposure.area, RATE)
    assert_array_equal(exposure.planes["SUBARR_MAP"], RATE)
    assert exposure.planes["SUBARR_MAP"].dtype.isnative
    assert str(exposure.unit) == "electron / s"
    assert (exposure.meta.instrument, exposure.meta.exposure_time) == ("IRIS", 100.0)


@pytest.mark.parametrize("in_primary", [True, False])
def test_a_plain_image(path: Path, in_primary: bool) -> None:
    write(path, primary=RATE) if in_primary else write(path, fits.ImageHDU(RATE))
    assert_array_equal(read_fits(path).data, RATE)


def test_keywords_may_stand_in_either_header_and_the_primary_counts(path: Path) -> None:
    write(path, image("SCI", RATE, FILTER="Kbb", DETECTOR="IMG2", BUNIT="DN/s"))
    exposure = read_fits(path)
    assert (exposure.meta.filter, exposure.meta.detector) == ("Kbb", "IMG1")


@pytest.mark.parametrize(
    ("name", "place"), [("BUNIT", "SCI"), ("BUNIT", "PRIMARY"), ("UNIT", "SCI"), ("UNIT", "PRIMARY")]
)
def test_the_unit_may_stand_in_either_header(path: Path, name: str, place: str) -> None:
    cards = {name: "ADU/s"}
    write(path, image("SCI", RATE, **(cards if place == "SCI" else {})), cards=cards if place == "PRIMARY" else {})
    assert str(read_fits(path).unit) == "DN / s"


def test_a_unit_that_is_none_is_an_error_with_the_file(path: Path) -> None:
    write(path, image("SCI", RATE, BUNIT="photons per blink"))
    with pytest.raises(InputError, match=r"x_rate\.fits: BUNIT: 'photons per blink'"):
        read_fits(path)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
@pytest.mark.parametrize("pixels", [True, False])
def test_flags_of_any_integer_width_are_read_as_uint32(path: Path, kind: Any, pixels: bool) -> None:
    write(path, image("SCI", RATE), image("DQ", RATE.astype(kind)))
    exposure = read_fits(path, pixels)
    assert exposure.dq.dtype == np.uint32
    assert_array_equal(exposure.dq, RATE if pixels else np.zeros((3, 4)))


def test_bit_15_of_a_signed_word_is_bit_15_and_no_others(path: Path) -> None:
    """It was written as a negative number, and must not become 17 set bits."""
    signed = np.array([[-32768, 5]], dtype=np.int16)
    write(path, image("SCI", np.ones((1, 2))), image("DQ", signed))
    assert_array_equal(read_fits(path).dq, [[1 << 15, 5]])


def test_bit_31_of_a_signed_word_is_bit_31(path: Path) -> None:
    write(path, image("SCI", np.ones((1, 2))), image("DQ", np.array([[-(2**31), 1]], dtype=np.int32)))
    assert_array_equal(read_fits(path).dq, [[1 << 31, 1]])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (RATE, "DQ .* fraction"),
        (RATE.astype(np.int64) << 40, "DQ .* 31"),
        (np.zeros((2, 2), dtype=np.uint32), r"DQ .*\(2, 2\).*\(3, 4\)"),
    ],
)
def test_flags_that_are_none_are_refused(path: Path, flags: Any, words: str) -> None:
    write(path, image("SCI", RATE), image("DQ", flags))
    with pytest.raises(InputError, match=f"x_rate.fits: {words}"):
        read_fits(path)


@pytest.mark.parametrize("flags", [RATE, np.zeros((2, 2), dtype=np.uint32)])
def test_wrong_flags_are_found_without_reading_a_pixel(path: Path, flags: Any) -> None:
    write(path, image("SCI", RATE), image("DQ", flags))
    with pytest.raises(InputError, match=r"x_rate\.fits: (DQ|dq) has"):
        read_fits(path, pixels=False)


def test_a_2d_dq_holds_for_every_integration(path: Path) -> None:
    write(path, image("SCI", np.stack([RATE, RATE])), image("DQ", RATE.astype(np.uint32)))
    exposure = read_fits(path)
    assert_array_equal(exposure.dq, np.stack([RATE, RATE]))
    assert exposure.flag(exposure.dq == 3, 4).dq[1, 0, 3] == 7  # type: ignore[arg-type]


@given(npst.arrays(np.uint16, (3, 4)), st.sampled_from([np.uint16, np.uint32]))
def test_integers_with_bzero_are_their_real_values(tmp_path: Path, counts: np.ndarray[Any, Any], kind: Any) -> None:
    path = tmp_path / "x.fits"
    path.unlink(missing_ok=True)
    write(path, image("SCI", counts.astype(kind)))
    assert_array_equal(read_fits(path).data, counts)


def test_scaled_and_blank_integers_are_their_real_values(path: Path) -> None:
    write(path, image("SCI", np.array([[1, 2], [3, -999]], dtype=np.int16)))
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus["SCI"].header.update({"BSCALE": 0.5, "BZERO": 100.0, "BLANK": -999})
    assert_array_equal(read_fits(path).data, [[100.5, 101], [101.5, np.nan]])


@pytest.mark.parametrize("suffix", [".gz", ".bz2"])
def test_a_compressed_file_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"x.fits{suffix}", image("SCI", RATE, BUNIT="DN/s"), image("DQ", RATE.astype(np.uint16)))
    exposure = read_fits(path)
    assert_array_equal(exposure.data, RATE)
    assert_array_equal(exposure.dq, RATE)
    assert read_fits(path, pixels=False).shape == (3, 4)


@pytest.mark.parametrize(("kind", "names"), [(np.int16, ("SCI", "DQ")), (np.float32, ("SCI", "ERR"))])
def test_an_fpacked_file_is_read_as_it_is(path: Path, kind: Any, names: tuple[str, str]) -> None:
    data = np.arange(400).reshape(20, 20).astype(kind)
    options: dict[str, Any] = {"compression_type": "GZIP_2", "quantize_level": 0}
    write(path, *(fits.CompImageHDU(data, name=name, **options) for name in names))
    exposure = read_fits(path)
    assert_array_equal(exposure.data, data)
    assert_array_equal(exposure.dq if "DQ" in names else exposure.err, data)
    assert read_fits(path, pixels=False).shape == (20, 20)


def test_an_outline_has_headers_unit_and_shapes_and_no_pixels(path: Path) -> None:
    hdus = (image("ERR", RATE), image("DQ", RATE.astype(np.int32)), image("AREA", RATE), image("SUBARR_MAP", RATE))
    write(path, image("SCI", RATE, BUNIT="DN/s"), *hdus)
    whole, outline = read_fits(path), read_fits(path, pixels=False)
    assert (outline.meta, outline.unit, repr(outline.header)) == (whole.meta, whole.unit, repr(whole.header))
    assert list(outline.variance) == list(whole.variance)
    assert list(outline.planes) == list(whole.planes)
    planes = [outline.data, outline.dq, *outline.variance.values(), outline.area, *outline.planes.values()]
    assert all(plane is not None and plane.strides == (0, 0) and plane.shape == (3, 4) for plane in planes)


def test_a_window_in_the_header_has_to_be_that_of_the_data(path: Path) -> None:
    window = {"SUBSTRT1": 11, "SUBSTRT2": 21, "SUBSIZE1": 4, "SUBSIZE2": 3}
    write(path, image("SCI", RATE), cards=window)
    assert read_fits(path).meta.window == Window(11, 21, 4, 3)
    path.unlink()
    write(path, image("SCI", RATE.T), cards=window)
    with pytest.raises(InputError, match=r"x_rate\.fits: .*4 x 3 pixels from column 11, row 21.* 3 x 4"):
        read_fits(path)


def table() -> fits.BinTableHDU:
    return fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1])], name="CATALOG")


@pytest.mark.parametrize(
    ("hdus", "words"),
    [
        ((), r"SCI or DATA.* PRIMARY image \(\)"),
        ((table(),), "SCI or DATA.* CATALOG BinTableHDU"),
        ((image("SCI", RATE), image("SCI", RATE)), "2 extensions .*SCI"),
        ((image("SCI", np.zeros(5)),), r"SCI .*\(5,\)"),
        ((image("SCI", np.zeros((1, 2, 3, 4))),), r"SCI .*\(1, 2, 3, 4\)"),
        ((image("SCI", RATE), image("ERR", RATE.T)), r"total .*\(4, 3\).*\(3, 4\)"),
    ],
)
def test_a_file_that_is_not_one_exposure_is_refused_with_what_is_there(path: Path, hdus: Any, words: str) -> None:
    write(path, *(hdu.copy() for hdu in hdus))
    for pixels in (False, True):
        with pytest.raises(InputError, match=words) as caught:
            read_fits(path, pixels)
        assert "x_rate.fits" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a FITS file\n" * 1000, b"SIMPLE  =                    T"])
def test_a_file_that_is_no_fits_is_refused_on_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x_rate\.fits: ") as caught:
        read_fits(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.fits", "x" * 300 + ".fits", "circle.fits"])
def test_a_file_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "circle.fits").symlink_to("circle.fits")
    with pytest.raises(InputError, match="no such file"):
        read_fits(tmp_path / name)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("pixels", [True, False])
def test_a_truncated_file_is_refused(path: Path, kept: float, pixels: bool) -> None:
    write(path, image("SCI", np.ones((200, 200), dtype=np.float32)), image("DQ", np.zeros((200, 200), dtype=np.uint32)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"x_rate\.fits: the file is truncated: ") as caught:
        read_fits(path, pixels)
    assert "\n" not in str(caught.value)


def test_what_does_not_go_into_the_products_is_named(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hdus = (table(), image("EXTRA", RATE), image("EXTRA", RATE + 1), fits.ImageHDU(np.zeros(3), name="LINE"))
    write(path, image("SCI", RATE), *hdus, primary=RATE)
    with caplog.at_level(logging.WARNING):
        exposure = read_fits(path)
    assert "PRIMARY, CATALOG, EXTRA, LINE" in caplog.text
    assert_array_equal(exposure.planes["EXTRA"], RATE)


def test_an_asdf_extension_that_cannot_be_read_costs_the_history_and_no_more(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    column = fits.Column("ASDF_METADATA", "5B", array=[np.frombuffer(b"#ASDF", dtype=np.uint8)])
    write(path, image("SCI", RATE), fits.BinTableHDU.from_columns([column], name="ASDF"))
    assert read_fits(path).history == ()
    assert "x_rate.fits: its ASDF extension" in caplog.text


def test_an_extension_called_asdf_that_is_none_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = table()
    other.name = "ASDF"
    write(path, image("SCI", RATE), other)
    assert read_fits(path).wcs is None
    assert "ASDF_METADATA" in caplog.text


def test_a_card_that_cannot_be_parsed_is_named_and_not_known(path: Path) -> None:
    write(path, image("SCI", RATE))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"EXPTIME =                100.0", b"EXPTIME =               100..0", 1))
    exposure = read_fits(path)
    assert exposure.meta.exposure_time is None
    assert exposure.header["EXPTIME"] == "100..0"
    assert any("EXPTIME = '100..0'" in note for note in exposure.notes)


def test_whatever_fails_while_a_file_is_open_is_an_input_error(path: Path) -> None:
    write(path, image("SCI", RATE))
    with pytest.raises(InputError, match=r"x_rate\.fits: .*KeyError"), open_fits(path) as hdus:
        _ = hdus["NOPE"]


def test_an_exposure_has_nan_and_do_not_use_together_and_a_file_is_read_as_it_is(path: Path) -> None:
    write(path, image("SCI", RATE), image("ERR", RATE + 1), image("DQ", RATE.astype(np.uint32)))
    as_it_is, exposure = read_fits(path), read_exposure(path)
    assert_array_equal(as_it_is.data, RATE)
    assert_array_equal(exposure.data, np.where(RATE % 2, np.nan, RATE))
    assert_array_equal(exposure.variance["total"], np.where(RATE % 2, np.nan, (RATE + 1) ** 2))
    assert exposure.mask_invalid() is exposure
