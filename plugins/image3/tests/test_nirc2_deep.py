"""The recipe nirc2-deep on the COSMOS01 dither of 2011-04-13: nine real frames, Ks, NIRC2's wide camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS

import iris_core
from iris_core import Array, Exposure, compile_recipe, load_plugins, read_exposure
from iris_core.recipes.reading import load_recipe

REAL = Path(__file__).parents[4] / "shared" / "data" / "nirc2_cosmos01_ks"
REFERENCES = {
    "dark": "cal/drk_80_1_16_11apr.fits.gz",
    "flat": "cal/flat_Ks_W_11apr.fits.gz",
    "mask": "cal/badpix_12oct.fits.gz",
}
FRAMES, SECONDS = 9, 80.0
# The galaxy with arcs around it, and the bright star, in the mosaic: column and row.
GALAXY, STAR = (487, 706), (352, 281)


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Return what the recipe makes, by suffix."""
    pytest.importorskip("iris_nirc2", reason="the recipe nirc2-deep needs iris-nirc2")
    if not REAL.is_dir():
        pytest.skip("the COSMOS01 frames are not here: shared/data/nirc2_cosmos01_ks beside the project")
    references = {reftype: REAL / path for reftype, path in REFERENCES.items()}
    frames = sorted((REAL / "raw").glob("*.fits.gz"))
    report = iris_core.run("nirc2-deep", *frames, directory=tmp_path_factory.mktemp("deep"), references=references)
    assert not report.failed
    made: dict[str, list[Path]] = {}
    for path in report.products:
        made.setdefault(path.stem.split("_")[-1], []).append(path)
    return made


@pytest.fixture(scope="module")
def deep(products: dict[str, list[Path]]) -> Exposure:
    """Return the mosaic."""
    (path,) = products["i2d"]
    return read_exposure(path)


@pytest.fixture(scope="module")
def sources(products: dict[str, list[Path]]) -> Any:
    """Return the catalogue."""
    (path,) = products["cat"]
    return Table.read(path)


def local_scatter(image: Any) -> float:
    """Return the robust standard deviation, boxes of 32 pixels at their own level."""
    rows, columns = (length // 32 * 32 for length in image.shape)
    cut = image[:rows, :columns].reshape(rows // 32, 32, columns // 32, 32)
    middle = np.nanmedian(np.where(np.isfinite(cut).mean(axis=(1, 3), keepdims=True) > 0.1, cut, 0), axis=(1, 3))
    return float(1.4826 * np.nanmedian(np.abs(cut - middle[:, np.newaxis, :, np.newaxis])))


def ring(image: Array, inner: float, outer: float) -> Array:
    row, column = np.mgrid[: image.shape[0], : image.shape[1]]
    radius = np.hypot(column - STAR[0], row - STAR[1])
    return np.asarray(image[(radius >= inner) & (radius < outer)])


def centroid(image: Array, x: float, y: float) -> tuple[float, float]:
    """Return the centre of light in a Gaussian window of 2 pixels, of standard deviation."""
    row, column = np.mgrid[: image.shape[0], : image.shape[1]]
    for _ in range(20):
        light = np.exp(-((column - x) ** 2 + (row - y) ** 2) / 8) * np.nan_to_num(image)
        x += 2 * float((light * (column - x)).sum() / light.sum())
        y += 2 * float((light * (row - y)).sum() / light.sum())
    return x, y


def registration(paths: Sequence[Path], place: Any) -> Array:
    """Return the scatter of the galaxy about one place of the sky, pixels in x and y."""
    found = []
    for exposure in map(read_exposure, paths):
        expected = WCS(exposure.sci_header).world_to_pixel(place)
        low = [round(float(value)) - 12 for value in expected]
        cut = exposure.data[low[1] : low[1] + 25, low[0] : low[0] + 25]
        start = [float(value) - edge for value, edge in zip(expected, low, strict=True)]
        found.append(np.subtract(centroid(cut, *start), start))
    return np.asarray(np.std(found, axis=0))


@pytest.mark.parametrize("name", ["image3", "nirc2-deep"])
def test_the_steps_are_installed_and_keep_their_order(name: str) -> None:
    """Linearity is one of counts, flat and dark come before the sky, and photom before anything is combined."""
    pytest.importorskip("iris_nirc2", reason="the recipe nirc2-deep needs iris-nirc2")
    plugins = load_plugins()
    steps, problems = compile_recipe(load_recipe(plugins.recipes()[name], {}), plugins, None)
    assert not problems
    stages = [step.stage for step in steps]
    order = ["linearity", "dark_current", "flat_field", "assign_wcs", "dither_sky", "photom", "align", "mosaic"]
    assert [stage for stage in stages if stage in order] == order[name == "image3" :]
    assert stages[-1] == "source_catalog"
    assert [step.save for step in steps if step.save] == ["cal", "crf", "i2d"]


@pytest.mark.acceptance
def test_nine_frames_give_one_image_in_dn_per_second_and_a_catalogue(products: Any, deep: Exposure) -> None:
    assert {suffix: len(paths) for suffix, paths in products.items()} == {
        "cal": FRAMES,
        "crf": FRAMES,
        "i2d": 1,
        "segm": 1,
        "cat": 1,
    }
    assert deep.sci_header["BUNIT"] == "DN/s"
    assert deep.header["NEXP"] == FRAMES


@pytest.mark.acceptance
def test_the_noise_of_blank_sky_is_that_of_the_closed_form(products: Any, deep: Exposure) -> None:
    """sigma/sqrt(n - 1), sigma that of a frame: each frame with its sky has sigma sqrt(n/(n - 1))."""
    sigma = np.mean([local_scatter(read_exposure(path).data) for path in products["cal"]]) * np.sqrt(8 / 9)
    (segments,) = products["segm"]
    blank = (read_exposure(segments).data == 0) & (np.arange(1100) > 100) & (np.arange(1100) < 1000)
    sky = np.where(blank[100:1000], deep.data[100:1000], np.nan)
    assert local_scatter(sky) * deep.sci_header["CORRFAC"] == pytest.approx(sigma / np.sqrt(8), rel=0.03)
    assert sigma * SECONDS == pytest.approx(36.1, rel=0.02)


@pytest.mark.acceptance
def test_aligned_frames_show_a_galaxy_at_one_place(products: Any, sources: Any) -> None:
    """Within 0.15 pixel; through the pointing within 0.3 only."""
    nearest = np.argmin(np.hypot(sources["xcentroid"] - GALAXY[0], sources["ycentroid"] - GALAXY[1]))
    place = sources["sky_centroid"][nearest]
    assert registration(products["cal"], place).max() > 0.2
    assert registration(products["crf"], place).max() < 0.15


@pytest.mark.acceptance
def test_sources_are_found_at_five_sigma_with_fluxes_and_without_magnitudes(sources: Any) -> None:
    found = np.asarray(sources["aper70_flux"] / sources["aper70_flux_err"]) > 5
    assert 40 <= found.sum() <= 60
    assert sources["aper70_flux"].unit == "DN/s"
    assert np.isnan(sources["aper70_abmag"]).all()


@pytest.mark.acceptance
def test_the_halo_of_the_bright_star_is_kept(deep: Exposure) -> None:
    """Of a sky of 5890 DN, at 40 to 80 pixels: 5 DN; nothing is left, and no hole, from 120 on."""
    assert 4 < np.nanmedian(ring(deep.data, 40, 80)) * SECONDS < 8
    assert abs(np.nanmedian(ring(deep.data, 120, 200))) * SECONDS < 1
