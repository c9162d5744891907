"""The dark_current stage: truth in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_dark import check_dark, subtract_dark
from iris_dark._dark import rate_and_variance

from iris_core import DQ, Exposure, InputError, References, Window
from iris_core.testing import make_exposure, make_reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAN = np.float32(np.nan)


def plane(value: float, shape: tuple[int, int] = (8, 8)) -> np.ndarray:
    return np.full(shape, value, dtype=np.float32)


def dark_file(folder: Path, data: np.ndarray, **options: object) -> References:
    keywords = {"err": plane(0.5, data.shape), "unit": "electron/s", "READMODE": "DEFAULT", **options}
    return References({"dark": make_reference(folder / "dark.fits", "dark", data, **keywords)})


def calibrate(exposure: Exposure, references: References) -> Exposure:
    return subtract_dark(exposure=exposure, references=references)


@pytest.mark.parametrize("nint", [0, 3])
def test_dark_and_its_variance_in_each_integration(tmp_path: Path, nint: int) -> None:
    """10 - 0.25 = 9.75 with variances 1, 0.5 as before and 0.5^2 more."""
    result = calibrate(make_exposure((8, 8), nint=nint), dark_file(tmp_path, plane(0.25)))
    assert result.data.shape == ((nint, 8, 8) if nint else (8, 8))
    np.testing.assert_array_equal(result.data, 9.75)
    for name, variance in {"poisson": 1.0, "rnoise": 0.5, "dark": 0.25}.items():
        np.testing.assert_array_equal(result.variance[name], variance)
    assert result.err == pytest.approx(np.sqrt(1.75))
    assert str(result.unit) == "electron / s"
    assert not result.dq.any()
    assert result.notes == ()


def test_input_is_left_alone(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8))
    calibrate(exposure, dark_file(tmp_path, plane(0.25)))
    np.testing.assert_array_equal(exposure.data, 10)
    assert set(exposure.variance) == {"poisson", "rnoise"}


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["data", "err"])
def test_nothing_is_subtracted_where_the_dark_is_not_finite(tmp_path: Path, unknown: float, where: str) -> None:
    planes = {"data": plane(0.25), "err": plane(0.5)}
    planes[where][2, 3] = unknown
    result = calibrate(make_exposure((8, 8), nint=2), dark_file(tmp_path, planes["data"], err=planes["err"]))
    np.testing.assert_array_equal(result.data[:, 2, 3], 10)
    np.testing.assert_array_equal(result.variance["dark"][:, 2, 3], 0)
    np.testing.assert_array_equal(result.dq[:, 2, 3], DQ.UNRELIABLE_DARK)
    assert np.count_nonzero(result.dq) == 2
    assert np.count_nonzero(result.data == 9.75) == 2 * 63


def test_dq_of_the_dark_is_added(tmp_path: Path) -> None:
    dq = np.zeros((8, 8), dtype=np.uint32)
    dq[0, 0] = DQ.HOT
    dq[1, 1] = DQ.DEAD | DQ.DO_NOT_USE
    exposure = make_exposure((8, 8)).flag(np.eye(8, dtype=bool), DQ.JUMP_DET)
    result = calibrate(exposure, dark_file(tmp_path, plane(0.25), dq=dq))
    assert result.dq[0, 0] == DQ.HOT | DQ.JUMP_DET
    assert result.data[0, 0] == 9.75
    assert result.dq[1, 1] == DQ.DEAD | DQ.DO_NOT_USE | DQ.JUMP_DET
    assert np.isnan(result.data[1, 1])
    assert np.isnan(result.err[1, 1])


def test_invalid_pixels_of_the_exposure_stay_so(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8)).flag(np.eye(8, dtype=bool), DQ.DO_NOT_USE)
    result = calibrate(exposure, dark_file(tmp_path, plane(0.25)))
    np.testing.assert_array_equal(np.isnan(result.data), np.eye(8, dtype=bool))
    np.testing.assert_array_equal(np.isnan(result.err), np.eye(8, dtype=bool))


def test_dark_that_went_with_the_background_is_not_subtracted_again(tmp_path: Path) -> None:
    dark = plane(0.25)
    dark[0, 0] = np.nan
    dq = np.zeros((8, 8), dtype=np.uint32)
    dq[1, 1] = DQ.HOT | DQ.DO_NOT_USE
    exposure = make_exposure((8, 8), sci_header={"BKG_DARK": True})
    result = calibrate(exposure, dark_file(tmp_path, dark, dq=dq))
    assert result.notes == ("dark removed with the background",)
    assert set(result.variance) == {"poisson", "rnoise"}
    assert np.count_nonzero(result.data == 10) == 63
    assert result.dq[1, 1] == DQ.HOT | DQ.DO_NOT_USE
    assert np.isnan(result.data[1, 1])
    assert result.dq[0, 0] == 0


@pytest.mark.parametrize("method", ["from_science", "scaled"])
def test_dark_of_which_a_part_went_with_the_background_is_an_error(tmp_path: Path, method: str) -> None:
    exposure = make_exposure((8, 8), sci_header={"BKG_METH": method})
    references = dark_file(tmp_path, plane(0.25))
    for stage in (check_dark, subtract_dark):
        with pytest.raises(InputError) as raised:
            stage(exposure, references)
        assert str(raised.value) == (
            f"x_rate.fits: a part of the dark went with the background (BKG_METH is {method}), so the dark cannot be "
            "subtracted any more; put dark_current before background"
        )


@pytest.mark.parametrize("keyword", ["S_BKDSUB", "S_SKYSUB"])
@pytest.mark.parametrize("stage", [check_dark, subtract_dark])
def test_background_that_does_not_say_what_became_of_the_dark_is_an_error(
    tmp_path: Path, keyword: str, stage: Callable[..., object]
) -> None:
    """Subtracted elsewhere: whether the dark went with it nobody knows, and it must not be subtracted twice."""
    with pytest.raises(InputError) as raised:
        stage(make_exposure((8, 8), header={keyword: "COMPLETE"}), dark_file(tmp_path, plane(0.25)))
    assert str(raised.value) == (
        f"x_rate.fits: its background is subtracted ({keyword} is COMPLETE) and nothing says whether the dark went "
        "with it, so subtracting the dark may remove it twice; start before that with a recipe that has dark_current "
        "before background (image2-dark-first), or write BKG_DARK into the header: T if the dark is gone, F if it is "
        "still in"
    )


@pytest.mark.parametrize(("gone", "left"), [(True, 10.0), (False, 9.75)])
@pytest.mark.parametrize("place", ["header", "sci_header"])
def test_header_may_say_whether_the_dark_went_with_the_background(
    tmp_path: Path, place: str, gone: bool, left: float
) -> None:
    headers = {"header": {"S_BKDSUB": "COMPLETE"}, "sci_header": {}}
    headers[place]["BKG_DARK"] = gone
    exposure, references = make_exposure((8, 8), **headers), dark_file(tmp_path, plane(0.25))
    assert check_dark(exposure, references) is None
    np.testing.assert_array_equal(calibrate(exposure, references).data, left)


def test_background_that_was_skipped_is_no_obstacle(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8), header={"S_BKDSUB": "SKIPPED"}), dark_file(tmp_path, plane(0.25)))
    np.testing.assert_array_equal(result.data, 9.75)


def test_background_subtracted_after_the_dark_is_no_obstacle(tmp_path: Path) -> None:
    """As where the recipe says again: true."""
    header = {"S_DARK": "COMPLETE", "S_BKDSUB": "COMPLETE"}
    result = calibrate(make_exposure((8, 8), header=header), dark_file(tmp_path, plane(0.25)))
    np.testing.assert_array_equal(result.data, 9.75)


@pytest.mark.parametrize("stage", [check_dark, subtract_dark])
def test_bkg_dark_has_to_be_true_or_false(tmp_path: Path, stage: Callable[..., object]) -> None:
    """The text 'F' counts as true in Python, and the dark would stay in."""
    with pytest.raises(InputError, match=r"x_rate\.fits: BKG_DARK = 'F' is neither T nor F"):
        stage(make_exposure((8, 8), sci_header={"BKG_DARK": "F"}), dark_file(tmp_path, plane(0.25)))


def test_window_is_cut_out_of_the_full_frame_dark(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:16, :16]
    dark = (rows * 100 + columns).astype(np.float32)
    exposure = make_exposure((4, 6), value=0.0, window=Window(xstart=3, ystart=5, xsize=6, ysize=4))
    result = calibrate(exposure, dark_file(tmp_path, dark))
    np.testing.assert_array_equal(result.data, -dark[4:8, 2:8])


def test_dark_without_errors_counts_as_exact_and_says_so(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), err=None))
    np.testing.assert_array_equal(result.variance["dark"], 0)
    assert result.notes == ("the dark dark.fits has no errors; taken to be zero",)


def test_dark_without_unit_counts_as_the_exposures_and_says_so(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), unit=""))
    np.testing.assert_array_equal(result.data, 9.75)
    assert result.notes == ("the dark dark.fits has no unit; taken to be in electron / s",)


def test_unknown_errors_stay_unknown(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8)).replace(variance={})
    result = calibrate(exposure, dark_file(tmp_path, plane(0.25)))
    assert result.err is None
    np.testing.assert_array_equal(result.data, 9.75)


def test_another_unit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), unit="DN/s"))
    assert str(raised.value) == (
        "the dark dark.fits is in DN / s but the exposure x_rate.fits is in electron / s; "
        "convert the reference with its gain first"
    )


@pytest.mark.parametrize(("keyword", "theirs", "ours"), [("READMODE", "CDS", "DEFAULT"), ("DETECTOR", "IMG2", "IMG1")])
def test_another_detector_or_read_mode_is_an_error(tmp_path: Path, keyword: str, theirs: str, ours: str) -> None:
    with pytest.raises(InputError) as raised:
        calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), **{keyword: theirs}))
    assert str(raised.value) == (
        f"the dark dark.fits is for {keyword} {theirs} but the exposure x_rate.fits is of {keyword} {ours}; "
        f"give a dark of {keyword} {ours}"
    )


@pytest.mark.parametrize("mode", ["ANY", "N/A", "", "default"])
def test_dark_for_any_read_mode_is_taken(tmp_path: Path, mode: str) -> None:
    result = calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), READMODE=mode))
    np.testing.assert_array_equal(result.data, 9.75)


@pytest.mark.parametrize("mode", ["", "N/A"])
def test_exposure_that_does_not_tell_its_read_mode_takes_any_dark(tmp_path: Path, mode: str) -> None:
    result = calibrate(make_exposure((8, 8), read_mode=mode), dark_file(tmp_path, plane(0.25), READMODE="CDS"))
    np.testing.assert_array_equal(result.data, 9.75)


def test_dark_that_does_not_cover_the_exposure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the dark dark\.fits has shape \(4, 4\) but x_rate\.fits has \(8, 8\)"):
        calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25, (4, 4))))


def test_err_is_true_over_many_noise_realisations(tmp_path: Path) -> None:
    """Truth 7 under a dark of 3: the pulls of 250 000 pixels have mean 0 and standard deviation 1."""
    rng = np.random.default_rng(20260801)
    shape = (500, 500)
    noisy = make_exposure(shape).replace(data=(10 + np.sqrt(1.5) * rng.normal(size=shape)).astype(np.float32))
    dark = (3 + 0.8 * rng.normal(size=shape)).astype(np.float32)
    result = calibrate(noisy, dark_file(tmp_path, dark, err=plane(0.8, shape)))
    pulls = (result.data - 7) / result.err
    assert pulls.std() == pytest.approx(1.0, abs=0.02)
    assert pulls.mean() == pytest.approx(0.0, abs=0.02)


floats = st.floats(-1e6, 1e6, width=32) | st.sampled_from([NAN, np.float32(np.inf)])


@given(arrays(np.float32, (3, 4), elements=floats), arrays(np.float32, (3, 4), elements=floats))
def test_rate_and_variance_are_always_finite(dark: np.ndarray, err: np.ndarray) -> None:
    rate, variance, unknown = rate_and_variance(dark, err)
    np.testing.assert_array_equal(unknown, ~(np.isfinite(dark) & np.isfinite(err)))
    np.testing.assert_array_equal(rate[~unknown], dark[~unknown])
    np.testing.assert_array_equal(variance[~unknown], err[~unknown] ** 2)
    assert not rate[unknown].any()
    assert not variance[unknown].any()


def test_a_dark_in_another_unit_is_found_without_reading_a_pixel(tmp_path: Path) -> None:
    references = dark_file(tmp_path, plane(0.25), unit="DN/s")
    with pytest.raises(InputError, match="convert the reference with its gain first"):
        check_dark(make_exposure((8, 8)), references)
