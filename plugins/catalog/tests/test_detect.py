"""Which pixels are of sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_catalog import CatalogParams
from iris_catalog._detect import _grown, find_sources
from iris_catalog._scene import scene_of
from scipy.ndimage import maximum_filter

from iris_core import DQ

SIZE = (120, 130)


def detect(exposure: Any, **params: Any) -> Any:
    return find_sources(scene_of(exposure), CatalogParams(fwhm=3.1, **params))


def starry(tools: Any, x: list[float], flux: list[float], seed: int = 1, noise: float = 0.02) -> Any:
    value = 1 + tools.draw_stars(SIZE, x, [60.0] * len(x), flux)
    return tools.on_sky(SIZE, value, noise, seed)


def test_each_star_has_a_label_and_the_sky_has_none(tools: Any) -> None:
    found = detect(starry(tools, [30.0, 60.0, 90.0], [20.0] * 3))
    assert sorted(found.labels[60, [30, 60, 90]]) == [1, 2, 3]
    assert found.labels.max() == 3
    assert np.mean(found.labels != 0) < 0.05


def test_noise_alone_is_no_source(tools: Any) -> None:
    for seed in range(5):
        assert not detect(tools.on_sky(SIZE, np.ones(SIZE), 0.02, seed)).labels.any()


def test_a_higher_threshold_finds_less(tools: Any) -> None:
    exposure = starry(tools, [30.0, 60.0, 90.0], [1.0, 3.0, 20.0], noise=0.05)
    numbers = [detect(exposure, detection=detection).labels.max() for detection in (3.0, 8.0, 40.0)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] < numbers[0]


def test_the_threshold_follows_the_noise_of_the_image(tools: Any) -> None:
    """Four times the noise in one half: its faint star is lost, the same one in the other half is found."""
    value = 1 + tools.draw_stars(SIZE, [30.0, 100.0], [60.0, 60.0], [1.5, 1.5])
    quiet, loud = (tools.on_sky(SIZE, value, noise, 3) for noise in (0.02, 0.2))
    left = np.arange(SIZE[1]) < 65
    mixed = quiet.replace(
        data=np.where(left, quiet.data, loud.data),
        variance={name: np.where(left, quiet.variance[name], loud.variance[name]) for name in quiet.variance},
    )
    labels = detect(mixed).labels
    assert labels[60, 30] != 0
    assert labels[60, 100] == 0
    assert not labels[:, 65:].any()


def test_a_bad_pixel_is_of_no_source(tools: Any) -> None:
    bad = np.zeros(SIZE, dtype=bool)
    bad[60, 30] = True
    exposure = starry(tools, [30.0, 60.0], [200.0, 200.0]).flag(bad, DQ.DO_NOT_USE)
    labels = detect(exposure).labels
    assert labels[60, 30] == 0
    assert labels[60, 60] != 0


def test_a_gradient_of_the_sky_is_no_source(tools: Any) -> None:
    slope = 1 + 0.01 * np.arange(SIZE[1]) * np.ones(SIZE)
    assert not detect(tools.on_sky(SIZE, slope, 0.02, 2)).labels.any()


def test_the_width_is_measured_where_it_is_not_given(tools: Any) -> None:
    field = tools.make_field((200, 200), np.linspace(17, 19, 6), fwhm=4.0, apart=45.0, margin=25.0)
    found = find_sources(scene_of(field.exposure), CatalogParams())
    assert found.fwhm == pytest.approx(4.1, abs=0.15)
    assert found.notes == ()


def test_without_a_star_a_usual_width_is_taken_and_said(tools: Any) -> None:
    found = find_sources(scene_of(tools.on_sky(SIZE, np.ones(SIZE), 0.02, 1)), CatalogParams())
    assert found.fwhm == 2.5
    assert "2.5 pixels" in found.notes[0]
    assert not found.labels.any()


@pytest.mark.parametrize(("deblend", "number"), [(True, 2), (False, 1)])
def test_stars_that_touch_are_separated_on_demand(tools: Any, deblend: bool, number: int) -> None:
    assert detect(starry(tools, [60.0, 67.0], [900.0, 600.0]), deblend=deblend).labels.max() == number


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_a_mask_grows_by_squares(reach: int) -> None:
    mask = np.random.default_rng(1).random((40, 50)) > 0.97
    assert np.array_equal(_grown(mask, reach), maximum_filter(mask, 2 * reach + 1))


@pytest.mark.parametrize("seed", range(3))
def test_noise_on_a_nebula_is_no_source_and_stars_on_it_are(tools: Any, seed: int) -> None:
    """There noise has peaks that touch each other, all far above what the noise of the sky reaches."""
    rows, columns = np.indices(SIZE)
    nebula = 3.0 * (np.hypot(columns - 60, rows - 60) < 30)
    value = 1 + nebula + tools.draw_stars(SIZE, [60.0, 75.0], [60.0, 60.0], [100.0, 100.0])
    labels = detect(tools.on_sky(SIZE, value, 0.5, seed)).labels
    assert labels.max() == 2
    assert labels[60, 60] != labels[60, 75]


def halo(across: Any, down: Any, x: float, height: float) -> Any:
    return height * (1 + ((across - x) ** 2 + (down - 60) ** 2) / 400) ** -3.0


def test_noise_at_the_edge_of_a_halo_is_no_source(tools: Any) -> None:
    """The halo alone is above the threshold out to 20 to 30 pixels; noise would be in some ten places farther out."""
    down, across = np.indices(SIZE)
    for seed in range(4):
        value = 1 + tools.draw_stars(SIZE, [65.0], [60.0], [40.0]) + halo(across, down, 65.0, 0.12)
        assert detect(tools.on_sky(SIZE, value, 0.02, seed)).labels.max() == 1


def test_a_star_on_the_edge_of_a_halo_is_a_source(tools: Any) -> None:
    down, across = np.indices(SIZE)
    value = 1 + tools.draw_stars(SIZE, [65.0, 92.0], [60.0, 60.0], [40.0, 1.5]) + halo(across, down, 65.0, 0.12)
    labels = detect(tools.on_sky(SIZE, value, 0.02, 1)).labels
    assert labels.max() == 2
    assert labels[60, 92] != labels[60, 65]


def test_a_star_among_brighter_ones_is_a_source(tools: Any) -> None:
    """Their light is in the median of what is around it."""
    angle = np.arange(6) * np.pi / 3
    x, y = np.append(65 + 9 * np.cos(angle), 65.0), np.append(60 + 9 * np.sin(angle), 60.0)
    value = 1 + tools.draw_stars(SIZE, x, y, np.append(np.full(6, 500.0), 8.0))
    labels = detect(tools.on_sky(SIZE, value, 0.05, 1)).labels
    assert labels.max() == 7
    assert labels[60, 65] != 0


def test_a_faint_galaxy_beside_a_star_is_a_source(tools: Any) -> None:
    """Larger than what is looked at around a peak: it does not rise above that."""
    down, across = np.indices(SIZE)
    galaxy = 0.07 * np.exp(-0.5 * ((across - 85) ** 2 + (down - 60) ** 2) / 12**2)
    value = 1 + tools.draw_stars(SIZE, [45.0], [60.0], [40.0]) + galaxy
    assert detect(tools.on_sky(SIZE, value, 0.02, 1)).labels[60, 85] != 0
