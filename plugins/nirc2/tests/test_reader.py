"""Raw NIRC2 frames, and calibrations made of them, become exposures."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_nirc2 import read_exposure

from iris_core import DQ, Exposure, InputError


def read(path: Path, pixels: bool = True, reftype: str = "") -> Exposure:
    exposure = read_exposure(path, pixels, reftype)
    assert exposure is not None
    return exposure


@pytest.mark.parametrize("name", ["n0031.fits", "n0031.fits.gz"])
def test_counts_become_a_rate(make_frame: Any, name: str) -> None:
    """ITIME is that of one coadd and the file holds the sum of all: 6000 DN in 2 x 30 s are 100 DN/s."""
    exposure = read(make_frame(np.full((8, 8), 6000), name, ITIME=30.0, COADDS=2))
    assert np.all(exposure.data == 100.0)
    assert exposure.data.dtype == np.float32
    assert str(exposure.unit) == "DN / s"
    assert exposure.meta.exposure_time == 60.0


def test_bytes_behind_the_data_are_no_reason_to_warn(make_frame: Any) -> None:
    path = make_frame(np.arange(64).reshape(8, 8), junk=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read(path).data * 80, np.arange(64).reshape(8, 8))


def test_what_the_header_says(make_frame: Any) -> None:
    meta = read(make_frame(np.zeros((1024, 1024)), PROGID="U123")).meta
    assert (meta.telescope, meta.instrument, meta.detector, meta.filter) == ("Keck II", "NIRC2", "wide", "Ks")
    assert (meta.pupil, meta.read_mode, meta.target, meta.program) == ("largehex", "MCDS16-80s", "COSMOS01", "U123")
    assert meta.start_time == datetime(2011, 4, 13, 5, 37, 44, 336000, tzinfo=UTC)
    assert (meta.ra, meta.dec) == (150.43402, 2.95156)
    assert meta.window is None


def test_headers_of_the_new_electronics_are_understood(make_frame: Any) -> None:
    """RA and DEC have become sexagesimal."""
    meta = read(make_frame(np.zeros((8, 8)), DATE_OBS="2024-06-01", RA="10:01:44.164", DEC="-02:57:05.6")).meta
    assert meta.ra == pytest.approx(150.43402, abs=1e-5)
    assert meta.dec == pytest.approx(-2.951556, abs=1e-5)


def test_a_window_is_centred_on_the_array(make_frame: Any) -> None:
    exposure = read(make_frame(np.zeros((248, 264))))
    assert exposure.meta.window is not None
    assert exposure.meta.window.shape == (248, 264)
    assert (exposure.meta.window.xstart, exposure.meta.window.ystart) == (381, 389)


@pytest.mark.parametrize(
    ("sampmode", "multisam", "coadds", "read_noise"),
    [(1, 1, 1, 60.0), (2, 1, 1, 60.0), (3, 16, 1, 15.0), (3, 16, 4, 30.0)],
)
def test_read_noise_follows_the_read_mode(
    make_frame: Any, sampmode: int, multisam: int, coadds: int, read_noise: float
) -> None:
    """60 electrons for a pair of reads, averaged over the pairs of a coadd, added up over coadds; 4 electrons a DN."""
    path = make_frame(np.full((8, 8), 400), SAMPMODE=sampmode, MULTISAM=multisam, COADDS=coadds, ITIME=10.0)
    seconds = 10.0 * coadds
    assert np.allclose(np.sqrt(read(path).variance["rnoise"]) * seconds * 4.0, read_noise, rtol=1e-4)


def test_shot_noise_follows_the_counts(make_frame: Any) -> None:
    """Counts over 4.84, and less by the square of the slope where the array bends; the rest is in test_noise.py."""
    variance = read(make_frame(np.array([[484, 48], [0, -40]]))).variance["poisson"] * 80**2
    assert np.allclose(variance, [[100, 48 / 4.84], [0, 0]], rtol=0.01)


@pytest.mark.parametrize("keywords", [{"DATE_OBS": "2024-01-01"}, {"SAMPMODE": 7}, {"SAMPMODE": None}])
def test_unknown_noise_is_not_invented(make_frame: Any, keywords: dict[str, Any]) -> None:
    """Another electronics, or a read mode that is not documented: no errors at all."""
    assert read(make_frame(np.full((8, 8), 400), **keywords)).err is None


def test_after_the_upgrade_nothing_is_said_of_saturation(make_frame: Any) -> None:
    exposure = read(make_frame(np.full((8, 8), 25000), DATE_OBS="2024-01-01"))
    assert np.all(exposure.dq == DQ.NO_GAIN_VALUE | DQ.NO_SAT_CHECK)


@pytest.mark.parametrize("coadds", [1, 3])
def test_saturation_and_linearity_hold_for_each_coadd(make_frame: Any, coadds: int) -> None:
    counts = np.array([[10000, 10001], [17999, 18000]]) * coadds
    dq = read(make_frame(counts, COADDS=coadds)).dq
    saturated = DQ.NONLINEAR | DQ.SATURATED | DQ.DO_NOT_USE
    assert dq.tolist() == [[0, DQ.NONLINEAR], [DQ.NONLINEAR, saturated]]


def test_what_saturated_pixels_enclose_is_saturated(make_frame: Any) -> None:
    """The first read of a bright star's core is saturated, too: the difference of the reads is small again."""
    counts = np.full((16, 16), 500)
    counts[4:9, 4:9] = 20000
    counts[5:8, 5:8] = [[17000, 9000, 16000], [12000, 300, 9000], [17000, 9000, 16000]]
    flagged = read(make_frame(counts)).dq == DQ.NONLINEAR | DQ.SATURATED | DQ.DO_NOT_USE
    assert np.array_equal(np.argwhere(flagged), [(y, x) for y in range(4, 9) for x in range(4, 9)])


