"""Errors of circles on mosaics, on stars and on sky: scatter over realisations of the noise of one scene."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_catalog._apertures import measure_background, measure_sums
from iris_catalog._scene import scene_of
from iris_resample import MosaicParams, combine
from iris_testkit import iris_mode

from iris_core import Doubles, Exposure, Exposures, References

SIZE, APART, FWHM, NOISE, ELECTRON = 150, 30.0, 3.0, 0.3, 0.015
RADII = (1.0, 2.0, 4.0)  # FWHM
FLUX = np.array([0.0, 30.0, 300.0, 3e4])  # sky to photon noise only


def scene_places() -> Doubles:
    """Return places of stars, at all phases, ``(16, 2)``."""
    steps = np.arange(4) * APART + 30.3
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    return grid + np.random.default_rng(8).random((16, 2))


def exposures_of(tools: Any, images: list[Doubles], random: np.random.Generator | None) -> list[Exposure]:
    """Return five dithers, turned against each other by their shifts alone, with noise or without."""
    made = []
    for number, (image, (dx, dy)) in enumerate(zip(images, tools.DITHERS, strict=True)):
        variance = NOISE**2 + ELECTRON * image
        noise = 0 if random is None else random.standard_normal(image.shape) * np.sqrt(variance)
        start = datetime(2026, 8, 1, tzinfo=UTC) + timedelta(seconds=200 * number)
        one = tools.on_sky(image.shape, image, NOISE, None, start_time=start, path=Path(f"e{number}_cal.fits"))
        one = one.replace(
            data=image + noise, variance={"poisson": variance - NOISE**2, "rnoise": np.full(image.shape, NOISE**2)}
        )
        made.append(tools.shifted(one, dx, dy))
    return made


def pulls(tools: Any, number: int) -> Doubles:
    """Return scatter over error of each star in each circle, squared, ``(radii, stars)``."""
    places, flux = scene_places(), np.tile(FLUX, 4)
    images = [tools.draw_stars((SIZE, SIZE), *(places + shift).T, flux, FWHM) for shift in tools.DITHERS]
    random, fluxes, errors, where = np.random.default_rng(3), [], [], np.empty(0)
    for _ in range(number):
        mosaic = combine(Exposures.of(exposures_of(tools, images, random)), MosaicParams(), References(), iris_mode())
        scene = scene_of(mosaic)
        if not where.size:
            first = exposures_of(tools, images, None)[0]
            sky = first.wcs(*(places + np.array(tools.DITHERS[0])).T)  # type: ignore[misc]
            where = np.column_stack(mosaic.wcs.invert(*sky))  # type: ignore[union-attr]
        background = measure_background(scene, np.zeros(scene.frame.shape, dtype=bool), where, (4.2 * FWHM, 6 * FWHM))
        sums = [measure_sums(scene, where, radius * FWHM, background) for radius in RADII]
        fluxes.append([one.flux for one in sums])
        errors.append([one.error for one in sums])
    return np.asarray(np.var(fluxes, axis=0, ddof=1) / np.mean(np.square(errors), axis=0))


@pytest.mark.slow
def test_errors_of_circles_are_about_true(tools: Any) -> None:
    """16 places and 8 realisations know the ratio to 7 %, all radii and places together to 4 %."""
    found = pulls(tools, 8)
    assert np.sqrt(found.mean()) == pytest.approx(1.0, abs=0.08)


@pytest.mark.acceptance
def test_errors_of_circles_are_true_at_all_brightnesses_and_radii(tools: Any) -> None:
    """150 realisations know each ratio of 4 places to 3 %."""
    found = pulls(tools, 150)
    by_flux = np.sqrt(found.reshape(len(RADII), 4, len(FLUX)).mean(axis=1))
    assert by_flux == pytest.approx(np.ones_like(by_flux), abs=0.03 + 0.03 * 2)
    assert np.sqrt(found.mean(axis=1)) == pytest.approx(np.ones(len(RADII)), abs=0.03)
