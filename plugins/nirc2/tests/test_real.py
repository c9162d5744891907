"""The COSMOS01 dither of 2011-04-13: nine real frames, Ks, wide camera.

The recipe is run on four of them, and on all nine where the environment variable IRIS_ALL_FRAMES is set: a minute.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from iris_nirc2 import read_exposure

import iris_core
from iris_core import DQ, Exposure, Image

FRAMES = [f"n{number:04d}" for number in range(31, 40)]
RUN = FRAMES if os.environ.get("IRIS_ALL_FRAMES") else FRAMES[3:7]
REFERENCES = {
    "dark": "cal/drk_80_1_16_11apr.fits.gz",
    "flat": "cal/flat_Ks_W_11apr.fits.gz",
    "mask": "cal/badpix_12oct.fits.gz",
}


def read(path: Path, pixels: bool = True, reftype: str = "") -> Exposure:
    exposure = read_exposure(path, pixels, reftype)
    assert exposure is not None
    return exposure


def frame(real: Path, name: str) -> Path:
    return real / "raw" / f"{name}.fits.gz"


def object_positions(real: Path) -> dict[str, tuple[float, float]]:
    """Return the 1-based pixel position of one object in each frame, measured by somebody else."""
    with (real / "peer" / "refpos.csv").open() as table:
        return {row["frame"]: (float(row["x_ref"]), float(row["y_ref"])) for row in csv.DictReader(table)}


def scatter(real: Path, wcs: dict[str, WCS]) -> tuple[float, float, float]:
    """Return the rms of the object's place on the sky: east, north and total, in mas."""
    pixels = object_positions(real)
    sky = np.array([wcs[name].wcs_pix2world([pixels[name]], 1)[0] for name in wcs])
    off = (sky - sky.mean(axis=0)) * 3.6e6
    east, north = np.sqrt(np.mean((off * [np.cos(np.radians(sky[0, 1])), 1]) ** 2, axis=0))
    return east, north, np.hypot(east, north)


