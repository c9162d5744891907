"""What the image of an exposure is: its unit, its noise, its bad pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from iris_catalog._scene import scene_of
from iris_testkit import add_wcs, make_exposure

from iris_core import DQ

SIZE = (20, 24)


@pytest.fixture(name="plain", scope="module")
def plain_fixture(tools: Any) -> Any:
    return tools.on_sky(SIZE, np.full(SIZE, 2.0), 0.1, None)


def test_a_sum_of_mjy_per_sr_is_a_flux_in_jansky(tools: Any, plain: Any) -> None:
    scene = scene_of(plain)
    assert scene.factor == pytest.approx(1e6 * tools.AREA, rel=1e-4)
    assert scene.pixel_scale == pytest.approx(tools.SCALE, rel=1e-4)
    assert scene.is_janskys


def test_another_unit_of_surface_brightness_is_converted(plain: Any) -> None:
    one, other = scene_of(plain), scene_of(plain.replace(unit=u.kJy / u.sr))
    assert other.is_janskys
    assert other.factor == pytest.approx(one.factor / 1000)


def test_the_area_of_the_header_goes_before_that_of_the_wcs(plain: Any) -> None:
    scene = scene_of(plain.with_keywords({"PIXAR_SR": (1e-12, "")}))
    assert scene.pixel_area == 1e-12
    assert scene.factor == pytest.approx(1e-6)


def test_a_rate_stays_a_rate(plain: Any) -> None:
    scene = scene_of(plain.replace(unit=u.electron / u.s))
    assert not scene.is_janskys
    assert (scene.factor, scene.flux_unit) == (1.0, u.electron / u.s)


def test_errors_are_those_of_the_exposure_and_none_in_bad_pixels(plain: Any) -> None:
    bad = np.zeros(SIZE, dtype=bool)
    bad[3, 4] = True
    scene = scene_of(plain.flag(bad, DQ.DO_NOT_USE))
    assert scene.knows_errors
    assert np.flatnonzero(scene.variance == 0).tolist() == [3 * SIZE[1] + 4]
    assert scene.variance[0, 0] == pytest.approx(0.1**2 + 0.1**2, rel=1e-5)


def test_unknown_errors_are_the_scatter_of_the_sky(tools: Any) -> None:
    scene = scene_of(tools.on_sky((200, 200), np.ones((200, 200)), 0.1, 1).replace(variance={}))
    assert not scene.knows_errors
    assert np.sqrt(scene.variance[0, 0]) == pytest.approx(np.sqrt(0.1**2 + 0.1 / 20), rel=0.02)


def test_unknown_errors_go_with_the_weight(tools: Any) -> None:
    """Where a quarter of the exposures are, the noise is twice as large, and is not taken for sources."""
    noise, weight = np.full((200, 200), 0.1, dtype=np.float32), np.ones((200, 200), dtype=np.float32)
    noise[:60], weight[:60] = 0.2, 0.25
    noise[:2], weight[:2] = 0, 0
    values = 1 + np.random.default_rng(1).normal(0, 1, (200, 200)) * noise
    scene = scene_of(tools.on_sky((200, 200), values, 0.1, None).replace(variance={}, planes={"WHT": weight}))
    assert np.sqrt(scene.variance[100, 0]) == pytest.approx(0.1, rel=0.02)
    assert np.sqrt(scene.variance[30, 0]) == pytest.approx(0.2, rel=0.02)
    assert not scene.variance[:2].any()


def test_pixels_without_weight_are_not_covered(plain: Any) -> None:
    weight = np.ones(SIZE, dtype=np.float32)
    weight[:, :5] = 0
    scene = scene_of(plain.replace(planes={"WHT": weight}))
    assert np.array_equal(scene.uncovered, weight == 0)
    assert np.array_equal(scene.frame.bad, weight == 0)
    assert not scene.frame.data[:, :5].any()


def test_all_bits_of_integrations_are_kept(tools: Any) -> None:
    cube = add_wcs(make_exposure(SIZE, nint=3, value=1.0, unit="MJy/sr"), tools.SCALE)
    dq = cube.dq.copy()
    dq[0, 2, 2], dq[2, 2, 2] = DQ.SATURATED, DQ.JUMP_DET
    assert scene_of(cube.replace(dq=dq)).dq[2, 2] == DQ.SATURATED | DQ.JUMP_DET


@pytest.mark.parametrize("factor", [1.0, 1.25, 1.9])
def test_the_noise_of_a_large_aperture_is_that_of_corrfac(plain: Any, factor: float) -> None:
    assert scene_of(plain.with_keywords({"CORRFAC": (factor, "")})).corrfac == pytest.approx(factor, rel=1e-3)
