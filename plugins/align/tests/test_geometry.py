"""Tangent planes, affine maps, the frame `aligned`, and which exposures move as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, Galactic, SkyCoord
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame
from hypothesis import given
from hypothesis import strategies as st
from iris_align._affine import Affine, fit_affine, parameters, small
from iris_align._frames import ALIGNED, pointing_of
from iris_align._group import shots
from iris_align._link import groups_of, link, stars_of
from iris_align._match import Search
from iris_align._plane import Plane, directions, from_common, projected
from iris_testkit import make_exposure

from iris_core import Exposure

ANGLES = st.tuples(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
NUMBERS = st.lists(st.floats(-0.1, 0.1), min_size=6, max_size=6)


@given(ANGLES)
def test_a_plane_touches_the_sky_where_it_should(at: tuple[float, float]) -> None:
    plane = Plane.at(directions(np.array([at[0]]), np.array([at[1]]))[0])
    assert plane.axes @ plane.axes.T == pytest.approx(np.eye(3), abs=1e-14)
    assert np.linalg.det(plane.axes) == pytest.approx(1)
    assert plane.point[1] == pytest.approx(at[1], abs=1e-5)
    places = np.array([[0.0, 0.0], [10.0, -3.0], [-500.0, 800.0]])
    assert plane.project(plane.directions(places)) == pytest.approx(places, abs=1e-9)


def test_east_and_north_are_those_of_astropy() -> None:
    plane = Plane.at(directions(np.array([150.0]), np.array([60.0]))[0])
    sky = SkyCoord(150.0 * u.deg, 60.0 * u.deg).spherical_offsets_by(3 * u.arcsec, 4 * u.arcsec)
    place = plane.project(directions(np.array([sky.ra.deg]), np.array([sky.dec.deg])))
    assert place[0] == pytest.approx([3.0, 4.0], abs=1e-6)


def test_the_slope_of_a_projection_is_its_derivative() -> None:
    own, common = (Plane.at(directions(np.array([ra]), np.array([88.0]))[0]) for ra in (10.0, 11.0))
    places = np.array([[5.0, 7.0], [-30.0, 2.0]])
    axes = np.stack([own.axes] * 2)
    place, slope = projected(axes, places, common)
    assert place == pytest.approx(common.project(own.directions(places)), abs=1e-9)
    for axis in (0, 1):
        step = np.eye(2)[axis] * 1e-2
        moved, _ = projected(axes, places + step, common)
        back, _ = projected(axes, places - step, common)
        assert (moved - back) / 2e-2 == pytest.approx(slope[:, :, axis], abs=1e-7)


@given(NUMBERS)
def test_parameters_lead_back(values: list[float]) -> None:
    values[4:] = [0.0, 0.0]
    assert parameters(small(np.array(values))) == pytest.approx(values, abs=1e-12)


@given(NUMBERS, NUMBERS)
def test_maps_are_composed_and_inverted(first: list[float], second: list[float]) -> None:
    one, other = small(np.array(first)), small(np.array(second))
    places = np.array([[1.0, 2.0], [-3.0, 0.5], [0.0, 0.0]])
    assert other.after(one)(places) == pytest.approx(other(one(places)), abs=1e-12)
    assert one.inverse()(one(places)) == pytest.approx(places, abs=1e-12)
    found = fit_affine(places, one(places))
    assert found.matrix == pytest.approx(one.matrix, abs=1e-10)
    assert found.shift == pytest.approx(one.shift, abs=1e-10)


def test_a_map_in_another_plane_moves_the_sky_alike() -> None:
    common, own = (Plane.at(directions(np.array([ra]), np.array([40.0]))[0]) for ra in (10.0, 10.005))
    affine = small(np.array([0.2, -0.1, 1e-3, 2e-4, 1e-5, 0]))
    there = from_common(affine, common, own, 15.0)
    places = np.random.default_rng(1).uniform(-12, 12, (30, 2))
    expected = own.project(common.directions(affine(common.project(own.directions(places)))))
    assert there(places) == pytest.approx(expected, abs=1e-7)


def framed(exposure: Exposure, frame: Any) -> Exposure:
    """Return an exposure whose WCS gives the same numbers in another frame."""
    assert exposure.wcs is not None
    step = exposure.wcs.pipeline[0]
    made = WCS([(step.frame, step.transform.copy()), (CelestialFrame(name="sky", reference_frame=frame), None)])
    made.bounding_box = exposure.wcs.bounding_box.bounding_box(order="F")
    return exposure.replace(wcs=made)


@pytest.mark.parametrize("frame", [FK5(), FK5(equinox="J1975"), Galactic()])
@pytest.mark.parametrize("centre", [(150.1, 2.2), (10.0, 89.9)])
def test_a_correction_holds_in_any_frame(sky: Any, frame: Any, centre: tuple[float, float]) -> None:
    """The plane of `aligned` is that of the frame: a shift in it moves the sky by as much."""
    exposure = framed(sky.point(make_exposure((64, 60)), sky.wcs((64, 60), centre)), frame)
    pointing = pointing_of(exposure)
    affine = small(np.array([0.02, -0.01, 1e-3, 0, 0, 0]))
    after = exposure.replace(wcs=pointing.aligned(affine))
    x, y = np.array([0.0, 59.0, 30.0]), np.array([0.0, 10.0, 63.0])
    before = pointing.plane.project(pointing.directions(x, y))
    assert pointing.plane.project(pointing_of(after).directions(x, y)) == pytest.approx(affine(before), abs=1e-8)


def test_the_frame_is_put_between_the_last_one_and_the_sky(sky: Any) -> None:
    exposure = sky.point(make_exposure((64, 60)), sky.wcs((64, 60), (150.1, 2.2)))
    pointing = pointing_of(exposure)
    once = pointing.aligned(small(np.array([0.02, -0.01, 1e-3, 0, 0, 0])))
    assert once.available_frames == ["detector", ALIGNED, "sky"]
    assert once.bounding_box.bounding_box(order="F") == exposure.wcs.bounding_box.bounding_box(order="F")
    assert once.pixel_shape == (60, 64)
    assert once.invert(*once(3.0, 4.0)) == pytest.approx((3.0, 4.0), abs=1e-6)


def test_a_second_map_is_multiplied_into_the_first(sky: Any) -> None:
    """M2 M1 and M2 t1 + t2, in the plane of the first."""
    exposure = sky.point(make_exposure((64, 60)), sky.wcs((64, 60), (150.1, 2.2)))
    first, second = small(np.array([0.02, -0.01, 1e-3, 0, 0, 0])), small(np.array([-0.3, 0.1, -2e-3, 1e-3, 0, 0]))
    once = exposure.replace(wcs=pointing_of(exposure).aligned(first))
    twice = pointing_of(once).aligned(second)
    model = twice.get_transform("detector", ALIGNED).right
    assert np.array(model.matrix) == pytest.approx(second.matrix @ first.matrix, abs=1e-14)
    assert np.array(model.translation) == pytest.approx(second.matrix @ first.shift + second.shift, abs=1e-14)
    assert pointing_of(once).point == pytest.approx(pointing_of(exposure).point, abs=1e-12)


def test_scale_and_size_of_a_pointing(sky: Any) -> None:
    pointing = pointing_of(sky.point(make_exposure((64, 60)), sky.wcs((64, 60), (150.1, 2.2))))
    assert pointing.scale == pytest.approx(0.004)
    assert pointing.radius == pytest.approx(0.004 * np.hypot(30, 32))
    assert pointing.slope == pytest.approx(np.diag([-0.004, 0.004]), abs=1e-9)


def test_stars_are_told_apart_and_doubtful_ones_left_out() -> None:
    """Two units see two stars; a third star has two detections of one unit."""
    places = np.array([[0.0, 0.0], [0.05, 0.0], [5.0, 5.0], [5.0, 5.05], [9.0, 9.0], [9.02, 9.0], [9.05, 9.0]])
    star = stars_of(places, np.array([0, 1, 0, 1, 0, 0, 1]), 0.1)
    assert star.tolist() == [0, 0, 1, 1, -1, -1, -1]
    assert len(stars_of(np.empty((0, 2)), np.empty(0, dtype=int), 0.1)) == 0


def test_groups_are_found_through_others() -> None:
    """Strips that overlap with the next one only are one group; two far away another; one is alone."""
    rng = np.random.default_rng(7)
    stars = rng.uniform([0, 0], [40, 10], (400, 2))
    strips = [stars[(stars[:, 0] > 6 * k) & (stars[:, 0] < 6 * k + 10)] for k in range(5)]
    off = rng.uniform(-0.1, 0.1, (5, 2))
    far = rng.uniform(100, 110, (30, 2))
    lists = [strip + one for strip, one in zip(strips, off, strict=True)]
    links = link(
        [*lists, far, far + 0.05, rng.uniform(200, 210, (30, 2))], Search(reach=0.3, turn=1e-3, tolerance=0.01)
    )
    assert links.groups == ((0, 1, 2, 3, 4), (5, 6), (7,))
    starts = np.array([one.shift for one in links.starts[:5]])
    assert starts + off == pytest.approx(np.tile(off[0], (5, 1)), abs=1e-6)
    assert links.best[7] is None


def test_groups_come_by_size_and_then_by_order() -> None:
    assert groups_of([3, 1, 1, 2]) == ((1, 2), (0,), (3,))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("IMG1", 1), ("IMG2", 1), ("IMG1", 2)], ((0, 1), (2,))),
        ([("IMG1", 1), ("IMG1", 1)], ((0,), (1,))),
        ([("IMG1", None), ("IMG2", None)], ((0,), (1,))),
        ([("IMG1", 1), ("IMG2", 2)], ((0,), (1,))),
    ],
)
def test_detectors_of_one_exposure_are_found_by_the_header(headers: Any, expected: Any) -> None:
    outlines = [
        make_exposure((8, 8), header={"DETECTOR": name, **({} if number is None else {"EXPNUM": number})})
        for name, number in headers
    ]
    assert shots(outlines) == expected


def test_without_a_number_the_start_and_the_visit_tell() -> None:
    same = {"DATE-OBS": "2030-01-01T00:00:00"}
    known = [("IMG1", "1"), ("IMG2", "1"), ("IMG3", "2")]
    outlines = [make_exposure((8, 8), header={"DETECTOR": name, "VISIT": visit, **same}) for name, visit in known]
    assert shots(outlines) == ((0, 1), (2,))


def test_the_identity_changes_nothing() -> None:
    places = np.array([[1.0, 2.0]])
    assert Affine.identity()(places).tolist() == places.tolist()