def boxes(image: Image, size: int) -> Image:
    """Return the medians of square boxes."""
    rows, columns = (length // size for length in image.shape)
    cut = image[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return np.nanmedian(cut, axis=(1, 3))


def robust_std(values: Image) -> float:
    return float(1.4826 * np.nanmedian(np.abs(values - np.nanmedian(values))))


def test_the_pointing_puts_the_object_at_one_place_in_all_frames(real: Path) -> None:
    """Within 20 mas: RA and DEC are given to 1e-5 deg, that is 10 mas rms on each axis."""
    wcs = {name: WCS(read(frame(real, name), pixels=False).sci_header) for name in FRAMES}
    east, north, total = scatter(real, wcs)
    assert max(east, north) < 15
    assert total < 20


@pytest.mark.parametrize("pair", [(FRAMES[0], FRAMES[1]), (FRAMES[4], FRAMES[5])])
def test_the_errors_are_those_that_the_frames_show(real: Path, pair: tuple[str, str]) -> None:
    """The scatter between two frames (MCDS 16), slow changes of the sky taken out: within 2 %, 5 in each quadrant."""
    first, second = (read(frame(real, name)) for name in pair)
    good = read(real / REFERENCES["flat"], reftype="flat").data > 0.9
    level = np.median(first.data) / np.median(second.data)
    assert first.err is not None
    assert second.err is not None
    pulls = (first.data - second.data * level) / np.hypot(first.err, second.err * level)
    pulls -= np.kron(boxes(pulls, 32), np.ones((32, 32), dtype=np.float32))
    assert robust_std(pulls[good]) == pytest.approx(1.0, abs=0.02)
    for quadrant in (np.s_[y : y + 512, x : x + 512] for y in (0, 512) for x in (0, 512)):
        assert robust_std(pulls[quadrant][good[quadrant]]) == pytest.approx(1.0, abs=0.05)


def test_the_core_of_the_bright_star_is_flagged(real: Path) -> None:
    """Where the counts drop to 13 500 within a ring of more than 18 000."""
    exposure = read(frame(real, "n0035"))
    assert exposure.data[215, 281] * 80 < 14000
    assert exposure.dq[215, 281] & DQ.SATURATED


def test_the_flat_behind_the_coronagraphs_spot_is_bad(real: Path) -> None:
    flat = read(real / REFERENCES["flat"], reftype="flat")
    assert np.array_equal(flat.dq != 0, flat.data < 0.3)
    assert np.count_nonzero(flat.dq) == 523


def test_what_is_read_of_a_frame(real: Path) -> None:
    exposure = read(frame(real, "n0031"))
    assert (exposure.meta.detector, exposure.meta.filter, exposure.meta.read_mode) == ("wide", "Ks", "MCDS16-80s")
    assert np.median(exposure.data) * 80 == 5880
    assert np.count_nonzero(exposure.dq & DQ.SATURATED) == 33


def test_what_is_read_of_the_calibrations(real: Path) -> None:
    """The dark is 0.06 DN/s with the errors of a mean of ten; the flat is not divided by its 4.5 s."""
    dark = read(real / REFERENCES["dark"], reftype="dark")
    assert np.median(dark.data) == pytest.approx(4.7 / 80, rel=1e-3)
    assert dark.err is not None
    assert np.median(dark.err) * 80 == pytest.approx(1.22, abs=0.01)
    assert dark.meta.read_mode == read(frame(real, "n0031"), pixels=False).meta.read_mode
    assert np.median(read(real / REFERENCES["flat"], reftype="flat").data) == pytest.approx(1.0126, abs=1e-4)
    assert read_exposure(real / REFERENCES["mask"], True, "mask") is None


@pytest.fixture(scope="module")
def products(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what the recipe makes of the frames."""
    pytest.importorskip("iris_image3", reason="the recipe nirc2-dither needs iris-image3")
    folder = tmp_path_factory.mktemp("cosmos01")
    references = {reftype: real / path for reftype, path in REFERENCES.items()}
    report = iris_core.run(
        "nirc2-dither",
        *(frame(real, name) for name in RUN),
        references=references,
        directory=folder,
        skip=dict.fromkeys(("align", "sky_match", "outlier_detection", "source_catalog"), "test_deep.py has them"),
    )
    assert not report.failed, [result.error for result in report.results]
    return folder


def test_every_frame_is_calibrated_and_all_are_one_image(products: Path) -> None:
    names = {path.name for path in products.iterdir()}
    assert {f"{name}_cal.fits" for name in RUN} | {f"{RUN[0]}_i2d.fits"} <= names


def test_the_object_is_at_one_place_in_all_products(real: Path, products: Path) -> None:
    wcs = {name: WCS(fits.getheader(products / f"{name}_cal.fits", "SCI")) for name in RUN}
    assert scatter(real, wcs)[2] < 20


def test_the_object_lies_in_the_deep_image_where_the_wcs_of_each_frame_says(real: Path, products: Path) -> None:
    """Its brightest pixel is within 2.5 pixels of there."""
    pixels = object_positions(real)
    image, header = fits.getdata(products / f"{RUN[0]}_i2d.fits", "SCI", header=True)
    for name in RUN:
        sky = WCS(fits.getheader(products / f"{name}_cal.fits", "SCI")).wcs_pix2world([pixels[name]], 1)
        x, y = np.rint(WCS(header).wcs_world2pix(sky, 0)[0]).astype(int)
        around = np.nan_to_num(image[y - 12 : y + 13, x - 12 : x + 13])
        row, column = np.unravel_index(np.argmax(around), around.shape)
        assert np.hypot(row - 12, column - 12) < 2.5


@pytest.mark.parametrize("name", RUN)
def test_the_sky_is_flat_to_one_percent(real: Path, products: Path, name: str) -> None:
    """Medians of boxes of 256 pixels against the level of the raw sky, which drifts by 4 % meanwhile."""
    cal = fits.getdata(products / f"{name}_cal.fits", "SCI")
    sky = np.median(read(frame(real, name)).data)
    assert np.abs(boxes(cal, 256)).max() < 0.01 * sky


def test_the_errors_of_a_product_are_true(products: Path) -> None:
    """The scatter of blank sky, flattened in boxes of 32 pixels, is what ERR says within 3 %."""
    with fits.open(products / "n0035_cal.fits") as product:
        pulls = product["SCI"].data - np.kron(boxes(product["SCI"].data, 32), np.ones((32, 32), dtype=np.float32))
        pulls /= product["ERR"].data
    assert robust_std(pulls) == pytest.approx(1.0, abs=0.03)
