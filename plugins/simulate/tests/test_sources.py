"""What falls onto the detectors of a night: rays, the galaxy, and the stars of one field on many detectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_simulate import PSF
from iris_simulate._camera import Camera, make_camera
from iris_simulate._field import Box, Field, draw_field
from iris_simulate._galaxy import exponential_disc
from iris_simulate._optics import Pointing, spiral
from iris_simulate._random import Stream
from iris_simulate._rays import Rays, draw_rays
from iris_simulate._spec import SimulationSpec
from iris_simulate._stars import place_stars

from iris_core import InputError, InstrumentMode

BOX = Box(-1.0, -0.5, 1.0, 0.5)
TARGET = Pointing(10.0, 20.0)


def one_ray(x: float, y: float, length: float, angle: float, electrons: float = 320.0) -> Rays:
    return Rays(*(np.array([value]) for value in (x, y, electrons, length, angle)))


def test_a_short_ray_lies_in_one_pixel() -> None:
    image = np.zeros((5, 7), dtype=np.float32)
    one_ray(3.2, 1.9, 0.1, 0.0).add_to(image)
    assert image[2, 3] == pytest.approx(320.0)
    assert np.count_nonzero(image) == 1


@pytest.mark.parametrize(("angle", "pixels"), [(0.0, [(4, 2), (4, 3), (4, 4)]), (np.pi / 2, [(4, 2), (5, 2), (6, 2)])])
def test_a_long_ray_shares_its_electrons_along_a_line(angle: float, pixels: list[tuple[int, int]]) -> None:
    image = np.zeros((9, 9), dtype=np.float32)
    one_ray(1.5 + 1e-6, 4.0, 3.0, 0.0).add_to(image) if angle == 0 else one_ray(2.0, 3.5 + 1e-6, 3.0, angle).add_to(
        image
    )
    assert [tuple(place) for place in np.argwhere(image > 0).tolist()] == pixels
    np.testing.assert_allclose(image[image > 0], 320 / 3, rtol=0.1)
    assert image.sum() == pytest.approx(320.0)


def test_what_of_a_ray_lies_outside_is_lost() -> None:
    image = np.zeros((4, 4), dtype=np.float32)
    one_ray(2.5 + 1e-6, 1.0, 2.0, 0.0).add_to(image)
    assert image.sum() == pytest.approx(160.0)


def test_two_rays_in_one_pixel_add_up_and_a_factor_scales_them() -> None:
    image = np.zeros((3, 3), dtype=np.float32)
    both = Rays(*(np.array([value, value]) for value in (1.0, 1.0, 100.0, 0.01, 0.0)))
    both.add_to(image, 0.1)
    assert image[1, 1] == pytest.approx(20.0)


@settings(max_examples=25, deadline=None)
@given(mean=st.floats(0, 200), seed=st.integers(0, 2**32))
def test_rays_begin_on_the_detector_and_their_number_is_that_of_poisson(mean: float, seed: int) -> None:
    rays = draw_rays((40, 60), mean, np.random.default_rng(seed))
    assert abs(len(rays.x) - mean) <= 7 * np.sqrt(mean) + 7
    assert np.all((rays.x >= -0.5) & (rays.x <= 59.5) & (rays.y >= -0.5) & (rays.y <= 39.5))
    image = np.zeros((40, 60), dtype=np.float32)
    rays.add_to(image)
    assert image.sum(dtype=float) <= rays.electrons.sum() * (1 + 1e-5)


@pytest.mark.parametrize("scale", [4.0, 10.0])
def test_a_galaxy_without_seeing_is_an_exponential_disc(scale: float) -> None:
    """Within 5 % of ``exp(-r / h) / (2 pi h^2)`` from 0.5 to 4 scale lengths, and its half-light radius is 1.678 h."""
    image = exponential_disc(scale, sharp())
    stamp = image.pixels(0.0, 0.0)
    offset = np.arange(len(stamp)) - image.half
    r = np.hypot(offset, offset[:, np.newaxis])
    between = (r > 0.5 * scale) & (r < 4 * scale)
    expected = np.exp(-r / scale) / (2 * np.pi * scale**2)
    np.testing.assert_allclose(stamp[between], expected[between], rtol=0.05)
    assert stamp.sum() == pytest.approx(1.0)
    assert image.encircled_energy(1.678347 * scale) == pytest.approx(0.5, abs=0.005)


def test_the_seeing_of_a_galaxy_adds_in_quadrature() -> None:
    wide = PSF(np.array([3.0]), np.array([1.0]), 10)
    variance = [
        float(one.weight @ one.sigma**2) for one in (exponential_disc(5.0, wide), exponential_disc(5.0, sharp()))
    ]
    assert variance[0] - variance[1] == pytest.approx(9.0 - 0.04)
    assert variance[1] == pytest.approx(3 * 5.0**2 + 0.04)


def sharp() -> PSF:
    return PSF(np.array([0.2]), np.array([1.0]), 2)


@pytest.fixture(scope="module")
def specs() -> dict[str, SimulationSpec]:
    return {
        name: SimulationSpec(filter=name, size=(128, 128), stars=30, seed=4, separation=5) for name in ("Kbb", "Hbb")
    }


@pytest.fixture(scope="module")
def cameras(specs: dict[str, SimulationSpec], mode: InstrumentMode) -> dict[str, Camera]:
    return {name: make_camera(spec, mode) for name, spec in specs.items()}


@pytest.fixture(scope="module")
def field(specs: dict[str, SimulationSpec], cameras: dict[str, Camera]) -> Field:
    return draw_field(specs, cameras, BOX, TARGET, Stream.FIELD)


def test_a_field_fills_its_box(field: Field) -> None:
    p, q = TARGET.to_focal(field.ra, field.dec)
    assert len(p) == 30
    assert BOX.left - 0.01 <= p.min() < p.max() <= BOX.right + 0.01
    assert BOX.bottom - 0.01 <= q.min() < q.max() <= BOX.top + 0.01


def test_stars_have_colours_and_none_is_brighter_than_the_brightest(
    field: Field, specs: dict[str, SimulationSpec], cameras: dict[str, Camera]
) -> None:
    from iris_simulate._stars import brightest_flux

    relative = {name: field.flux[name] / brightest_flux(specs[name], cameras[name]) for name in specs}
    for one in relative.values():
        assert one.max() <= 1.0
        assert one.min() >= 0.005
    ratio = relative["Kbb"] / relative["Hbb"]
    assert 0.5 <= ratio.min() < 0.9 < 1.1 < ratio.max() <= 2.0


def test_the_colours_of_a_filter_do_not_depend_on_the_other_filters(
    field: Field, specs: dict[str, SimulationSpec], cameras: dict[str, Camera]
) -> None:
    alone = draw_field({"Hbb": specs["Hbb"]}, {"Hbb": cameras["Hbb"]}, BOX, TARGET, Stream.FIELD)
    assert np.array_equal(alone.ra, field.ra)
    assert np.array_equal(alone.flux["Hbb"], field.flux["Hbb"])
    other = draw_field(specs, cameras, BOX, TARGET, Stream.TWILIGHT, 0.3)
    assert not np.array_equal(other.ra, field.ra)


def test_the_flux_of_the_brightest_star_may_be_given(mode: InstrumentMode) -> None:
    spec = SimulationSpec(filter="Kbb", size=(128, 128), stars=30, brightest=1e-5)
    found = draw_field({"Kbb": spec}, {"Kbb": make_camera(spec, mode)}, BOX, TARGET, Stream.FIELD)
    assert 2e-6 < found.flux["Kbb"].max() <= 1e-5


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.2, -0.1), (-0.24, 0.24), (0.3, 0.0), (5.0, 5.0)])
def test_a_star_is_on_a_detector_or_not(cameras: dict[str, Camera], place: tuple[float, float]) -> None:
    """The detector is 128 pixels of 4 mas: 0.256 arcsec from its centre to its edge; far away nothing diverges."""
    camera = cameras["Kbb"]
    p, q = place[0] + camera.optics.cx[0, 0], place[1] + camera.optics.cy[0, 0]
    ra, dec = (np.atleast_1d(value) for value in TARGET.to_sky(p, q))
    which, x, y = Field(ra, dec, {}).on_detector(camera, TARGET, reach=0.0)
    assert (len(which) == 1) == (max(map(abs, place)) < 0.25)
    if len(which):
        assert (x[0], y[0]) == pytest.approx((63.5 + place[0] / 0.004, 63.5 + place[1] / 0.004), abs=5)


def test_stars_beyond_the_edge_still_light_the_detector(cameras: dict[str, Camera]) -> None:
    camera = cameras["Kbb"]
    ra, dec = (np.atleast_1d(one) for one in TARGET.to_sky(camera.optics.cx[0, 0] + 0.3, camera.optics.cy[0, 0]))
    star = Field(ra, dec, {})
    assert len(star.on_detector(camera, TARGET)[0]) == 1
    assert len(star.on_detector(camera, TARGET, reach=0.0)[0]) == 0


def test_more_stars_than_can_fit_are_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"only \d+ of 1000000 stars fit into 500 x 400 pixels"):
        place_stars(1_000_000, (400, 500), 0.0, 30.0, np.random.default_rng(0))


@settings(max_examples=10, deadline=None)
@given(number=st.integers(2, 15))
def test_a_dither_repeats_no_vector(number: int) -> None:
    """Neither between any two positions, so that the ghosts of a star never coincide."""
    places = np.array(spiral(1.0, number))
    vectors = (places[:, np.newaxis] - places).reshape(-1, 2)
    vectors = vectors[np.hypot(*vectors.T) > 0]
    distance = np.hypot(*(vectors[:, np.newaxis] - vectors).T) + np.eye(len(vectors))
    assert distance.min() > 1e-3
    assert places[0].tolist() == [0.0, 0.0]
