"""The COSMOS01 dither of 2011-04-13: nine real frames, Ks, NIRC2's wide camera, a bright star with its halo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_sky import SkyParams, subtract_dither_sky
from iris_sky._place import make_grid

import iris_core
from iris_core import Doubles, Exposure, Exposures, Image, References, load_plugins

pytestmark = pytest.mark.acceptance

FRAMES = [f"n{number:04d}" for number in range(31, 40)]
SECONDS = 80.0
REFERENCES = {
    "dark": "cal/drk_80_1_16_11apr.fits.gz",
    "flat": "cal/flat_Ks_W_11apr.fits.gz",
    "mask": "cal/badpix_12oct.fits.gz",
}
# Column and row of the bright star in the fifth frame.
STAR = 281, 215


@pytest.fixture(scope="module")
def frames(real: Path) -> list[Exposure]:
    """Return the frames, calibrated up to the background, without linearity as the known numbers are."""
    for module in ("iris_nirc2", "iris_image3"):
        pytest.importorskip(module, reason=f"the recipe nirc2-dither needs {module.replace('_', '-')}")
    references = {reftype: real / path for reftype, path in REFERENCES.items()}
    later = ("dither_sky", "align", "sky_match", "outlier_detection", "mosaic", "source_catalog")
    skip = dict.fromkeys(("linearity", *later), "the sky is for all frames together")
    reader = load_plugins()
    return [
        iris_core.calibrate(
            reader.read_exposure(real / "raw" / f"{name}.fits.gz"), "nirc2-dither", references=references, skip=skip
        )["cal"]
        for name in FRAMES
    ]


@pytest.fixture(scope="module")
def subtracted(frames: list[Exposure]) -> dict[int, list[Exposure]]:
    """Return the frames after one pass and after two."""
    return {
        passes: list(subtract_dither_sky(Exposures.of(frames), SkyParams(passes=passes), References()))
        for passes in (1, 2)
    }


def stack(exposures: list[Exposure]) -> tuple[Doubles, Doubles, tuple[int, int]]:
    """Return the mean of the frames on whole pixels, DN, how many each pixel has, and where the star is."""
    grid = make_grid(exposures)
    total, number = np.zeros(grid.shape), np.zeros(grid.shape)
    for exposure, placement in zip(exposures, grid.placements, strict=True):
        at = placement.index(slice(0, exposure.shape[0]))
        total[at] += np.nan_to_num(exposure.data) * SECONDS
        number[at] += np.isfinite(exposure.data)
    down, right = grid.placements[4].offset
    with np.errstate(invalid="ignore"):
        return total / number, number, (STAR[1] + down, STAR[0] + right)


def local_scatter(image: Any) -> float:
    """Return the robust standard deviation, boxes of 32 pixels at their own level."""
    rows, columns = (length // 32 * 32 for length in image.shape)
    cut = image[:rows, :columns].reshape(rows // 32, 32, columns // 32, 32)
    with np.errstate(invalid="ignore"):
        middle = np.nanmedian(np.where(np.isfinite(cut).mean(axis=(1, 3), keepdims=True) > 0.1, cut, 0), axis=(1, 3))
    left = cut - middle[:, np.newaxis, :, np.newaxis]
    return float(1.4826 * np.nanmedian(np.abs(left)))


def ring(image: Doubles, star: tuple[int, int], inner: float, outer: float) -> Doubles:
    row, column = np.mgrid[: image.shape[0], : image.shape[1]]
    radius = np.hypot(row - star[0], column - star[1])
    return np.asarray(image[(radius >= inner) & (radius < outer)])


def test_the_noise_of_a_frame_and_of_the_stack_are_those_of_the_closed_form(subtracted: Any) -> None:
    """32.8 DN in a frame, so that sqrt(9/8) times as much is left in each, and 32.8/sqrt(8) = 11.6 in their mean."""
    each = [local_scatter(one.data * SECONDS) for one in subtracted[2]]
    assert np.mean(each) / np.sqrt(9 / 8) == pytest.approx(32.8, rel=0.03)
    mean, number, _ = stack(subtracted[2])
    assert local_scatter(np.where(number == 9, mean, np.nan)) == pytest.approx(11.6, rel=0.05)


def test_the_errors_are_those_that_the_frames_show(subtracted: Any) -> None:
    for exposure in subtracted[2]:
        assert exposure.err is not None
        assert local_scatter(exposure.data / exposure.err) == pytest.approx(1.0, abs=0.05)


def test_the_second_pass_keeps_the_halo_that_the_first_takes(subtracted: Any) -> None:
    """At 40 to 80 pixels: from a hole of 3 to 4 DN, on a sky of 5650, to light of 5 and more."""
    left = {}
    for passes, exposures in subtracted.items():
        mean, _, star = stack(exposures)
        left[passes] = np.nanmedian(ring(mean, star, 40, 80))
    assert -5 < left[1] < -2
    assert 4 < left[2] < 9


def test_the_star_leaves_no_ghosts(subtracted: Any) -> None:
    """At its distance to itself in any two frames: -f/72 without masks; below 10 % of that, and of the noise."""
    exposures = subtracted[2]
    mean, number, (row, column) = stack(exposures)
    offsets = np.array([one.offset for one in make_grid(exposures).placements])
    light = np.nanmean(mean[row - 5 : row + 6, column - 5 : column + 6])
    ghosts: list[float] = []
    for down, right in (a - b for i, a in enumerate(offsets) for j, b in enumerate(offsets) if i != j):
        y, x = row + down, column + right
        if 20 < y < mean.shape[0] - 20 and 20 < x < mean.shape[1] - 20 and number[y, x] > 4:
            around: Image = ring(mean, (y, x), 12, 20)
            ghosts.append(float(np.nanmean(mean[y - 5 : y + 6, x - 5 : x + 6]) - np.nanmedian(around)))
    assert len(ghosts) > 20
    assert abs(np.median(ghosts)) < 0.1 * light / 72


def test_what_is_lost_is_little_and_is_recorded(subtracted: Any) -> None:
    for exposure in subtracted[2]:
        assert exposure.sci_header["BKGNEXP"] == 8
        assert exposure.sci_header["BKGSKY"] * SECONDS == pytest.approx(5650, rel=0.04)
        assert exposure.sci_header["FRACNAN"] < 0.01
        assert 0.01 < exposure.sci_header["MASKFRAC"] < 0.15
