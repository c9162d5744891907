"""What goes with the values: errors, flags, weights, headers."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import DQ, Exposure, Window

IRIS = iris_mode()

KERNELS = ("square", "gaussian", "point", "turbo", "lanczos2", "lanczos3")

Maker = Callable[..., Exposure]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_bad_pixel_never_touches_the_grid(noisy_on_sky: Maker, kernel: str) -> None:
    """Whatever stands in a pixel that is not used, the result is the same."""
    exposure = noisy_on_sky(cubic=1.0, position_angle=20.0).flag(np.eye(40, 48, 3) > 0, DQ.DO_NOT_USE)
    params = ResampleParams(kernel=kernel, rotation=0.0)
    result = resample(exposure, params, IRIS)
    garbage = {name: np.where(np.isnan(plane), 1e30, plane) for name, plane in exposure.variance.items()}
    other = exposure.replace(data=np.where(np.isnan(exposure.data), 1e30, exposure.data), variance=garbage)
    assert np.array_equal(resample(other, params, IRIS).data, result.data, equal_nan=True)
    assert np.nanmax(result.data) < 30


def test_a_hole_is_filled_by_its_neighbours_where_they_overlap_and_blank_elsewhere(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky(origin=(20.0, 15.0))
    hole = np.zeros(exposure.shape, dtype=bool)
    hole[10:12, 10:12] = True
    params = ResampleParams(crval=(150.0, 2.0), crpix_fits=(20.5, 15.5), output_shape=(47, 39))
    result = resample(exposure.flag(hole, DQ.DO_NOT_USE), params, IRIS)
    blank = np.isnan(result.data)
    assert np.argwhere(blank).tolist() == [[10, 10]]
    assert result.data[9, 9] == pytest.approx((exposure.data[9:11, 9:11].sum() - exposure.data[10, 10]) / 3)


def test_blank_pixels_are_nan_and_do_not_use_and_no_others(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky().flag(np.eye(40, 48) > 0, DQ.DO_NOT_USE | DQ.HOT)
    result = resample(exposure, ResampleParams(rotation=30.0, components=True), IRIS)
    blank = np.isnan(result.data)
    assert 0 < np.count_nonzero(blank) < blank.size
    assert np.array_equal(blank, (result.dq & DQ.DO_NOT_USE) != 0)
    assert set(np.unique(result.dq[blank])) == {DQ.DO_NOT_USE, DQ.DO_NOT_USE | DQ.HOT}
    assert all(np.array_equal(blank, np.isnan(plane)) for plane in result.variance.values())
    assert np.array_equal(blank, result.planes["WHT"] == 0)
    assert np.array_equal(result.planes["CON"], (~blank).astype(np.int32))


def test_dq_is_that_of_all_contributing_pixels(on_sky: Maker) -> None:
    exposure = on_sky()
    dq = np.zeros(exposure.shape, dtype=np.uint32)
    dq[10, 10], dq[11, 11], dq[30, 30] = DQ.JUMP_DET, DQ.WARM, DQ.OTHER_BAD_PIXEL
    dq[20, 21] = DQ.REFERENCE_PIXEL | DQ.RC
    result = resample(exposure.replace(dq=dq), ResampleParams(pixel_scale_ratio=2), IRIS)
    expected = np.zeros(result.shape, dtype=np.uint32)
    expected[5, 5], expected[15, 15] = DQ.JUMP_DET | DQ.WARM, DQ.OTHER_BAD_PIXEL
    assert np.array_equal(result.dq, expected)


def test_flags_do_not_leak_on_an_aligned_grid(on_sky: Maker) -> None:
    """A large detector, seen from its own tangent point: rounding errors must not make neighbours contribute."""
    exposure = on_sky((40, 2048), position_angle=33.0)
    dq = np.zeros(exposure.shape, dtype=np.uint32)
    dq[::3, ::3] = DQ.HOT
    assert np.array_equal(resample(exposure.replace(dq=dq), ResampleParams(), IRIS).dq, dq)


def test_only_pixels_with_good_bits_are_used(on_sky: Maker) -> None:
    exposure = on_sky()
    dq = np.zeros(exposure.shape, dtype=np.uint32)
    dq[5, 5], dq[6, 6], dq[7, 7] = DQ.HOT, DQ.WARM, DQ.HOT | DQ.WARM
    exposure = exposure.replace(dq=dq)
    used = {
        bits: ~np.isnan(resample(exposure, ResampleParams(good_bits=bits), IRIS).data) for bits in (None, (), ("HOT",))
    }
    assert np.all(used[None])
    assert np.argwhere(~used[()]).tolist() == [[5, 5], [6, 6], [7, 7]]
    assert np.argwhere(~used["HOT",]).tolist() == [[6, 6], [7, 7]]


def test_a_good_bit_does_not_raise_the_dead(on_sky: Maker) -> None:
    exposure = on_sky().flag(np.eye(40, 48) > 0, DQ.DO_NOT_USE)
    result = resample(exposure, ResampleParams(good_bits=("DO_NOT_USE",)), IRIS)
    assert np.array_equal(np.isnan(result.data), np.eye(40, 48) > 0)


def test_components_add_up_to_the_total(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky(cubic=1.0)
    apart = resample(exposure, ResampleParams(components=True), IRIS)
    total = resample(exposure, ResampleParams(), IRIS).variance["total"]
    assert set(apart.variance) == {"poisson", "rnoise"}
    assert apart.variance["poisson"] + apart.variance["rnoise"] == pytest.approx(total, rel=1e-6, nan_ok=True)


def test_unknown_errors_stay_unknown(on_sky: Maker) -> None:
    result = resample(on_sky().replace(variance={}), ResampleParams(), IRIS)
    assert result.err is None
    assert np.all(result.data == 10)


@pytest.mark.parametrize("weight_type", ["exptime", "ivm", "ivm-sky"])
def test_weights(noisy_on_sky: Maker, weight_type: str) -> None:
    """In output pixels of 2 x 2 the value is the mean with the weights, the variance that of this mean."""
    exposure = noisy_on_sky().add_variance("dark", np.full((40, 48), 0.25)).add_variance("flat", np.full((40, 48), 9.0))
    variance = {name: plane.astype(float) for name, plane in exposure.variance.items()}
    weight = {
        "exptime": np.full(exposure.shape, 100.0),
        "ivm": 1 / variance["rnoise"],
        "ivm-sky": 1 / (variance["rnoise"] + 0.25 + np.median(exposure.variance["poisson"])),
    }[weight_type]
    result = resample(exposure, ResampleParams(pixel_scale_ratio=2, weight_type=weight_type), IRIS)

    def summed(plane: np.ndarray) -> np.ndarray:
        return plane.reshape(20, 2, 24, 2).sum(axis=(1, 3))

    total = summed(weight)
    assert result.planes["WHT"] == pytest.approx(total, rel=1e-5)
    assert result.data == pytest.approx(summed(weight * exposure.data) / total, rel=1e-5)
    assert result.variance["total"] == pytest.approx(summed(weight**2 * sum(variance.values())) / total**2, rel=1e-5)
    assert result.sci_header["RESWHT"] == weight_type


def test_weights_that_need_errors_fall_back_to_uniform_and_say_so(on_sky: Maker) -> None:
    exposure = on_sky()
    known = {"none": exposure.replace(variance={}), "total": exposure.replace(variance={"total": exposure.data})}
    for weight_type in ("ivm", "ivm-sky"):
        for name, given_exposure in known.items():
            result = resample(given_exposure, ResampleParams(weight_type=weight_type), IRIS)
            assert np.all(result.planes["WHT"] == 1)
            assert result.sci_header["RESWHT"] == "uniform"
            assert any(f"{weight_type} needs" in note and f"known: {name}" in note for note in result.notes)


def test_a_pixel_without_weight_is_left_out_and_counted(on_sky: Maker) -> None:
    exposure = on_sky()
    rnoise = np.full(exposure.shape, 0.5)
    rnoise[3, 4] = 0
    exposure = exposure.replace(variance={**exposure.variance, "rnoise": rnoise})
    result = resample(exposure, ResampleParams(weight_type="ivm"), IRIS)
    assert np.argwhere(np.isnan(result.data)).tolist() == [[3, 4]]
    assert any(note.startswith("1 usable pixel") for note in result.notes)


def test_a_cube_is_each_integration_alone_on_the_same_grid(noisy_on_sky: Maker) -> None:
    cube = noisy_on_sky(nint=3, cubic=1.0).flag(np.eye(40, 48) > 0, DQ.DO_NOT_USE)
    cube = cube.replace(dq=cube.dq | np.array([0, 4, 8], dtype=np.uint32)[:, None, None])
    params = ResampleParams(weight_type="ivm", pixel_scale_ratio=0.8)
    result = resample(cube, params, IRIS)
    assert result.is_integrations
    for index in range(3):
        variance = {name: plane[index] for name, plane in cube.variance.items()}
        single = resample(cube.replace(data=cube.data[index], dq=cube.dq[index], variance=variance), params, IRIS)
        assert np.array_equal(result.data[index], single.data, equal_nan=True)
        assert np.array_equal(result.dq[index], single.dq)
        assert np.array_equal(result.variance["total"][index], single.variance["total"], equal_nan=True)
        assert np.array_equal(result.planes["WHT"][index], single.planes["WHT"])
        assert np.array_equal(result.planes["CON"][index], single.planes["CON"])


def test_what_belonged_to_the_detector_is_gone(on_sky: Maker) -> None:
    exposure = on_sky()
    window = Window(101, 201, 48, 40)
    cards = {
        "SUBSTRT1": (101, ""),
        "SUBSTRT2": (201, ""),
        "SUBSIZE1": (48, ""),
        "SUBSIZE2": (40, ""),
        "OBJECT": ("x", ""),
    }
    exposure = exposure.with_keywords(cards)
    exposure = exposure.replace(
        meta=dataclasses.replace(exposure.meta, window=window),
        area=np.ones(exposure.shape),
        planes={"SUBARR_MAP": np.zeros(exposure.shape, dtype=np.int16)},
    )
    exposure = exposure.replace(header=exposure.sci_header.copy())
    result = resample(exposure, ResampleParams(), IRIS)
    assert result.meta.window is None
    assert result.area is None
    assert set(result.planes) == {"WHT", "CON"}
    for header in (result.header, result.sci_header):
        assert not any(keyword.startswith("SUB") for keyword in header)
        assert header["OBJECT"] == "x"
    assert exposure.header["SUBSTRT1"] == 101


def test_a_rate_stays_per_pixel_of_the_detector_and_the_record_says_so(on_sky: Maker) -> None:
    rate = resample(on_sky(unit="electron/s"), ResampleParams(pixel_scale_ratio=2), IRIS)
    assert np.all(rate.data == 10)
    assert str(rate.unit) == "electron / s"
    assert any("per mean pixel of the detector" in note for note in rate.notes)
    assert not resample(on_sky(), ResampleParams(pixel_scale_ratio=2), IRIS).notes


@pytest.mark.parametrize("params", [ResampleParams(kernel="lanczos3"), ResampleParams(pixfrac=0.8)])
def test_it_is_said_where_flux_is_not_conserved(on_sky: Maker, params: ResampleParams) -> None:
    assert any("flux" in note for note in resample(on_sky(), params, IRIS).notes)


@pytest.mark.parametrize(("components", "common"), [(True, {"dark"}), (False, set())])
def test_what_integrations_have_in_common_is_known_of_components_and_not_of_their_sum(
    noisy_on_sky: Maker, components: bool, common: set[str]
) -> None:
    cube = noisy_on_sky(nint=2, cubic=1.0)
    cube = cube.add_variance("dark", np.ones(cube.shape))
    assert cube.common == {"dark"}
    made = resample(cube, ResampleParams(components=components), IRIS)
    assert made.common == common
    assert ("dark" in made.variance) is components
