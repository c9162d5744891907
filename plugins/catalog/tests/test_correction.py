"""The aperture correction: closed forms of Gaussian stars, halos, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_catalog import CatalogParams
from iris_catalog._apertures import Background
from iris_catalog._correction import Correction, choose_correction
from iris_catalog._detect import find_sources
from iris_catalog._measure import measure_sources
from iris_catalog._scene import Scene, scene_of
from iris_testkit import make_reference

from iris_core import DQ


def correction_of(exposure: Any, **params: Any) -> Correction:
    return measure_sources(scene_of(exposure), CatalogParams(**params), None).correction


@pytest.fixture(name="field", scope="module")
def field_fixture(tools: Any) -> Any:
    return tools.make_field(noise_seed=None)


@pytest.fixture(name="scene", scope="module")
def scene_fixture(field: Any) -> Scene:
    return scene_of(field.truth)


@pytest.fixture(name="measured", scope="module")
def measured_fixture(field: Any) -> Correction:
    return correction_of(field.truth)


def test_the_radii_hold_30_50_and_70_per_cent(tools: Any, measured: Correction) -> None:
    """Of a Gaussian that is widened by the pixel, and by those across the circle."""
    width = np.hypot(tools.FWHM, 2.3548 / np.sqrt(6))
    for radius, share in zip(measured.radii, (0.3, 0.5, 0.7), strict=True):
        assert radius == pytest.approx(width / 2 * np.sqrt(-np.log2(1 - share)), rel=0.02)


def test_the_factor_is_all_light_over_that_in_the_circle(measured: Correction) -> None:
    assert measured.factor == pytest.approx(1 / np.array([0.3, 0.5, 0.7]), rel=0.03)
    assert np.all(np.diff(measured.error / measured.factor) < 0)
    assert measured.is_known


def test_the_stars_are_named(measured: Correction) -> None:
    assert 3 <= len(measured.stars) <= 12
    assert len(set(measured.stars.tolist())) == len(measured.stars)
    assert str(len(measured.stars)) in measured.origin


@settings(max_examples=20)
@given(st.floats(-2.0, 0.0), st.floats(0.0, 0.2))
def test_a_given_correction_is_a_factor(scene: Scene, magnitude: float, error: float) -> None:
    params = CatalogParams(correction=magnitude, correction_error=error)
    nothing = Background(level=np.empty(0), error=np.empty(0), corrfac=np.empty(0))
    found = choose_correction(scene, np.empty((0, 2)), np.empty(0, dtype=np.uint32), nothing, 3.0, params, None)
    assert found.factor[-1] == pytest.approx(10 ** (-0.4 * magnitude))
    assert found.error[-1] == pytest.approx(found.factor[-1] * error * np.log(10) / 2.5)
    assert np.isnan(found.factor[:2]).all()
    assert found.origin == "as given"


def test_a_saturated_star_does_not_count(tools: Any) -> None:
    field = tools.make_field((300, 320), np.linspace(17, 18, 5), apart=100.0, margin=50.0, noise_seed=None)
    before = correction_of(field.truth)
    columns, rows = np.rint(field.places).astype(int).T
    saturated = np.zeros(field.truth.shape, dtype=bool)
    saturated[rows[0], columns[0]] = True
    after = correction_of(field.truth.flag(saturated, DQ.SATURATED))
    assert len(after.stars) == len(before.stars) - 1
    saturated[rows[:3], columns[:3]] = True
    assert not correction_of(field.truth.flag(saturated, DQ.SATURATED)).is_known


def test_without_stars_the_radii_are_those_of_a_gaussian(tools: Any) -> None:
    found = correction_of(tools.on_sky((90, 90), np.ones((90, 90)), 0.02, 1), fwhm=4.0)
    assert not found.is_known
    for radius, share in zip(found.radii, (0.3, 0.5, 0.7), strict=True):
        assert 1 - 2 ** -((radius / 2) ** 2) == pytest.approx(share)


def test_radii_that_were_asked_for_are_kept(tools: Any, field: Any) -> None:
    found = correction_of(field.truth, radii=(1.0, 1.5, 2.5), fwhm=3.0)
    assert found.radii == pytest.approx((3.0, 4.5, 7.5))
    assert np.all(np.diff(found.factor) < 0)
    assert found.factor[-1] == pytest.approx(1.0, abs=2e-3)


def test_the_width_that_was_found_is_the_unit_of_the_radii(field: Any) -> None:
    scene = scene_of(field.truth)
    width = find_sources(scene, CatalogParams()).fwhm
    assert correction_of(field.truth, radii=(1.0, 2.0, 3.0)).radii == pytest.approx((width, 2 * width, 3 * width))


def with_halo(tools: Any, magnitude: Any, *, seed: int | None = None, noise: float = 0.02) -> tuple[Any, Any]:
    """Return stars of which 30 % is in a halo, whose light reaches into the ring of sky, and their fluxes."""
    shape = (420, 430)
    places = tools.spread_places(shape, len(magnitude), 100.0, 75.0, 1)
    light = tools.jansky(magnitude) / (1e6 * tools.AREA)
    image = 1 + tools.draw_stars(shape, *places.T, 0.7 * light, 3.0)
    for place, one in zip(places, light, strict=True):
        image += 0.3 * one * moffat(shape, place)
    return tools.on_sky(shape, image, noise, seed, filter="Ks"), places


def moffat(shape: tuple[int, int], place: Any, scale: float = 8.0) -> Any:
    """Return a Moffat profile of slope 3, whose light is 1."""
    down, across = np.indices(shape)
    square = (across - place[0]) ** 2 + (down - place[1]) ** 2
    return 2 / (np.pi * scale**2) * (1 + square / scale**2) ** -3.0


def test_the_light_of_a_halo_in_the_ring_of_sky_is_in_the_correction(tools: Any) -> None:
    magnitude = np.linspace(15.0, 17.0, 7)
    exposure, places = with_halo(tools, magnitude)
    result = tools.catalogue(exposure, radii=(1.0, 2.0, 4.0))
    table, (index, _) = result.tables["cat"], tools.matched(result, places)
    ratio = table["aper_total_flux"].value[index] / tools.jansky(magnitude)
    stated = table.meta["aper70_correction_err"] / table.meta["aper70_correction"]
    assert stated < 0.01
    assert np.mean(ratio) == pytest.approx(1.0, abs=stated)
    assert np.ptp(ratio) < 1e-3


def test_a_psf_with_a_halo_gives_the_correction_of_its_stars(tools: Any, tmp_path: Path) -> None:
    magnitude = np.linspace(15.0, 17.0, 7)
    exposure, places = with_halo(tools, magnitude)
    star = tools.draw_stars((141, 141), [70.0], [70.0], [0.7], 3.0) + 0.3 * moffat((141, 141), (70.0, 70.0))
    psf = make_reference(tmp_path / "psf.fits", "psf", star)
    result = tools.catalogue(exposure, psf=psf, radii=(1.0, 2.0, 4.0))
    table, (index, _) = result.tables["cat"], tools.matched(result, places)
    assert table["aper_total_flux"].value[index] == pytest.approx(tools.jansky(magnitude), rel=0.005)


@pytest.mark.slow
def test_light_beyond_the_rings_is_that_of_the_profile(tools: Any) -> None:
    """Noise ends the rings at some 20 pixels, beyond which the halo has 0.5 % of the light; its own error is stated."""
    magnitude = np.linspace(16.0, 18.0, 7)
    ratios, stated = [], []
    for seed in range(6):
        exposure, places = with_halo(tools, magnitude, seed=seed, noise=0.06)
        result = tools.catalogue(exposure, radii=(1.0, 2.0, 4.0))
        table, (index, _) = result.tables["cat"], tools.matched(result, places)
        ratios.append(np.median(table["aper_total_flux"].value[index] / tools.jansky(magnitude)))
        stated.append(table.meta["aper70_correction_err"] / table.meta["aper70_correction"])
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.0015)
    assert np.std(ratios) < 1.5 * np.mean(stated)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "size"), [(12, 256), (40, 384)])
def test_the_error_of_the_correction_is_true_where_stars_are_few_and_close(tools: Any, number: int, size: int) -> None:
    """Stars 20 pixels apart with 40 % in a halo: totals were up to 10 errors too small."""
    pulls = []
    for seed in range(5):
        magnitude = np.random.default_rng(seed).uniform(15.5, 19.5, number)
        places = tools.spread_places((size, size), number, 20.0, 6.0, seed)
        light = tools.jansky(magnitude) / (1e6 * tools.AREA)
        image = 1 + tools.draw_stars((size, size), *places.T, 0.6 * light, 3.0)
        for place, one in zip(places, light, strict=True):
            image += 0.4 * one * moffat((size, size), place, 20.0)
        result = tools.catalogue(tools.on_sky((size, size), image, 0.05, seed, filter="Ks"))
        table, (index, _) = result.tables["cat"], tools.matched(result, places)
        bright = (index >= 0) & (magnitude < 17.5)
        ratio = table["aper_total_flux"].value[index][bright] / tools.jansky(magnitude[bright])
        stated = table.meta["aper70_correction_err"] / table.meta["aper70_correction"]
        pulls.append((np.nanmedian(ratio) - 1) / stated)
    assert np.sqrt(np.mean(np.square(pulls))) < 1.2


@pytest.mark.slow
@pytest.mark.parametrize("halo", [0.0, 0.4])
def test_the_diffracted_light_of_a_known_pupil_is_in_the_correction(tools: Any, halo: float) -> None:
    """Of a pupil of 10 m, 3.1 pixels to the FWHM, totals were 1.3 to 1.7 % too small where 0.8 % was stated."""
    scale, pulls, stated = 0.0147, [], []
    for seed in range(4):
        magnitude = np.random.default_rng(seed).uniform(15.5, 19.5, 40)
        places = tools.spread_places((384, 384), 40, 20.0, 6.0, seed)
        light = tools.jansky(magnitude) / (1e6 * tools.AREA * (scale / tools.SCALE) ** 2)
        image = 1 + (1 - halo) * tools.draw_airy((384, 384), places, light, scale)
        for place, one in zip(places, light, strict=True):
            image += halo * one * moffat((384, 384), place, 20.0)
        exposure = tools.on_sky((384, 384), image, 2.0, seed, scale, filter="Ks")
        result = tools.catalogue(exposure, tools.keck())
        table, (index, _) = result.tables["cat"], tools.matched(result, places)
        bright = (index >= 0) & (magnitude < 17.5)
        ratio = table["aper_total_flux"].value[index][bright] / tools.jansky(magnitude[bright])
        stated.append(table.meta["aper70_correction_err"] / table.meta["aper70_correction"])
        pulls.append((np.nanmedian(ratio) - 1) / stated[-1])
    assert np.sqrt(np.mean(np.square(pulls))) < 1.2
    assert np.median(stated) < (0.025 if halo else 0.007)


def test_totals_of_bright_and_faint_stars_are_alike(tools: Any) -> None:
    """Though the pixels above the threshold reach farther around bright ones, into the ring of sky."""
    magnitude = np.array([13.5, 13.6, 14.0, 17.0, 17.5, 18.0, 18.0])
    exposure, places = with_halo(tools, magnitude, seed=5)
    result = tools.catalogue(exposure)
    index, _ = tools.matched(result, places)
    ratio = result.tables["cat"]["aper_total_flux"].value[index] / tools.jansky(magnitude)
    assert np.median(ratio[:3]) == pytest.approx(np.median(ratio[3:]), abs=0.006)
