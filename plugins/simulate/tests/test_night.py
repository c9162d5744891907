"""Each kind of exposure of a night against its truth: levels, noise, stars, glow, rays, bad pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from astropy.wcs import WCS
from iris_simulate import Night, NightDetector, simulate_night
from iris_simulate._chip import Bad
from iris_simulate._frames import Frame, Kind

from iris_core import DQ, Exposure, InstrumentMode, Mask

FILTERS = ("Kbb", "Hbb")
KINDS = list(Kind)


@pytest.fixture(scope="module")
def night(mode: InstrumentMode) -> Night:
    """Return a night of two detectors with few stars and many bad pixels."""
    return simulate_night(
        instrument=mode,
        filters=FILTERS,
        detectors=2,
        size=(300, 256),
        stars=8,
        defects=0.02,
        rays=20.0,
        glow=40.0,
        galaxy=True,
        seed=3,
    )


@pytest.fixture(scope="module")
def detector(night: Night) -> NightDetector:
    return night.detector("IMG2")


def frames_of(night: Night, kind: Kind, band: str = "Kbb") -> list[Frame]:
    return [one for one in night.frames if one.kind is kind and (kind is Kind.DARK or one.filter == band)]


def clean(detector: NightDetector, frame: Frame, exposure: Exposure) -> Mask:
    """Return the pixels without a cosmic ray, whose noise is that of the others and which are not saturated."""
    struck = np.zeros(exposure.shape, dtype=np.float32)
    detector.rays(frame).add_to(struck)
    return (struck == 0) & (detector.chip.bad != Bad.NOISY) & ((exposure.dq & DQ.SATURATED) == 0)


def pulls(detector: NightDetector, frames: Iterable[Frame]) -> np.ndarray:
    found = []
    for frame in frames:
        exposure = detector.exposure(frame)
        assert exposure.err is not None
        pull = (exposure.data.astype(float) - detector.rate(frame)) / exposure.err
        found.append(pull[clean(detector, frame, exposure)])
    return np.concatenate(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("band", FILTERS)
def test_errors_are_true_in_every_kind_of_exposure(
    night: Night, detector: NightDetector, kind: Kind, band: str
) -> None:
    found = pulls(detector, frames_of(night, kind, band)[:5])
    assert found.std() == pytest.approx(1.0, abs=0.02)
    assert found.mean() == pytest.approx(0.0, abs=0.02)


def test_coadds_and_reads_change_the_read_noise_and_the_glow(mode: InstrumentMode) -> None:
    """In c coadds of n reads: variance 4 c r^2 / (n t^2), glow c n / t; the errors stay true."""
    made = simulate_night(instrument=mode, size=(256, 256), detectors=1, reads=16, coadds=3, glow=2.0, rays=0.0)
    detector, (dark, *_) = made.detector("IMG1"), frames_of(made, Kind.DARK)
    exposure = detector.exposure(dark)
    np.testing.assert_allclose(exposure.variance["rnoise"], 4 * 3 * 25 / 16 / 100**2, rtol=1e-6)
    expected = detector.chip.dark + detector.chip.glow * 48 / 100
    np.testing.assert_allclose(detector.rate(dark), expected, rtol=1e-6)
    assert pulls(detector, frames_of(made, Kind.DARK)).std() == pytest.approx(1.0, abs=0.02)
    assert (exposure.header["NREADS"], exposure.header["COADDS"], exposure.header["READMODE"]) == (16, 3, "MCDS")


def test_the_mean_of_darks_is_dark_current_and_glow(night: Night, detector: NightDetector) -> None:
    darks = [one for one in frames_of(night, Kind.DARK) if one.seconds == 100.0]
    found = np.mean([detector.exposure(one).data for one in darks], axis=0, dtype=float)
    good = np.all([clean(detector, one, detector.exposure(one)) for one in darks], axis=0)
    chip = detector.chip
    np.testing.assert_allclose(np.mean((found - chip.dark - chip.glow * 0.02)[good]), 0.0, atol=1e-3)
    assert np.count_nonzero(good) > 0.9 * good.size


def test_the_glow_is_the_same_number_of_electrons_in_each_read(night: Night, detector: NightDetector) -> None:
    """Darks of 10 s and 100 s differ by a factor of 10 in the rate of the glow, in nothing else."""
    long, short = (next(f for f in frames_of(night, Kind.DARK) if f.seconds == t) for t in (100.0, 10.0))
    difference = detector.rate(short) - detector.rate(long)
    np.testing.assert_allclose(difference, detector.chip.glow * 2 * (1 / 10 - 1 / 100), rtol=1e-3, atol=2e-5)
    assert detector.chip.glow.max() == pytest.approx(40.0, rel=1e-3)
    assert detector.chip.glow[:, 0].max() < 1e-3 * detector.chip.glow.max()


def test_hot_pixels_are_hot_in_the_darks_and_nowhere_else(night: Night, detector: NightDetector) -> None:
    dark = detector.exposure(frames_of(night, Kind.DARK)[0])
    plain = dark.data - detector.chip.glow * 0.02
    hot, good = detector.chip.bad == Bad.HOT, clean(detector, frames_of(night, Kind.DARK)[0], dark)
    assert plain[hot & good].min() > 0.5
    assert plain[~hot & good].max() < 0.5
    assert detector.chip.dark[hot].min() >= 1.0


def test_lamp_on_less_off_is_the_flat(night: Night, detector: NightDetector) -> None:
    """Dark, glow and thermal light cancel: 20 000 electrons, five times, are good to 0.32 %."""
    on, off = (np.mean([detector.exposure(f).data for f in frames_of(night, kind)], axis=0) for kind in KINDS[1:3])
    good = detector.chip.bad == Bad.GOOD
    ratio = (on - off)[good] / (detector.flat("Kbb")[good] * 2000.0)
    assert np.median(ratio) == pytest.approx(1.0, abs=1e-3)
    assert np.quantile(np.abs(ratio - 1), 0.6827) == pytest.approx(0.0032, rel=0.05)


def test_low_and_dead_pixels_are_so_in_the_flat(night: Night, detector: NightDetector) -> None:
    flat, bad = detector.flat("Kbb"), detector.chip.bad
    assert flat[bad == Bad.DEAD].max() == 0
    assert flat[bad == Bad.LOW_QE].min() > 0.1
    assert flat[bad == Bad.LOW_QE].max() < 0.5
    assert flat[bad == Bad.GOOD].min() > 0.8
    assert flat[bad == Bad.GOOD].mean() == pytest.approx(1.0, abs=0.005)


def test_noisy_pixels_scatter_ten_times_more_than_they_say(night: Night, detector: NightDetector) -> None:
    noisy = detector.chip.bad == Bad.NOISY
    found = []
    for frame in [one for one in frames_of(night, Kind.DARK) if one.seconds == 100.0]:
        exposure = detector.exposure(frame)
        struck = np.zeros(exposure.shape, dtype=np.float32)
        detector.rays(frame).add_to(struck)
        pull = (exposure.data - detector.rate(frame)) / np.sqrt(exposure.variance["rnoise"])
        found.append(pull[noisy & (struck == 0)])
    assert np.concatenate(found).std() == pytest.approx(10.0, rel=0.05)


def test_the_defects_have_their_shares(detector: NightDetector) -> None:
    shares = [np.mean(detector.chip.bad == kind) / 0.02 for kind in list(Bad)[1:]]
    assert shares == pytest.approx([0.4, 0.2, 0.2, 0.2], abs=0.04)
    assert not np.any(detector.chip.dq & DQ.DO_NOT_USE)
    assert np.array_equal(detector.chip.dq == int(DQ.HOT), detector.chip.bad == Bad.HOT)


def test_flats_of_two_filters_differ_by_a_tilt_and_share_their_pixels(detector: NightDetector) -> None:
    good = detector.chip.bad == Bad.GOOD
    ratio = np.where(good, detector.flat("Hbb") / np.where(good, detector.flat("Kbb"), 1), np.nan)
    assert np.nanmax(ratio) - np.nanmin(ratio) > 0.01
    second = ratio[:, 2:] - 2 * ratio[:, 1:-1] + ratio[:, :-2]
    assert np.nanmax(np.abs(second)) < 1e-4


def test_thermal_light_is_in_lamp_on_and_off_of_red_filters(night: Night, detector: NightDetector) -> None:
    off = {band: detector.rate(frames_of(night, Kind.LAMP_OFF, band)[0]) - detector.chip.dark for band in FILTERS}
    glow = detector.chip.glow * 0.2
    good = detector.chip.bad == Bad.GOOD
    assert np.mean((off["Kbb"] - glow)[good]) == pytest.approx(19.5, rel=0.05)
    assert np.mean((off["Hbb"] - glow)[good]) < 0.02
    assert detector.thermal_rate("Kbb") == pytest.approx(20 * np.exp(-14388 / 283 * (1 / 2.1935 - 1 / 2.2)))
    assert detector.chip.thermal().mean() == pytest.approx(1.0, abs=1e-6)


def test_twilight_falls_by_its_factor(night: Night, detector: NightDetector) -> None:
    series = frames_of(night, Kind.TWILIGHT, "Hbb")
    good = detector.chip.bad == Bad.GOOD
    levels = [np.median(detector.exposure(frame).data[good]) for frame in series]
    np.testing.assert_allclose(np.divide(levels[1:], levels[:-1]), 0.75, rtol=0.005)
    assert levels[0] == pytest.approx(3000, rel=0.01)


def test_the_sky_drifts_from_the_first_science_exposure_to_the_last(night: Night, detector: NightDetector) -> None:
    science = [frame for frame in night.frames if frame.kind is Kind.SCIENCE]
    assert [frame.filter for frame in science] == ["Kbb"] * 5 + ["Hbb"] * 5
    np.testing.assert_allclose([frame.level for frame in science], np.linspace(1.0, 0.95, 10))
    for frame in (science[0], science[4]):
        good = detector.chip.bad == Bad.GOOD
        plain = detector.exposure(frame).data - detector.chip.dark - detector.chip.glow * 0.02
        expected = frame.level * detector.cameras["Kbb"].sky_rate
        assert detector.sky_rate(frame) == pytest.approx(expected)
        assert np.median(plain[good] / detector.flat("Kbb")[good]) == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.TWILIGHT, Kind.SCIENCE])
def test_stars_lie_where_the_wcs_and_the_truth_say(mode: InstrumentMode, kind: Kind) -> None:
    """Without distortion the header's WCS is exact; the centroid of each bright star agrees with it."""
    made = simulate_night(
        instrument=mode, filters=("Kbb",), size=(256, 256), stars=25, distortion=0.0, defects=0.0, rays=0.0, seed=2,
        separation=60, halo_fwhm=0.03, brightest=3e-4, twilight_level=1000.0, thermal=0.0,
    )  # fmt: skip
    field = made.field if kind is Kind.SCIENCE else made.twilight
    compared = 0
    for name in made.detectors:
        detector = made.detector(name)
        for frame in frames_of(made, kind)[::2]:
            exposure = detector.exposure(frame)
            which, x, y = detector.positions(frame, reach=-12.0)
            sky = WCS(exposure.sci_header).wcs_world2pix(field.ra[which], field.dec[which], 0)
            np.testing.assert_allclose(sky, (x, y), atol=1e-6)
            image = exposure.data / detector.flat("Kbb") - detector.sky_rate(frame)
            for star in np.flatnonzero(field.flux["Kbb"][which] > 3e-5):
                found = centroid(image, x[star], y[star])
                assert np.hypot(found[0] - x[star], found[1] - y[star]) < 0.1
                compared += 1
    assert compared >= 5


