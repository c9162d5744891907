"""The dark_current stage: truth in closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import iris_dark
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_dark._dark import rate_and_variance
from iris_testkit import iris_mode, make_exposure, make_reference, run_stage

from iris_core import (
    DQ,
    Exposure,
    InputError,
    Reference,
    References,
    Removal,
    Window,
    blank_plane,
    read_fits,
    write_fits,
)

if TYPE_CHECKING:
    from pathlib import Path

    from iris_core import Image

NAN = np.float32(np.nan)


def plane(value: float, shape: tuple[int, int] = (8, 8)) -> Image:
    return np.full(shape, value, dtype=np.float32)


def dark_file(folder: Path, data: Image, **options: Any) -> Reference:
    keywords = {"err": plane(0.5, data.shape), "unit": "electron/s", "READMODE": "DEFAULT", **options}
    return make_reference(folder / "dark.fits", "dark", data, **keywords)


def calibrate(exposure: Exposure, dark: Reference) -> Exposure:
    return run_stage(iris_dark, exposure, references=[dark])


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


def test_of_a_dark_removed_with_the_background_only_the_dq_is_used(tmp_path: Path) -> None:
    dark = plane(0.25)
    dark[0, 0] = np.nan
    dq = np.zeros((8, 8), dtype=np.uint32)
    dq[1, 1] = DQ.HOT | DQ.DO_NOT_USE
    exposure = make_exposure((8, 8)).replace(removed={"dark": Removal.WHOLE})
    result = calibrate(exposure, dark_file(tmp_path, dark, dq=dq))
    assert len(result.notes) == 1
    assert "dark already removed" in result.notes[0]
    assert set(result.variance) == {"poisson", "rnoise"}
    assert np.count_nonzero(result.data == 10) == 63
    assert result.dq[1, 1] == DQ.HOT | DQ.DO_NOT_USE
    assert np.isnan(result.data[1, 1])
    assert result.dq[0, 0] == 0


@pytest.mark.parametrize("amount", [Removal.PART, Removal.UNKNOWN])
def test_dark_that_may_be_removed_in_part_is_an_error(tmp_path: Path, amount: Removal) -> None:
    exposure = make_exposure((8, 8)).replace(removed={"dark": amount})
    with pytest.raises(InputError, match=r"x_rate\.fits: .*dark_current"):
        calibrate(exposure, dark_file(tmp_path, plane(0.25)))


@pytest.mark.parametrize("keyword", ["S_BKDSUB", "S_SKYSUB"])
def test_background_subtracted_elsewhere_is_an_error(tmp_path: Path, keyword: str) -> None:
    """Whether the dark was removed with it is not recorded, and it must not be subtracted twice."""
    with pytest.raises(InputError, match=r"x_rate\.fits: .*removed the dark; .*RM_DARK"):
        calibrate(make_exposure((8, 8), header={keyword: "COMPLETE"}), dark_file(tmp_path, plane(0.25)))


@pytest.mark.parametrize(("value", "left"), [("WHOLE", 10.0), ("NO", 9.75)])
def test_header_may_state_whether_the_dark_was_removed(tmp_path: Path, value: str, left: float) -> None:
    exposure = make_exposure((8, 8), header={"S_BKDSUB": "COMPLETE", "RM_DARK": value})
    np.testing.assert_array_equal(calibrate(exposure, dark_file(tmp_path, plane(0.25))).data, left)


@pytest.mark.parametrize(("gone", "left"), [(True, 10.0), (False, 9.75)])
@pytest.mark.parametrize("place", ["header", "sci_header"])
def test_products_of_version_0_1_state_it_in_bkg_dark(tmp_path: Path, place: str, gone: bool, left: float) -> None:
    headers: dict[str, dict[str, Any]] = {"header": {"S_BKDSUB": "COMPLETE"}, "sci_header": {}}
    headers[place]["BKG_DARK"] = gone
    exposure = read_fits(write_fits(make_exposure((8, 8), **headers), tmp_path / "x_bsub.fits"))
    np.testing.assert_array_equal(calibrate(exposure, dark_file(tmp_path, plane(0.25))).data, left)


@pytest.mark.parametrize("method", ["from_science", "scaled"])
def test_products_of_version_0_1_without_a_part_of_the_dark_are_refused(tmp_path: Path, method: str) -> None:
    made = make_exposure((8, 8), header={"S_BKDSUB": "COMPLETE"}, sci_header={"BKG_METH": method})
    exposure = read_fits(write_fits(made, tmp_path / "x_bsub.fits"))
    with pytest.raises(InputError, match=r"x_bsub\.fits: part of the dark"):
        calibrate(exposure, dark_file(tmp_path, plane(0.25)))


def test_background_that_was_skipped_is_no_obstacle(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8), header={"S_BKDSUB": "SKIPPED"}), dark_file(tmp_path, plane(0.25)))
    np.testing.assert_array_equal(result.data, 9.75)


def test_what_was_done_before_it_is_not_its_own_matter(tmp_path: Path) -> None:
    """With 'again: true' the framework calls the stage on anything, and it subtracts."""
    exposure = make_exposure((8, 8), header={"S_DARK": "COMPLETE", "S_BKDSUB": "COMPLETE"})
    references = References({"dark": dark_file(tmp_path, plane(0.25))})
    np.testing.assert_array_equal(iris_dark.subtract_dark(exposure, references).data, 9.75)


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


def test_dark_in_counts_is_divided_by_its_exposure_time(tmp_path: Path) -> None:
    """80 electrons in 40 s, with an error of 4: a rate of 2 and a variance of 0.01."""
    dark = dark_file(tmp_path, plane(80), err=plane(4), unit="electron", EXPTIME=40.0)
    result = calibrate(make_exposure((8, 8)), dark)
    np.testing.assert_array_equal(result.data, 8)
    np.testing.assert_allclose(result.variance["dark"], 0.01, rtol=1e-6)
    assert result.notes == ("the dark dark.fits, in electron, was divided by 40 s, its EXPTIME",)


def test_dark_in_counts_of_an_unknown_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs EXPTIME"):
        calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(80), unit="electron", EXPTIME=None))


def test_dark_without_unit_of_a_camera_whose_files_are_counts_is_refused(tmp_path: Path) -> None:
    """It may be either, and wrong by the exposure time."""
    references = References({"dark": dark_file(tmp_path, plane(80), unit="")})
    mode = replace(iris_mode(), unit="electron")
    with pytest.raises(InputError, match=r"BUNIT = 'electron'.*BUNIT = 'electron/s'"):
        iris_dark.check_dark(make_exposure((8, 8)), references, mode)
    iris_dark.check_dark(make_exposure((8, 8)), references, iris_mode())


def test_unknown_errors_stay_unknown(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8)).replace(variance={})
    result = calibrate(exposure, dark_file(tmp_path, plane(0.25)))
    assert result.err is None
    np.testing.assert_array_equal(result.data, 9.75)


def test_another_unit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dark\.fits is in DN / s .*x_rate\.fits is in electron / s; .*gain"):
        calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), unit="DN/s"))


@pytest.mark.parametrize(("keyword", "theirs", "ours"), [("READMODE", "CDS", "DEFAULT"), ("DETECTOR", "IMG2", "IMG1")])
def test_another_detector_or_read_mode_is_an_error(tmp_path: Path, keyword: str, theirs: str, ours: str) -> None:
    with pytest.raises(InputError, match=rf"dark\.fits .*{keyword} {theirs} .*x_rate\.fits .*{keyword} {ours};"):
        calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), **{keyword: theirs}))


@pytest.mark.parametrize("mode", ["ANY", "N/A", "", "default"])
def test_dark_for_any_read_mode_is_taken(tmp_path: Path, mode: str) -> None:
    result = calibrate(make_exposure((8, 8)), dark_file(tmp_path, plane(0.25), READMODE=mode))
    np.testing.assert_array_equal(result.data, 9.75)


@pytest.mark.parametrize("mode", ["", "N/A"])
def test_exposure_that_does_not_tell_its_read_mode_takes_any_dark(tmp_path: Path, mode: str) -> None:
    result = calibrate(make_exposure((8, 8), read_mode=mode), dark_file(tmp_path, plane(0.25), READMODE="CDS"))
    np.testing.assert_array_equal(result.data, 9.75)


def test_dark_that_does_not_cover_the_exposure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dark\.fits has shape \(4, 4\).*x_rate\.fits \(8, 8\)"):
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
def test_rate_and_variance_are_always_finite(dark: Image, err: Image) -> None:
    rate, variance, unknown = rate_and_variance(dark, err)
    np.testing.assert_array_equal(unknown, ~(np.isfinite(dark) & np.isfinite(err)))
    np.testing.assert_array_equal(rate[~unknown], dark[~unknown])
    np.testing.assert_array_equal(variance[~unknown], err[~unknown] ** 2)
    assert not rate[unknown].any()
    assert not variance[unknown].any()


def test_a_dark_in_another_unit_is_found_without_reading_a_pixel(tmp_path: Path) -> None:
    dark = dark_file(tmp_path, plane(0.25), unit="DN/s")
    outline = read_fits(dark.path, pixels=False)
    references = References({"dark": dark.with_content(outline)})
    with pytest.raises(InputError, match=r"dark\.fits is in DN / s"):
        iris_dark.check_dark(make_exposure((8, 8)).replace(data=blank_plane((8, 8))), references)
