"""Rays on crowded, undersampled fields: how many are found, and how many stars are taken for rays."""

from __future__ import annotations

from dataclasses import dataclass

import iris_cosmic_rays
import numpy as np
import pytest
from iris_testkit import make_exposure, run_stage
from scipy.special import erf

from iris_core import DQ, Doubles, Exposure, Mask

SIZE, SKY, READ_NOISE, SECONDS = 256, 2000.0, 15.0, 100.0  # pixels, electrons, electrons, s


@dataclass(frozen=True)
class Field:
    """A noisy image of stars, electrons, with and without rays.

    Parameters
    ----------
    clean, hit
        ``(ny, nx)``: without rays, and with them.
    stars
        ``(ny, nx)``: the light of the stars alone, without noise.
    rays
        Where rays were added.
    cores
        ``(n, 2)``: row and column of the brightest pixel of each star.
    """

    clean: Doubles
    hit: Doubles
    stars: Doubles
    rays: Mask
    cores: np.ndarray[tuple[int, int], np.dtype[np.int64]]

    @property
    def noise(self) -> Doubles:
        return np.asarray(np.sqrt(self.stars + SKY + READ_NOISE**2))

    @property
    def bright_cores(self) -> Mask:
        """Which stars stand out by 10 standard deviations in their brightest pixel."""
        rows, columns = self.cores.T
        return np.asarray(self.stars[rows, columns] > 10 * self.noise[rows, columns])


def make_field(fwhm: float, seed: int = 1, stars: int = 400, rays: int = 100) -> Field:
    """Return a field of stars of 300 to 300 000 electrons, of the given FWHM in pixels, up to the edges."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.5, SIZE - 0.5, (stars, 2))
    light = np.zeros((SIZE + 40, SIZE + 40))
    for place, flux in zip(places, 10 ** rng.uniform(2.5, 5.5, stars), strict=True):
        row, column = np.rint(place).astype(int)
        profiles = [_profile(position, fwhm) for position in place]
        light[row + 10 : row + 31, column + 10 : column + 31] += flux * np.outer(*profiles)
    light = light[20:-20, 20:-20]
    clean = rng.poisson(light + SKY) + rng.normal(0, READ_NOISE, light.shape)
    tracks = _tracks(rng, rays)
    return Field(clean, clean + tracks, light, tracks > 0, np.rint(places).astype(int).clip(0, SIZE - 1))


def _profile(position: float, fwhm: float) -> Doubles:
    """Return the light of a star in the pixels along one axis, from 10 before its own to 10 after."""
    edges = np.arange(-10, 12) - 0.5 + np.rint(position) - position
    return np.asarray(np.diff(erf(edges / (fwhm / 2.3548 * np.sqrt(2)))) / 2)


def _tracks(rng: np.random.Generator, count: int) -> Doubles:
    """Return rays of 1 to 4 pixels, each pixel with 8 to 200 times the noise of the sky."""
    image = np.zeros((SIZE, SIZE))
    for _ in range(count):
        row, column = rng.integers(4, SIZE - 4, 2)
        angle, height = rng.uniform(0, np.pi), rng.uniform(8, 200) * np.hypot(READ_NOISE, np.sqrt(SKY))
        for step in range(rng.integers(1, 5)):
            image[round(row + step * np.sin(angle)), round(column + step * np.cos(angle))] = height
    return image


def flagged(image: Doubles, errors: bool = True, **params: float) -> Mask:
    """Return what the stage flags of an image in electrons."""
    variance = (np.maximum(image, 0), READ_NOISE**2)
    exposure = make_exposure(
        image.shape,
        value=image / SECONDS,
        poisson=variance[0] / SECONDS**2,
        rnoise=variance[1] / SECONDS**2,
        read_mode="CDS",
    )
    exposure = exposure if errors else exposure.replace(variance={})
    result: Exposure = run_stage(iris_cosmic_rays, exposure, **params)
    dq = np.asarray(result.dq)
    assert np.array_equal(dq != 0, dq == (DQ.OUTLIER | DQ.DO_NOT_USE))
    assert np.array_equal(np.isnan(result.data), dq != 0)
    return np.asarray(dq != 0)


@pytest.mark.parametrize("errors", [True, False])
@pytest.mark.parametrize("fwhm", [1.5, 2.2])
@pytest.mark.slow
def test_rays_are_found_and_stars_are_kept(fwhm: float, errors: bool) -> None:
    """98 % of the pixels of rays on the sky; of the cores of stars 1 in 100, of the sky 1 pixel in 10 000."""
    field = make_field(fwhm)
    found = flagged(field.hit, errors)
    sky = field.stars < 5 * field.noise
    assert (found & field.rays & sky).sum() > 0.98 * (field.rays & sky).sum()
    clean = flagged(field.clean, errors)
    assert clean[*field.cores[field.bright_cores].T].mean() < 0.01
    assert clean[field.stars < field.noise].mean() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("contrast", "lost"), [(10.0, 0.06), (20.0, 0.02)])
def test_the_most_undersampled_stars_need_more_contrast(contrast: float, lost: float) -> None:
    """FWHM 1.2 pixels: nearly all light in one pixel, as a ray's."""
    field = make_field(1.2)
    found, clean = (flagged(image, contrast=contrast) for image in (field.hit, field.clean))
    sky = field.stars < 5 * field.noise
    assert (found & field.rays & sky).sum() > 0.95 * (field.rays & sky).sum()
    assert clean[*field.cores[field.bright_cores].T].mean() < lost


def test_stars_at_the_edges_are_kept() -> None:
    """One in 20 or less; without the margin it is one in 4."""
    field = make_field(2.2, stars=1000)
    at_edge = field.bright_cores & ((field.cores < 6) | (field.cores > SIZE - 7)).any(axis=1)
    assert at_edge.sum() > 40
    assert flagged(field.clean)[*field.cores[at_edge].T].mean() < 0.06


def test_a_hot_pixel_and_an_over_subtracted_one_are_flagged() -> None:
    """On a sky without stars: 30 times the noise up, 10 times down."""
    rng = np.random.default_rng(3)
    noise = np.sqrt(SKY + READ_NOISE**2)
    image = SKY + rng.normal(0, noise, (128, 128))
    image[40, 50] += 30 * noise
    image[0, 127] += 30 * noise
    image[80, 90] -= 10 * noise
    found = flagged(image)
    assert found[[40, 0, 80], [50, 127, 90]].all()
    assert found.sum() < 8
