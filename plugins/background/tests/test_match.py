"""Which background exposures are refused, before a pixel is read and while they are subtracted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_background import BackgroundParams, check_background, subtract_background
from iris_background._match import calibrations, overlap

from iris_core import Exposure, InputError, StageSkipped, Window, blank_plane
from iris_core.testing import make_exposure

SHAPE = (8, 8)
DONE = "COMPLETE"


def science(**options: Any) -> Exposure:
    return make_exposure(options.pop("shape", SHAPE), **options)


def sky(**options: Any) -> Exposure:
    return make_exposure(options.pop("shape", SHAPE), path=Path("y_rate.fits"), **options)


def outline(exposure: Exposure) -> Exposure:
    blank = blank_plane(exposure.data.shape)
    variance = dict.fromkeys(exposure.variance, blank)
    return exposure.replace(data=blank, dq=blank_plane(exposure.data.shape, np.uint32), variance=variance)


def refusals(exposure: Exposure, *backgrounds: Exposure, **params: Any) -> set[str]:
    """Return the messages with which the check, on outlines, and the stage refuse."""
    said = set()
    for stage, view in ((check_background, outline), (subtract_background, lambda whole: whole)):
        with pytest.raises(InputError) as raised:
            stage(
                exposure=view(exposure),
                params=BackgroundParams(**params),
                background_exposures=[view(one) for one in backgrounds],
            )
        said.add(str(raised.value))
    return said


def check(exposure: Exposure, *backgrounds: Exposure, **params: Any) -> Exposure:
    return check_background(outline(exposure), BackgroundParams(**params), [outline(one) for one in backgrounds])


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ({"S_DARK": DONE}, {}, "x_rate.fits: S_DARK; y_rate.fits: no stage done"),
        ({}, {"S_DARK": DONE, "S_FLAT": DONE}, "x_rate.fits: no stage done; y_rate.fits: S_DARK S_FLAT"),
        ({"S_DARK": DONE}, {"S_FLAT": DONE}, "x_rate.fits: S_DARK; y_rate.fits: S_FLAT"),
        ({"S_FLUXCL": DONE}, {"S_DARK": DONE}, "x_rate.fits: S_PHOTOM; y_rate.fits: S_DARK"),
        ({"S_DARK": DONE}, {"S_DARK": "SKIPPED"}, "x_rate.fits: S_DARK; y_rate.fits: no stage done"),
        ({"S_NLCORR": DONE}, {}, "x_rate.fits: S_NLCORR; y_rate.fits: no stage done"),
    ],
)
def test_other_state_of_calibration(ours: dict[str, str], theirs: dict[str, str], said: str) -> None:
    assert refusals(science(header=ours), sky(header=theirs)) == {
        f"x_rate.fits and its background exposures are not calibrated alike ({said}); calibrate all with a recipe "
        "that has dark_current before background, or give background exposures in the same state"
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"S_DARK": DONE, "S_FLAT": DONE}, {"S_FLAT": DONE, "S_DARK": DONE}),
        ({"S_PARSSA": DONE, "S_WCS": DONE}, {}),
        ({}, {"S_WCS": DONE, "S_DARK": "SKIPPED"}),
        ({"S_FLUXCL": DONE}, {"S_PHOTOM": DONE}),
        ({"S_REGION": "POLYGON ICRS 1 2 3 4 5 6"}, {}),
    ],
)
def test_same_state_of_calibration_is_taken(ours: dict[str, str], theirs: dict[str, str]) -> None:
    assert calibrations(science(header=ours)) == calibrations(sky(header=theirs))
    check(science(header=ours), sky(header=theirs))


@pytest.mark.parametrize("keyword", ["S_BKDSUB", "S_SKYSUB"])
def test_background_that_has_lost_its_own_sky(keyword: str) -> None:
    assert refusals(science(), sky(header={keyword: DONE})) == {
        "the background has been subtracted from the background exposures y_rate.fits already; "
        "give them as they were before"
    }


def test_other_unit() -> None:
    assert refusals(science(), sky(unit="DN/s")) == {
        "the background exposure y_rate.fits is in DN / s but x_rate.fits is in electron / s; "
        "give background exposures in electron / s"
    }


@pytest.mark.parametrize(
    ("keyword", "field", "ours"),
    [("DETECTOR", "detector", "IMG1"), ("FILTER", "filter", "Kbb"), ("READMODE", "read_mode", "DEFAULT")],
)
def test_other_detector_filter_or_read_mode(keyword: str, field: str, ours: str) -> None:
    assert refusals(science(), sky(**{field: "other"})) == {
        f"the background exposure y_rate.fits is of {keyword} other but x_rate.fits is of {keyword} {ours}; "
        f"give background exposures of {keyword} {ours}"
    }


def test_other_read_mode_is_taken_where_the_dark_is_gone() -> None:
    check(science(header={"S_DARK": DONE}), sky(header={"S_DARK": DONE}, read_mode="other"))


@pytest.mark.parametrize("said", ["", "ANY", "n/a", "kbb"])
def test_filter_that_is_not_said_is_taken(said: str) -> None:
    check(science(), sky(filter=said))
    check(science(filter=said), sky())


def test_single_background_without_errors() -> None:
    said = refusals(science(), sky().replace(variance={}))
    assert said == {
        "the background exposure y_rate.fits has no errors but x_rate.fits has; "
        "give one that has, or two and more: their errors are then measured from their scatter"
    }


def test_errors_that_can_be_measured_are_not_asked_for() -> None:
    bare = sky().replace(variance={})
    check(science(), bare, bare)
    check(science(), sky(nint=2).replace(variance={}))
    check(science().replace(variance={}), bare)


OURS = Window(xstart=3, ystart=1, xsize=8, ysize=8)


@pytest.mark.parametrize(
    ("theirs", "inside", "part"),
    [
        (OURS, (slice(0, 8), slice(0, 8)), (slice(0, 8), slice(0, 8))),
        (Window(1, 1, 32, 16), (slice(0, 8), slice(0, 8)), (slice(0, 8), slice(2, 10))),
        (Window(5, 3, 20, 20), (slice(2, 8), slice(2, 8)), (slice(0, 6), slice(0, 6))),
        (Window(1, 1, 4, 4), (slice(0, 4), slice(0, 2)), (slice(0, 4), slice(2, 4))),
        (Window(5, 3, 2, 3), (slice(2, 5), slice(2, 4)), (slice(0, 3), slice(0, 2))),
    ],
)
def test_overlap(theirs: Window, inside: tuple[slice, slice], part: tuple[slice, slice]) -> None:
    assert overlap(science(window=OURS), sky(shape=theirs.shape, window=theirs)) == (inside, part)


@pytest.mark.parametrize("theirs", [Window(11, 1, 4, 4), Window(1, 9, 16, 4)])
def test_no_overlap(theirs: Window) -> None:
    assert refusals(science(window=OURS), sky(shape=theirs.shape, window=theirs)) == {
        f"the background exposure y_rate.fits ({theirs}) has no pixel in common with x_rate.fits ({OURS})"
    }


def test_full_frame_need_not_say_that_it_is_one() -> None:
    assert overlap(science(window=OURS), sky(shape=(16, 16)))[1] == (slice(0, 8), slice(2, 10))
    assert overlap(science(shape=(16, 16)), sky(window=OURS))[0] == (slice(0, 8), slice(2, 10))


@pytest.mark.parametrize(
    ("ours", "theirs", "silent"),
    [
        ({}, {"shape": (16, 16)}, "x_rate.fits and y_rate.fits"),
        ({}, {"shape": (16, 16), "window": Window(1, 1, 16, 16)}, "x_rate.fits"),
        ({"window": OURS}, {}, "y_rate.fits"),
    ],
)
def test_window_that_is_not_said(ours: dict[str, Any], theirs: dict[str, Any], silent: str) -> None:
    (said,) = refusals(science(**ours), sky(**theirs))
    assert said.endswith(f"but where on the detector {silent} lies is not said: SUBSTRT1/2 and SUBSIZE1/2 are missing")


def test_check_says_what_becomes_of_the_dark() -> None:
    gone = {"S_DARK": DONE}
    assert check(science(), sky()).sci_header["BKG_DARK"] is True
    assert "BKG_DARK" not in check(science(header=gone), sky(header=gone)).sci_header
    assert check(science(), sky(), scale="median").sci_header["BKG_METH"] == "scaled"
    assert check(science(), method="from_science").sci_header["BKG_METH"] == "from_science"
    for params in ({"scale": "median"}, {"method": "from_science"}):
        assert "BKG_METH" not in check(science(header=gone), sky(header=gone), **params).sci_header


def test_check_skips_where_the_stage_does() -> None:
    with pytest.raises(StageSkipped, match="no background exposures"):
        check(science())
