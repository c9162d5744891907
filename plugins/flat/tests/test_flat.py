"""The flat_field stage: truth in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import iris_flat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_flat._flat import flags_of, response
from iris_testkit import make_exposure, make_reference, run_stage

from iris_core import DQ, Exposure, InputError, Reference, References, Window

if TYPE_CHECKING:
    from pathlib import Path

    from iris_core import Flags, Image

LOST = DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE


def plane(value: float, shape: tuple[int, int] = (8, 8)) -> Image:
    return np.full(shape, value, dtype=np.float32)


def flat_file(folder: Path, data: Image, **options: Any) -> Reference:
    return make_reference(folder / "flat.fits", "flat", data, **{"err": plane(0.125, data.shape), **options})


def calibrate(exposure: Exposure, flat: Reference, inverse: bool = False) -> Exposure:
    return run_stage(iris_flat, exposure, references=[flat], inverse=inverse)


@pytest.mark.parametrize("nint", [0, 3])
def test_division_scales_data_and_variance_in_each_integration(tmp_path: Path, nint: int) -> None:
    """10 / 0.5 = 20, variances x 4, and (20 / 0.5 x 0.125)^2 = 25 of the flat."""
    result = calibrate(make_exposure((8, 8), nint=nint), flat_file(tmp_path, plane(0.5)))
    assert result.data.shape == ((nint, 8, 8) if nint else (8, 8))
    np.testing.assert_array_equal(result.data, 20)
    for name, variance in {"poisson": 4.0, "rnoise": 2.0, "flat": 25.0}.items():
        np.testing.assert_array_equal(result.variance[name], variance)
    assert str(result.unit) == "electron / s"
    assert not result.dq.any()
    assert result.notes == ()


def test_input_is_left_alone(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8))
    calibrate(exposure, flat_file(tmp_path, plane(0.5)))
    np.testing.assert_array_equal(exposure.data, 10)
    assert set(exposure.variance) == {"poisson", "rnoise"}


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0])
def test_bad_value_of_the_flat_loses_the_pixel(tmp_path: Path, value: float, inverse: bool) -> None:
    flat = plane(0.5)
    flat[2, 3] = value
    result = calibrate(make_exposure((8, 8), nint=2), flat_file(tmp_path, flat), inverse)
    np.testing.assert_array_equal(result.dq[:, 2, 3], LOST)
    assert np.isnan(result.data[:, 2, 3]).all()
    assert np.isnan(result.err[:, 2, 3]).all()
    assert np.count_nonzero(result.dq) == np.count_nonzero(np.isnan(result.data)) == 2


@pytest.mark.parametrize("bit", [DQ.NO_FLAT_FIELD, DQ.DO_NOT_USE])
def test_bad_bit_of_the_flat_loses_the_pixel(tmp_path: Path, bit: DQ) -> None:
    dq = np.zeros((8, 8), dtype=np.uint32)
    dq[2, 3] = bit
    result = calibrate(make_exposure((8, 8)), flat_file(tmp_path, plane(0.5), dq=dq))
    assert result.dq[2, 3] == LOST
    assert np.isnan(result.data[2, 3])
    assert np.count_nonzero(result.data == 20) == 63


def test_other_bits_of_the_flat_are_added(tmp_path: Path) -> None:
    dq = np.zeros((8, 8), dtype=np.uint32)
    dq[0, 0] = DQ.LOW_QE
    exposure = make_exposure((8, 8)).flag(np.eye(8, dtype=bool), DQ.JUMP_DET)
    result = calibrate(exposure, flat_file(tmp_path, plane(0.5), dq=dq))
    assert result.dq[0, 0] == DQ.LOW_QE | DQ.JUMP_DET
    assert result.data[0, 0] == 20


def test_pixel_whose_flat_has_no_error_is_unreliable_and_invalid(tmp_path: Path) -> None:
    err = plane(0.125)
    err[2, 3] = np.nan
    result = calibrate(make_exposure((8, 8)), flat_file(tmp_path, plane(0.5), err=err))
    assert result.dq[2, 3] == DQ.UNRELIABLE_FLAT | DQ.DO_NOT_USE
    assert np.isnan(result.data[2, 3])


def test_where_no_errors_are_known_the_flats_error_does_not_matter(tmp_path: Path) -> None:
    err = plane(0.125)
    err[2, 3] = np.nan
    exposure = make_exposure((8, 8)).replace(variance={})
    result = calibrate(exposure, flat_file(tmp_path, plane(0.5), err=err))
    assert result.err is None
    assert result.dq[2, 3] == DQ.UNRELIABLE_FLAT
    np.testing.assert_array_equal(result.data, 20)


def test_invalid_pixels_of_the_exposure_stay_so(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8)).flag(np.eye(8, dtype=bool), DQ.DO_NOT_USE)
    result = calibrate(exposure, flat_file(tmp_path, plane(0.5)))
    np.testing.assert_array_equal(np.isnan(result.data), np.eye(8, dtype=bool))
    np.testing.assert_array_equal(np.isnan(result.err), np.eye(8, dtype=bool))
    np.testing.assert_array_equal(result.dq, np.eye(8) * DQ.DO_NOT_USE)


def test_quotient_beyond_float32_is_invalid(tmp_path: Path) -> None:
    flat = plane(1.0)
    flat[2, 3] = 1e-38
    result = calibrate(make_exposure((8, 8)), flat_file(tmp_path, flat))
    assert result.dq[2, 3] == DQ.DO_NOT_USE
    assert np.isnan(result.data[2, 3])


def test_flat_without_errors_counts_as_exact_and_says_so(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8)), flat_file(tmp_path, plane(0.5), err=None))
    np.testing.assert_array_equal(result.variance["flat"], 0)
    assert result.notes == ("the flat flat.fits has no errors; taken to be zero",)


def test_window_is_cut_out_of_the_full_frame_flat(tmp_path: Path) -> None:
    flat = (2.0 ** (np.mgrid[:16, :16][0] % 3)).astype(np.float32)
    exposure = make_exposure((4, 6), window=Window(xstart=3, ystart=5, xsize=6, ysize=4))
    result = calibrate(exposure, flat_file(tmp_path, flat))
    np.testing.assert_array_equal(result.data, 10 / flat[4:8, 2:8])


def test_flat_smaller_than_the_exposure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"flat\.fits has shape \(4, 4\).*x_rate\.fits \(8, 8\)"):
        calibrate(make_exposure((8, 8)), flat_file(tmp_path, plane(1.0, (4, 4))))


@pytest.mark.parametrize("unit", ["DN", "electron/s", "%"])
def test_flat_with_a_unit_is_an_error(tmp_path: Path, unit: str) -> None:
    with pytest.raises(InputError, match=rf"flat\.fits for x_rate\.fits .* is in {unit};"):
        calibrate(make_exposure((8, 8)), flat_file(tmp_path, plane(1.0), unit=unit))


@pytest.mark.parametrize("nint", [0, 2])
def test_inverse_undoes_the_division(tmp_path: Path, nint: int) -> None:
    """Data, components and their names come back as they were: the flat's error leaves with the flat."""
    rng = np.random.default_rng(1)
    flat = flat_file(tmp_path, rng.uniform(0.5, 2.0, (8, 8)).astype(np.float32))
    exposure = make_exposure((8, 8), nint=nint)
    back = calibrate(calibrate(exposure, flat), flat, inverse=True)
    np.testing.assert_allclose(back.data, exposure.data, rtol=1e-6)
    assert set(back.variance) == set(exposure.variance)
    np.testing.assert_allclose(back.err, exposure.err, rtol=1e-6)


