"""Pixels go to the sky and back by the chain that the distortion reference and the header describe."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io.fits import Header
from astropy.modeling.models import AffineTransformation2D, Pix2Sky_TAN, RotateNative2Celestial, Scale
from astropy.wcs import WCS
from iris_simulate import SimulatedSet
from iris_simulate._headers import science_header
from iris_simulate._optics import Pointing, make_distortion

OFFSET = (-8.792, 8.792)
OPTICS = make_distortion(OFFSET, (256, 320), 0.004, 2.0)
POINTINGS = [Pointing(266.4, -29.0), Pointing(0.0001, 40.0, 35.0), Pointing(120.0, -89.9, 180.0)]


def grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0 : shape[0] - 1 : 9j, 0 : shape[1] - 1 : 9j]
    return x, y


def test_the_centre_of_the_detector_is_at_its_offset_from_the_axis() -> None:
    p, q = OPTICS.to_focal(159.5, 127.5)
    assert (float(p), float(q)) == pytest.approx(OFFSET)
    assert OPTICS.pixel_scale == pytest.approx(0.004)


def test_the_distortion_at_the_corners_is_a_few_pixels() -> None:
    x, y = np.array([0, 319, 0, 319]), np.array([0, 0, 255, 255])
    p, q = OPTICS.to_focal(x, y)
    moved = np.hypot((p - OFFSET[0]) / 0.004 - (x - 159.5), (q - OFFSET[1]) / 0.004 - (y - 127.5))
    assert np.all((moved > 0.5) & (moved < 6))


def test_the_way_back_is_exact() -> None:
    x, y = grid((256, 320))
    back = OPTICS.to_pixel(*OPTICS.to_focal(x, y))
    np.testing.assert_allclose(back, (x, y), atol=1e-8)


def test_what_is_too_far_off_to_be_distorted_is_far_off() -> None:
    """Stars of the first exposure, seen from the last of many dithers."""
    away = np.array([50.0, -400.0, 9000.0])  # detectors
    x, y = OPTICS.to_pixel(OFFSET[0] + away * 320 * 0.004, OFFSET[1] + away[::-1] * 256 * 0.004)
    assert x - 159.5 == pytest.approx(away * 320)
    assert y - 127.5 == pytest.approx(away[::-1] * 256)


def test_the_reference_model_says_the_same_and_its_inverse_is_good_to_1e_4_pixel() -> None:
    x, y = grid((256, 320))
    model = OPTICS.model()
    np.testing.assert_allclose(model(x, y), OPTICS.to_focal(x, y), atol=1e-12)
    np.testing.assert_allclose(model.inverse(*model(x, y)), (x, y), atol=1e-4)


def test_the_inverse_is_better_on_a_real_detector() -> None:
    optics = make_distortion(OFFSET, (4096, 4096), 0.004, 2.0)
    x, y = grid((4096, 4096))
    np.testing.assert_allclose(optics.model().inverse(*optics.to_focal(x, y)), (x, y), atol=1e-7)


def test_the_area_of_a_pixel_is_that_of_its_quadrangle_on_the_focal_plane() -> None:
    """The shoelace formula on the corners of some pixels."""
    area = OPTICS.pixel_area((256, 320))
    for row, column in ((0, 0), (255, 319), (17, 300)):
        p, q = OPTICS.to_focal(column + np.array([-0.5, 0.5, 0.5, -0.5]), row + np.array([-0.5, -0.5, 0.5, 0.5]))
        shoelace = 0.5 * abs(np.dot(p, np.roll(q, 1)) - np.dot(q, np.roll(p, 1)))
        assert area[row, column] == pytest.approx(shoelace, rel=1e-6)


def test_without_distortion_all_pixels_are_equal() -> None:
    area = make_distortion(OFFSET, (64, 64), 0.004, 0.0).pixel_area((64, 64))
    np.testing.assert_allclose(area, 0.004**2, rtol=1e-12)


@pytest.mark.parametrize("pointing", POINTINGS, ids=str)
def test_the_sky_is_a_tangent_plane_behind_the_model(pointing: Pointing) -> None:
    """Distortion model, orthogonal matrix, TAN, rotation to the pointing: built from astropy.modeling alone."""
    x, y = grid((256, 320))
    chain = (
        OPTICS.model()
        | Scale(1 / 3600) & Scale(1 / 3600)
        | AffineTransformation2D(pointing.matrix)
        | Pix2Sky_TAN()
        | RotateNative2Celestial(pointing.ra, pointing.dec, 180.0)
    )
    expected = SkyCoord(*chain(x, y), unit="deg")
    ours = SkyCoord(*pointing.to_sky(*OPTICS.to_focal(x, y)), unit="deg")
    assert np.max(ours.separation(expected)) < 1e-6 * u.mas


@pytest.mark.parametrize("pointing", POINTINGS, ids=str)
def test_the_sky_goes_back_to_the_focal_plane(pointing: Pointing) -> None:
    p, q = np.array([0.0, 8.0, -9.0]), np.array([0.0, -3.0, 9.0])
    np.testing.assert_allclose(pointing.to_focal(*pointing.to_sky(p, q)), (p, q), atol=1e-7)


def test_north_is_up_and_east_is_left() -> None:
    pointing = Pointing(10.0, 0.0)
    ra, dec = pointing.to_sky([-3.6, 0.0], [0.0, 3.6])
    np.testing.assert_allclose(ra - 10.0, [0.001, 0.0], atol=1e-9)
    np.testing.assert_allclose(dec, [0.0, 0.001], atol=1e-9)


def test_the_position_angle_turns_the_columns_from_north_to_east() -> None:
    ra, dec = Pointing(10.0, 0.0, 90.0).to_sky(0.0, 3.6)
    assert float(ra) == pytest.approx(10.001)
    assert float(dec) == pytest.approx(0.0, abs=1e-9)


def test_a_moved_pointing_has_its_axis_where_it_was_moved_to() -> None:
    pointing = Pointing(10.0, 60.0, 20.0)
    moved = pointing.moved(2.0, -1.0)
    assert (moved.ra, moved.dec) == pytest.approx(tuple(map(float, pointing.to_sky(2.0, -1.0))))
    assert moved.position_angle == 20.0


def test_the_headers_linear_wcs_is_exact_at_the_centre_of_the_detector(field: SimulatedSet) -> None:
    scene = field.scene
    optics, pointing = scene.camera.optics, scene.pointings[1]
    header: Header = science_header(scene.camera, pointing)
    linear = SkyCoord(*WCS(header).wcs_pix2world(optics.x0, optics.y0, 0), unit="deg")
    true = SkyCoord(*pointing.to_sky(*optics.to_focal(optics.x0, optics.y0)), unit="deg")
    assert linear.separation(true) < 1e-5 * u.mas
    assert WCS(header).pixel_scale_matrix == pytest.approx(pointing.matrix * 0.004 / 3600)
