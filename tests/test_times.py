"""The frame, the times and the pointing that a header gives, also in the forms of others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from iris_core import read_asdf, read_fits, write_asdf, write_fits
from iris_core.io.times import doubts
from iris_core.keywords import meta_from_header, parse_time

HERE = Path("x.fits")
RATE = np.ones((3, 4), dtype=np.float32)


@pytest.mark.parametrize(
    ("cards", "truth"),
    [
        ({"DATE-OBS": "26/10/92"}, datetime(1992, 10, 26)),
        ({"DATE-OBS": "26/10/92", "TIME-OBS": "01:02:03.5"}, datetime(1992, 10, 26, 1, 2, 3, 500000)),
        ({"DATE-OBS": "2016-12-31T23:59:60.5"}, datetime(2017, 1, 1, 0, 0, 0, 500000)),
        ({"DATE-OBS": "2026-01-02", "UT": "03:04:05"}, datetime(2026, 1, 2, 3, 4, 5)),
        ({"DATE-OBS": "2026-01-02", "UTC": "03:04:05.25"}, datetime(2026, 1, 2, 3, 4, 5, 250000)),
        ({"DATE-OBS": "2026-01-02", "UT": 11045.0}, datetime(2026, 1, 2)),
        ({"DATE-OBS": "2026-01-02", "MJD-OBS": 61042.5}, datetime(2026, 1, 2, 12)),
        ({"DATE-OBS": "yesterday", "MJD-OBS": 61042.5}, datetime(2026, 1, 2, 12)),
        ({"DATE-OBS": "yesterday"}, None),
    ],
)
def test_the_start_of_an_exposure_in_the_forms_of_fits(cards: dict[str, Any], truth: datetime | None) -> None:
    found = meta_from_header(cards, HERE).start_time
    assert (found is None) is (truth is None)
    if found is not None and truth is not None:
        assert abs((found - truth.replace(tzinfo=UTC)).total_seconds()) < 1e-3


def test_a_time_without_a_zone_is_utc() -> None:
    assert parse_time("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(("system", "named"), [("LOCAL", True), ("GPS", True), ("UTC", False), ("UT", False)])
def test_a_time_scale_that_is_not_known_is_named(system: str, named: bool) -> None:
    found = list(doubts(fits.Header([("TIMESYS", system), ("DATE-OBS", "2026-01-02T03:04:05")]), fits.Header()))
    assert any(system in remark for remark in found) is named


@pytest.mark.parametrize(
    ("keyword", "value", "truth"),
    [
        ("RA", "10h00m00s", 150.0),
        ("RA", "10:00:00.0", 150.0),
        ("RA", "10 00 00", 150.0),
        ("RA", "150.0", 150.0),
        ("DEC", "-00:30:00", -0.5),
        ("DEC", "-00d30m00s", -0.5),
        ("RA", "INDEF", None),
        ("DEC", "N/A", None),
    ],
)
def test_a_pointing_in_the_forms_of_others(keyword: str, value: str, truth: float | None) -> None:
    found = getattr(meta_from_header({keyword: value}, HERE), keyword.lower())
    assert found is None if truth is None else found == pytest.approx(truth, abs=1e-9)


def write(path: Path, primary: dict[str, Any], sci: dict[str, Any], *more: Any) -> Path:
    science = fits.ImageHDU(RATE, header=fits.Header(list(sci.items())), name="SCI")
    fits.HDUList([fits.PrimaryHDU(header=fits.Header(list(primary.items()))), science, *more]).writeto(path)
    return path


WCS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 2.0, "CRPIX2": 2.0}
FRAME = {"RADESYS": "FK4", "EQUINOX": 1950.0}


def test_the_frame_is_inherited_from_the_primary_header(tmp_path: Path) -> None:
    exposure = read_fits(write(tmp_path / "x.fits", FRAME, {"INHERIT": True, **WCS}))
    assert {key: exposure.sci_header[key] for key in FRAME} == FRAME
    assert "INHERIT" not in exposure.sci_header
    assert exposure.notes == ()


def test_without_inherit_the_frame_is_not_inherited_and_named(tmp_path: Path) -> None:
    exposure = read_fits(write(tmp_path / "x.fits", FRAME, WCS))
    assert "RADESYS" not in exposure.sci_header
    assert any("FK4" in note for note in exposure.notes)


def test_what_the_extension_says_itself_counts(tmp_path: Path) -> None:
    own = {"INHERIT": True, **WCS, "RADESYS": "ICRS", "CD1_1": 1e-6, "CD2_2": 1e-6}
    exposure = read_fits(write(tmp_path / "x.fits", {**FRAME, "CDELT1": 1.0, "CRVAL1": 9.0}, own))
    assert exposure.sci_header["RADESYS"] == "ICRS"
    assert exposure.sci_header["CRVAL1"] == 150.0
    assert "CDELT1" not in exposure.sci_header


START = {"DATE-OBS": "2026-01-02T00:00:00", "EXPTIME": 8640.0}


@pytest.mark.parametrize(
    ("cards", "middle", "end"),
    [
        (START, 61042.05, 61042.1),
        ({**START, "DATE-END": "2026-01-02T12:00:00"}, 61042.25, 61042.5),
        ({**START, "MJD-END": 61042.5}, 61042.25, 61042.5),
        ({**START, "MJD-AVG": 61042.07}, 61042.07, None),
        ({"EXPTIME": 8640.0}, None, None),
        ({**START, "TIMESYS": "LOCAL"}, None, None),
        ({**START, "TIMESYS": "TAI"}, 61042.05 - 37 / 86400, 61042.1 - 37 / 86400),
        ({"DATE-OBS": START["DATE-OBS"]}, None, None),
    ],
)
def test_the_middle_of_an_exposure(tmp_path: Path, cards: dict[str, Any], middle: Any, end: Any) -> None:
    header = read_fits(write(tmp_path / "x.fits", cards, {})).header
    for keyword, truth in (("MJD-AVG", middle), ("MJD-END", end)):
        assert header.get(keyword) == (None if truth is None else pytest.approx(truth, abs=1e-8))


def int_times() -> np.ndarray[Any, Any]:
    names = ("int_start_MJD_UTC", "int_mid_MJD_UTC", "int_end_MJD_UTC")
    rows = np.zeros(2, dtype=[("integration_number", "i4"), *((name, "f8") for name in names)])
    rows["integration_number"] = (1, 2)
    rows["int_mid_MJD_UTC"] = (61042.01, 61042.03)
    return rows


@pytest.mark.parametrize("ending", [".fits", ".asdf"])
def test_the_times_of_integrations_survive_and_give_the_middle(tmp_path: Path, ending: str) -> None:
    table = fits.BinTableHDU(int_times(), name="INT_TIMES")
    exposure = read_fits(write(tmp_path / "x_rateints.fits", START, {}, table))
    assert exposure.header["MJD-AVG"] == pytest.approx(61042.02, abs=1e-8)
    path = tmp_path / f"y{ending}"
    (write_fits if ending == ".fits" else write_asdf)(exposure, path)
    back = (read_fits if ending == ".fits" else read_asdf)(path).planes["INT_TIMES"]
    assert back.dtype == int_times().dtype
    for name in back.dtype.names or ():
        assert_allclose(back[name], int_times()[name], rtol=0, atol=0)
    outline = read_fits(tmp_path / "x_rateints.fits", pixels=False)
    assert list(outline.planes) == ["INT_TIMES"]


@pytest.mark.parametrize(
    ("cards", "truth"),
    [
        ({"TIMESYS": "TAI", "DATE-OBS": "2026-01-02T03:04:05"}, {"DATE-OBS": "2026-01-02T03:03:28"}),
        ({"TIMESYS": "TT", "DATE-OBS": "2026-01-02T03:04:05"}, {"DATE-OBS": "2026-01-02T03:02:55.816000"}),
        ({"TIMESYS": "TDB", "DATE-OBS": "2026-01-02T03:04:05"}, {"DATE-OBS": "2026-01-02T03:02:55.816000"}),
        ({"TIMESYS": "TAI", "DATE-OBS": "2012-07-01T00:00:34"}, {"DATE-OBS": "2012-06-30T23:59:59"}),
        ({"TIMESYS": "TAI", "DATE-OBS": "2026-01-02", "UT": "03:04:05"}, {"DATE-OBS": "2026-01-02T03:03:28"}),
        (
            {"TIMESYS": "TAI", "MJD-OBS": 61042.5, "DATE-END": "2026-01-02T12:30:37"},
            {"DATE-END": "2026-01-02T12:30:00"},
        ),
        ({"TIMESYS": "LOCAL", "DATE-OBS": "2026-01-02T03:04:05"}, {"DATE-OBS": "2026-01-02T03:04:05"}),
    ],
)
@pytest.mark.parametrize("place", ["primary", "science"])
def test_times_of_another_scale_become_utc(
    tmp_path: Path, cards: dict[str, Any], truth: dict[str, str], place: str
) -> None:
    path = write(tmp_path / "x.fits", *((cards, {}) if place == "primary" else ({}, cards)))
    exposure = read_fits(path)
    header = exposure.header if place == "primary" else exposure.sci_header
    assert {key: header[key] for key in truth} == truth
    assert header["TIMESYS"] == ("LOCAL" if cards["TIMESYS"] == "LOCAL" else "UTC")
    assert any(cards["TIMESYS"] in note for note in exposure.notes)
    if "MJD-OBS" in cards:
        assert header["MJD-OBS"] == pytest.approx(61042.5 - 37 / 86400, abs=2e-9)
    else:
        assert exposure.meta.start_time == parse_time(truth["DATE-OBS"])


def test_a_product_of_an_exposure_in_another_time_scale_is_in_utc(tmp_path: Path) -> None:
    exposure = read_fits(write(tmp_path / "x.fits", {**START, "TIMESYS": "TAI"}, {}))
    back = read_fits(write_fits(exposure, tmp_path / "y.fits"))
    assert back.meta.start_time == exposure.meta.start_time
    assert back.notes == ()
