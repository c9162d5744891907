"""A halo that stars have in common: recovered from rings, with errors that are true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_catalog._halo import fit_halo, measure_halo
from iris_catalog._rings import Rings, measure_rings
from iris_catalog._scene import scene_of
from iris_photom_stars import Sources
from scipy.special import j0, j1

EDGES = np.append(np.linspace(6, 18, 9)[:-1], np.arange(18.0, 90.0, 3.0))
FLUX = np.array([40.0, 25.0, 20.0, 20.0])
HEIGHT, SCALE, SLOPE = 4e-4, 24.0, 3.0


def within(radius: Any, scale: float = SCALE, slope: float = SLOPE, height: float = HEIGHT) -> Any:
    """Return the light of a Moffat profile within radii, in closed form."""
    return height * np.pi * scale**2 / (slope - 1) * (1 - (1 + (np.asarray(radius) / scale) ** 2) ** (1 - slope))


def moffat_rings(noise: float, seed: int | None = None, **shape: float) -> Rings:
    """Return rings around four stars, on skies of 1 to 4, with a noise for each pixel."""
    area = np.pi * np.diff(EDGES**2)
    light = np.diff(within(EDGES, **shape)) / area
    sky = np.arange(1.0, 5.0)
    variance = np.tile(noise**2 / area, (4, 1))
    mean = FLUX[:, None] * light + sky[:, None]
    if seed is not None:
        mean = mean + np.random.default_rng(seed).standard_normal(mean.shape) * np.sqrt(variance)
    nobody = np.zeros((4, len(EDGES), 1))
    return Rings(
        edges=EDGES,
        mean=mean,
        variance=variance,
        apart=np.ones(1),
        neighbours=nobody,
        enclosed=np.ones(len(EDGES)),
        diffracted=nobody[..., 0],
    )


def airy_rings(noise: float, amount: float, seed: int | None = None, **shape: float) -> Rings:
    """Return rings with a halo and so much diffracted light; lambda/D is 3 pixels."""
    rings = moffat_rings(noise, seed, **shape)
    x = np.pi * EDGES / 3
    enclosed = 1 - j0(x) ** 2 - j1(x) ** 2
    light = np.outer(FLUX, np.diff(enclosed) / (np.pi * np.diff(EDGES**2)))
    diffracted = np.hstack([np.zeros((4, 1)), light])
    return replace(rings, mean=rings.mean + amount * light, enclosed=enclosed, diffracted=diffracted)


@settings(max_examples=15, deadline=None)
@given(st.floats(3.0, 40.0), st.floats(2.0, 4.0))
def test_the_light_of_any_scale_and_slope_is_found(scale: float, slope: float) -> None:
    halo = fit_halo(moffat_rings(1e-4, scale=scale, slope=slope), FLUX)
    true = within(halo.reach, scale, slope) - within(EDGES[0], scale, slope)
    assert halo.outside == pytest.approx(true, rel=0.03, abs=5e-4)
    assert halo.sky == pytest.approx(np.arange(1.0, 5.0), abs=1e-3)


def test_the_light_beyond_is_that_of_the_profile() -> None:
    halo = fit_halo(moffat_rings(1e-4), FLUX)
    assert halo.wings == pytest.approx(within(np.inf) - within(halo.reach), rel=0.1)
    assert (halo.scale, halo.slope) == (pytest.approx(SCALE, rel=0.1), pytest.approx(SLOPE, rel=0.1))
    assert halo.height == pytest.approx(HEIGHT * (1 + (EDGES[0] / SCALE) ** 2) ** -SLOPE, rel=0.1)
    assert halo.wings_error >= halo.wings / np.sqrt(3)


def test_light_that_falls_as_that_of_diffraction_may_be_beyond() -> None:
    """Beyond R a surface brightness that falls with r^-3 has ``2 pi R^2`` of it; a Moffat profile has less."""
    halo = fit_halo(moffat_rings(0.003), FLUX)
    start = halo.reach / 2
    diffracted = 2 * np.pi * start**3 / halo.reach * HEIGHT * (1 + (start / SCALE) ** 2) ** -SLOPE
    assert halo.wings_error == pytest.approx(diffracted - halo.wings, rel=0.15)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 1.1), st.sampled_from([0.0, HEIGHT]))
def test_diffracted_light_is_told_from_a_halo(amount: float, height: float) -> None:
    """Also that beyond the rings: Rayleigh's ``J0^2 + J1^2``."""
    rings = airy_rings(1e-4, amount, height=height)
    halo = fit_halo(rings, FLUX)
    beyond = within(np.inf, height=height) - within(EDGES[0], height=height) + amount * (1 - rings.enclosed[0])
    assert halo.diffracted == pytest.approx(amount, abs=0.06)
    assert halo.outside + halo.wings == pytest.approx(beyond, rel=0.02)


def test_the_light_of_a_known_pupil_is_certain_beyond_the_rings() -> None:
    """What falls with r^-3 is fitted, and need not be feared."""
    known, feared = airy_rings(0.001, 0.8, 1), replace(airy_rings(0.001, 0.8, 1), enclosed=np.ones(len(EDGES)))
    feared = replace(feared, diffracted=np.zeros_like(feared.diffracted))
    assert fit_halo(known, FLUX).wings_error < 0.5 * fit_halo(feared, FLUX).wings_error
    assert fit_halo(feared, FLUX).diffracted == 0


def test_noise_alone_is_no_diffracted_light() -> None:
    halo = fit_halo(airy_rings(0.003, 0.0, 3, height=0.0), FLUX)
    assert 0 <= halo.diffracted < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("amount", [0.0, 0.7])
