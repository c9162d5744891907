"""What the pixels of the grid hold."""

from collections.abc import Callable

import numpy as np
import pytest
from astropy.modeling import models
from drizzle.resample import Drizzle
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import Exposure

IRIS = iris_mode()

KERNELS = ("square", "gaussian", "point", "turbo", "lanczos2", "lanczos3")

Maker = Callable[..., Exposure]


def area_of_pixels(exposure: Exposure) -> np.ndarray:
    """Return the solid angle [sr] of each pixel from its corners."""
    ny, nx = exposure.shape
    corners = np.meshgrid(np.arange(nx + 1) - 0.5, np.arange(ny + 1) - 0.5)
    plane = (models.Pix2Sky_TAN() | models.RotateNative2Celestial(150.0, 2.0, 180.0)).inverse
    x, y = np.deg2rad(plane(*exposure.wcs(*corners, with_bounding_box=False)))
    first = x[1:, 1:] - x[:-1, :-1], y[1:, 1:] - y[:-1, :-1]
    second = x[:-1, 1:] - x[1:, :-1], y[:-1, 1:] - y[1:, :-1]
    return np.abs(first[0] * second[1] - first[1] * second[0]) / 2


def star(shape: tuple[int, int], x: float, y: float, sigma: float = 1.2) -> np.ndarray:
    rows, columns = np.indices(shape)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def test_an_undistorted_image_stays_as_it_is(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky()
    result = resample(exposure, ResampleParams(), IRIS)
    assert np.array_equal(result.data, exposure.data)
    assert np.array_equal(result.variance["total"], exposure.variance["poisson"] + exposure.variance["rnoise"])
    assert np.all(result.dq == 0)


@pytest.mark.parametrize("east_left", [True, False])
@pytest.mark.parametrize("position_angle", [0.0, 37.0, 180.0, -90.0])
def test_along_the_detector_means_whatever_its_orientation(
    noisy_on_sky: Maker, position_angle: float, east_left: bool
) -> None:
    exposure = noisy_on_sky(position_angle=position_angle, east_left=east_left)
    assert np.array_equal(resample(exposure, ResampleParams(), IRIS).data, exposure.data)


def test_a_shift_by_whole_pixels_moves_the_image(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky(origin=(20.0, 15.0))
    params = ResampleParams(crval=(150.0, 2.0), crpix_fits=(24.0, 18.0), output_shape=(60, 50))
    result = resample(exposure, params, IRIS)
    assert np.array_equal(result.data[2:42, 3:51], exposure.data)
    assert np.count_nonzero(np.isfinite(result.data)) == exposure.data.size


def test_pixels_twice_as_large_hold_the_mean_of_four(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky()
    result = resample(exposure, ResampleParams(pixel_scale_ratio=2), IRIS)
    total = exposure.variance["poisson"] + exposure.variance["rnoise"]
    assert result.data == pytest.approx(exposure.data.reshape(20, 2, 24, 2).mean(axis=(1, 3)), rel=1e-6)
    assert result.variance["total"] == pytest.approx(total.reshape(20, 2, 24, 2).mean(axis=(1, 3)) / 4, rel=1e-6)


def test_pixels_half_as_large_repeat_the_value(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky()
    result = resample(exposure, ResampleParams(pixel_scale_ratio=0.5), IRIS)
    assert np.array_equal(result.data, np.kron(exposure.data, np.ones((2, 2))))


def test_half_a_pixel_off_a_value_is_the_mean_of_its_neighbours(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky(origin=(20.0, 15.0))
    params = ResampleParams(crval=(150.0, 2.0), crpix_fits=(20.5, 15.5), output_shape=(47, 39))
    data = exposure.data
    mean = (data[1:, 1:] + data[:-1, 1:] + data[1:, :-1] + data[:-1, :-1]) / 4
    assert resample(exposure, params, IRIS).data == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [0.6, 1.0, 1.7])
def test_a_constant_image_stays_constant(on_sky: Maker, kernel: str, scale: float) -> None:
    exposure = on_sky(cubic=1.0, position_angle=10.0)
    result = resample(exposure, ResampleParams(kernel=kernel, pixel_scale_ratio=scale), IRIS)
    valid = result.planes["WHT"] > 0.05 * np.median(result.planes["WHT"])
    assert result.data[valid] == pytest.approx(10.0, rel=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        ResampleParams(),
        ResampleParams(pixel_scale_ratio=0.6),
        ResampleParams(pixel_scale_ratio=1.8),
        ResampleParams(rotation=0.0),
        ResampleParams(rotation=33.0, pixel_scale=0.003),
    ],
)
@pytest.mark.parametrize("place", [(20.3, 40.8), (44.0, 12.5), (31.6, 31.1)])
def test_the_flux_of_a_star_is_conserved_under_distortion(
    on_sky: Maker, params: ResampleParams, place: tuple[float, float]
) -> None:
    exposure = on_sky((64, 64), cubic=0.5, position_angle=5.0)
    flux = star(exposure.shape, *place)
    area = area_of_pixels(exposure)
    assert np.ptp(area) / np.mean(area) > 0.05
    result = resample(exposure.replace(data=flux), params, IRIS)
    assert np.nansum(result.data) * result.sci_header["PIXAR_SR"] == pytest.approx(np.sum(flux * area), rel=1e-4)


@settings(max_examples=15, deadline=None)
@given(rotation=st.floats(-180, 180), scale=st.floats(0.4, 2.0), x=st.floats(24, 40), y=st.floats(24, 40))
def test_flux_is_conserved_on_any_grid(on_sky: Maker, rotation: float, scale: float, x: float, y: float) -> None:
    exposure = on_sky((64, 64))
    flux = star(exposure.shape, x, y)
    result = resample(exposure.replace(data=flux), ResampleParams(rotation=rotation, pixel_scale_ratio=scale), IRIS)
    assert np.nansum(result.data) * result.sci_header["PXSCLRT"] ** 2 == pytest.approx(np.sum(flux), rel=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_cut_out_is_a_part_of_the_whole(noisy_on_sky: Maker, kernel: str) -> None:
    """No pixel is lost at the edges of a grid that cuts the image at an angle."""
    exposure = noisy_on_sky((80, 90), cubic=1.0)
    common = {"kernel": kernel, "rotation": 33.0, "crval": (150.0, 2.0)}
    whole = resample(exposure, ResampleParams(**common, crpix_fits=(80.0, 80.0), output_shape=(160, 160)), IRIS)
    part = resample(exposure, ResampleParams(**common, crpix_fits=(20.0, 25.0), output_shape=(41, 52)), IRIS)
    rows, columns = slice(55, 107), slice(60, 101)
    assert np.array_equal(part.data, whole.data[rows, columns], equal_nan=True)
    assert np.array_equal(part.planes["WHT"], whole.planes["WHT"][rows, columns])


def test_the_bands_add_up_to_one_drizzle_of_the_whole(noisy_on_sky: Maker) -> None:
    exposure = noisy_on_sky((300, 40), cubic=1.0)
    result = resample(exposure, ResampleParams(rotation=20.0, pixfrac=0.9), IRIS)
    to_pixel = result.wcs.backward_transform
    y, x = np.indices(exposure.shape).astype(float)
    pixmap = np.stack(to_pixel(*exposure.wcs(x, y)), axis=-1)
    whole = Drizzle(out_shape=result.shape, fillval="NaN", fillval2="NaN")
    total = exposure.variance["poisson"] + exposure.variance["rnoise"]
    weight = np.full(exposure.shape, 100, dtype=np.float32)
    whole.add_image(exposure.data, 1.0, pixmap, data2=total, weight_map=weight, pixfrac=0.9)
    solid = whole.out_wht > 1
    assert result.planes["WHT"] == pytest.approx(whole.out_wht, abs=0.05)
    assert result.data[solid] == pytest.approx(whole.out_img[solid], abs=0.01)
    assert result.variance["total"][solid] == pytest.approx(whole.out_img2[0][solid], abs=0.01)
