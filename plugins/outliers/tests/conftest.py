"""A field of stars, dithered exposures of it, and rays whose places are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling.models import AffineTransformation2D, Pix2Sky_TAN, RotateNative2Celestial, Shift
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_outliers import OutlierParams, flag_outliers
from iris_testkit import make_exposure
from scipy.special import erf

from iris_core import DQ, Doubles, Exposure, Exposures, Mask, References

SCALE, SKY, SECONDS, READ = 0.004, 20.0, 100.0, 0.1
SIGMA = float(np.sqrt(SKY / SECONDS + READ**2))  # of the sky, electron/s
Pair = tuple[float, float]
DITHERS: tuple[Pair, ...] = ((0, 0), (11.3, -7.6), (-9.45, 5.2), (6.7, 12.85), (-13.2, -10.4))


def make_wcs(offset: Pair, angle: float = 0.0) -> WCS:
    """Return a WCS whose pixel (0, 0) lies at `offset` [pixel] of the sky, turned by `angle` [deg]."""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = AffineTransformation2D(np.array([(cosine, -sine), (sine, cosine)]), translation=np.array(offset))
    scale = AffineTransformation2D(np.diag([-SCALE, SCALE]) / 3600)
    sky = turn | scale | Pix2Sky_TAN() | RotateNative2Celestial(150.1, 2.2, 180.0)
    frame = CelestialFrame(reference_frame=ICRS(), name="sky")
    return WCS([(Frame2D(name="detector", unit=(u.pix, u.pix)), Shift(0) & Shift(0) | sky), (frame, None)])


def draw_stars(shape: tuple[int, int], x: Doubles, y: Doubles, flux: Doubles, fwhm: float) -> Doubles:
    """Return the sum of Gaussian stars, integrated over each pixel."""
    width = fwhm / 2.3548 * np.sqrt(2)

    def along(size: int, place: Doubles) -> Doubles:
        edges = np.arange(size + 1) - 0.5
        return np.asarray(np.diff(erf((edges[:, np.newaxis] - place) / width), axis=0) / 2)

    return np.asarray(np.einsum("ik,jk,k->ij", along(shape[0], y), along(shape[1], x), flux, optimize=True))


@dataclass(frozen=True)
class Field:
    """Exposures of a field.

    Parameters
    ----------
    exposures
        With rays.
    rays
        By exposure, the pixels that rays have hit, ``(ny, nx)``.
    light
        By exposure, the light of the stars without noise, ``(ny, nx)``.
    places
        By exposure, x and y of the stars, ``(2, k)``.
    """

    exposures: tuple[Exposure, ...]
    rays: tuple[Mask, ...]
    light: tuple[Doubles, ...]
    places: tuple[Doubles, ...]

    def flag(self, **params: object) -> Exposures:
        return flag_outliers(Exposures.of(self.exposures), OutlierParams.model_validate(params), References())

    def rates(self, result: Exposures) -> Pair:
        """Return the fraction of the rays that were found, and of the pixels off sources that were not hit."""
        hit = found = wrong = blank = 0
        for index, rays in enumerate(self.rays):
            flagged = (result[index].dq & DQ.OUTLIER) != 0
            sky = self.light[index] < SIGMA / 10
            hit, found = hit + int(rays.sum()), found + int((rays & flagged).sum())
            wrong, blank = wrong + int((flagged & sky & ~grown(rays)).sum()), blank + int(sky.sum())
        return found / max(hit, 1), wrong / blank


def grown(rays: Mask) -> Mask:
    """Return the pixels of rays and the eight around each."""
    padded = np.pad(rays, 1)
    size = rays.shape
    return np.any([padded[r : r + size[0], c : c + size[1]] for r in range(3) for c in range(3)], axis=0)


def make_field(
    dithers: Sequence[Pair] = DITHERS,
    *,
    shape: tuple[int, int] = (256, 256),
    stars: int = 30,
    fwhm: float = 2.5,
    rays: int = 300,
    heights: Pair = (8.0, 200.0),
    seed: int = 1,
    noise: bool = True,
    angle: float = 0.0,
    fluxes: Pair = (1e3, 1e5),
) -> Field:
    """Return dithered exposures with `rays` single pixels hit in all of them together; the errors contain the rays."""
    rng = np.random.default_rng(seed)
    margin = 20
    x, y = margin + rng.random((2, stars)) * (np.array(shape[::-1])[:, np.newaxis] - 2 * margin)
    flux = np.geomspace(*fluxes, stars)
    made: list[tuple[Exposure, Mask, Doubles, Doubles]] = []
    for index, (dx, dy) in enumerate(dithers):
        turn = np.deg2rad(angle * index)
        inverse = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
        places = inverse @ np.stack([x - dx, y - dy])
        light = draw_stars(shape, *places, flux, fwhm)
        hit = np.zeros(shape, dtype=np.bool_)
        spots = rng.choice(hit.size, rays // len(dithers), replace=False)
        hit.ravel()[spots] = True
        value = SKY + light
        sigma = np.sqrt(value / SECONDS + READ**2)
        if noise:
            value = rng.normal(value, sigma)
        value[hit] += rng.uniform(*heights, hit.sum()) * sigma[hit]
        exposure = make_exposure(shape, value=value, poisson=np.maximum(value, 0) / SECONDS, rnoise=READ**2)
        exposure = exposure.replace(meta=replace(exposure.meta, path=Path(f"n{index}_cal.fits")))
        exposure = exposure.replace(wcs=make_wcs((dx, dy), angle * index))
        made.append((exposure, hit, light, places))
    return Field(*zip(*made, strict=True))  # type: ignore[arg-type]


@pytest.fixture(name="make_field")
def make_field_fixture() -> Callable[..., Field]:
    """Return the function that makes a field."""
    return make_field


@pytest.fixture(name="sigma")
def sigma_fixture() -> float:
    """Return the standard deviation of the sky in a pixel."""
    return SIGMA
