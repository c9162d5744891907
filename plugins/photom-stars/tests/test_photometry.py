"""Detection, apertures and the curve of growth on Gaussian stars, whose light within a radius is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from iris_photom_stars._aperture import Apertures, Sky, measure_fluxes, measure_sky, touched
from iris_photom_stars._detect import _smoothed, find_stars
from iris_photom_stars._frame import Frame, discs, frame_of
from iris_photom_stars._growth import Growth, _within, given_growth, measure_growth
from iris_photom_stars._neighbours import Sources, is_structure
from iris_testkit import make_exposure
from scipy.ndimage import generic_filter

from iris_core import DQ, InputError

Draw = Callable[..., np.ndarray]

SIGMA = 3.0 / 2.3548
RADII = Apertures(star=6.0, sky=(12.0, 18.0), total=18.0, total_sky=(18.0, 27.0))


def frame(data: np.ndarray, err: float | None = 1.0) -> Frame:
    nothing = np.zeros(data.shape, dtype=bool)
    plane = None if err is None else np.full(data.shape, err, dtype=np.float32)
    return Frame(data=data.astype(np.float32), err=plane, bad=nothing, saturated=nothing.copy())


def at(*places: tuple[float, float]) -> np.ndarray:
    return np.array(places, dtype=float)


def within(radius: float) -> float:
    """Return the share of a Gaussian star within a radius.

    The pixels widen it by a twelfth of a pixel squared, and so do the circle's shares of the pixels at its edge.
    """
    return float(1 - np.exp(-(radius**2) / 2 / (SIGMA**2 + 1 / 6)))


def test_the_mean_of_integrations_is_that_of_the_valid_ones() -> None:
    exposure = make_exposure((4, 4), nint=3, value=np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1), poisson=1.0, rnoise=0.5)
    where = np.zeros((3, 4, 4), dtype=bool)
    where[2, 0, 0] = where[:, 1, 1] = True
    image = frame_of(exposure.flag(where, DQ.DO_NOT_USE))
    assert image.data[2, 2] == pytest.approx(3.0)
    assert image.data[0, 0] == pytest.approx(1.5)
    assert image.err is not None
    assert image.err[2, 2] == pytest.approx(np.sqrt(1.5 / 3))
    assert image.err[0, 0] == pytest.approx(np.sqrt(1.5 / 2))
    assert image.bad[1, 1]
    assert np.count_nonzero(image.bad) == 1


def test_a_pixel_saturated_in_one_integration_is_saturated() -> None:
    where = np.zeros((3, 4, 4), dtype=bool)
    where[1, 2, 3] = True
    image = frame_of(make_exposure((4, 4), nint=3).flag(where, DQ.SATURATED))
    assert np.argwhere(image.saturated).tolist() == [[2, 3]]
    assert not image.bad.any()


def test_stars_are_found_with_their_width(draw_stars: Draw) -> None:
    rng = np.random.default_rng(1)
    x, y = np.mgrid[30:200:40, 30:220:45].reshape(2, -1) + rng.uniform(-0.5, 0.5, (2, 25))
    data = 100 + draw_stars((256, 240), x, y, np.geomspace(300, 30000, 25), fwhm=4.0) + rng.normal(0, 1, (256, 240))
    found = find_stars(frame(data), 5.0, None, "x")
    assert len(found) == 25
    assert found.fwhm == pytest.approx(4.0, abs=0.3)
    assert np.all(np.diff(found.peak) <= 0)
    distance = np.hypot(found.x[:, np.newaxis] - x, found.y[:, np.newaxis] - y).min(axis=1)
    assert distance.max() < 0.2


def test_single_hot_pixels_are_no_stars(draw_stars: Draw) -> None:
    rng = np.random.default_rng(2)
    data = draw_stars((128, 128), at((64, 64))[:, 0], at((64, 64))[:, 1], np.array([5e3])) + rng.normal(
        0, 1, (128, 128)
    )
    data[20, 30] = data[100, 90] = 500.0
    assert len(find_stars(frame(data), 5.0, None, "x")) == 1


@pytest.mark.parametrize(("data", "message"), [
    (np.random.default_rng(3).normal(0, 1, (64, 64)), "x: no star stands out by 10 standard deviations, so that"),
    (np.full((64, 64), np.nan), "x: only 0 of its 4096 pixels are valid, too few for stars"),
])  # fmt: skip
def test_without_stars_nothing_is_measured(data: np.ndarray, message: str) -> None:
    image = frame(np.nan_to_num(data))
    image.bad[...] = np.isnan(data)
    with pytest.raises(InputError) as raised:
        find_stars(image, 5.0, None, "x")
    assert str(raised.value).startswith(message)


def test_nothing_above_the_threshold_is_an_error_with_a_given_width() -> None:
    with pytest.raises(InputError, match="x: no star stands out by 50 standard deviations"):
        find_stars(frame(np.random.default_rng(3).normal(0, 1, (64, 64))), 50.0, 3.0, "x")


def test_only_saturated_stars_have_no_width(draw_stars: Draw) -> None:
    data = np.minimum(draw_stars((64, 64), at((30, 30))[:, 0], at((30, 30))[:, 1], np.array([1e5])), 1000)
    image = frame(data + np.random.default_rng(3).normal(0, 1, (64, 64)))
    image.saturated[data > 999] = True
    with pytest.raises(InputError, match="every bright star is saturated"):
        find_stars(image, 5.0, None, "x")


def test_the_sky_is_the_mean_of_its_pixels_without_sources() -> None:
    rng = np.random.default_rng(4)
    data = rng.normal(7.0, 2.0, (100, 100))
    sources = discs((100, 100), [np.array([65.0, 50.0])], 5.0)
    data[sources] = 1e6
    sky = measure_sky(frame(data), sources, at((50, 50)), (12.0, 18.0))
    number = np.pi * (18**2 - 12**2) - np.pi * 25
    assert sky.level[0] == pytest.approx(7.0, abs=4 * 2 / np.sqrt(number))
    assert sky.error[0] == pytest.approx(2 / np.sqrt(number), rel=0.1)
    assert sky.scatter[0] == pytest.approx(2.0, rel=0.1)


def test_the_sky_of_a_slope_is_that_of_its_middle() -> None:
    rng = np.random.default_rng(5)
    rows, columns = np.indices((100, 100))
    sky = measure_sky(
        frame(7 + 0.5 * (columns - 50) - 0.2 * (rows - 40) + rng.normal(0, 1, (100, 100))),
        discs((100, 100), [np.array([65.0, 50.0])], 8.0),
        at((50, 40)),
        (12.0, 18.0),
    )
    assert sky.level[0] == pytest.approx(7, abs=4 * sky.error[0])
    np.testing.assert_allclose(sky.slope[0], [0.5, -0.2], atol=0.02)
    assert sky.scatter[0] == pytest.approx(1.0, rel=0.1)


def test_a_sky_that_is_no_plane_has_a_larger_error() -> None:
    """A saddle, which no plane follows, and light of a neighbour on one side of the ring."""
    rng = np.random.default_rng(6)
    rows, columns = np.indices((100, 100)) - 50.0
    nothing, ring = np.zeros((100, 100), dtype=bool), (12.0, 18.0)
    plain = rng.normal(0, 1, (100, 100))
    calm = measure_sky(frame(plain), nothing, at((50, 50)), ring).error[0]
    saddle = measure_sky(frame(plain + 0.01 * rows * columns), nothing, at((50, 50)), ring).error[0]
    light = measure_sky(frame(plain + 2.0 * (np.hypot(columns - 15, rows) < 6)), nothing, at((50, 50)), ring).error[0]
    assert min(saddle, light) > 2 * calm


def test_a_sky_of_which_little_is_there_is_unknown() -> None:
    image = frame(np.ones((100, 100)))
    image.bad[:, 50:] = True
    known = measure_sky(image, np.zeros((100, 100), dtype=bool), at((20, 50), (75, 50)), (12.0, 18.0))
    assert np.isfinite(known.level).tolist() == [True, False]


def test_the_flux_in_a_circle_is_that_of_the_gaussian(draw_stars: Draw) -> None:
    data = 5 + draw_stars((80, 80), np.array([40.3]), np.array([39.6]), np.array([1000.0]))
    sky = Sky(level=np.array([5.0]), error=np.array([0.1]), scatter=np.array([2.0]), slope=np.zeros((1, 2)))
    found = measure_fluxes(frame(data, err=0.5), at((40.3, 39.6)), 4.0, sky)
    assert found.flux[0] == pytest.approx(1000 * within(4.0), rel=2e-3)


@pytest.mark.parametrize("err", [2.0, None], ids=["errors", "no errors"])
def test_the_error_of_a_flux_is_its_scatter(err: float | None) -> None:
    """The circles lie 12 pixels apart, at any place within a pixel; a pixel at the rim counts by its share."""
    rng = np.random.default_rng(20)
    x, y = (12.0 * axis.ravel() + rng.uniform(size=2500) for axis in np.mgrid[1:51, 1:51])
    sky = Sky(level=np.full(2500, 5.0), error=np.zeros(2500), scatter=np.full(2500, 2.0), slope=np.zeros((2500, 2)))
    found = measure_fluxes(frame(rng.normal(5, 2, (620, 620)), err), np.column_stack([x, y]), 3.0, sky)
    assert np.std(found.flux / found.error) == pytest.approx(1, abs=0.04)
    assert found.error.mean() < 0.97 * 2 * np.sqrt(np.pi * 9)


def test_the_error_of_the_sky_counts_by_the_area() -> None:
    sky = Sky(level=np.array([5.0]), error=np.array([0.1]), scatter=np.array([2.0]), slope=np.zeros((1, 2)))
    found = measure_fluxes(frame(np.ones((80, 80)), err=0.0), at((40, 40)), 4.0, sky)
    assert found.error[0] == pytest.approx(0.1 * np.pi * 16)


def test_a_circle_is_touched_by_any_part_of_a_pixel() -> None:
    pixels = np.zeros((50, 50), dtype=bool)
    pixels[20, 24] = True
    assert touched(pixels, at((20, 20), (20, 20.6), (40, 40)), 3.6).tolist() == [True, True, False]
    assert not touched(pixels, at((20, 20)), 3.4).any()


@pytest.fixture
def grown(draw_stars: Draw) -> Callable[..., Growth | None]:
    """Return a function that gives the curve of growth of three bright stars of an image that can be changed."""

    def grow(change: Callable[[Frame], Any] = lambda image: None, sky: float = 3.0) -> Growth | None:
        x, y, flux = np.array([40.2, 110.7, 180.1]), np.array([50.5, 45.0, 52.2]), np.array([1e4, 2e4, 4e4])
        image = frame(sky + draw_stars((100, 220), x, y, flux), err=0.3)
        change(image)
        aperture = flux * within(RADII.star)
        return measure_growth(image, np.arange(3), Sources(np.column_stack([x, y]), flux), aperture, RADII, 0.01)

    return grow


def test_the_curve_of_growth_is_that_of_the_gaussian(grown: Callable[..., Growth]) -> None:
    growth = grown()
    expected = [within(radius) for radius in growth.radius]
    np.testing.assert_allclose(growth.curve / growth.correction, expected, atol=0.01)
    assert growth.correction == pytest.approx(1 / within(RADII.star), rel=1e-4)
    assert growth.used.all()
    assert growth.wings == 0
    assert float(growth.share(6.0)) == pytest.approx(within(6.0), abs=1e-3)
    np.testing.assert_allclose(growth.share(np.array([0.0, 100.0])), [0, 1])


def test_its_error_is_that_of_the_sky_and_the_pixels(grown: Callable[..., Growth]) -> None:
    """In a noise-free image the clipped sky has no scatter: sqrt(pi R^2) err over the root of the sum of flux^2."""
    growth = grown()
    alone = np.sqrt(np.pi * RADII.total**2) * 0.3
    assert growth.error == pytest.approx(alone / np.sqrt(1e8 + 4e8 + 16e8), rel=0.02)


def test_missing_pixels_are_as_bright_as_the_rest_of_their_ring(grown: Callable[..., Growth]) -> None:
    def spoil(image: Frame) -> None:
        image.bad[50:54, 48:52] = image.bad[33:37, 108:112] = True
        image.data[image.bad] = 0

    growth = grown(spoil)
    assert growth.correction == pytest.approx(1 / within(RADII.star), rel=2e-3)
    assert growth.used.all()


def test_light_outside_of_the_largest_circle_is_noticed(draw_stars: Draw) -> None:
    """A star three times as wide has 10 % of its light beyond the circle, and the curve still rises there."""
    place, flux = np.array([100.0, 300.0, 500.0]), np.full(3, 1e6)
    image = frame(draw_stars((600, 600), place, place, flux, fwhm=20.0), err=0.01)
    growth = measure_growth(image, np.arange(3), Sources(np.column_stack([place, place]), flux), flux, RADII, 0.01)
    assert growth is not None
    assert 0.05 < growth.wings < 0.6


def test_no_curve_of_growth_without_a_sky(grown: Callable[..., Growth | None]) -> None:
    assert grown(lambda image: image.bad.fill(True)) is None


def test_two_stars_are_too_few_for_a_curve_of_growth(grown: Callable[..., Growth | None]) -> None:
    def spoil(image: Frame) -> None:
        image.bad[:, 180:] = True

    assert grown(spoil) is None


def test_a_slope_of_the_sky_is_no_light_of_the_stars(grown: Callable[..., Growth]) -> None:
    def slope(image: Frame) -> None:
        image.data[...] += 2 * np.arange(220, dtype=np.float32) - np.arange(100, dtype=np.float32)[:, np.newaxis]

    growth = grown(slope)
    assert growth.correction == pytest.approx(1 / within(RADII.star), rel=1e-3)


def test_a_curve_that_falls_below_zero_is_none(grown: Callable[..., Growth | None]) -> None:
    """A hole around each star."""

    def dig(image: Frame) -> None:
        for place in ((40.2, 50.5), (110.7, 45.0), (180.1, 52.2)):
            ring = discs(image.shape, [np.array(place)], 17.0) & ~discs(image.shape, [np.array(place)], 7.0)
            image.data[ring] -= 300

    assert grown(dig) is None


def test_a_given_correction_is_the_curve() -> None:
    growth = given_growth(1.2, 0.01, RADII)
    assert (growth.correction, growth.error, growth.wings) == (1.2, 0.01, 0)
    assert float(growth.share(RADII.star)) == pytest.approx(1 / 1.2)
    assert float(growth.share(RADII.total)) == 1


def test_the_share_of_a_neighbour_falls_with_its_distance(grown: Callable[..., Growth]) -> None:
    growth = grown()
    share = growth.share_in_aperture(np.array([0.0, 3.0, 8.0, 12.0, 40.0]), 6.0)
    assert share[0] == pytest.approx(within(6.0), abs=0.01)
    assert np.all(np.diff(share) <= 0)
    assert share[-1] == pytest.approx(0.0, abs=1e-6)


def test_the_light_of_neighbours_counts_all_but_the_star_itself() -> None:
    sources = Sources(at((10, 10), (13, 14), (90, 90), (10, 11)), np.array([100.0, 50.0, 1000.0, 1.0]))
    light = sources.light_around(np.array([0, 2]), 20.0, lambda distance: 1 / (1 + distance))
    assert light[0] == pytest.approx((50 / 6 + 1 / 2) / 100)
    assert light[1] == 0


def test_faint_detections_close_to_a_bright_star_are_its_structure() -> None:
    stars, peak = at((50, 50)), np.array([1000.0])
    found = is_structure(at((54, 50), (54, 50), (80, 50)), np.array([40.0, 60.0, 40.0]), stars, peak, 10.0)
    assert found.tolist() == [True, False, False]
    assert not is_structure(at((54, 50)), np.array([1.0]), np.empty((0, 2)), np.empty(0), 10.0).any()


def test_one_image_is_the_mean_of_one_integration() -> None:
    exposure = make_exposure((20, 30), value=5.0, poisson=2.0, rnoise=3.0, seed=1)
    dead = np.zeros((20, 30), dtype=bool)
    dead[3, 4] = True
    exposure = exposure.flag(dead, DQ.DO_NOT_USE | DQ.SATURATED)
    variance = {name: plane[np.newaxis] for name, plane in exposure.variance.items()}
    one = exposure.replace(data=exposure.data[np.newaxis], dq=exposure.dq[np.newaxis], variance=variance)
    alone, mean = frame_of(exposure), frame_of(one)
    assert np.array_equal(alone.data, mean.data)
    assert np.array_equal(alone.bad, mean.bad)
    assert np.array_equal(alone.saturated, mean.saturated)
    assert alone.err == pytest.approx(mean.err, nan_ok=True)


@pytest.mark.parametrize("place", [(15.3, 12.1), (2.0, 3.0), (28.9, 19.0)])
def test_sums_in_circles_are_the_areas_of_their_parts_in_the_image(place: tuple[float, float]) -> None:
    planes = np.stack([np.ones((20, 30)), np.full((20, 30), 3.0)])
    radii = np.array([0.4, 2.0, 9.5, 60.0])
    one, three = _within(planes, place, radii)
    room = min(place[0], place[1], 29 - place[0], 19 - place[1]) + 0.5
    inside = radii <= room
    assert one[inside] == pytest.approx(np.pi * radii[inside] ** 2)
    assert np.all(np.diff(one) > 0)
    assert one[-1] == pytest.approx(600)
    assert three == pytest.approx(3 * one)


def test_the_boxes_of_the_background_are_smoothed_as_by_photutils() -> None:
    mesh = np.random.default_rng(1).normal(size=(5, 7))
    assert np.array_equal(_smoothed(mesh), generic_filter(mesh, np.nanmedian, size=3, mode="constant", cval=np.nan))
    assert _smoothed(mesh[:1, :1]) == mesh[0, 0]
