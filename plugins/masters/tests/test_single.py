"""The stages of one exposure: levels, flags, and the keywords of a reference file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import iris_masters
import numpy as np
import pytest
from iris_masters._reference import equal_in_all, longitude, noon_before
from iris_testkit import iris_mode, make_exposure, run_stage

from iris_core import DQ, Exposure, InputError

STARTED = {"DATE-OBS": "2026-11-27T05:30:00"}


def do(stage: str, exposure: Exposure, **params: Any) -> Exposure:
    return run_stage(iris_masters, exposure, stage=stage, **params)


@pytest.mark.parametrize(("method", "level"), [("mean", 4.0), ("median", 2.0), ("mode", 1.55)])
def test_an_image_over_its_level(method: str, level: float) -> None:
    """Of 1.5, 1.6, 2, 5, 9.9; a pixel that is not to be used does not count."""
    value = [[1.5, 1.6, 2, 5, 9.9, 1e6]]
    exposure = make_exposure((1, 6), value=value, poisson=0.3, rnoise=0.1, bad=[[0, 0, 0, 0, 0, 1]])
    made = do("normalize", exposure, method=method)
    np.testing.assert_allclose(made.data[0, :5], np.array(value[0][:5]) / level, rtol=1e-5)
    np.testing.assert_allclose(made.variance["poisson"][0, :5], 0.3 / level**2, rtol=1e-5)
    assert made.sci_header["FLATNORM"] == pytest.approx(level, rel=1e-5)
    assert (made.sci_header["FLATSTAT"], made.sci_header["FLATSEC"]) == (method, "[1:6,1:1]")
    assert str(made.unit) == ""


def test_the_error_of_the_level_is_a_keyword() -> None:
    exposure = make_exposure((100, 100), value=50, poisson=4, rnoise=0, seed=1)
    made = do("normalize", exposure, method="mean")
    assert made.sci_header["FLATNERR"] == pytest.approx(2 / 100, rel=0.01)
    assert do("normalize", exposure).sci_header["FLATNERR"] == pytest.approx(2.5066 / 100, rel=0.01)
    unknown = do("normalize", exposure.replace(variance={}), method="mean")
    assert unknown.sci_header["FLATNERR"] == pytest.approx(2 / 100, rel=0.05)


def test_the_level_of_a_region() -> None:
    value = np.full((4, 5), 2.0)
    value[1:3, 3:5] = 8
    made = do("normalize", make_exposure((4, 5), value=value), region="[4:5,2:3]")
    assert made.data[0, 0] == 0.25
    assert made.sci_header["FLATSEC"] == "[4:5,2:3]"
    with pytest.raises(InputError, match=r"\[1:5,1:4\]"):
        do("normalize", make_exposure((4, 5)), region="[4:9,2:3]")


@pytest.mark.parametrize("stage", ["normalize", "flag_dark", "flag_flat", "make_reference"])
def test_integrations_are_refused(stage: str) -> None:
    params = {"reftype": "dark"} if stage == "make_reference" else {}
    with pytest.raises(InputError, match=r"has 3 integrations"):
        do(stage, make_exposure(nint=3, header=STARTED), **params)


def test_what_has_no_level_is_refused() -> None:
    with pytest.raises(InputError, match=r"the median is -3 electron / s"):
        do("normalize", make_exposure(value=-3))
    with pytest.raises(InputError, match=r"no pixel of the region"):
        do("normalize", make_exposure(bad=np.ones((32, 32))))
    with pytest.raises(InputError, match=r"no valid pixel"):
        do("flag_dark", make_exposure(bad=np.ones((32, 32))))


def a_dark() -> Exposure:
    """Return a dark of level 2 with a spread of 0.1, one pixel each at 6, 12 and -12 spreads."""
    exposure = make_exposure((100, 100), value=2, poisson=0.005, rnoise=0.005, seed=1)
    data = np.array(exposure.data)
    data[5, 6], data[7, 8], data[9, 9] = 2.6, 3.2, 0.8
    return exposure.replace(data=data)


def test_hot_and_warm_pixels() -> None:
    made = do("flag_dark", a_dark())
    assert {(row, column): int(made.dq[row, column]) for row, column in np.argwhere(made.dq)} == {
        (5, 6): DQ.WARM,
        (7, 8): DQ.HOT,
    }
    assert np.isfinite(made.data).all()
    assert made.sci_header["DARKLEV"] == pytest.approx(2, abs=0.01)
    assert made.sci_header["DARKRMS"] == pytest.approx(0.1, rel=0.03)
    assert (made.sci_header["NHOT"], made.sci_header["NWARM"]) == (1, 1)


def test_a_saturated_pixel_of_a_dark_is_not_to_be_used() -> None:
    where = np.zeros((100, 100), dtype=bool)
    where[3, 3] = True
    made = do("flag_dark", a_dark().flag(where, DQ.SATURATED))
    assert made.dq[3, 3] == DQ.SATURATED | DQ.DO_NOT_USE


def test_a_dark_of_whole_numbers_is_measured_by_its_errors() -> None:
    """More than half of the pixels are 3: their spread is 0, and 4 is not hot."""
    value = np.full((40, 40), 3.0)
    value[::3] = 4
    value[5, 5] = 20
    made = do("flag_dark", make_exposure((40, 40), value=value, poisson=0.5, rnoise=0.5))
    assert np.argwhere(made.dq).tolist() == [[5, 5]]


def test_pixels_that_differ_from_those_around() -> None:
    """A vignetted corner of 40 % is no defect."""
    rows, columns = np.mgrid[:200, :200]
    value = 1 - 0.4 * np.clip((rows + columns - 250) / 148, 0, 1)
    response = {(50, 50): 0.4, (60, 60): 0.05, (70, 70): 1.7, (80, 80): -0.2, (190, 190): 0.45, (195, 150): 1.2}
    for (row, column), one in response.items():
        value[row, column] *= one
    bad = np.zeros((200, 200), dtype=bool)
    bad[100, 100] = True
    exposure = make_exposure((200, 200), value=value, poisson=1e-5, rnoise=1e-5, bad=bad)
    made = do("flag_flat", exposure)
    lost = DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE
    assert {(int(row), int(column)): int(made.dq[row, column]) for row, column in np.argwhere(made.dq)} == {
        (50, 50): DQ.LOW_QE,
        (60, 60): DQ.DEAD,
        (70, 70): lost,
        (80, 80): lost | DQ.DEAD,
        (100, 100): lost,
        (190, 190): DQ.LOW_QE,
    }
    assert np.array_equal(np.isnan(made.data), (made.dq & DQ.DO_NOT_USE) != 0)
    assert "LOW_QE 2, DEAD 2, NO_FLAT_FIELD 3" in made.notes[-1]


@pytest.mark.parametrize(
    ("start", "east", "noon"),
    [
        ("2026-11-27T05:30:00", -155.4747, "2026-11-26T22:21:53"),
        ("2026-11-26T22:00:00", -155.4747, "2026-11-25T22:21:53"),
        ("2026-11-27T18:00:00", -155.4747, "2026-11-26T22:21:53"),
        ("2026-11-27T05:30:00", -70.4, "2026-11-26T16:41:36"),
        ("2026-11-27T12:00:00", 0.0, "2026-11-27T12:00:00"),
        ("2026-11-27T05:30:00", 204.5253, "2026-11-26T22:21:53"),
        ("2026-11-27T05:30:00", None, "2026-11-26T11:30:00"),
    ],
)
def test_the_noon_before(start: str, east: float | None, noon: str) -> None:
    """Maunakea: noon is at 22:22 UTC; darks of the evening, the night and the morning share one."""
    found = noon_before(datetime.fromisoformat(start).replace(tzinfo=UTC), east)
    assert abs((found - datetime.fromisoformat(noon).replace(tzinfo=UTC)).total_seconds()) <= 1 or east == 204.5253
    if east == 204.5253:  # the same place, counted to the east: the night is the same, whatever the day is called
        assert found.hour == 22


@pytest.mark.parametrize(
    ("header", "facts", "wanted"),
    [
        ({}, {"longitude": {"value": -155.5, "unit": "deg", "source": "here"}}, -155.5),
        ({"OBSGEO-L": 10.5}, {"longitude": {"value": -155.5, "unit": "deg", "source": "here"}}, -155.5),
        ({"OBSGEO-L": 10.5}, {}, 10.5),
        ({"OBSGEO-X": 0.0, "OBSGEO-Y": 6e6}, {}, 90.0),
        ({"OBSGEO-X": 0.0, "OBSGEO-Y": 0.0}, {}, None),
        ({"LONG-OBS": -70.4}, {}, -70.4),
        ({"SITELONG": "155 28 W"}, {}, None),
        ({"SITELONG": 900.0}, {}, None),
        ({}, {}, None),
    ],
)
def test_where_the_telescope_is(header: dict[str, Any], facts: dict[str, Any], wanted: float | None) -> None:
    found = longitude(make_exposure(header=header), replace(iris_mode(), facts=facts))
    assert found is None if wanted is None else found == pytest.approx(wanted)


def test_a_night_starts_at_noon(frames: Callable[..., list[Exposure]], combine: Callable[..., Exposure]) -> None:
    darks = frames([1, 1, 1], header={**STARTED, "COADDS": 2, "OBSGEO-L": -155.4747}, exposure_time=80.0)
    made = do("make_reference", combine(darks), reftype="dark")
    header = made.header
    assert (header["REFTYPE"], header["USEAFTER"]) == ("dark", "2026-11-26T22:21:53")
    assert (header["EXPTIME"], header["COADDS"], header["NEXP"]) == (80, 2, 3)
    assert (header["READMODE"], header["DETECTOR"], header["INSTRUME"]) == ("DEFAULT", "IMG1", "IRIS")
    assert (header["PEDIGREE"], header["DESCRIP"]) == ("INFLIGHT", "dark of 3 exposures")
    assert made.meta.exposure_time == 80
    assert "longitude -155.47" in made.notes[-1]


def test_times_that_differ_are_said(frames: Callable[..., list[Exposure]], combine: Callable[..., Exposure]) -> None:
    darks = frames([1, 1], header={**STARTED, "COADDS": 2})
    darks[1] = darks[1].replace(meta=replace(darks[1].meta, exposure_time=100.05))
    made = do("make_reference", combine(darks), reftype="dark")
    assert made.header["EXPTIME"] == 100
    assert equal_in_all(np.array([1.0, 1.1])) is None
    assert equal_in_all(np.array([1.0, np.nan])) is None
    assert equal_in_all(np.array([2, 2])) == 2
    assert equal_in_all(np.array([b"a", b"a"])) is None


def test_the_start_and_a_time_of_ones_own() -> None:
    exposure = make_exposure(header=STARTED)
    assert do("make_reference", exposure, reftype="dark", useafter="start").header["USEAFTER"] == STARTED["DATE-OBS"]
    since = "2026-01-01T00:00:00"
    assert do("make_reference", make_exposure(), reftype="dark", since=since).header["USEAFTER"] == since
    with pytest.raises(InputError, match=r"DATE-OBS"):
        do("make_reference", make_exposure(), reftype="dark")


def test_what_a_file_fits_in_general() -> None:
    made = do("make_reference", make_exposure(header=STARTED), reftype="flat", any=("READMODE", "PUPIL"))
    assert (made.header["READMODE"], made.header["PUPIL"], made.header["FILTER"]) == ("ANY", "ANY", "Kbb")
    assert made.meta.read_mode == "ANY"


def test_what_a_file_says_of_itself() -> None:
    known = {"author": "N. N.", "description": "a flat", "pedigree": "GROUND"}
    header = do("make_reference", make_exposure(header=STARTED), reftype="flat", **known).header
    assert [header[name] for name in ("AUTHOR", "DESCRIP", "PEDIGREE")] == ["N. N.", "a flat", "GROUND"]


def test_a_reference_has_a_type() -> None:
    with pytest.raises(InputError, match=r"'reftype' is not given"):
        do("make_reference", make_exposure(header=STARTED))


def test_the_limits_of_a_flat_are_parameters() -> None:
    value = np.ones((60, 60))
    value[30, 30], value[20, 20] = 0.7, 1.3
    exposure = make_exposure((60, 60), value=value, poisson=1e-6, rnoise=0)
    assert not do("flag_flat", exposure).dq.any()
    made = do("flag_flat", exposure, low=0.8, high=1.2)
    assert (made.dq[30, 30], made.dq[20, 20]) == (DQ.LOW_QE, DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE)
