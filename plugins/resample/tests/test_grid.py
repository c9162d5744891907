"""Where the grid lies on the sky, and that everything says the same of it."""

from collections.abc import Callable
from io import BytesIO

import asdf
import astropy.wcs
import numpy as np
import pytest
from astropy.coordinates import FK5, ICRS, Galactic, SkyCoord
from gwcs import WCS
from gwcs.coordinate_frames import Frame2D
from iris_resample import ResampleParams, resample
from iris_resample._layout import choose_grid, pointing_of
from iris_testkit import iris_mode

from iris_core import Exposure, InputError

IRIS = iris_mode()

Maker = Callable[..., Exposure]

GRIDS = [
    ResampleParams(),
    ResampleParams(pixel_scale_ratio=0.7),
    ResampleParams(rotation=0.0),
    ResampleParams(rotation=-50.0, pixel_scale=0.005, crval=(150.00001, 1.99999)),
]


def scales_and_angle(wcs: WCS, shape: tuple[int, int]) -> tuple[float, float, float]:
    """Return the two pixel scales [arcsec] and the position angle of the y axis [deg] at the centre."""
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    centre, right, above = (SkyCoord(*wcs(*at), unit="deg") for at in ((x, y), (x + 1, y), (x, y + 1)))
    return centre.separation(right).arcsec, centre.separation(above).arcsec, centre.position_angle(above).deg


@pytest.mark.parametrize("params", GRIDS)
def test_a_star_is_where_its_position_says(on_sky: Maker, params: ResampleParams) -> None:
    exposure = on_sky((64, 64), cubic=0.1, position_angle=12.0)
    x, y = 22.3, 45.8
    rows, columns = np.indices(exposure.shape)
    star = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))
    result = resample(exposure.replace(data=star), params, IRIS)
    value = np.nan_to_num(result.data.astype(float))
    rows, columns = np.indices(result.shape)
    measured = np.array([np.sum(columns * value), np.sum(rows * value)]) / np.sum(value)
    fits = astropy.wcs.WCS(result.fits_wcs)
    sky = exposure.wcs(x, y)
    assert measured == pytest.approx(np.array(result.wcs.invert(*sky)), abs=0.01)
    assert measured == pytest.approx(np.array(fits.world_to_pixel_values(*sky)), abs=0.01)


@pytest.mark.parametrize("params", GRIDS)
@pytest.mark.parametrize("frame", [ICRS(), FK5(), FK5(equinox="J1975"), Galactic()])
def test_gwcs_and_fits_keywords_say_the_same(on_sky: Maker, params: ResampleParams, frame: object) -> None:
    result = resample(on_sky(cubic=1.0, frame=frame), params, IRIS)
    fits = astropy.wcs.WCS(result.fits_wcs)
    y, x = np.indices(result.shape)
    theirs, ours = fits.pixel_to_world(x, y), result.wcs.pixel_to_world(x, y)
    assert theirs.is_equivalent_frame(ours.frame)
    assert np.max(theirs.separation(ours).arcsec) < 1e-6 * 0.004
    back = result.wcs.world_to_pixel(ours)
    assert np.max(np.hypot(back[0] - x, back[1] - y)) < 1e-5


def test_the_wcs_has_the_bounding_box_of_the_image(on_sky: Maker) -> None:
    result = resample(on_sky(), ResampleParams(pixel_scale_ratio=0.8), IRIS)
    ny, nx = result.shape
    assert result.wcs.bounding_box == ((-0.5, nx - 0.5), (-0.5, ny - 0.5))
    assert result.wcs.pixel_shape == (nx, ny)
    assert np.all(np.isnan(result.wcs(nx + 1, 3)))


def test_the_wcs_survives_asdf(on_sky: Maker) -> None:
    result = resample(on_sky((64, 64), cubic=1.0), ResampleParams(rotation=15.0), IRIS)
    buffer = BytesIO()
    asdf.AsdfFile({"wcs": result.wcs}).write_to(buffer)
    buffer.seek(0)
    with asdf.open(buffer, lazy_load=False) as file:
        wcs = file["wcs"]
    y, x = np.indices(result.shape)
    assert np.array(wcs(x, y)) == pytest.approx(np.array(result.wcs(x, y)), abs=1e-12)
    assert wcs.invert(*wcs(3.0, 4.0)) == pytest.approx((3.0, 4.0), abs=1e-6)
    assert wcs.bounding_box == result.wcs.bounding_box


