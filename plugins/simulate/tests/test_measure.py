"""Stars of a calibrated exposure are measured far better than any acceptance of the calibration needs."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling.models import AffineTransformation2D, Pix2Sky_TAN, RotateNative2Celestial, Scale
from astropy.table import Table
from gwcs import WCS, coordinate_frames
from iris_simulate import SimulatedSet, compare, measure_stars, simulate

from iris_core import Exposure, InputError, InstrumentMode


def calibrated(made: SimulatedSet, noise: bool) -> Exposure:
    """Return a perfectly calibrated exposure: MJy/sr, area, gWCS, and PIXAR_SR."""
    scene = made.scene
    camera, detector, pointing = scene.camera, scene.detector, scene.pointings[0]
    raw = made.exposure()
    rate = raw.data if noise else scene.rate(0)
    chain = (
        camera.optics.model()
        | Scale(1 / 3600) & Scale(1 / 3600)
        | AffineTransformation2D(pointing.matrix)
        | Pix2Sky_TAN()
        | RotateNative2Celestial(pointing.ra, pointing.dec, 180.0)
    )
    frames = (
        coordinate_frames.Frame2D(name="detector", unit=(u.pix, u.pix)),
        coordinate_frames.CelestialFrame(name="world", reference_frame=ICRS(), unit=(u.deg, u.deg)),
    )
    header = raw.sci_header.copy()
    header["PIXAR_SR"] = camera.solid_angle
    dark_free = raw.replace(
        data=rate - detector.dark,
        wcs=WCS([(frames[0], chain), (frames[1], None)]),
        area=detector.area,
        sci_header=header,
        unit=u.MJy / u.sr,
    )
    return dark_free.scale(camera.conversion() / np.where(detector.dead, np.nan, detector.flat)).mask_invalid()


@pytest.fixture(scope="module")
def crowd(mode: InstrumentMode) -> SimulatedSet:
    return simulate(instrument=mode, size=(400, 400), stars=16, seed=11)


def test_without_noise_the_measuring_itself_is_good_to_3e_4_and_50_microarcseconds(crowd: SimulatedSet) -> None:
    truth = crowd.truth()
    exposure = calibrated(crowd, noise=False)
    found = compare(measure_stars(exposure, crowd.scene.camera.psf, truth["ra"], truth["dec"]), truth)
    assert np.max(np.abs(found["error"])) < 3e-4
    assert np.max(found["offset"]) < 0.05
    bright = truth["flux"] > truth["flux"].max() / 10
    assert np.max(np.abs(found["error"][bright])) < 2e-5
    assert np.max(found["offset"][bright]) < 2e-3


@pytest.mark.slow
def test_with_noise_the_errors_are_true(crowd: SimulatedSet) -> None:
    truth = crowd.truth()
    tables = [
        compare(
            measure_stars(calibrated(crowd.again(k), noise=True), crowd.scene.camera.psf, truth["ra"], truth["dec"]),
            truth,
        )
        for k in range(20)
    ]
    pulls = np.array([table["pull"] for table in tables])
    assert pulls.std() == pytest.approx(1.0, abs=0.1)
    assert pulls.mean() == pytest.approx(0.0, abs=0.2)
    bright = np.asarray(truth["flux"] > truth["flux"].max() / 3)
    assert np.median(np.abs([table["error"][bright] for table in tables])) < 1e-3


def test_errors_of_correlated_pixels_are_larger_by_corrfac(crowd: SimulatedSet) -> None:
    """ERR is that of single pixels; after resampling neighbours share their noise, and CORRFAC says how much."""
    truth, psf = crowd.truth(), crowd.scene.camera.psf
    exposure = calibrated(crowd, noise=True)
    plain = measure_stars(exposure, psf, truth["ra"], truth["dec"])
    correlated = exposure.with_keywords({"CORRFAC": (1.5, "noise of large apertures over that from ERR")})
    found = measure_stars(correlated, psf, truth["ra"], truth["dec"])
    np.testing.assert_allclose(found["flux"], plain["flux"], rtol=1e-4)
    for name in ("flux_err", "x_err", "y_err"):
        np.testing.assert_allclose(found[name], 1.5 * plain[name], rtol=1e-4)


def test_units_are_said(crowd: SimulatedSet) -> None:
    truth = crowd.truth()
    found = measure_stars(calibrated(crowd, noise=True), crowd.scene.camera.psf, truth["ra"], truth["dec"])
    units = {"flux": "Jy", "flux_err": "Jy", "x": "pix", "ra": "deg", "dec_fits": "deg"}
    assert {name: str(found[name].unit) for name in units} == units


def test_the_fits_keywords_are_judged_apart_from_the_gwcs(mode: InstrumentMode) -> None:
    """The linear WCS of the header ignores the distortion, and is wrong by it; the gWCS is not."""
    made = simulate(instrument=mode, size=(256, 256), stars=6, seed=3, distortion=3.0, margin=20)
    truth = made.truth()
    found = compare(
        measure_stars(calibrated(made, noise=False), made.scene.camera.psf, truth["ra"], truth["dec"]), truth
    )
    assert np.max(found["offset"]) < 0.1
    assert np.max(found["offset_fits"]) > 1.0


def test_a_comparison_is_plain_arithmetic() -> None:
    truth = Table({"id": [1], "ra": [0.0], "dec": [60.0], "flux": [2.0]})
    measured = Table(
        {
            "flux": [2.2],
            "flux_err": [0.1],
            "ra": [360 - 1e-6],
            "dec": [60.0],
            "ra_fits": [0.0],
            "dec_fits": [60.0 + 1e-6],
        }
    )
    (row,) = compare(measured, truth)
    assert row["error"] == pytest.approx(0.1)
    assert row["pull"] == pytest.approx(2.0)
    assert row["offset"] == pytest.approx(1.8)
    assert row["offset_fits"] == pytest.approx(3.6)


def test_an_exposure_that_is_not_calibrated_is_refused_with_what_it_lacks(crowd: SimulatedSet) -> None:
    with pytest.raises(InputError, match=r"lacks a gWCS \(run assign_wcs\), PIXAR_SR \(run photom\)"):
        measure_stars(crowd.exposure(), crowd.scene.camera.psf, [0.0], [0.0])


def test_a_cube_is_refused(mode: InstrumentMode) -> None:
    made = simulate(instrument=mode, size=(48, 32), stars=0, integrations=2)
    with pytest.raises(InputError, match=r"in one image, not in \(2, 32, 48\)"):
        measure_stars(made.exposure(), made.scene.camera.psf, [0.0], [0.0])
