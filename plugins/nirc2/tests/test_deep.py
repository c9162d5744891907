"""The recipe nirc2-dither on the COSMOS01 dither of 2011-04-13: nine real frames, Ks, the wide camera, one image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

import iris_core
from iris_core import Array, Doubles, Exposure, Mask, read_exposure

pytestmark = [pytest.mark.acceptance, pytest.mark.filterwarnings("ignore:All-NaN slice")]

REFERENCES = {
    "dark": "cal/drk_80_1_16_11apr.fits.gz",
    "flat": "cal/flat_Ks_W_11apr.fits.gz",
    "mask": "cal/badpix_12oct.fits.gz",
}
# Objects as far as an eye sees them in the mosaic, drawn by hand.
REGIONS = Path(__file__).with_name("cosmos01.reg")
FRAMES, SKIES, SECONDS = 9, 4, 80.0
# Column and row, in the mosaic, of the bright star and of the galaxy with arcs around it.
STAR, GALAXY = (352.4, 281.6), (487.2, 706.3)
# Inner and outer radius, pixels.
HALOS = [(STAR, (20, 40)), (STAR, (40, 80)), (STAR, (80, 120)), (GALAXY, (12, 20)), (GALAXY, (20, 40))]


def deep_image(real: Path, folder: Path, params: dict[str, Any] | None = None, **more: Path) -> dict[str, list[Path]]:
    """Return what the recipe makes of the nine frames, with `more` references, by suffix."""
    pytest.importorskip("iris_image3", reason="the recipe nirc2-dither needs iris-image3")
    references = {**{reftype: real / path for reftype, path in REFERENCES.items()}, **more}
    report = iris_core.run("nirc2-dither", real / "raw", directory=folder, params=params, references=references)
    assert not report.failed, [result.error for result in report.results]
    made: dict[str, list[Path]] = {}
    for path in report.products:
        made.setdefault(path.stem.split("_")[-1], []).append(path)
    return made


@pytest.fixture(scope="module")
def products(real: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return deep_image(real, tmp_path_factory.mktemp("deep"))


@pytest.fixture(scope="module")
def deep(products: dict[str, list[Path]]) -> Exposure:
    """Return the mosaic."""
    (path,) = products["i2d"]
    return read_exposure(path)


@pytest.fixture(scope="module")
def light(deep: Exposure) -> Doubles:
    """Return the mosaic in DN."""
    return np.asarray(deep.data * SECONDS, dtype=float)


@pytest.fixture(scope="module")
def sources(products: dict[str, list[Path]]) -> Any:
    """Return the catalogue."""
    (path,) = products["cat"]
    return Table.read(path)


@pytest.fixture(scope="module")
def blank(products: dict[str, list[Path]]) -> Mask:
    """Return the pixels of the mosaic that all frames have, away from sources and from the rays of the star."""
    from scipy.ndimage import binary_dilation

    (path,) = products["segm"]
    mask = ~binary_dilation(read_exposure(path).data > 0, iterations=10)
    edges = np.ones_like(mask)
    edges[110:990, 110:990] = False
    return np.asarray(mask & ~edges & ~ring(mask.shape, STAR, 0, 150))


def ring(shape: tuple[int, int], place: tuple[float, float], inner: float, outer: float) -> Mask:
    row, column = np.ogrid[: shape[0], : shape[1]]
    radius = np.hypot(column - place[0], row - place[1])
    return np.asarray((radius >= inner) & (radius < outer))


def local_scatter(image: Any) -> float:
    """Return the robust standard deviation, boxes of 32 pixels at their own level."""
    rows, columns = (length // 32 * 32 for length in image.shape)
    cut = image[:rows, :columns].reshape(rows // 32, 32, columns // 32, 32)
    return float(1.4826 * np.nanmedian(np.abs(cut - np.nanmedian(cut, axis=(1, 3), keepdims=True))))


def blank_medians(image: Doubles, blank: Mask, inner: float, outer: float) -> Doubles:
    """Return the medians of a ring at all places where most of it is blank."""
    sky = np.where(blank, image, np.nan)
    row, column = (index - index.mean().round() for index in np.mgrid[: 2 * outer + 1, : 2 * outer + 1])
    inside = (np.hypot(row, column) >= inner) & (np.hypot(row, column) < outer)
    corners = range(110, 990 - 2 * int(outer), 20)
    cuts = [sky[y : y + len(inside), x : x + len(inside)][inside] for y in corners for x in corners]
    return np.array([np.nanmedian(cut) for cut in cuts if np.isfinite(cut).mean() > 0.6])


def without_halo(image: Doubles) -> Doubles:
    """Return the mosaic without the mean profile of the star; what is left are its rays, and ghosts."""
    row, column = np.mgrid[: image.shape[0], : image.shape[1]]
    radius = np.hypot(column - STAR[0], row - STAR[1])
    edges = np.arange(0, 200, 2)
    profile = [np.nanmedian(image[(radius >= edge) & (radius < edge + 2)]) for edge in edges]
    return np.asarray(image - np.interp(radius, edges + 1, profile))


def annulus_light(image: Doubles, place: tuple[float, float]) -> float:
    """Return the light between 5 and 12 pixels from a place, above that from 14 to 20: all but a saturated core."""
    inside, around = (image[ring(image.shape, place, *radii)] for radii in ((5, 12), (14, 20)))
    return float(np.nansum(inside - np.nanmedian(around)))


def centroid(image: Array, x: float, y: float) -> tuple[float, float]:
    """Return the centre of light in a Gaussian window of 2 pixels, of standard deviation."""
    row, column = np.mgrid[: image.shape[0], : image.shape[1]]
    for _ in range(30):
        weight = np.exp(-((column - x) ** 2 + (row - y) ** 2) / 8) * np.nan_to_num(image)
        x += 2 * float((weight * (column - x)).sum() / weight.sum())
        y += 2 * float((weight * (row - y)).sum() / weight.sum())
    return x, y


def registration(paths: Iterable[Path], place: Any) -> Doubles:
    """Return the rms of where an object is in each frame about where the WCS puts it, pixels in x and y."""
    found = []
    for exposure in map(read_exposure, paths):
        expected = [float(value) for value in exposure.wcs.world_to_pixel(place)]
        low = [round(value) - 12 for value in expected]
        cut = exposure.data[low[1] : low[1] + 25, low[0] : low[0] + 25]
        start = [value - edge for value, edge in zip(expected, low, strict=True)]
        found.append(np.subtract(centroid(cut, *start), start))
    return np.asarray(np.std(found, axis=0))


def ghost_places(deep: Exposure, frames: list[Exposure]) -> list[tuple[float, float]]:
    """Return where light of the star would be missing if it were taken for sky: once for each frame and each other."""
    star = deep.wcs(*STAR)
    pixels = [frame.wcs.invert(*star) for frame in frames]
    places = [deep.wcs.invert(*one.wcs(*pixel)) for one in frames for pixel in pixels]
    return [(float(x), float(y)) for x, y in places if np.hypot(x - STAR[0], y - STAR[1]) > 5]


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


def test_the_noise_of_blank_sky_is_that_of_the_closed_form(
    products: Any, deep: Exposure, light: Doubles, blank: Mask
) -> None:
    """Sigma sqrt((1 + 1/4)/9), sigma that of a frame: 5 % above the least that nine frames give, sigma/sqrt(8)."""
    each = [local_scatter(read_exposure(path).data) for path in products["cal"]]
    sigma = np.mean(each) / np.sqrt(1 + 1 / SKIES) * SECONDS
    assert sigma == pytest.approx(36.1, rel=0.02)
    noise = local_scatter(np.where(blank, light, np.nan)) * deep.sci_header["CORRFAC"]
    assert noise == pytest.approx(sigma * np.sqrt((1 + 1 / SKIES) / FRAMES), rel=0.03)
    assert noise == pytest.approx(sigma / np.sqrt(FRAMES - 1), rel=0.05)


def test_empty_apertures_scatter_as_the_errors_say(deep: Exposure) -> None:
    assert deep.sci_header["MAGRAT"] == pytest.approx(1.0, abs=0.15)


def test_the_sky_is_level(light: Doubles, blank: Mask) -> None:
    """Medians of boxes of 64 pixels scatter by less than 1 DN, of a sky of 5890; 1.6 where all others are the sky."""
    kept = np.where(blank, light, np.nan)[64:1024, 64:1024].reshape(15, 64, 15, 64)
    enough = np.isfinite(kept).mean(axis=(1, 3)) > 0.5
    assert enough.sum() > 100
    assert np.std(np.nanmedian(kept, axis=(1, 3))[enough]) < 1.0


def test_aligned_frames_show_an_object_at_one_place(products: Any, deep: Exposure) -> None:
    """The rms over the frames is below 0.1 pixel on each axis; through the pointing it is nearly 0.3."""
    place = deep.wcs.pixel_to_world(*GALAXY)
    assert registration(products["cal"], place).min() > 0.2
    assert registration(products["crf"], place).max() < 0.1


def test_sources_are_found_at_five_sigma_with_fluxes_and_without_magnitudes(sources: Any) -> None:
    found = np.asarray(sources["aper70_flux"] / sources["aper70_flux_err"]) > 5
    assert 30 <= found.sum() <= 60
    assert sources["aper70_flux"].unit == "DN/s"
    assert np.isnan(sources["aper70_abmag"]).all()


def test_the_star_leaves_no_ghosts(products: Any, deep: Exposure, light: Doubles) -> None:
    """Summed over the 72 places, of which each would have -1/72 of the star: below 1 %, or within two errors.

    The error is the scatter of the sum over the same places, turned about the star.
    """
    frames = [read_exposure(path) for path in products["crf"]]
    image, places = without_halo(light), np.array(ghost_places(deep, frames)) - STAR

    def total(angle: float) -> float:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return sum(annulus_light(image, (x, y)) for x, y in places @ turn.T + STAR)

    elsewhere = [total(angle) for angle in np.radians(np.arange(30, 331, 30))]
    missing, unmasked = total(0) - np.mean(elsewhere), annulus_light(light, STAR)
    assert abs(missing) < max(0.01 * unmasked, 2 * np.std(elsewhere))
    assert np.std(elsewhere) < 0.05 * unmasked


def test_halos_are_those_over_a_sky_with_regions_drawn_by_hand(
    real: Path, deep: Exposure, light: Doubles, blank: Mask, tmp_path: Path
) -> None:
    """Within the error of the median of a ring.

    By hand the first pass has masks already: two after it find what is fainter.
    """
    products = deep_image(real, tmp_path, {"dither_sky.passes": 3}, objects=REGIONS)
    mosaic = read_exposure(products["i2d"][0])
    by_hand = np.asarray(mosaic.data * SECONDS)
    for place, (inner, outer) in HALOS:
        # The mosaics may differ by a pixel in size.
        column, row = mosaic.wcs.invert(*deep.wcs(*place))
        one = float(np.nanmedian(light[ring(light.shape, place, inner, outer)]))
        other = float(np.nanmedian(by_hand[ring(by_hand.shape, (float(column), float(row)), inner, outer)]))
        error = float(np.std(blank_medians(light, blank, inner, outer)))
        assert abs(one - other) < error
