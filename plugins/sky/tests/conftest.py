"""Dithers whose truth is known: stars with halos, a sky that drifts, noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import Doubles, Exposure, Exposures

SKY, SIGMA, PIXEL = 1000.0, 10.0, 0.01  # electron/s, electron/s, arcsec
START = datetime(2026, 3, 1, 5, tzinfo=UTC)
# No vector between two of these occurs twice.
DITHERS = [
    (0, 0),
    (1, 0.3),
    (-0.4, 1),
    (0.7, -0.9),
    (-1, -0.5),
    (0.2, 0.6),
    (-0.75, 0.35),
    (0.45, -0.35),
    (-0.15, -0.85),
]


def header_of(offset: tuple[int, int], shape: tuple[int, int], angle: float = 0.0) -> dict[str, Any]:
    """Return the WCS of an image whose pixel (x, y) sees pixel (x + dx, y + dy) of the scene."""
    cosine, sine = np.cos(np.radians(angle)) * PIXEL / 3600, np.sin(np.radians(angle)) * PIXEL / 3600
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRPIX1": (shape[1] + 1) / 2 - offset[0],
        "CRPIX2": (shape[0] + 1) / 2 - offset[1],
        "CRVAL1": 150.1,
        "CRVAL2": 2.2,
        "CD1_1": -cosine,
        "CD1_2": sine,
        "CD2_1": sine,
        "CD2_2": cosine,
        "RADESYS": "ICRS",
    }


@dataclass(frozen=True)
class Dither:
    """A dither, and the light of the stars in each of its exposures, ``(n, ny, nx)``, without sky and noise.

    `levels` are those of the skies over that of the first.
    """

    exposures: list[Exposure]
    stars: Doubles
    places: Doubles
    fluxes: Doubles
    offsets: list[tuple[int, int]]
    levels: Doubles

    @property
    def group(self) -> Exposures:
        return Exposures.of(self.exposures)


def halo_star(radius: Doubles, core: float, halo: float, strehl: float = 0.3) -> Doubles:
    """Return a star of AO, flux 1: a Gaussian core and a Moffat halo (beta 2.5), their FWHM in pixels."""
    width = core / 2.3548
    alpha = halo / (2 * np.sqrt(2 ** (1 / 2.5) - 1))
    inner = np.exp(-0.5 * (radius / width) ** 2) / (2 * np.pi * width**2)
    outer = 1.5 / (np.pi * alpha**2) * (1 + (radius / alpha) ** 2) ** -2.5
    return np.asarray(strehl * inner + (1 - strehl) * outer)


def make_dither(
    number: int,
    *,
    size: int = 256,
    step: float = 60.0,
    stars: int = 12,
    brightest: float = 1e4,
    core: float = 4.0,
    halo: float = 12.0,
    drift: float = 0.05,
    additive: bool = False,
    pattern: float = 0.02,
    noise: bool = True,
    seed: int = 1,
    minutes: float = 1.5,
    places: Sequence[tuple[float, float]] = (),
) -> Dither:
    """Return exposures of stars with halos, whose peaks are from 3 to `brightest` standard deviations."""
    rng = np.random.default_rng(seed)
    offsets = [(round(step * x), round(step * y)) for x, y in DITHERS[:number]]
    edge = round(1.2 * step) + 10
    where = np.array(places) if len(places) else rng.uniform(-edge + 30, size + edge - 30, (stars, 2))
    peaks = SIGMA * np.geomspace(brightest, 3, len(where))
    at_peak = halo_star(np.zeros(1), core, halo)[0]
    fluxes = peaks / at_peak
    row, column = np.mgrid[-edge : size + edge, -edge : size + edge]
    scene = np.zeros(row.shape)
    for (x, y), flux in zip(where, fluxes, strict=True):
        scene += flux * halo_star(np.hypot(column - x, row - y), core, halo)
    y, x = np.mgrid[:size, :size] / size
    shape = 1 + pattern * np.sin(3 * x) * np.cos(4 * y)
    exposures, light = [], []
    for k, (dx, dy) in enumerate(offsets):
        part = scene[edge + dy : edge + dy + size, edge + dx : edge + dx + size]
        level = drift * k / max(1, number - 1)
        sky = SKY * (shape - level if additive else shape * (1 - level))
        value = sky + part
        exposure = make_exposure(
            (size, size),
            value=value,
            poisson=0.8 * SIGMA**2,
            rnoise=0.2 * SIGMA**2,
            seed=1000 * seed + k if noise else None,
            sci_header=header_of((dx, dy), (size, size)),
            path=Path(f"x{k}_rate.fits"),
            start_time=START + timedelta(minutes=minutes * k),
        )
        exposures.append(exposure)
        light.append(part)
    levels = 1 - drift * np.arange(number) / max(1, number - 1)
    return Dither(exposures, np.array(light), where, fluxes, offsets, levels)


@pytest.fixture(scope="session")
def dither() -> Any:
    """Return the function that makes a dither."""
    return make_dither


@pytest.fixture(scope="session")
def real() -> Path:
    """Return the folder of the real COSMOS01 dither."""
    folder = Path(__file__).parents[4] / "shared" / "data" / "nirc2_cosmos01_ks"
    if not folder.is_dir():
        pytest.skip("the COSMOS01 frames are not here: shared/data/nirc2_cosmos01_ks beside the project")
    return folder
