"""The errors that a simulated set claims are true of its noise."""

from __future__ import annotations

import numpy as np
import pytest
from iris_simulate import SimulatedSet, simulate
from iris_simulate._noise import expose

from iris_core import DQ, InstrumentMode

SHAPE = (300, 300)


def pulls(data: np.ndarray, truth: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return (np.asarray(data, dtype=float) - truth) / np.sqrt(np.asarray(variance, dtype=float))


@pytest.mark.parametrize("rate", [0.0, 0.025, 8.0, 700.0])
@pytest.mark.parametrize("integrations", [0, 3])
def test_noise_is_as_large_as_the_variance_says_at_any_rate(rate: float, integrations: int) -> None:
    expected = np.full(SHAPE, rate, dtype=np.float32)
    noisy = expose(expected, 100.0, integrations, 5.0, 9e4, np.random.default_rng(1))
    pull = pulls(noisy.data, expected, noisy.variance["poisson"] + noisy.variance["rnoise"])
    assert pull.shape == ((3, *SHAPE) if integrations else SHAPE)
    assert pull.std() == pytest.approx(1.0, abs=0.02)
    assert pull.mean() == pytest.approx(0.0, abs=0.02)


def test_the_variance_is_the_formula() -> None:
    noisy = expose(np.full((2, 2), 8.0, dtype=np.float32), 50.0, 0, 5.0, 9e4, np.random.default_rng(1))
    np.testing.assert_allclose(noisy.variance["poisson"], 8.0 / 50.0)
    np.testing.assert_allclose(noisy.variance["rnoise"], 2 * 25.0 / 2500.0)


def test_a_full_well_is_flagged_and_gives_no_more_electrons() -> None:
    rate = np.array([[10.0, 2000.0]], dtype=np.float32)
    noisy = expose(rate, 100.0, 0, 5.0, 9e4, np.random.default_rng(1))
    assert noisy.saturated.tolist() == [[0, int(DQ.SATURATED | DQ.DO_NOT_USE)]]
    assert noisy.data[0, 1] == pytest.approx(900.0)


def test_integrations_have_noise_of_their_own(mode: InstrumentMode) -> None:
    made = simulate(instrument=mode, size=(128, 128), stars=0, integrations=3, defects=0.0)
    cube = made.exposure()
    assert cube.data.shape == (3, 128, 128)
    assert cube.meta.exposure_time == 100.0
    noise = (cube.data - made.scene.rate(0)).reshape(3, -1)
    np.testing.assert_allclose(np.corrcoef(noise), np.eye(3), atol=0.03)
    assert noise.std() == pytest.approx(np.sqrt(np.mean(np.square(cube.err))), rel=0.02)


def test_exposures_pull_to_the_noise_free_scene(field: SimulatedSet) -> None:
    for exposure, truth in (
        (field.exposure(1), field.scene.rate(1)),
        (field.background(0), field.scene.background_rate()),
    ):
        pull = pulls(exposure.data, truth, np.square(exposure.err))
        assert pull.std() == pytest.approx(1.0, abs=0.02)
        assert pull.mean() == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("reftype", ["dark", "flat"])
def test_references_pull_to_the_true_detector(field: SimulatedSet, reftype: str) -> None:
    image = field.reference_image(reftype)
    live = ~field.scene.detector.dead
    truth = getattr(field.scene.detector, reftype)
    pull = pulls(image.data[live], truth[live], np.square(image.err[live]))
    assert pull.std() == pytest.approx(1.0, abs=0.02)
    assert pull.mean() == pytest.approx(0.0, abs=0.02)


def test_the_error_of_the_flat_is_the_share_asked_for(field: SimulatedSet) -> None:
    np.testing.assert_allclose(field.reference_image("flat").err, 0.001 * field.scene.detector.flat, rtol=1e-5)
    np.testing.assert_allclose(field.reference_image("dark").err, 0.002, rtol=1e-5)


def test_calibrated_pixels_pull_to_the_true_surface_brightness(mode: InstrumentMode) -> None:
    """Dark off, flat out, and each error where it belongs, over realisations of exposure and references."""
    made = simulate(
        instrument=mode, size=(128, 128), stars=3, defects=0.0, flat_error=0.02, dark_error=0.2, margin=30, seed=4
    )
    scene = made.scene
    truth = (scene.rate(0) - scene.detector.dark) / scene.detector.flat
    found = []
    for realisation in range(20):
        one = made.again(realisation)
        exposure, dark, flat = one.exposure(), one.reference_image("dark"), one.reference_image("flat")
        value = (exposure.data - dark.data) / flat.data
        variance = (exposure.err**2 + dark.err**2) / flat.data**2 + (truth / flat.data * flat.err) ** 2
        found.append(pulls(value, truth, variance))
    assert np.std(found) == pytest.approx(1.0, abs=0.02)
    assert np.mean(found) == pytest.approx(0.0, abs=0.02)


def test_a_realisation_is_reproducible_and_differs_from_the_next(field: SimulatedSet) -> None:
    again = field.again(1)
    assert np.array_equal(again.exposure(0).data, field.again(1).exposure(0).data)
    assert not np.array_equal(again.exposure(0).data, field.exposure(0).data)
    assert not np.array_equal(again.reference_image("flat").data, field.reference_image("flat").data)
    assert again.scene is field.scene


def test_no_two_exposures_share_their_noise(field: SimulatedSet) -> None:
    noise = [field.background(0).data - field.background(1).data, field.exposure(0).data - field.scene.rate(0)]
    assert noise[0].std() > 0
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.02


def test_one_more_exposure_changes_none_of_the_others(mode: InstrumentMode) -> None:
    spec = {"instrument": mode, "size": (64, 64), "stars": 1, "margin": 10}
    few, more = simulate(**spec), simulate(**spec, dithers=3, backgrounds=2)
    assert np.array_equal(few.exposure(0).data, more.exposure(0).data)