@pytest.mark.parametrize("reftype", ["", "dark", "flat"])
def test_an_outline_tells_the_same_and_holds_no_pixels(make_frame: Any, reftype: str) -> None:
    path = make_frame(np.ones((1024, 1024)), dtype=np.float32 if reftype else np.int32)
    full, outline = read(path, True, reftype), read(path, False, reftype)
    assert (outline.meta, outline.unit, outline.data.shape) == (full.meta, full.unit, full.data.shape)
    assert outline.variance.keys() == full.variance.keys()
    assert outline.header.tostring() == full.header.tostring()
    assert outline.sci_header.tostring() == full.sci_header.tostring()
    for plane in (outline.data, outline.dq, *outline.variance.values()):
        assert plane.strides == (0, 0)
    assert np.isnan(outline.data).all()


def test_a_dark_is_a_rate_with_errors_of_the_mean(make_frame: Any) -> None:
    """80 DN in 80 s, mean of ten frames: variance (80/4.84 + 3.75**2) / 10 DN**2, on an array linear to 0.2 %."""
    dark = read(make_frame(np.full((8, 8), 80.0), dtype=np.float32, NCOMBINE=10, SHRNAME="closed"), True, "dark")
    assert np.allclose(dark.data, 1.0)
    assert str(dark.unit) == "DN / s"
    assert dark.err is not None
    assert np.allclose((dark.err * 80) ** 2, (80 / 4.84 + 3.75**2) / 10, rtol=2e-3)
    assert dark.meta.image_type == "DARK"


def test_a_dark_is_for_one_read_mode_and_time_and_for_any_camera(make_frame: Any) -> None:
    meta = read(make_frame(np.zeros((8, 8)), CAMNAME="narrow", ITIME=0.181, SAMPMODE=2), True, "dark").meta
    assert (meta.detector, meta.filter, meta.read_mode) == ("ANY", "ANY", "CDS-0.181s")


def test_a_flat_is_not_divided_by_its_time(make_frame: Any) -> None:
    flat = read(make_frame(np.full((8, 8), 1.01), dtype=np.float32, ITIME=4.5), True, "flat")
    assert np.allclose(flat.data, 1.01)
    assert flat.unit is None
    assert flat.err is None
    assert (flat.meta.detector, flat.meta.filter, flat.meta.read_mode) == ("wide", "Ks", "ANY")


