"""The WCS of a frame points where the telescope did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from iris_nirc2 import read_exposure
from iris_nirc2._pointing import position_angle, tangent_plane

SKY = {"ROTMODE": "position angle", "ROTPOSN": 0.7, "INSTANGL": 0.7}


def wcs_of(make_frame: Any, **keywords: Any) -> WCS:
    exposure = read_exposure(make_frame(np.zeros((1024, 1024)), **keywords), False, "")
    assert exposure is not None
    return WCS(exposure.sci_header)


def test_the_pointing_is_at_the_centre_of_the_array(make_frame: Any) -> None:
    assert np.allclose(wcs_of(make_frame).wcs_pix2world([[511.5, 511.5]], 0), [[150.43402, 2.95156]], atol=1e-12)


def test_north_is_up_and_east_is_left_at_position_angle_zero(make_frame: Any) -> None:
    """100 pixels of the wide camera are 3.9686 arcsec."""
    centre, left, up = SkyCoord(
        wcs_of(make_frame).wcs_pix2world([[511.5, 511.5], [411.5, 511.5], [511.5, 611.5]], 0), unit="deg"
    )
    for star, angle in ((left, 90.0), (up, 0.0)):
        assert centre.separation(star).arcsec == pytest.approx(3.9686, rel=1e-6)
        assert centre.position_angle(star).wrap_at("180d").deg == pytest.approx(angle, abs=1e-4)


def test_a_window_keeps_its_place(make_frame: Any) -> None:
    """It is centred, so its centre is the array's."""
    exposure = read_exposure(make_frame(np.zeros((248, 264))), True, "")
    assert exposure is not None
    assert np.allclose(WCS(exposure.sci_header).wcs_pix2world([[131.5, 123.5]], 0), [[150.43402, 2.95156]], atol=1e-12)


@given(
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-85, 85),
    angle=st.floats(-180, 180),
    scale=st.sampled_from([0.009971, 0.019829, 0.039686]),
)
def test_the_y_axis_lies_at_the_position_angle(ra: float, dec: float, angle: float, scale: float) -> None:
    """And x lies 90 degrees from it, on the side of a sky seen from inside."""
    from astropy.io.fits import Header

    wcs = WCS(Header([(key, *card) for key, card in tangent_plane(ra, dec, angle, scale, (1024, 1024)).items()]))
    centre, right, up = SkyCoord(wcs.wcs_pix2world([[511.5, 511.5], [512.5, 511.5], [511.5, 512.5]], 0), unit="deg")
    for pixel, expected in ((up, angle), (right, angle - 90)):
        assert centre.separation(pixel).arcsec == pytest.approx(scale, rel=1e-5)
        off = (centre.position_angle(pixel).deg - expected + 180) % 360 - 180
        assert off == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize(
    ("camera", "day", "scale", "offset"),
    [
        ("wide", "2011-04-13", 0.039686, 0.0),
        ("medium", "2011-04-13", 0.019829, 0.0),
        ("narrow", "2015-04-12", 0.009952, -0.252),
        ("narrow", "2015-04-13", 0.009971, -0.262),
    ],
)
def test_scale_and_angle_are_those_of_camera_and_day(
    make_frame: Any, camera: str, day: str, scale: float, offset: float
) -> None:
    wcs = wcs_of(make_frame, CAMNAME=camera, DATE_OBS=day, ROTPOSN=30.7)
    assert np.sqrt(-np.linalg.det(wcs.wcs.cd)) * 3600 == pytest.approx(scale, rel=1e-6)
    assert np.degrees(np.arctan2(wcs.wcs.cd[0, 1], wcs.wcs.cd[1, 1])) == pytest.approx(30 + offset, abs=1e-6)


def test_the_rotator_can_follow_sky_or_vertical() -> None:
    assert position_angle({**SKY, "ROTPOSN": 45.7}) == pytest.approx(45.0)
    assert position_angle({**SKY, "ROTMODE": "vertical angle", "PARANG": -48.0}) == pytest.approx(-48.0)


@pytest.mark.parametrize(
    "changed",
    [{"ROTMODE": "stationary"}, {"ROTMODE": ""}, {"INSTFLIP": "yes"}, {"ROTMODE": "vertical angle"}],
)
def test_an_angle_that_cannot_be_known_is_not_guessed(changed: dict[str, str]) -> None:
    assert position_angle({**SKY, **changed}) is None


@pytest.mark.parametrize("keywords", [{"ROTMODE": "stationary"}, {"RA": None}, {"CAMNAME": "unknown"}])
def test_without_angle_pointing_or_camera_there_is_no_wcs(make_frame: Any, keywords: dict[str, Any]) -> None:
    exposure = read_exposure(make_frame(np.zeros((8, 8)), **keywords), False, "")
    assert exposure is not None
    assert len(exposure.sci_header) == 0
