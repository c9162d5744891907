"""The recipe nirc2-dither on frames whose content is known: sky, dark, flat, a star, noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from iris_nirc2._pointing import tangent_plane

import iris_core

if TYPE_CHECKING:
    from iris_core import Doubles

pytest.importorskip("iris_image3", reason="the recipe nirc2-dither needs iris-image3")

SIZE, SECONDS, GAIN = 128, 80.0, 4.84
SKY, DARK, FLUX, SIGMA = 70.0, 0.5, 4000.0, 2.0  # DN/s, DN/s, DN/s, pixels
STAR = (150.43402, 2.95156)
DITHER = [(0.0, 0.0), (1.0, 0.4), (-0.8, 0.9), (0.3, -1.1), (-0.9, -0.6)]  # arcsec


def flat() -> Doubles:
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    return 0.9 + 0.2 * x * y


def pointing(number: int) -> tuple[float, float]:
    east, north = DITHER[number]
    return round(STAR[0] + east / 3600 / np.cos(np.radians(STAR[1])), 5), round(STAR[1] + north / 3600, 5)


def star_pixel(number: int) -> tuple[float, float]:
    """Return where the star falls, 0-based."""
    cards = tangent_plane(*pointing(number), 0.0, 0.039686, (SIZE, SIZE))
    x, y = WCS(fits.Header([(key, *card) for key, card in cards.items()])).wcs_world2pix([STAR], 0)[0]
    return float(x), float(y)


def scene(number: int, level: float) -> Doubles:
    """Return the rate that reaches the detector, DN/s."""
    x, y = star_pixel(number)
    row, column = np.mgrid[:SIZE, :SIZE]
    star = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * SIGMA**2)) / (2 * np.pi * SIGMA**2)
    return level + FLUX * star


@pytest.fixture
def dither(make_frame: Any, bend: Any) -> list[Path]:
    """Write five frames whose sky changes from one to the next; column 7 is dead."""
    rng = np.random.default_rng(2011)
    paths = []
    for number in range(len(DITHER)):
        counts = (flat() * scene(number, SKY * (1 + 0.01 * number)) + DARK) * SECONDS
        noisy = bend(rng.poisson(counts * GAIN) / GAIN) + rng.normal(0, 3.75, counts.shape)
        noisy[:, 7] = 0
        ra, dec = pointing(number)
        paths.append(make_frame(np.rint(noisy), f"n{number:04d}.fits.gz", RA=ra, DEC=dec))
    return paths


@pytest.fixture
def references(make_frame: Any, tmp_path: Path) -> dict[str, Path]:
    """Write a master dark in DN, a normalised flat whose header speaks of 4.5 s, and a mask without header."""
    mask = np.zeros((1024, 1024), dtype=np.float32)
    mask[:, (1024 - SIZE) // 2 + 7] = 1
    fits.PrimaryHDU(mask).writeto(tmp_path / "badpix.fits")
    dark = np.full((SIZE, SIZE), DARK * SECONDS)
    return {
        "dark": make_frame(dark, "dark.fits.gz", np.float32, junk=False, SHRNAME="closed", NCOMBINE=10),
        "flat": make_frame(flat(), "flat.fits.gz", np.float32, junk=False, ITIME=4.5),
        "mask": tmp_path / "badpix.fits",
    }


@pytest.mark.slow
def test_a_dither_comes_out_with_its_sky_gone_and_its_star_in_place(
    dither: list[Path], references: dict[str, Path], tmp_path: Path
) -> None:
    """Star flux within 2 %, its place within 0.05 pixel, the sky at 0 within its noise, the errors true within 3 %."""
    report = iris_core.run("nirc2-dither", *dither, references=references, directory=tmp_path / "out")
    assert not report.failed, [result.error for result in report.results]
    pulls = []
    for number in range(len(DITHER)):
        with fits.open(tmp_path / "out" / f"n{number:04d}_cal.fits") as product:
            image, err, dq = (product[name].data for name in ("SCI", "ERR", "DQ"))
        assert np.isnan(image[:, 7]).all()
        assert (dq[:, 7] & iris_core.DQ.OTHER_BAD_PIXEL).all()
        x, y = star_pixel(number)
        row, column = np.mgrid[:SIZE, :SIZE]
        near = np.hypot(column - x, row - y) < 10
        weight = np.where(near, image, 0.0)
        assert weight.sum() == pytest.approx(FLUX, rel=0.02)
        assert np.average(column, weights=weight) == pytest.approx(x, abs=0.05)
        assert np.average(row, weights=weight) == pytest.approx(y, abs=0.05)
        stars = [np.hypot(column - px, row - py) < 12 for px, py in map(star_pixel, range(len(DITHER)))]
        blank = ~np.any(stars, axis=0) & np.isfinite(image)
        pulls.append((image / err)[blank])
    everything = np.concatenate(pulls)
    assert everything.mean() == pytest.approx(0.0, abs=0.03)
    assert everything.std() == pytest.approx(1.0, abs=0.03)


def test_a_dark_of_another_time_is_refused(
    dither: list[Path], references: dict[str, Path], make_frame: Any, tmp_path: Path
) -> None:
    """A NIRC2 dark does not scale with time: its read mode says the time, and the stage compares it."""
    other = make_frame(np.zeros((SIZE, SIZE)), "dark40.fits", np.float32, ITIME=40.0)
    try:
        report = iris_core.run(
            "nirc2-dither", *dither, references={**references, "dark": other}, directory=tmp_path / "out"
        )
        said = [result.error for result in report.results]
    except iris_core.IrisError as error:
        said = [str(error)]
    for message in said:
        assert "dark40.fits" in message
        assert "MCDS16-40s" in message
        assert "MCDS16-80s" in message
