"""Rays are found, stars are kept: section by section what is promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from iris_core import DQ

WHOLE = ((0, 0), (11, -7), (-9, 5), (6, 12), (-13, -10))
FRACTIONS = ((0, 0), (11.3, -7.6), (-9.45, 5.2), (6.7, 12.85), (-13.2, -10.4))
Make = Callable[..., Any]


def test_rays_in_five_dithers_are_found(make_field: Make) -> None:
    """More than 97 % of 300 rays of 8 to 200 standard deviations; of the blank sky less than 1e-5."""
    field = make_field(shape=(512, 512))
    found, wrong = field.rates(field.flag())
    assert found > 0.97
    assert wrong < 1e-5


@pytest.mark.acceptance
@pytest.mark.parametrize("angle", [0.0, 0.5, 90.0])
def test_rays_are_found_whatever_the_rotation(make_field: Make, angle: float) -> None:
    """By so much from exposure to exposure; at 90 deg, one turned about its corner does not meet the others."""
    field = make_field(((0, 0), (2.2, 1.7), (3.1, -2.6)) if angle < 90 else ((0, 0), (255.3, 1.2)), angle=angle)
    found, wrong = field.rates(field.flag())
    assert found > (0.94 if angle < 90 else 0.9)
    assert wrong < 2e-5


@pytest.mark.acceptance
@pytest.mark.parametrize(("number", "faint", "strong"), [(2, 0.6, 0.92), (3, 0.86, 0.93), (5, 0.94, 0.96)])
@pytest.mark.parametrize("dithers", [WHOLE, FRACTIONS])
def test_faint_rays_are_found_by_few_exposures(
    make_field: Make, number: int, faint: float, strong: float, dithers: Any
) -> None:
    """Rays of 8 and 15 standard deviations, those on stars too; of two exposures the higher one is the outlier."""
    for height, least in ((8.0, faint), (15.0, strong)):
        heights = (height, height + 0.01)
        fields = [make_field(dithers[:number], shape=(384, 384), heights=heights, seed=seed) for seed in range(3)]
        found, wrong = np.mean([field.rates(field.flag()) for field in fields], axis=0)
        assert found > least
        assert wrong < 2e-5


@pytest.mark.acceptance
@pytest.mark.parametrize(("fwhm", "most"), [(2.5, 1e-3), (1.6, 1e-2)])
def test_stars_keep_their_light(make_field: Make, fwhm: float, most: float) -> None:
    """Of the light of 30 stars, of up to 1000 standard deviations, in each exposure."""
    lost = total = 0.0
    for seed in (1, 2, 3):
        field = make_field(shape=(384, 384), rays=0, fwhm=fwhm, seed=seed)
        result = field.flag()
        for index, light in enumerate(field.light):
            lost += light[(result[index].dq & DQ.OUTLIER) != 0].sum()
            total += light.sum()
    assert lost / total < most


def test_slopes_are_raised_for_undersampled_stars(make_field: Make) -> None:
    notes = {fwhm: make_field(fwhm=fwhm, rays=0).flag().outlines[0].notes[-1] for fwhm in (1.6, 2.5)}
    assert "raised to 2" in notes[1.6]
    assert "raised" not in notes[2.5]
    assert "raised to 2" in make_field(rays=0).flag(fwhm=2.0).outlines[0].notes[-1]


def test_misaligned_undersampled_stars_are_warned_of(make_field: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Exposures whose WCS is wrong by half a pixel flag their stars."""
    field = make_field(fwhm=1.4, rays=0)
    shifted = make_field(tuple((x + 0.5 * (index % 2), y) for index, (x, y) in enumerate(WHOLE)), fwhm=1.4, rays=0)
    mixed = [one.replace(wcs=other.wcs) for one, other in zip(field.exposures, shifted.exposures, strict=True)]
    type(field)(tuple(mixed), field.rays, field.light, field.places).flag(fwhm=3.0)
    assert any("pixels of sources" in record.message for record in caplog.records)


def test_the_ray_s_own_noise_does_not_hide_it(make_field: Make) -> None:
    """A ray of 8 standard deviations of the sky is one of 5.7 of its own error: one in three would be lost."""
    fields = [make_field(shape=(384, 384), heights=(8.0, 8.01), stars=0, seed=seed) for seed in range(3)]
    assert np.mean([field.rates(field.flag())[0] for field in fields]) > 0.94


@pytest.mark.parametrize("number", [2, 3, 5])
def test_rays_are_found_in_the_outermost_pixels_too(make_field: Make, number: int, sigma: float) -> None:
    """Wherever another exposure has seen that place, and whatever part of a pixel lies between them."""
    field = make_field(((0.3, 0.4), *FRACTIONS[1:number]), shape=(96, 96), rays=0, stars=0, seed=4)
    *others, last = field.exposures
    ring = np.zeros(last.shape, dtype=np.bool_)
    ring[::6, [0, -1]] = ring[[0, -1], ::6] = True
    hit = last.replace(data=last.data + np.where(ring, np.float32(30 * sigma), np.float32(0)))
    result = type(field)((*others, hit), field.rays, field.light, field.places).flag()
    seen = np.any([covers(one, last) for one in others], axis=0)
    assert seen[ring].mean() > 0.4
    found = (result[-1].dq & DQ.OUTLIER) != 0
    assert found[ring & seen].mean() > 0.97
    assert not found[~ring].any()


def covers(other: Any, exposure: Any) -> np.ndarray:
    """Return which pixels of an exposure lie wholly on another one."""
    y, x = np.mgrid[: exposure.shape[0], : exposure.shape[1]]
    u, v = other.wcs.invert(*exposure.wcs(x, y))
    return (u > 1) & (u < other.shape[1] - 2) & (v > 1) & (v < other.shape[0] - 2)
