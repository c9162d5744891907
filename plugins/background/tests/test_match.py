"""Which background exposures are refused, before a pixel is read and while they are subtracted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import iris_background
import numpy as np
import pytest
from iris_background import BackgroundParams, check_background
from iris_background._match import overlap
from iris_testkit import make_exposure, run_stage

from iris_core import Exposure, InputError, StageSkipped, Window, blank_plane

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


def refusal(exposure: Exposure, *backgrounds: Exposure, **params: Any) -> str:
    """Return the message with which the stage refuses the exposures, and their outlines before a pixel is read."""
    messages = set()
    for view in (outline, lambda whole: whole):
        with pytest.raises(InputError) as raised:
            take(view(exposure), *map(view, backgrounds), **params)
        messages.add(str(raised.value))
    (message,) = messages
    return message


def take(exposure: Exposure, *backgrounds: Exposure, **params: Any) -> Exposure:
    return run_stage(iris_background, exposure, backgrounds=backgrounds, **params)


@pytest.mark.parametrize(
    ("ours", "theirs", "states"),
    [
        ({"S_DARK": DONE}, {}, "x_rate.fits: dark_current; y_rate.fits: no stage done"),
        ({}, {"S_DARK": DONE, "S_FLAT": DONE}, "x_rate.fits: no stage done; y_rate.fits: dark_current, flat_field"),
        ({"S_DARK": DONE}, {"S_FLAT": DONE}, "x_rate.fits: dark_current; y_rate.fits: flat_field"),
        ({"S_FLUXCL": DONE}, {"S_DARK": DONE}, "x_rate.fits: photom; y_rate.fits: dark_current"),
        ({"S_DARK": DONE}, {"S_DARK": "SKIPPED"}, "x_rate.fits: dark_current; y_rate.fits: no stage done"),
        ({"S_NLCORR": DONE}, {}, "x_rate.fits: S_NLCORR; y_rate.fits: no stage done"),
    ],
)
def test_other_state_of_calibration(ours: dict[str, str], theirs: dict[str, str], states: str) -> None:
    assert states in refusal(science(header=ours), sky(header=theirs))


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
    assert np.isfinite(take(science(header=ours), sky(header=theirs)).data).all()


@pytest.mark.parametrize("keyword", ["S_BKDSUB", "S_SKYSUB"])
def test_background_that_has_lost_its_own_sky(keyword: str) -> None:
    message = refusal(science(), sky(header={keyword: DONE}))
    assert "y_rate.fits" in message
    assert "background has been subtracted" in message


def test_other_unit() -> None:
    message = refusal(science(), sky(unit="DN/s"))
    assert "y_rate.fits is in DN / s" in message
    assert "x_rate.fits is in electron / s" in message


@pytest.mark.parametrize(
    ("keyword", "field", "ours"),
    [("DETECTOR", "detector", "IMG1"), ("FILTER", "filter", "Kbb"), ("READMODE", "read_mode", "DEFAULT")],
)
def test_other_detector_filter_or_read_mode(keyword: str, field: str, ours: str) -> None:
    message = refusal(science(), sky(**{field: "other"}))
    assert f"y_rate.fits has {keyword} other but x_rate.fits has {keyword} {ours};" in message


def test_other_read_mode_is_taken_where_the_dark_is_gone() -> None:
    take(science(header={"S_DARK": DONE}), sky(header={"S_DARK": DONE}, read_mode="other"))


@pytest.mark.parametrize("given", ["", "ANY", "n/a", "kbb"])
def test_filter_that_is_not_given_is_taken(given: str) -> None:
    take(science(), sky(filter=given))
    take(science(filter=given), sky())


def test_single_background_without_errors() -> None:
    assert "y_rate.fits has no errors but x_rate.fits has" in refusal(science(), sky().replace(variance={}))


def test_errors_that_can_be_measured_are_not_asked_for() -> None:
    bare = sky().replace(variance={})
    take(science(), bare, bare)
    take(science(), sky(nint=2).replace(variance={}))
    take(science().replace(variance={}), bare)


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
    message = refusal(science(window=OURS), sky(shape=theirs.shape, window=theirs))
    assert f"y_rate.fits ({theirs}) has no pixel in common with x_rate.fits ({OURS})" in message


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
def test_window_that_is_not_given(ours: dict[str, Any], theirs: dict[str, Any], silent: str) -> None:
    message = refusal(science(**ours), sky(**theirs))
    assert message.endswith(f"SUBSTRT1/2 and SUBSIZE1/2 are missing in {silent}")


def test_check_skips_where_there_is_nothing_to_do() -> None:
    with pytest.raises(StageSkipped, match="no background exposures"):
        check_background(outline(science()), BackgroundParams(), ())
