"""How the parts of a simulation hang together: each parameter changes what it is for, by the factor of its formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_simulate import SimulatedSet, WrittenSet, simulate

from iris_core import InstrumentMode, Job, read_asn, read_fits

SIZE = (160, 128)


def make(mode: InstrumentMode, **changes: Any) -> SimulatedSet:
    return simulate(instrument=mode, **{"size": SIZE, "stars": 2, "seed": 11, "margin": 30, **changes})


def test_the_rate_is_the_sum_of_stars_sky_and_dark(mode: InstrumentMode) -> None:
    """QE (stars + A sky) + dark, pixel by pixel."""
    scene, empty = make(mode, defects=0.0).scene, make(mode, stars=0, defects=0.0).scene
    np.testing.assert_allclose(empty.rate(0), empty.background_rate())
    detector = empty.detector
    expected = detector.qe * empty.camera.area * empty.camera.sky_rate + detector.dark
    np.testing.assert_allclose(empty.background_rate(), expected, rtol=1e-5)
    stars = (scene.rate(0) - scene.background_rate()) / detector.qe
    total = scene.stars.flux.sum() * scene.camera.electrons_per_jy
    assert stars.sum(dtype=float) == pytest.approx(total, rel=0.02)


def test_sky_that_is_five_magnitudes_brighter_is_a_hundred_times_brighter(mode: InstrumentMode) -> None:
    bright, faint = (make(mode, stars=0, sky=sky).scene for sky in (15.0, 20.0))
    assert bright.camera.sky_rate == pytest.approx(100 * faint.camera.sky_rate, rel=1e-6)
    np.testing.assert_array_equal(bright.detector.dark, faint.detector.dark)


@pytest.mark.parametrize("seconds", [25.0, 400.0])
def test_the_variance_of_a_longer_exposure_is_smaller(mode: InstrumentMode, seconds: float) -> None:
    """Photon noise of a rate goes with 1/t, read noise with 1/t^2."""
    short, other = (make(mode, exposure_time=time, brightest=1e-6).exposure() for time in (100.0, seconds))
    ratio = 100.0 / seconds
    np.testing.assert_allclose(other.variance["poisson"], short.variance["poisson"] * ratio, rtol=1e-5)
    np.testing.assert_allclose(other.variance["rnoise"], short.variance["rnoise"] * ratio**2, rtol=1e-5)
    assert other.meta.exposure_time == seconds


@pytest.mark.parametrize("strehl", [0.0, 0.3, 1.0])
def test_the_image_quality_changes_no_flux(mode: InstrumentMode, strehl: float) -> None:
    psf = make(mode, strehl=strehl).scene.camera.psf
    assert psf.pixels(0.0, 0.0).sum() == pytest.approx(1.0, rel=1e-3)
    assert psf.pixels(0.3, -0.4).sum() == pytest.approx(1.0, rel=1e-3)


def test_a_better_image_has_a_higher_peak(mode: InstrumentMode) -> None:
    peaks = [make(mode, strehl=strehl).scene.camera.psf.pixels(0.0, 0.0).max() for strehl in (0.1, 0.4, 0.9)]
    assert peaks == sorted(peaks)
    assert peaks[2] > 4 * peaks[0]


def test_stars_keep_their_places_and_fluxes_when_the_noise_changes(mode: InstrumentMode) -> None:
    made = make(mode)
    other = made.again(3)
    assert list(made.truth()["flux"]) == list(other.truth()["flux"])
    assert not np.array_equal(made.exposure().data, other.exposure().data, equal_nan=True)


def test_an_association_is_read_as_it_was_meant(written: WrittenSet) -> None:
    """A science exposure with all blank sky, and the name of its products."""
    for path, science in zip(written.associations, written.science, strict=True):
        assert read_asn(path) == [Job(science, written.backgrounds, science.name.removesuffix("_rate.fits"))]


def test_reference_images_in_memory_are_those_in_the_files(field: SimulatedSet, written: WrittenSet) -> None:
    for reftype in ("dark", "flat", "area"):
        stored, made = read_fits(written.references[reftype]), field.reference_image(reftype)
        np.testing.assert_array_equal(stored.data, made.data)
        np.testing.assert_array_equal(stored.dq, made.dq)
        assert (stored.err is None) == (made.err is None)
