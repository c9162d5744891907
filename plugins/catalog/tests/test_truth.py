"""Fluxes, errors, limits and Strehl ratios against what is known in closed form or by Monte Carlo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_catalog import CatalogParams
from iris_catalog._apertures import Background, measure_background, measure_sums
from iris_catalog._detect import find_sources
from iris_catalog._diffraction import Diffraction
from iris_catalog._measure import measure_stars
from iris_catalog._scene import scene_of
from iris_testkit import add_wcs, make_exposure
from scipy.special import erf

SHAPE, NOISE = (700, 720), 1.1
RADII = (1, 2, 4)


@pytest.fixture(name="stars", scope="module")
def stars_fixture(tools: Any) -> tuple[Any, Any]:
    """Return places and magnitudes of 200 stars of 18 to 24 mag, in no order."""
    magnitude = np.random.default_rng(3).permutation(np.linspace(18, 24, 200))
    return tools.spread_places(SHAPE, 200, 34, 26, 5), magnitude


def test_a_noise_free_star_has_its_flux_within_each_radius(tools: Any) -> None:
    """Of a Gaussian, 1 - 2^-(2r/FWHM)^2 lies within r; it is widened by pixels, and by those across the circle."""
    field = tools.make_field(noise_seed=None)
    result = tools.catalogue(field.truth, radii=RADII, fwhm=3.1)
    table, (index, distance) = result.tables["cat"], tools.matched(result, field.places)
    assert np.all(index >= 0)
    assert distance.max() < 1e-3
    width = np.hypot(tools.FWHM, 2.3548 / np.sqrt(6))
    for name, radius in zip(("30", "50", "70"), RADII, strict=True):
        share = 1 - 2 ** -((2 * radius * 3.1 / width) ** 2)
        assert table[f"aper{name}_flux"].value[index] == pytest.approx(share * field.flux, rel=0.006)
    assert table["aper_total_flux"].value[index] == pytest.approx(field.flux, rel=1e-3)
    assert table["aper_total_abmag"].value[index] == pytest.approx(field.magnitude, abs=1e-3)


def test_apertures_of_the_usual_radii_hold_30_50_and_70_per_cent(tools: Any) -> None:
    field = tools.make_field(noise_seed=None)
    result = tools.catalogue(field.truth)
    table, (index, _) = result.tables["cat"], tools.matched(result, field.places)
    for name in ("30", "50", "70"):
        share = np.mean(table[f"aper{name}_flux"].value[index] / field.flux)
        assert share == pytest.approx(float(name) / 100, abs=0.01)


@pytest.mark.acceptance
def test_errors_of_drizzled_fluxes_are_true(tools: Any, stars: tuple[Any, Any]) -> None:
    """Of five dithers on one grid, in 1, 2 and 4 FWHM, (flux - truth) / err has a standard deviation of 1."""
    places, magnitude = stars
    flux = tools.jansky(magnitude)
    truth = scene_of(tools.make_mosaic(SHAPE, places, magnitude, noise=NOISE, seed=None))
    sky = Background(level=np.ones(200), error=np.zeros(200), corrfac=np.ones(200))
    pulls: dict[int, list[Any]] = {radius: [] for radius in RADII}
    for seed in range(1, 9):
        scene = scene_of(tools.make_mosaic(SHAPE, places, magnitude, noise=NOISE, seed=seed))
        found = find_sources(scene, CatalogParams())
        background = measure_background(scene, found.labels != 0, places, (5 * found.fwhm, 8 * found.fwhm))
        for radius in RADII:
            sums = measure_stars(scene, places, radius * found.fwhm, background, found.fwhm)
            share = np.mean(measure_sums(truth, places, radius * found.fwhm, sky).flux * truth.factor / flux)
            pulls[radius].append((sums.flux - share * flux / scene.factor) / sums.error)
    for radius in RADII:
        assert np.std(pulls[radius]) == pytest.approx(1.0, abs=0.03 + 1 / np.sqrt(2 * 8 * 200)), radius
        assert abs(np.mean(pulls[radius])) < 0.1, radius


@pytest.mark.acceptance
def test_half_of_the_stars_at_the_limit_are_found(tools: Any, stars: tuple[Any, Any]) -> None:
    """The completeness falls to 50 % at MAGLIM; MAGRAT is 1, the total as good as its error."""
    from scipy.optimize import curve_fit

    places, magnitude = stars

    def completeness(mag: Any, half: float, width: float) -> Any:
        return (1 - erf((mag - half) / width)) / 2

    found, limits, wrong, pulls = np.zeros(200), [], 0, []
    for seed in range(20, 24):
        result = tools.catalogue(tools.make_mosaic(SHAPE, places, magnitude, noise=NOISE, seed=seed))
        index, _ = tools.matched(result, places)
        header, table = result.exposure.sci_header, result.tables["cat"]
        found += index >= 0
        limits.append(header["MAGLIM"])
        wrong += len(table) - np.count_nonzero(index >= 0)
        assert 0.93 < header["MAGRAT"] < 1.07
        bright = (index >= 0) & (magnitude < 19.5)
        off = np.mean(table["aper_total_flux"].value[index][bright] / tools.jansky(magnitude[bright])) - 1
        pulls.append(off * table.meta["aper70_correction"] / table.meta["aper70_correction_err"])
    (half, _), _ = curve_fit(completeness, magnitude, found / 4, p0=(22.8, 0.3), bounds=((18, 0.01), (26, 2)))
    assert half == pytest.approx(np.mean(limits), abs=0.2)
    assert wrong <= 3
    assert np.sqrt(np.mean(np.square(pulls))) < 1.9


def test_errors_that_do_not_know_of_shared_noise_are_noticed(tools: Any, stars: tuple[Any, Any]) -> None:
    """Without CORRFAC the scatter of empty apertures is a third larger than the errors say: a warning."""
    places, magnitude = stars
    mosaic = tools.make_mosaic((300, 300), places[:0], magnitude[:0], noise=NOISE, seed=1)
    unaware = mosaic.with_keywords({"CORRFAC": (1.0, "")})
    wide = {"fwhm": 3.4, "radii": (1.0, 1.5, 2.0)}
    result = tools.catalogue(unaware, **wide)
    assert result.exposure.sci_header["MAGRAT"] > 1.25
    assert any("MAGRAT" in note for note in result.exposure.notes)
    assert not any("MAGRAT" in note for note in tools.catalogue(mosaic, **wide).exposure.notes)


@pytest.mark.acceptance
@pytest.mark.parametrize(("halo", "strehl"), [(0.0, 1.0), (0.697, 0.303)])
def test_the_strehl_ratio_of_a_model_with_a_halo_is_that_of_its_core(tools: Any, halo: float, strehl: float) -> None:
    places = np.array([[220.3, 221.1], [661.77, 219.4], [220.05, 660.5], [659.6, 658.2]])
    wide = 0.5 / 0.01
    image = 1e4 * (1 - halo) * tools.draw_airy((880, 880), places, np.ones(4), 0.01, over=5)
    image += 1e4 * halo * tools.draw_stars((880, 880), *places.T, np.ones(4), wide)
    noise = {"poisson": 1e-4, "rnoise": 1e-6, "unit": "MJy/sr", "filter": "Ks"}
    exposure = add_wcs(make_exposure((880, 880), value=image, **noise), 0.01)
    header = tools.catalogue(exposure, tools.keck(), total=30.0).exposure.sci_header
    assert header["STREHL"] == pytest.approx(strehl, abs=0.01)
    assert header["STREHRAD"] > 0.6


def test_the_diffraction_model_has_all_light() -> None:
    """Within many lambda/D; with an obstruction, less in the core."""
    clear = Diffraction(diameter=10.0, obstruction=0.0, waves=(2.2,))
    ring = Diffraction(diameter=10.0, obstruction=0.25, waves=(2.2,))
    assert clear.within(30.0) == pytest.approx(1.0, abs=2e-3)
    assert ring.within(30.0) == pytest.approx(1.0, abs=2e-3)
    # the first dark ring of an Airy disc holds 83.8 %
    assert clear.within(1.2197 * np.rad2deg(2.2e-7) * 3600) == pytest.approx(0.838, abs=1e-3)
    assert ring.within(1.2197 * np.rad2deg(2.2e-7) * 3600) < 0.8
    assert clear.in_pixel(np.zeros((1, 2)), 1e-3)[0] == pytest.approx(
        np.pi * (10 / 2.2e-6) ** 2 / 4 * np.deg2rad(1e-3 / 3600) ** 2, rel=1e-3
    )
