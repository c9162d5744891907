"""One scene through four detectors, dithered across their gap: one mosaic (COMBINE 11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from iris_core import Exposure

pytestmark = pytest.mark.slow

SIZE, GAP = 72, 16  # pixels
STEPS = ((0.0, 0.0), (20.3, 17.6), (-18.7, 21.1), (17.6, -19.8))
# On a detector, in the gap of the first exposure, where its gaps cross; none on an edge, where a star is not sampled.
STARS = [(-40.0, 38.0), (1.4, 36.2), (-38.3, -0.7), (0.6, -1.2), (44.1, -41.7)]


def detectors(field: Any, at: tuple[float, float], number: int, random: np.random.Generator) -> list[Exposure]:
    """Return the four images of an exposure, each with its own distortion, angle and noise; 0.01 of the sky level."""
    made = []
    half = (SIZE + GAP) / 2
    for index, (right, up) in enumerate(((-half, -half), (half, -half), (-half, half), (half, half))):
        place = (at[0] + right, at[1] + up)
        angle = random.uniform(-0.3, 0.3) + 90 * (index % 2)
        (blank,) = field.dithers(1, (SIZE, SIZE), at=place, cubic=0.2 + 0.1 * index, position_angle=angle)
        image = field.with_stars(blank, STARS, sigma=1.3, flux=1e4)
        noise = random.normal(5.0, 0.05, blank.shape)
        variance = {"total": np.full(blank.shape, 0.05**2, np.float32)}
        meta = replace(blank.meta, detector=f"IMG{index + 1}", start_time=blank.meta.start_time.replace(minute=number))
        made.append(image.replace(data=image.data + noise, variance=variance, meta=meta))
    return made


@pytest.fixture(scope="module")
def mosaic(field: Any) -> Exposure:
    random = np.random.default_rng(11)
    members = [one for number, step in enumerate(STEPS) for one in detectors(field, step, number, random)]
    made: Exposure = field.mosaic(*members, rotation=0.0)
    return made


def cut(mosaic: Exposure, field: Any, star: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns and rows around the place of a star, relative to it, and the values over the sky."""
    x, y = mosaic.wcs.invert(*field.position(*star))
    rows, columns = (slice(round(float(middle)) - 9, round(float(middle)) + 10) for middle in (y, x))
    at = np.mgrid[rows, columns]
    return at[1] - x, at[0] - y, mosaic.data[rows, columns].astype(float) - 5.0


@pytest.mark.parametrize("star", STARS, ids=str)
def test_stars_are_in_place_and_keep_their_flux_across_the_gap(
    field: Any, mosaic: Exposure, star: tuple[float, float]
) -> None:
    right, up, value = cut(mosaic, field, star)
    flux = value.sum()
    assert np.hypot((right * value).sum(), (up * value).sum()) / flux < 0.1
    assert flux * mosaic.sci_header["PIXAR_A2"] / 0.004**2 == pytest.approx(1e4, rel=1e-3)


def test_the_sky_has_no_step(field: Any, mosaic: Exposure) -> None:
    exposures = mosaic.planes["CON"].view(np.uint32)
    sky = np.isfinite(mosaic.data)
    for star in STARS:
        x, y = mosaic.wcs.invert(*field.position(*star))
        sky[round(float(y)) - 12 : round(float(y)) + 13, round(float(x)) - 12 : round(float(x)) + 13] = False
    levels = [mosaic.data[sky & (exposures >> np.uint32(bit) & 1 == 1)].mean() for bit in range(16)]
    assert np.ptp(levels) < 0.1 * 0.05


def test_all_members_are_counted_and_exposures_once(mosaic: Exposure) -> None:
    assert mosaic.header["NEXP"] == 16
    assert len(mosaic.planes["HDRTAB"]) == 16
    assert mosaic.sci_header["TOTEXP"] == mosaic.header["EXPTIME"] == 400
    assert sorted(set(mosaic.planes["HDRTAB"]["DETECTOR"].tolist())) == [b"IMG1", b"IMG2", b"IMG3", b"IMG4"]
    assert np.isfinite(mosaic.data).mean() > 0.7