@pytest.mark.parametrize("angle", [0.0, 30.0, 135.0, 270.0])
def test_rotation_is_the_position_angle_of_the_y_axis(on_sky: Maker, angle: float) -> None:
    result = resample(on_sky(position_angle=77.0), ResampleParams(rotation=angle), IRIS)
    x_scale, y_scale, measured = scales_and_angle(result.wcs, result.shape)
    assert (measured - angle + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)
    assert (x_scale, y_scale) == pytest.approx((0.004, 0.004), rel=1e-6)


def test_with_north_up_east_is_left(on_sky: Maker) -> None:
    result = resample(on_sky(position_angle=77.0, east_left=False), ResampleParams(rotation=0.0), IRIS)
    x = np.arange(result.shape[1])
    assert np.all(np.diff(result.wcs(x, np.full_like(x, 3))[0]) < 0)


@pytest.mark.parametrize("position_angle", [0.0, 61.0, 200.0])
def test_by_default_the_grid_lies_along_the_detector(on_sky: Maker, position_angle: float) -> None:
    exposure = on_sky((60, 70), position_angle=position_angle, cubic=1.0)
    result = resample(exposure, ResampleParams(), IRIS)
    measured = scales_and_angle(result.wcs, result.shape)[2]
    assert measured == pytest.approx(position_angle, abs=0.3)
    assert result.shape == pytest.approx(exposure.shape, abs=4)


def test_pixel_scale_goes_before_the_ratio(on_sky: Maker) -> None:
    exposure = on_sky()
    by_ratio, by_scale = (
        resample(exposure, params, IRIS)
        for params in (ResampleParams(pixel_scale_ratio=1.5), ResampleParams(pixel_scale=0.006, pixel_scale_ratio=9))
    )
    for result in (by_ratio, by_scale):
        assert result.sci_header["PXSCLRT"] == pytest.approx(1.5)
        assert result.sci_header["PIXAR_A2"] == pytest.approx(0.006**2)
        assert result.sci_header["PIXAR_SR"] == pytest.approx(np.deg2rad(0.006 / 3600) ** 2)
        assert scales_and_angle(result.wcs, result.shape)[:2] == pytest.approx((0.006, 0.006), rel=1e-6)


def test_the_grid_holds_the_whole_image_and_no_more(on_sky: Maker) -> None:
    exposure = on_sky((64, 64), cubic=-0.7, position_angle=3.0)
    result = resample(exposure, ResampleParams(rotation=40.0), IRIS)
    valid = np.isfinite(result.data)
    for axis in (0, 1):
        touched = np.flatnonzero(valid.any(axis=axis))
        assert touched[0] <= 1
        assert touched[-1] >= valid.shape[1 - axis] - 2
    corners = exposure.wcs([-0.5, 63.5, 63.5, -0.5], [-0.5, -0.5, 63.5, 63.5], with_bounding_box=False)
    x, y = result.wcs.invert(*corners, with_bounding_box=False)
    assert np.min([x, y]) > -0.502
    assert np.max(x) < result.shape[1] - 0.498
    assert np.max(y) < result.shape[0] - 0.498


def test_shape_and_reference_pixel_as_asked_for(on_sky: Maker) -> None:
    params = ResampleParams(output_shape=(31, 22), crval=(150.00001, 2.00001), crpix_fits=(11.5, 4.0))
    result = resample(on_sky(), params, IRIS)
    assert result.shape == (22, 31)
    assert [result.fits_wcs[f"CRPIX{axis}"] for axis in (1, 2)] == [11.5, 4.0]
    assert [result.fits_wcs[f"CRVAL{axis}"] for axis in (1, 2)] == [150.00001, 2.00001]
    assert result.wcs(10.5, 3.0) == pytest.approx((150.00001, 2.00001), abs=1e-12)


def test_a_shape_alone_is_centred_on_the_image(on_sky: Maker) -> None:
    exposure = on_sky()
    result = resample(exposure, ResampleParams(output_shape=(58, 46)), IRIS)
    assert np.array_equal(result.data[3:-3, 5:-5], exposure.data)
    assert np.isnan(result.data).sum() == 58 * 46 - exposure.data.size


