"""What each pixel is expected to receive follows from the formulas of the calibration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_simulate import SimulatedSet, simulate
from iris_simulate._photometry import sky_brightness
from iris_simulate._stars import near_stars

from iris_core import DQ, InputError, InstrumentMode


def test_a_star_gives_its_flux_in_electrons_times_the_efficiency(mode: InstrumentMode) -> None:
    """Sky and dark taken off and the efficiency divided out, one star is left: its total is flux x electrons per Jy."""
    scene = simulate(instrument=mode, size=(256, 256), stars=1, defects=0.0, seed=3, margin=100).scene
    detector = scene.detector
    electrons = (scene.rate(0).astype(float) - scene.background_rate()) / detector.qe
    assert electrons.sum() == pytest.approx(scene.stars.flux[0] * scene.camera.electrons_per_jy, rel=1e-5)


def test_the_flux_of_a_star_is_the_sum_of_calibrated_pixels_times_their_areas(mode: InstrumentMode) -> None:
    """(rate - dark) / flat x PHOTMJSR is the surface brightness; x PIXAR_SR x AREA x 1e6 and summed it is Jy."""
    scene = simulate(instrument=mode, size=(256, 256), stars=1, defects=0.0, seed=3, margin=100).scene
    camera, detector = scene.camera, scene.detector
    calibrated = (scene.rate(0).astype(float) - detector.dark) / detector.flat * camera.conversion()
    sky = sky_brightness(mode, "Kbb", None) / (np.pi / 180 / 3600) ** 2 * 1e-6
    flux = np.sum((calibrated - sky) * camera.solid_angle * detector.area) * 1e6
    assert flux == pytest.approx(scene.stars.flux[0], rel=1e-4)


def test_the_sky_is_flat_after_calibration_and_as_bright_as_the_magnitude_says(field: SimulatedSet) -> None:
    scene = field.scene
    detector = scene.detector
    live = ~detector.dead & ~detector.hot
    brightness = (scene.background_rate() - detector.dark)[live] / detector.flat[live] * scene.camera.conversion()
    expected = sky_brightness(scene.camera.mode, "Kbb", None) / (np.pi / 180 / 3600) ** 2 * 1e-6
    np.testing.assert_allclose(brightness, expected, rtol=2e-5)


def test_the_sky_option_goes_before_the_filters_own(mode: InstrumentMode) -> None:
    bright, faint = (simulate(instrument=mode, size=(64, 64), stars=0, sky=sky).scene for sky in (15.0, 17.5))
    assert bright.camera.sky_rate == pytest.approx(10 * faint.camera.sky_rate)


def test_area_and_efficiency_have_a_mean_of_one(field: SimulatedSet) -> None:
    detector = field.scene.detector
    assert detector.area.mean(dtype=float) == pytest.approx(1.0, abs=1e-6)
    assert detector.qe[~detector.dead].mean(dtype=float) == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(detector.flat, detector.qe * detector.area)


def test_the_pixel_solid_angle_is_near_the_square_of_the_pixel_scale(field: SimulatedSet) -> None:
    camera = field.scene.camera
    assert camera.solid_angle == pytest.approx((0.004 / 206264.806) ** 2, rel=0.05)
    assert camera.pixel_area == pytest.approx(camera.solid_angle * 206264.806**2)


def test_the_dark_has_the_level_of_the_mode_away_from_hot_pixels(field: SimulatedSet) -> None:
    detector = field.scene.detector
    assert detector.dark[~detector.hot].mean() == pytest.approx(0.025, rel=0.01)
    assert detector.dark[detector.hot].min() > 4
    assert (detector.dark > 0).all()


def test_defects_have_their_share_and_their_bits(field: SimulatedSet) -> None:
    detector = field.scene.detector
    assert np.mean(detector.hot | detector.dead) == pytest.approx(0.01, abs=0.002)
    assert not (detector.hot & detector.dead).any()
    assert np.array_equal(detector.dark_dq, detector.hot * np.uint32(DQ.HOT | DQ.DO_NOT_USE))
    assert np.array_equal(detector.flat_dq, detector.dead * np.uint32(DQ.DEAD | DQ.DO_NOT_USE))
    assert not detector.qe[detector.dead].any()


def test_an_exposure_knows_of_some_of_the_defects(field: SimulatedSet) -> None:
    detector = field.scene.detector
    noticed = (detector.exposure_dq & DQ.DO_NOT_USE) != 0
    assert 0.3 < noticed.sum() / (detector.hot | detector.dead).sum() < 0.7
    assert not (noticed & ~(detector.hot | detector.dead)).any()


def test_no_defect_is_near_a_star_when_that_is_asked_for(mode: InstrumentMode) -> None:
    made = simulate(instrument=mode, size=(300, 300), stars=5, dithers=3, defects=0.2, clear=6, seed=1)
    detector = made.scene.detector
    for index in range(3):
        x, y = made.scene.positions(index)
        near = near_stars((300, 300), x, y, 6)
        assert near.sum() == 5 * 13**2
        assert not (near & (detector.hot | detector.dead)).any()


def test_stars_are_apart_from_each_other_and_from_the_edges(mode: InstrumentMode) -> None:
    x, y = simulate(instrument=mode, size=(400, 300), stars=20, separation=40, margin=15, seed=2).scene.positions(0)
    distance = np.hypot(x[:, np.newaxis] - x, y[:, np.newaxis] - y) + 1e9 * np.eye(20)
    assert distance.min() >= 40 - 1e-6
    assert min(x.min(), y.min()) >= 15 - 1e-6
    assert x.max() <= 399 - 15 + 1e-6
    assert y.max() <= 299 - 15 + 1e-6


def test_fluxes_are_uniform_in_the_logarithm(mode: InstrumentMode) -> None:
    made = simulate(instrument=mode, size=(512, 512), stars=400, separation=0, faintest=1e-7, brightest=1e-5)
    decades = np.log10(made.scene.stars.flux / 1e-7) / 2
    assert decades.min() >= 0
    assert decades.max() <= 1
    np.testing.assert_allclose(np.quantile(decades, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.06)


@pytest.mark.parametrize("integrations", [0, 4])
def test_the_brightest_possible_star_stays_below_the_full_well(mode: InstrumentMode, integrations: int) -> None:
    made = simulate(instrument=mode, size=(512, 512), stars=60, defects=0.0, integrations=integrations, seed=5)
    electrons = made.scene.rate(0).max() * 100 / max(integrations, 1)
    assert 30_000 < electrons < 90_000


def test_a_mode_without_a_full_well_never_saturates_and_needs_the_flux_of_its_stars(mode: InstrumentMode) -> None:
    facts = {name: item for name, item in mode.facts.items() if name != "saturation"}
    deep = dataclasses.replace(mode, facts=facts)
    with pytest.raises(InputError, match=r"'iris-imager' gives no saturation; .*'brightest'"):
        simulate(instrument=deep, size=(64, 64))
    exposure = simulate(instrument=deep, size=(64, 64), brightest=1e-3).exposure()
    assert not (exposure.dq & DQ.SATURATED).any()


def test_dithers_move_the_stars_and_not_the_sky(field: SimulatedSet) -> None:
    (x0, y0), (x1, y1) = field.scene.positions(0), field.scene.positions(1)
    moved = np.hypot(x1 - x0, y1 - y0)
    np.testing.assert_allclose(moved, 20.3, rtol=0.15)
    for index in (0, 1):
        x, y = field.scene.positions(index)
        sky = field.scene.pointings[index].to_sky(*field.scene.camera.optics.to_focal(x, y))
        np.testing.assert_allclose(sky, (field.scene.stars.ra, field.scene.stars.dec), atol=1e-12)


def test_detectors_look_at_their_own_part_of_the_field(mode: InstrumentMode) -> None:
    """IMG1 and IMG2 are 17.584 arcsec apart along x."""
    one, two = (
        simulate(instrument=mode, size=(64, 64), stars=1, detector=name).scene.stars for name in ("IMG1", "IMG2")
    )
    assert (one.ra[0] - two.ra[0]) * 3600 * np.cos(np.deg2rad(one.dec[0])) == pytest.approx(17.584, abs=0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filter": "Kb"}, r"no filter 'Kb'; did you mean 'Kbb'\? .*Ks, PaBeta"),
        ({"detector": "IMG9"}, "no detector 'IMG9'.*IMG1, IMG2, IMG3, IMG4"),
        ({"size": (5000, 64)}, "size 5000 x 64: IMG1 has 4096 x 4096 pixels"),
        ({"size": (8, 64)}, "16 x 16 is the least"),
        ({"stars": 50}, r"only \d+ of 50 stars fit into 64 x 64 pixels"),
        ({"margin": 40}, "no star is 40 pixels from every edge"),
        ({"exposure_time": 20000.0}, "the sky alone .* take a shorter exposure"),
        ({"faintest": 1.0}, "the faintest star, 1 Jy, is brighter"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_the_reason(
    mode: InstrumentMode, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        simulate(instrument=mode, **{"size": (64, 64), **changes})


def test_an_unknown_mode_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'nirc9'; did you mean 'nirc2-wide'\? .*iris-imager"):
        simulate(mode="nirc9")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 8))
def test_any_seed_gives_the_number_of_stars_asked_for(seed: int, stars: int) -> None:
    from iris_testkit import iris_mode

    made = simulate(instrument=iris_mode(), size=(128, 96), stars=stars, separation=10, seed=seed)
    assert len(made.truth()) == stars