def centroid(image: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """Return the centre of light within 4 pixels of a place, with a Gaussian window that moves along."""
    row, column = np.mgrid[: image.shape[0], : image.shape[1]]
    for _ in range(8):
        weight = image * np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * 2.0**2))
        near = np.hypot(column - x, row - y) < 8
        total = weight[near].sum()
        x, y = x + 2 * np.sum((weight * (column - x))[near]) / total, y + 2 * np.sum((weight * (row - y))[near]) / total
    return x, y


def test_a_star_gives_its_flux_on_whichever_detector_it_falls(mode: InstrumentMode) -> None:
    made = simulate_night(
        instrument=mode,
        filters=("Hbb",),
        size=(256, 256),
        stars=12,
        defects=0.0,
        seed=5,
        separation=150,
        halo_fwhm=0.03,
    )
    compared = 0
    for name in made.detectors:
        detector = made.detector(name)
        camera = detector.cameras["Hbb"]
        for frame in frames_of(made, Kind.SCIENCE, "Hbb"):
            which, x, y = detector.positions(frame, reach=-40.0)
            light = detector.rate(frame) - detector.chip.dark - detector.chip.glow * 0.02
            light = light / detector.chip.efficiency(list(mode.filters).index("Hbb"))
            light -= camera.area * detector.sky_rate(frame)
            for star, column, row in zip(which, np.rint(x).astype(int), np.rint(y).astype(int), strict=True):
                electrons = light[row - 30 : row + 31, column - 30 : column + 31].sum(dtype=float)
                expected = made.field.flux["Hbb"][star] * camera.electrons_per_jy
                assert electrons == pytest.approx(expected, rel=2e-3)
                compared += 1
    assert compared >= 5