def test_inverse_of_a_file_without_components_says_what_stays(tmp_path: Path) -> None:
    """As with 'again: true', where the framework calls the stage on data that were divided already."""
    exposure = make_exposure((8, 8)).replace(variance={"total": plane(4.0)}, done=frozenset({"flat_field"}))
    references = References({"flat": flat_file(tmp_path, plane(0.5))})
    result = iris_flat.apply_flat(exposure, iris_flat.FlatParams(inverse=True), references)
    np.testing.assert_array_equal(result.data, 5)
    assert set(result.variance) == {"total"}
    np.testing.assert_array_equal(result.variance["total"], 1)
    assert result.notes == ("no variance component 'flat': the error of the flat stays in that of the data",)


def test_inverse_of_data_never_divided_brings_the_flats_error(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8)), flat_file(tmp_path, plane(0.5)), inverse=True)
    np.testing.assert_array_equal(result.data, 5)
    for name, variance in {"poisson": 0.25, "rnoise": 0.125, "flat": 1.5625}.items():
        np.testing.assert_array_equal(result.variance[name], variance)


@pytest.mark.parametrize("inverse", [False, True])
def test_err_is_true_over_many_noise_realisations(tmp_path: Path, inverse: bool) -> None:
    """Truth 100 seen through a flat of 0.8 that is itself measured to 0.008, far from its zero."""
    rng = np.random.default_rng(20260802)
    shape, response_ = (500, 500), 0.8
    seen = 100.0 if inverse else 100.0 * response_
    data = (seen + np.sqrt(1.5) * rng.normal(size=shape)).astype(np.float32)
    flat = (response_ + 0.008 * rng.normal(size=shape)).astype(np.float32)
    exposure = make_exposure(shape).replace(data=data)
    result = calibrate(exposure, flat_file(tmp_path, flat, err=plane(0.008, shape)), inverse)
    pulls = (result.data - (100 * response_ if inverse else 100)) / result.err
    assert pulls.std() == pytest.approx(1.0, abs=0.02)
    assert pulls.mean() == pytest.approx(0.0, abs=0.02)


finite = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(arrays(np.float32, (3, 4), elements=finite), arrays(np.uint32, (3, 4)))
def test_response_is_positive_and_finite_or_nan(flat: Image, dq: Flags) -> None:
    used = response(flat, dq)
    good = ~np.isnan(used)
    np.testing.assert_array_equal(used[good], flat[good])
    assert (used[good] > 0).all()
    assert np.isfinite(used[good]).all()
    assert not (dq[good] & np.uint32(LOST)).any()


def test_the_product_says_that_surface_brightness_is_kept_until_the_flat_is_multiplied_back(tmp_path: Path) -> None:
    """A flat is made of uniform light: it holds the areas of the pixels, and what is divided by it has none."""
    flat = flat_file(tmp_path, plane(2.0))
    divided = calibrate(make_exposure((8, 8)), flat)
    assert divided.sci_header["FLATKEPT"] == "SURFACE BRIGHTNESS"
    assert "FLATKEPT" not in calibrate(divided, flat, inverse=True).sci_header


def test_the_flags_of_a_flat_are_one_plane() -> None:
    """Those of its file; what has no response, and what has no error, besides."""
    nan, dq = float("nan"), np.array([DQ.HOT, DQ.HOT, 0, 0], dtype=np.uint32)
    factor = np.array([1, nan, 1, nan], dtype=np.float32)
    found = flags_of(factor, np.array([0.1, 0.1, nan, nan], dtype=np.float32), dq)
    assert found.dtype == np.uint32
    assert found.tolist() == [DQ.HOT, DQ.HOT | LOST, DQ.UNRELIABLE_FLAT, LOST]
