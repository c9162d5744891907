"""Dithers of stars with the halos of adaptive optics: noise, fluxes, ghosts and lost pixels against what is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from iris_sky import SkyParams, subtract_dither_sky

from iris_core import Doubles, Exposure, Mask, References

pytestmark = pytest.mark.slow

SIGMA = 10.0  # of the exposures of the fixture, electron/s


def subtract(made: Any, **params: Any) -> list[Exposure]:
    return list(subtract_dither_sky(made.group, SkyParams(**params), References()))


def from_all(made: Any, exposures: list[Exposure], one: int) -> Mask:
    """Return the pixels of which all other exposures have shown the sky: the variance of their mean is sigma^2 f^2/m.

    Without one of 8 it is 1/8 larger, less what its factor f differs from 1.
    """
    factors = made.levels[one] / np.delete(made.levels, one)
    return np.asarray(exposures[one].variance["background"] < 1.06 * SIGMA**2 * np.mean(factors**2) / len(factors))


@pytest.fixture(
    scope="module", params=[False, pytest.param(True, marks=pytest.mark.acceptance)], ids=["small", "large"]
)
def fields(request: pytest.FixtureRequest, dither: Any) -> Callable[[int], tuple[Any, list[Exposure]]]:
    """Return a function that gives a dither and its result, each made once.

    Stars to 10^4 standard deviations: 40 on 512 x 512 pixels, or 8 on 192 x 192, the sky falling by 5 %.
    """
    small = {"size": 192, "step": 80.0, "stars": 8, "halo": 6.0, "seed": 5}
    options = {"size": 512, "step": 130.0, "stars": 40, "halo": 20.0} if request.param else small
    done: dict[int, tuple[Any, list[Exposure]]] = {}

    def field(number: int) -> tuple[Any, list[Exposure]]:
        if number not in done:
            made = dither(number, **options)
            done[number] = made, subtract(made)
        return done[number]

    return field


def around(shape: tuple[int, int], x: float, y: float) -> Doubles:
    row, column = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(column - x, row - y))


@pytest.mark.parametrize("number", [2, 3, 4, 5, 9])
def test_the_noise_of_blank_sky_is_that_of_the_closed_form(fields: Any, number: int) -> None:
    """Where all others show the sky: sigma^2 n/(n - 1) for n - 1 others; and the errors say so.

    Halos beyond the isophote of the masks, f, are in that sky: they leave -f/(n - 1), and nothing else is left.
    """
    made, exposures = fields(number)
    pulls, errors, halos = [], [], []
    for k, (exposure, light) in enumerate(zip(exposures, made.stars, strict=True)):
        blank = (light < 0.05 * SIGMA) & np.isfinite(exposure.data) & from_all(made, exposures, k)
        halo = ((made.stars.sum(axis=0) - light) / (number - 1))[blank]
        assert exposure.err is not None
        left = (exposure.data - light)[blank] + halo
        pulls.append(left / (SIGMA * np.sqrt(number / (number - 1))))
        errors.append(left / exposure.err[blank])
        halos.append(halo / SIGMA)
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.02)
    assert np.concatenate(errors).std() == pytest.approx(1.0, abs=0.02)
    assert abs(np.concatenate(pulls).mean()) < 0.02
    assert np.concatenate(halos).mean() < 0.12


@pytest.mark.parametrize(("number", "limit"), [(2, 0.01), (3, 0.01), (4, 0.005), (5, 0.005), (9, 0.005)])
def test_the_flux_of_stars_is_kept(fields: Any, number: int, limit: float) -> None:
    (made, exposures), measured = fields(number), 0
    for exposure, light, offset in zip(exposures, made.stars, made.offsets, strict=True):
        for place in made.places - offset:
            inside = around(exposure.shape, *place) < 12
            error = SIGMA * np.sqrt(inside.sum() * 2)
            if inside.sum() > 300 and light[inside].sum() > 1000 * error and np.isfinite(exposure.data[inside]).all():
                measured += 1
                assert exposure.data[inside].sum() / light[inside].sum() == pytest.approx(1, abs=limit)
    assert measured >= 1


@pytest.mark.parametrize("number", [2, 3, 4, 5, 9])
def test_ghosts_are_shallower_than_one_percent_of_those_without_masks(dither: Any, number: int) -> None:
    """Light f that is not masked leaves -f/(n - 1) where it falls in the other exposures; of two that pixel is lost."""
    made = dither(number, size=256, step=70.0, halo=8.0, places=[(128.0, 128.0)])
    exposures = subtract(made)
    for one, exposure in enumerate(exposures):
        for other, offset in enumerate(made.offsets):
            seen = around(exposure.shape, *(made.places[0] - offset)) < 6
            if other == one or made.stars[one][seen].max() > 0.5 * SIGMA:
                continue
            if number == 2:
                assert np.isnan(exposure.data[seen]).all()
                continue
            closed = -made.stars[other][seen].mean() / (number - 1)
            assert abs(exposure.data[seen].mean()) < 0.01 * abs(closed) + 4 * SIGMA * np.sqrt(2 / seen.sum())


@pytest.mark.parametrize("number", [2, 5])
def test_without_masks_a_ghost_is_as_deep_as_the_closed_form(dither: Any, number: int) -> None:
    """Of what no clip finds: the other of two, or 2 standard deviations in one of 4."""
    made = dither(number, size=200, step=70.0, core=40.0, halo=40.0, drift=0.0, brightest=2.0, places=[(100.0, 100.0)])
    exposure = subtract(made, passes=1)[0]
    ghost = around(exposure.shape, *(made.places[0] - made.offsets[1])) < 10
    expected = (made.stars[0] - sum(made.stars[1:]) / (number - 1))[ghost].mean()
    assert exposure.data[ghost].mean() == pytest.approx(expected, abs=4 * SIGMA * np.sqrt(2 / ghost.sum()))
    assert expected < -0.8 * made.stars[1][ghost].mean() / (number - 1)


def test_pixels_that_no_other_exposure_shows_are_lost_and_counted(dither: Any) -> None:
    """A star dithered by less than its mask: pixels that it covers in both of two exposures."""
    made = dither(2, size=200, step=20.0, halo=12.0, places=[(100.0, 100.0)])
    for exposure, light in zip(subtract(made), made.stars, strict=True):
        lost = np.isnan(exposure.data)
        assert np.array_equal(lost, exposure.dq != 0)
        assert exposure.sci_header["FRACNAN"] == pytest.approx(lost.mean(), rel=1e-3)
        assert exposure.sci_header["MASKFRAC"] == pytest.approx(lost.mean(), abs=0.05)
        assert np.isnan(exposure.data[light > 5 * SIGMA]).sum() > 100


def test_where_objects_cover_the_sky_in_the_nearest_exposures_all_others_show_it(dither: Any) -> None:
    """One other exposure, 30 pixels off, hides a part of the star; those that are farther in time show all of it."""
    made = dither(5, size=200, step=30.0, halo=8.0, brightest=1e3, places=[(100.0, 100.0)])
    for exposure, light in zip(subtract(made, exposures=3, minutes=2.0), made.stars, strict=True):
        star = light > 5 * SIGMA
        assert np.isfinite(exposure.data[star]).mean() > 0.99
        assert exposure.data[star].sum() == pytest.approx(light[star].sum(), rel=0.01)
        assert exposure.err is not None
        assert ((exposure.data - light) / exposure.err)[star].std() == pytest.approx(1, abs=0.2)


def test_the_mask_reaches_to_where_the_halo_is_a_tenth_of_the_noise_of_the_stack(dither: Any) -> None:
    made = dither(5, size=300, step=120.0, halo=16.0, places=[(150.0, 150.0)])
    light = made.stars[0]
    isophote = 0.1 * SIGMA * np.sqrt(5 / 4) / np.sqrt(5)
    wanted = np.sqrt((light > isophote).sum() / np.pi)
    (note,) = (note for note in subtract(made)[0].notes if "largest mask" in note)
    radius = float(note.split("radius ")[1].split(" ")[0])
    assert 0.75 * wanted < radius < 1.3 * wanted


def test_a_third_pass_sees_halos_that_the_first_sky_held(dither: Any) -> None:
    made = dither(3, size=256, step=60.0, halo=24.0, places=[(128.0, 128.0)])
    ring = np.abs(around((256, 256), *(made.places[0])) - 40) < 4
    left = [subtract(made, passes=passes)[0].data - made.stars[0] for passes in (1, 2, 3)]
    kept = [abs(np.nanmean(one[ring])) for one in left]
    assert kept[1] < 0.5 * kept[0]
    assert kept[2] <= kept[1] + 0.02 * SIGMA


@pytest.mark.parametrize("number", [4, 5])
def test_a_ray_leaves_no_hole_in_the_other_exposures(dither: Any, number: int) -> None:
    made = dither(number, size=128, step=40.0, stars=1, brightest=3.0)
    hit = np.array(made.exposures[1].data)
    hit[10:110:10, 20:120:10] += 30 * SIGMA
    made.exposures[1] = made.exposures[1].replace(data=hit)
    rays = np.s_[10:110:10, 20:120:10]
    for exposure in (one for k, one in enumerate(subtract(made)) if k != 1):
        assert np.nanmean(exposure.data[rays]) == pytest.approx(0, abs=0.6 * SIGMA)
        number_used = SIGMA**2 / exposure.variance["background"][rays]
        assert np.nanmedian(number_used) == pytest.approx(number - 2, rel=0.12)