def test_the_galaxy_has_its_total_and_its_place(night: Night, mode: InstrumentMode) -> None:
    detector = night.detector("IMG1")
    image, electrons = detector.galaxy_image("Kbb")
    stamp = image.pixels(0.0, 0.0)
    assert stamp.sum() == pytest.approx(1.0)
    scale = 0.1 / 0.004
    assert electrons == pytest.approx(2 * np.pi * scale**2 * detector.cameras["Kbb"].sky_rate)
    offset = np.arange(len(stamp)) - image.half
    ring = stamp[image.half, np.abs(offset - 2 * scale) < 0.5][0] * 2 * np.pi * scale**2
    assert ring == pytest.approx(np.exp(-2), rel=0.1)
    half_light = 1.678 * scale
    inside = np.hypot(offset, offset[:, np.newaxis]) < half_light
    assert stamp[inside].sum() == pytest.approx(0.5, abs=0.03)
    frame = frames_of(night, Kind.SCIENCE)[0]
    plain = simulate_night(night.spec, instrument=mode, galaxy=False)
    light = detector.rate(frame) - plain.detector("IMG1").rate(frame)
    row, column = np.unravel_index(np.argmax(light), light.shape)
    assert night.galaxy is not None
    world = detector.cameras["Kbb"].optics.to_pixel(*frame.pointing.to_focal(*night.galaxy))
    assert (column, row) == pytest.approx(world, abs=3)
    assert light.max() == pytest.approx(electrons * stamp.max(), rel=0.03)