def test_a_flat_below_0_3_is_bad(make_frame: Any) -> None:
    """As behind the coronagraph's spot: what little light there is did not come the way of the rest."""
    values = [[0.29, 0.31], [1.0, 0.0]]
    dq = read(make_frame(values, dtype=np.float32), True, "flat").dq
    bad = DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE
    assert dq.tolist() == [[bad, 0], [0, bad]]
    assert not read(make_frame(values, dtype=np.float32), True, "dark").dq.any()


def test_a_raw_frame_is_no_flat(make_frame: Any) -> None:
    with pytest.raises(InputError, match=r"raw NIRC2 frame cannot be the flat; a normalised one"):
        read(make_frame(np.full((8, 8), 8000)), True, "flat")


@pytest.mark.parametrize("keyword", ["ITIME", "COADDS"])
@pytest.mark.parametrize("value", [None, 0, "unknown"])
def test_a_frame_without_its_time_is_refused(make_frame: Any, keyword: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"n0031.fits: {keyword} = .* in the header of a NIRC2 frame; a number above"):
        read(make_frame(np.zeros((8, 8)), **{keyword: value}))


def test_the_header_can_be_written_again(make_frame: Any, tmp_path: Path) -> None:
    """With its card COMMENT = '...' and two cards TELESCOP; what nobody knows is kept."""
    header = read(make_frame(np.zeros((8, 8)))).header
    fits.PrimaryHDU(header=header).writeto(tmp_path / "again.fits", output_verify="exception")
    again = fits.getheader(tmp_path / "again.fits")
    assert again["OUTDIR"] == "/sdata903/nirc13/2011apr13/"
    assert (again.count("TELESCOP"), again.count("COMMENT")) == (2, 1)
    assert (again["INSTRUME"], again["DETECTOR"], again["CAMNAME"]) == ("NIRC2", "wide", "wide")


BROKEN = {
    "empty.fits": b"",
    "text.fits": b"SIMPLE  = it is not",
    "not.fits.gz": b"\x1f\x8b" + bytes(100),
    "exposure.asdf": b"#ASDF 1.0.0\n" + bytes(3000),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("pixels", [True, False])
def test_what_is_no_fits_file_is_left_to_others(tmp_path: Path, name: str, pixels: bool) -> None:
    (tmp_path / name).write_bytes(BROKEN[name])
    assert read_exposure(tmp_path / name, pixels, "") is None


def test_what_is_not_there_is_left_to_others(tmp_path: Path) -> None:
    assert read_exposure(tmp_path, True, "") is None
    assert read_exposure(tmp_path / "none.fits", True, "") is None


@pytest.mark.parametrize("name", ["n0031.fits", "n0031.fits.gz"])
@pytest.mark.parametrize("part", [0.05, 0.5])
def test_a_truncated_frame_is_left_to_the_reader_that_says_so(make_frame: Any, name: str, part: float) -> None:
    path = make_frame(np.random.default_rng(1).integers(0, 9999, (256, 256)), name)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert read_exposure(path, True, "") is None


def test_other_cameras_are_left_to_others(make_frame: Any) -> None:
    assert read_exposure(make_frame(np.zeros((8, 8)), CURRINST="OSIRIS"), True, "") is None
    assert read_exposure(make_frame(np.zeros((8, 8)), CURRINST=None), True, "") is None
    assert read_exposure(make_frame(np.zeros((8, 8)), CURRINST=None, INSTRUME="NIRC2"), True, "") is not None


def test_an_image_somebody_reduced_is_left_to_others(make_frame: Any) -> None:
    """Pixels that are no integers are no counts."""
    assert read_exposure(make_frame(np.zeros((8, 8)), dtype=np.float32), True, "") is None


def test_a_product_is_left_to_the_reader_of_products(make_frame: Any, tmp_path: Path) -> None:
    """Its primary header is the frame's, but its pixels are in an extension."""
    primary = fits.PrimaryHDU(header=read(make_frame(np.zeros((8, 8)))).header)
    fits.HDUList([primary, fits.ImageHDU(np.zeros((8, 8)), name="SCI")]).writeto(tmp_path / "n0031_cal.fits")
    assert read_exposure(tmp_path / "n0031_cal.fits", True, "") is None