def test_a_reference_pixel_alone_reaches_to_the_end_of_the_image(on_sky: Maker) -> None:
    result = resample(on_sky((40, 48)), ResampleParams(crpix_fits=(0.5, 30.5)), IRIS)
    assert result.shape == (50, 24)


def test_s_region_is_the_outline_counterclockwise_on_the_sky(on_sky: Maker) -> None:
    for east_left in (True, False):
        result = resample(on_sky(frame=FK5(equinox="J1975"), east_left=east_left), ResampleParams(), IRIS)
        kind, frame, *numbers = result.fits_wcs["S_REGION"].split()
        assert (kind, frame) == ("POLYGON", "ICRS")
        corners = SkyCoord(np.array(numbers, dtype=float).reshape(4, 2), unit="deg")
        outer = SkyCoord(*result.wcs.footprint().T, unit="deg", frame=FK5(equinox="J1975")).icrs
        assert np.max(corners.match_to_catalog_sky(outer)[1].arcsec) < 1e-5
        angles = SkyCoord(150.0, 2.0, unit="deg", frame=FK5(equinox="J1975")).icrs.position_angle(corners).deg
        assert np.count_nonzero(np.diff(angles) > 0) >= 2


def test_the_pole_is_no_obstacle(on_sky: Maker) -> None:
    exposure = on_sky(crval=(40.0, 90.0))
    result = resample(exposure, ResampleParams(), IRIS)
    assert np.array_equal(result.data, exposure.data)
    fits = astropy.wcs.WCS(result.fits_wcs)
    theirs, ours = fits.pixel_to_world(3, 5), result.wcs.pixel_to_world(3, 5)
    assert theirs.separation(ours).arcsec < 1e-8


def test_no_wcs_names_the_stage_that_makes_one(on_sky: Maker) -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: resample needs a WCS .* run assign_wcs"):
        resample(on_sky().replace(wcs=None), ResampleParams(), IRIS)


def test_a_wcs_that_does_not_lead_to_the_sky_is_refused(on_sky: Maker) -> None:
    exposure = on_sky()
    plane = Frame2D(name="focal_plane")
    flat = WCS([(exposure.wcs.input_frame, exposure.wcs.forward_transform), (plane, None)])
    with pytest.raises(InputError, match="from pixels to the sky"):
        resample(exposure.replace(wcs=flat), ResampleParams(), IRIS)


@pytest.mark.parametrize("asked", [{"crpix_fits": (500.0, 3.0)}, {"crval": (150.0, 2.1), "crpix_fits": (5.0, 5.0)}])
def test_a_grid_beside_the_exposure_is_refused(on_sky: Maker, asked: dict[str, object]) -> None:
    with pytest.raises(InputError, match="50 x 50 pixels does not touch the exposure"):
        resample(on_sky(), ResampleParams(output_shape=(50, 50), **asked), IRIS)


def test_a_grid_beyond_any_memory_is_refused(on_sky: Maker) -> None:
    with pytest.raises(InputError, match=r"would have \d{7} x \d{7} pixels; see pixel_scale \[arcsec\]"):
        resample(on_sky(), ResampleParams(pixel_scale=4e-8), IRIS)


def test_a_tangent_point_on_the_other_side_is_refused(on_sky: Maker) -> None:
    with pytest.raises(InputError, match="no position within 90 deg of crval"):
        resample(on_sky(), ResampleParams(crval=(330.0, 0.0)), IRIS)


def test_a_wcs_that_folds_the_image_is_refused(on_sky: Maker) -> None:
    with pytest.raises(InputError, match="folds the image"):
        resample(on_sky(cubic=-40.0), ResampleParams(), IRIS)


def test_an_image_of_a_line_is_refused(on_sky: Maker) -> None:
    with pytest.raises(InputError, match="48 x 2 pixels cannot be drizzled"):
        resample(on_sky((2, 48)), ResampleParams(), IRIS)


def test_unequal_scales_become_square_pixels(on_sky: Maker) -> None:
    exposure = on_sky((50, 50), stretch=1.44)
    grid = choose_grid([pointing_of(exposure)], ResampleParams())
    assert grid.pixel_area == pytest.approx(1.44 * (0.004 / 3600) ** 2)
    assert grid.shape == (60, 42)
    assert grid.matrix @ grid.matrix.T == pytest.approx(grid.pixel_area * np.eye(2), abs=1e-20)