def test_rays_are_as_many_as_asked_for_and_bring_their_electrons(night: Night, detector: NightDetector) -> None:
    """20 per second in a million pixels, in 100 s on 300 x 256 pixels: 154."""
    numbers = [len(detector.rays(frame).x) for frame in frames_of(night, Kind.SCIENCE)]
    assert np.mean(numbers) == pytest.approx(153.6, abs=4 * np.sqrt(153.6 / 5))
    frame = frames_of(night, Kind.DARK)[0]
    rays, image = detector.rays(frame), np.zeros((400, 400), dtype=np.float32)
    type(rays)(rays.x + 50, rays.y + 70, rays.electrons, rays.length, rays.angle).add_to(image)
    assert image.sum(dtype=float) == pytest.approx(rays.electrons.sum(), rel=1e-4)
    assert 200 <= rays.electrons.min() < rays.electrons.max() <= 20000


def test_a_ray_shows_in_the_exposure_and_not_in_its_errors(night: Night, detector: NightDetector) -> None:
    frame = next(one for one in frames_of(night, Kind.DARK) if one.seconds == 100.0)
    exposure = detector.exposure(frame)
    struck = np.zeros(exposure.shape, dtype=np.float32)
    detector.rays(frame).add_to(struck, 1 / frame.seconds)
    where = (struck > 5) & (detector.chip.bad == Bad.GOOD)
    assert where.sum() > 20
    excess = exposure.data[where] - detector.rate(frame)[where]
    np.testing.assert_allclose(excess, struck[where], atol=1.0)
    np.testing.assert_allclose(exposure.variance["poisson"], detector.rate(frame) / 100, rtol=1e-5)
    assert not exposure.dq[where].any()


def test_what_fills_the_well_is_flagged_and_cut_off(mode: InstrumentMode) -> None:
    made = simulate_night(instrument=mode, size=(128, 128), detectors=1, flat_level=2e5, stars=0, darks=0, twilights=0)
    exposure = made.detector("IMG1").exposure(frames_of(made, Kind.LAMP_ON, "Zbb")[0])
    full = (exposure.dq & DQ.SATURATED) != 0
    assert full.mean() > 0.9
    assert exposure.data.max() == pytest.approx(9000.0)
    assert np.array_equal(full, (exposure.dq & DQ.DO_NOT_USE) != 0)
