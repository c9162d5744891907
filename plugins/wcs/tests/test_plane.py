"""The plane in which exposures are compared, and maps into it, against closed forms and astropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling.models import AffineTransformation2D, Pix2Sky_TAN, RotateNative2Celestial, Shift
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_testkit import bent_nodes, make_exposure
from iris_wcs import PixelMap, Plane, choose_plane

from iris_core import Exposure

SCALE = 0.004 / 3600


def look(
    offset: tuple[float, float], *, angle: float = 0.0, shape: tuple[int, int] = (128, 128), lon: float = 150.1
) -> Exposure:
    """Return an exposure whose pixel (0, 0) lies at `offset` [pixel] of the sky, turned by `angle` [deg]."""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = AffineTransformation2D(np.array([(cosine, -sine), (sine, cosine)]), translation=np.array(offset))
    scale = AffineTransformation2D(np.diag([-SCALE, SCALE]))
    sky = Shift(0) & Shift(0) | turn | scale | Pix2Sky_TAN() | RotateNative2Celestial(lon, 2.2, 180.0)
    frames = Frame2D(name="detector", unit=(u.pix, u.pix)), CelestialFrame(reference_frame=ICRS(), name="sky")
    return make_exposure(shape).replace(wcs=WCS([(frames[0], sky), (frames[1], None)]))


@settings(max_examples=40)
@given(st.floats(0, 360), st.floats(-89, 89), st.floats(-5, 5), st.floats(-5, 5))
def test_the_plane_is_the_gnomonic_projection(lon: float, lat: float, east: float, north: float) -> None:
    """As astropy has it, in degrees, from its own origin."""
    longitude, latitude = (Pix2Sky_TAN() | RotateNative2Celestial(lon, lat, 180.0))(east, north)
    found = Plane((lon, lat), np.eye(2), (10.0, 20.0)).of_sky(np.asarray(longitude), np.asarray(latitude))
    assert found == pytest.approx([east - 10, north - 20], abs=1e-7)


def test_the_far_side_of_the_sky_has_no_place() -> None:
    assert np.isnan(Plane((10.0, 0.0), np.eye(2)).of_sky(np.array(190.0), np.array(0.0))).all()


@pytest.mark.parametrize("angle", [0.0, 33.0, 90.0, 180.0])
def test_the_plane_lies_along_the_detector_of_the_first(angle: float) -> None:
    outline = look((0, 0), angle=angle)
    plane = choose_plane([outline, look((30, 20))])
    places = plane.of_pixels(outline.wcs, np.array([10.0, 11.0, 10.0]), np.array([20.0, 20.0, 21.0]))
    assert places[:, 1:] - places[:, :1] == pytest.approx(np.eye(2), abs=1e-6)


@pytest.mark.parametrize("lon", [150.1, 0.0])
def test_the_plane_is_in_the_middle_of_the_exposures(lon: float) -> None:
    """Also across the meridian of right ascension 0."""
    outlines = [look((0, 0), lon=lon), look((100, 40), lon=lon)]
    plane = choose_plane(outlines)
    middles = [plane.of_pixels(one.wcs, np.array(63.5), np.array(63.5)) for one in outlines]
    assert middles[0] == pytest.approx(-middles[1], abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (33, 64), (100, 131)])
def test_a_map_gives_the_place_of_each_pixel(shape: tuple[int, int]) -> None:
    """To the 1/1024 pixel to which it is rounded, whatever rows are asked for."""
    outline = look((3.3, -2.2), shape=shape, angle=12.0)
    plane = choose_plane([look((0, 0))])
    pixels = PixelMap.of(plane, outline.wcs, shape)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    found = pixels.rows(slice(0, shape[0]))
    assert found == pytest.approx(plane.of_pixels(outline.wcs, x, y), abs=0.5001 / 1024)
    assert np.array_equal(found * 1024, np.rint(found * 1024))
    assert np.array_equal(pixels.rows(slice(shape[0] // 2, shape[0])), found[:, shape[0] // 2 :])


def bent(*form: Any) -> PixelMap:
    return PixelMap(*bent_nodes(*form))


@settings(max_examples=25, deadline=None)
@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-0.4, 0.4), st.floats(-3, 3))
def test_the_inverse_of_a_map_leads_back(dx: float, dy: float, angle: float, bend: float) -> None:
    forward = bent((130, 200), (dx, dy), angle, bend)
    back = forward.inverse((150, 220))
    there = back.rows(slice(0, 150))
    inside = (there[0] > 0) & (there[0] < 199) & (there[1] > 0) & (there[1] < 129)
    y, x = np.mgrid[:150, :220]
    again = forward.at(there)
    assert np.all(np.abs(again - np.stack([x, y]))[:, inside] < 0.01 + 0.02 * abs(bend))


@pytest.mark.parametrize(("dx", "shift"), [(3.004, (3, -7)), (3.02, None)])
def test_a_map_is_a_shift_by_whole_pixels_to_a_hundredth(dx: float, shift: tuple[int, int] | None) -> None:
    moved = bent((40, 50), (dx, -7.0), 0, 0).aligned()
    assert moved.shift == shift
    back = moved.inverse((60, 70)).shift
    assert back == (None if shift is None else (-3, 7))


def test_a_map_knows_the_rows_that_it_spans() -> None:
    turned = bent((40, 50), (3.25, 7.5), 0.02, 0)
    y = turned.rows(slice(5, 20))[1]
    assert turned.span(slice(5, 20)) == pytest.approx((y.min(), y.max()), abs=1 / 1024)
    assert bent((40, 50), (3.0, 7.0), 0, 0).aligned().span(slice(5, 20)) == (12, 26)
