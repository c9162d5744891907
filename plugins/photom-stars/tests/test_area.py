"""Solid angles of pixels in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling.models import Pix2Sky_TAN, Polynomial2D, RotateNative2Celestial, Scale
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_photom_stars._area import SQUARE_ARCSEC, area_map, solid_angle
from iris_testkit import add_wcs, make_exposure


def tan_wcs(scale: float, dec: float, before: object = None) -> WCS:
    """Return a TAN with its pole in pixel (0, 0), `scale` in degrees per pixel."""
    project = Scale(scale) & Scale(scale) | Pix2Sky_TAN() | RotateNative2Celestial(30.0, dec, 180.0)
    steps = project if before is None else before | project
    frames = Frame2D(name="detector", unit=(u.pix, u.pix)), CelestialFrame(reference_frame=ICRS(), name="sky")
    return WCS([(frames[0], steps), (frames[1], None)])


@pytest.mark.parametrize("scale", [4e-3, 0.1, 5.0])
@pytest.mark.parametrize("dec", [-29.0, 0.0, 89.9999])
def test_a_pixel_at_the_pole_of_the_projection_is_its_side_squared(scale: float, dec: float) -> None:
    area = solid_angle(tan_wcs(scale / 3600, dec), 0.0, 0.0)
    assert area == pytest.approx(scale**2 * SQUARE_ARCSEC, rel=1e-6)


def test_pixels_away_from_the_pole_shrink_with_the_cube_of_the_cosine() -> None:
    """A gnomonic projection stretches by 1 / cos^2 along the radius and 1 / cos across it."""
    wcs, x = tan_wcs(0.01, -29.0), np.array([0.0, 500.0, 1500.0])
    expected = np.deg2rad(0.01) ** 2 * np.cos(np.arctan(np.deg2rad(0.01) * x)) ** 3
    np.testing.assert_allclose(solid_angle(wcs, x, np.zeros(3)), expected, rtol=1e-6)


def test_the_map_of_a_distorted_detector_is_its_jacobian() -> None:
    """A detector whose x becomes x + 1e-5 x^2 has pixels that are wider by 1 + 2e-5 x."""
    from astropy.modeling.models import Mapping

    bend = Polynomial2D(2, c1_0=1.0, c2_0=1e-5) & Polynomial2D(1, c0_1=1.0)
    mean, area = area_map(tan_wcs(1e-6, 10.0, Mapping((0, 1, 0, 1)) | bend), (200, 300))
    expected = np.broadcast_to(1 + 2e-5 * np.arange(300), (200, 300))
    np.testing.assert_allclose(area, expected / expected.mean(), rtol=1e-6)
    assert mean == pytest.approx(np.deg2rad(1e-6) ** 2 * expected.mean(), rel=1e-6)
    assert area.mean(dtype=np.float64) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (64, 65)])
def test_a_map_has_the_shape_of_its_image(shape: tuple[int, int]) -> None:
    exposure = add_wcs(make_exposure(shape), 0.1)
    mean, area = area_map(exposure.wcs, shape)
    assert area.shape == shape
    assert mean == pytest.approx(0.01 * SQUARE_ARCSEC, rel=1e-6)