def test_the_error_is_true_with_diffracted_light(amount: float) -> None:
    """Monte Carlo, of all light but that of the halo beyond the rings."""
    pulls = []
    for seed in range(40):
        rings = airy_rings(0.003, amount, seed)
        halo = fit_halo(rings, FLUX)
        true = within(halo.reach) - within(EDGES[0]) + amount * (1 - rings.enclosed[0])
        core = np.pi * EDGES[0] ** 2 * np.average((np.arange(1.0, 5.0) - halo.sky) / FLUX, weights=FLUX**2)
        left = 1 - np.interp(halo.reach, EDGES, rings.enclosed)
        pulls.append((halo.outside + halo.diffracted * left + core - true) / halo.error)
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(1.0, abs=0.35)


@pytest.mark.slow
def test_the_error_is_true() -> None:
    """Monte Carlo: (light outside and sky in the core - truth) over the error, with a standard deviation of 1."""
    pulls = []
    for seed in range(40):
        halo = fit_halo(moffat_rings(0.003, seed), FLUX)
        true = within(halo.reach) - within(EDGES[0])
        core = np.pi * EDGES[0] ** 2 * np.average((np.arange(1.0, 5.0) - halo.sky) / FLUX, weights=FLUX**2)
        pulls.append((halo.outside + core - true) / halo.error)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)
    assert abs(np.mean(pulls)) < 0.5


@pytest.mark.slow
def test_faint_stars_find_no_light_far_out_that_is_not_there() -> None:
    """Shapes that fall slowly fit noise as well as others, and have much light far out: 15 % of all was too much."""
    true, pulls, found = within(np.inf) - within(EDGES[0]), [], []
    for seed in range(40):
        halo = fit_halo(moffat_rings(0.03, seed), FLUX)
        core = np.pi * EDGES[0] ** 2 * np.average((np.arange(1.0, 5.0) - halo.sky) / FLUX, weights=FLUX**2)
        found.append(halo.outside + halo.wings + core)
        pulls.append((found[-1] - true) / np.hypot(halo.error, halo.wings_error))
    assert np.mean(found) == pytest.approx(true, rel=0.08)
    assert np.sqrt(np.mean(np.square(pulls))) < 1


def test_more_noise_reaches_less_far_and_knows_less() -> None:
    found = [fit_halo(moffat_rings(noise, 1), FLUX) for noise in (0.001, 0.003, 0.01)]
    assert found[0].reach > found[1].reach > found[2].reach
    assert found[0].error < found[1].error < found[2].error


def test_noise_alone_is_no_halo() -> None:
    rings = moffat_rings(0.003, 3, height=0.0)
    halo = fit_halo(rings, FLUX)
    assert halo.outside + halo.wings < 1e-3
    assert halo.outside >= 0


def test_rings_without_pixels_do_not_count() -> None:
    rings = moffat_rings(0.001)
    variance, mean = rings.variance.copy(), rings.mean.copy()
    variance[1, 3:6], mean[1, 3:6] = np.inf, 1e6
    halo = fit_halo(replace(rings, mean=mean, variance=variance), FLUX)
    assert halo.outside == pytest.approx(fit_halo(rings, FLUX).outside, rel=1e-3)


def test_rings_that_scatter_more_than_their_errors_make_the_error_larger() -> None:
    rings = moffat_rings(0.003, 4)
    proud = replace(rings, variance=rings.variance / 25)
    assert 0.5 < fit_halo(proud, FLUX).error / fit_halo(rings, FLUX).error < 2


def moffat_image(shape: tuple[int, int], places: Any, flux: Any) -> Any:
    down, across = np.indices(shape)
    profile = [HEIGHT * (1 + ((across - x) ** 2 + (down - y) ** 2) / SCALE**2) ** -SLOPE for x, y in places]
    return np.tensordot(flux, profile, axes=1)


def test_a_ring_has_the_mean_of_its_pixels_and_their_error(tools: Any) -> None:
    scene = scene_of(tools.on_sky((80, 80), np.full((80, 80), 3.0), 0.1, None))
    edges, places = np.array([5.2, 10.0, 20.0]), np.array([[40.0, 40.0]])
    rings = measure_rings(scene, Sources(places, np.ones(1)), np.array([0]), edges)
    down, across = np.indices((80, 80)) - 40
    distance = np.hypot(down, across)
    number = [np.count_nonzero((distance >= low) & (distance < high)) for low, high in ((5.2, 10), (10, 20))]
    assert rings.mean[0] == pytest.approx([3.0, 3.0], rel=1e-6)
    assert rings.variance[0] == pytest.approx(scene.variance[0, 0] / np.array(number), rel=1e-4)


def test_a_ring_outside_of_the_image_has_no_weight(tools: Any) -> None:
    scene = scene_of(tools.on_sky((80, 80), np.ones((80, 80)), 0.1, None))
    one = Sources(np.array([[40.0, 40.0]]), np.ones(1))
    rings = measure_rings(scene, one, np.array([0]), np.array([5.0, 60.0, 70.0]))
    assert np.isfinite(rings.variance[0]).tolist() == [True, False]
    assert rings.neighbours.shape[:2] == rings.diffracted.shape == (1, 3)


def test_halos_of_neighbours_are_taken_out(tools: Any) -> None:
    """A third star, as bright, between two: its halo would be theirs."""
    places, flux = np.array([[100.0, 100.0], [300.0, 100.0], [200.0, 130.0]]), np.array([4000.0, 3000.0, 3500.0])
    scene = scene_of(tools.on_sky((200, 400), 2 + moffat_image((200, 400), places, flux), 0.02, 1))
    halo = measure_halo(scene, Sources(places, flux), np.array([0, 1]), EDGES)
    true = within(halo.reach) - within(EDGES[0])
    assert halo.outside == pytest.approx(true, rel=0.03)
    assert halo.sky == pytest.approx([2.0, 2.0], abs=0.05)
