"""Two gWCS are compared on the sky."""

from __future__ import annotations

import gwcs
import pytest
from astropy import coordinates
from astropy import units as u
from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial, Scale, Shift
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_compare import measure_difference
from iris_testkit import make_exposure

from iris_core import Exposure

SHAPE = (41, 31)
PIXEL = 0.004  # arcsec


def pointed(dx: float = 0.0, scale: float = 1.0, frame: str = "icrs") -> Exposure:
    """Return an exposure whose sky is moved by `dx` pixels along x, and has pixels larger by `scale`."""
    centred = Shift(dx - 15) & Shift(-20)
    degrees = Scale(PIXEL * scale / 3600) & Scale(PIXEL * scale / 3600)
    to_sky = centred | degrees | Pix2Sky_TAN() | RotateNative2Celestial(150.0, 2.0, 180.0)
    sky = CelestialFrame(reference_frame=getattr(coordinates, frame.upper())(), unit=(u.deg, u.deg))
    wcs = gwcs.WCS([(Frame2D(name="detector", unit=(u.pix, u.pix)), to_sky), (sky, None)])
    wcs.bounding_box = ((-0.5, SHAPE[1] - 0.5), (-0.5, SHAPE[0] - 0.5))
    return make_exposure(SHAPE).replace(wcs=wcs)


def test_the_same_sky_is_no_difference() -> None:
    found = measure_difference(pointed(), pointed())
    assert found.sky is not None
    assert found.sky.arcsec == 0
    assert found.identical


def test_a_shift_is_measured_in_arcsec_and_in_pixels() -> None:
    found = measure_difference(pointed(), pointed(dx=0.5))
    assert found.sky is not None
    assert found.sky.arcsec == pytest.approx(0.5 * PIXEL, rel=1e-5)
    assert found.sky.pixels == pytest.approx(0.5, rel=1e-5)
    assert not found.identical
    assert found.notes == ("the same pixel is up to 0.5 pixel apart on the sky; the difference has that in it",)


def test_a_scale_is_off_most_in_the_corners() -> None:
    """The corners are 15 and 20 pixels from the centre: 25 pixels, times 0.001."""
    found = measure_difference(pointed(), pointed(scale=1.001))
    assert found.sky is not None
    assert found.sky.pixels == pytest.approx(0.025, rel=1e-3)


def test_an_offset_below_a_hundredth_of_a_pixel_is_not_worth_a_note() -> None:
    assert measure_difference(pointed(), pointed(dx=0.001)).notes == ()


def test_frames_are_transformed_before_they_are_compared() -> None:
    found = measure_difference(pointed(), pointed(frame="fk5"))
    assert found.sky is not None
    assert 0 < found.sky.arcsec < 0.1  # FK5 and ICRS are tens of mas apart, and not nothing


def test_a_gwcs_in_one_only_is_named() -> None:
    found = measure_difference(pointed(), pointed().replace(wcs=None))
    assert found.sky is None
    assert found.notes == ("only the first has a gWCS",)
    assert not found.identical
