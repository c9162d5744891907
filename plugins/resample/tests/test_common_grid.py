"""With crval and output_shape every exposure is put onto the same grid, pixel by pixel."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import Exposure, InputError

Maker = Callable[..., Exposure]

IRIS = iris_mode()
CRVAL = (150.0, 2.0)
STAR = (150.0 + 0.05 / 3600, 2.0 - 0.03 / 3600)
# Dithers of a tenth of an arcsecond, turned by a degree; with distortion, so that their scales differ too.
POINTINGS = [
    {"crval": (150.0 + 0.08 / 3600, 2.0 + 0.02 / 3600), "position_angle": 20.0, "cubic": 0.4},
    {"crval": (150.0 - 0.06 / 3600, 2.0 - 0.05 / 3600), "position_angle": 21.0, "cubic": 0.4},
]


def with_star(exposure: Exposure) -> Exposure:
    """Return the exposure with a star of FWHM 19 mas, about 5 pixels, on a background of zero."""
    rows, columns = np.indices(exposure.shape)
    right_ascension, declination = exposure.wcs(columns, rows)
    east, north = (right_ascension - STAR[0]) * np.cos(np.deg2rad(STAR[1])), declination - STAR[1]
    return exposure.replace(data=np.exp(-(east**2 + north**2) / (2 * (0.008 / 3600) ** 2)))


def centroid(image: Exposure) -> tuple[float, float]:
    value = np.nan_to_num(image.data.astype(float))
    rows, columns = np.indices(image.shape)
    return float(np.sum(columns * value) / value.sum()), float(np.sum(rows * value) / value.sum())


@pytest.fixture
def dithered(on_sky: Maker) -> list[Exposure]:
    return [with_star(on_sky((80, 80), **pointing)) for pointing in POINTINGS]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"rotation": 33.0},
        {"pixel_scale": 0.003},
        {"pixel_scale_ratio": 0.75},
        {"crpix_fits": (50.0, 81.5), "rotation": -5.0},
    ],
)
def test_two_dithered_exposures_have_one_grid(dithered: list[Exposure], asked: dict[str, object]) -> None:
    params = ResampleParams.model_validate({"crval": CRVAL, "output_shape": (130, 140), **asked})
    first, second = (resample(exposure, params, IRIS) for exposure in dithered)
    assert first.fits_wcs.tostring() == second.fits_wcs.tostring()
    assert first.shape == second.shape == (140, 130)
    x, y = np.meshgrid(np.arange(0.0, 130, 13), np.arange(0.0, 140, 14))
    np.testing.assert_array_equal(first.wcs(x, y), second.wcs(x, y))
    # The star is on the pixel that the grid gives it, in both.
    there = first.wcs.invert(*STAR)
    assert centroid(first) == pytest.approx(there, abs=0.01)
    assert centroid(second) == pytest.approx(there, abs=0.01)
    assert np.count_nonzero(np.isfinite(first.data) & np.isfinite(second.data)) > 1000


def test_the_reference_point_is_the_centre_north_is_up_and_the_scale_is_the_cameras(dithered: list[Exposure]) -> None:
    result = resample(dithered[0], ResampleParams(crval=CRVAL, output_shape=(131, 140)), IRIS)
    assert [result.fits_wcs[f"CRPIX{axis}"] for axis in (1, 2)] == [66.0, 70.5]
    assert [result.fits_wcs[f"CRVAL{axis}"] for axis in (1, 2)] == list(CRVAL)
    scale = IRIS.pixel_scale / 3600
    matrix = [result.fits_wcs[f"CD{row}_{column}"] for row in (1, 2) for column in (1, 2)]
    assert matrix == pytest.approx([-scale, 0, 0, scale], abs=1e-15)


def test_the_pixel_scale_is_the_cameras_times_the_ratio(dithered: list[Exposure]) -> None:
    params = ResampleParams(crval=CRVAL, output_shape=(200, 200), pixel_scale_ratio=0.5)
    result = resample(dithered[0], params, IRIS)
    assert result.sci_header["PIXAR_A2"] == pytest.approx((IRIS.pixel_scale / 2) ** 2)
    assert result.sci_header["PXSCLRT"] == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("asked", [{"crval": CRVAL}, {"output_shape": (130, 140)}])
def test_either_of_them_alone_leaves_the_grid_to_the_exposure(
    dithered: list[Exposure], asked: dict[str, object]
) -> None:
    grids = [resample(exposure, ResampleParams.model_validate(asked), IRIS).fits_wcs for exposure in dithered]
    first, second = ([grid[keyword] for keyword in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2")] for grid in grids)
    assert first != second


def test_an_exposure_beside_the_grid_is_refused(on_sky: Maker) -> None:
    beside = on_sky((80, 80), crval=(150.0 + 2 / 3600, 2.0))
    with pytest.raises(InputError, match=r"x_rate\.fits.*130 x 140 pixels does not touch the exposure"):
        resample(beside, ResampleParams(crval=CRVAL, output_shape=(130, 140)), IRIS)


def test_the_scale_of_one_grid_is_asked_for_where_the_mode_has_none(dithered: list[Exposure]) -> None:
    camera = replace(IRIS, pixel_scale=0.0)
    asked = {"crval": CRVAL, "output_shape": (130, 140)}
    with pytest.raises(InputError, match="pixel_scale"):
        resample(dithered[0], ResampleParams.model_validate(asked), camera)
    given = resample(dithered[0], ResampleParams.model_validate({**asked, "pixel_scale": 0.004}), camera)
    same = resample(dithered[0], ResampleParams.model_validate(asked), IRIS)
    assert given.fits_wcs.tostring() == same.fits_wcs.tostring()
