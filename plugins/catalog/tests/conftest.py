"""Fields of Gaussian stars on a noisy sky, drizzled from dithers or not, whose light is known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import iris_resample
import numpy as np
import pytest
from iris_catalog import CatalogParams, catalogue_sources
from iris_testkit import add_wcs, iris_mode, make_exposure, run_stage
from scipy.special import erf, j1

from iris_core import Doubles, Exposure, Image, InstrumentMode, Reference, References, Result

SCALE = 0.1
AREA = float(np.deg2rad(SCALE / 3600) ** 2)
FWHM = 3.0
CENTRE = (150.1, 2.2)
# Dithers, in pixels: all phases, no vector twice.
DITHERS = ((0.0, 0.0), (7.37, 3.61), (-5.21, 8.83), (-9.55, -4.17), (4.79, -7.42))


def draw_stars(shape: tuple[int, int], x: Doubles, y: Doubles, flux: Doubles, fwhm: float = FWHM) -> Image:
    """Return the sum of Gaussian stars, integrated over each pixel."""
    width = fwhm / 2.3548 * np.sqrt(2)
    image = np.zeros(shape)
    half = int(np.ceil(4 * fwhm))
    for one, other, light in zip(x, y, flux, strict=True):
        columns = slice(max(int(one) - half, 0), max(int(one) + half + 1, 0))
        rows = slice(max(int(other) - half, 0), max(int(other) + half + 1, 0))
        along, across = (
            np.diff(erf((np.arange(cut.start, min(cut.stop, size) + 1) - 0.5 - place) / width)) / 2
            for cut, size, place in ((rows, shape[0], other), (columns, shape[1], one))
        )
        image[rows, columns] += light * np.outer(along, across)
    return image


def draw_airy(shape: tuple[int, int], places: Doubles, flux: Doubles, scale: float, over: int = 3) -> Image:
    """Return the sum of images of a clear pupil of 10 m in Ks, on pixels of a scale in arcsec."""
    step, (down, across) = np.arange(over) / over + 0.5 / over - 0.5, np.mgrid[: shape[0], : shape[1]]
    # finely tabulated, and looked up
    table = np.linspace(0, 20, 40001)
    per_arcsec = [np.pi * 10.0 / (wave * 1e-6) * np.deg2rad(1 / 3600) for wave in np.linspace(2, 2.29, 8)]
    arguments = [np.maximum(table * one, 1e-9) for one in per_arcsec]
    bands = [one**2 / (4 * np.pi) * (2 * j1(x) / x) ** 2 for one, x in zip(per_arcsec, arguments, strict=True)]
    light = np.mean(bands, axis=0)
    image = np.zeros(shape)
    for (x, y), own in zip(places, flux * (scale / over) ** 2, strict=True):
        for dy in step:
            for dx in step:
                image += own * np.interp(np.hypot(across + dx - x, down + dy - y) * scale, table, light)
    return image


def spread_places(shape: tuple[int, int], number: int, apart: float, margin: float, seed: int) -> Doubles:
    """Return places that are `apart` pixels from each other, ``(n, 2)``."""
    random, chosen = np.random.default_rng(seed), np.empty((0, 2))
    for _ in range(200_000):
        if len(chosen) == number:
            return chosen
        one = margin + random.random(2) * (np.array(shape[::-1]) - 1 - 2 * margin)
        if not len(chosen) or np.hypot(*(chosen - one).T).min() > apart:
            chosen = np.vstack([chosen, one])
    raise AssertionError(f"only {len(chosen)} of {number} places found")


def jansky(magnitude: Any) -> Any:
    """Return the flux of AB magnitudes."""
    return 3631 * 10 ** (-0.4 * np.asarray(magnitude))


@dataclass(frozen=True)
class Field:
    """An image in MJy/sr, the same without noise, and the truth."""

    exposure: Exposure
    truth: Exposure
    places: Doubles
    magnitude: Doubles

    @property
    def flux(self) -> Doubles:
        """Jy."""
        return np.asarray(jansky(self.magnitude))


def on_sky(
    shape: tuple[int, int], value: Image, sky_noise: float, seed: int | None, scale: float = SCALE, **options: Any
) -> Exposure:
    """Return an exposure in MJy/sr whose variance is that of the sky and of photons, and its WCS."""
    poisson = np.maximum(value, 0) * sky_noise / 20
    exposure = make_exposure(
        shape, value=value, poisson=poisson, rnoise=sky_noise**2, seed=seed, unit="MJy/sr", **options
    )
    return add_wcs(exposure, scale)


def make_field(
    shape: tuple[int, int] = (300, 320),
    magnitude: Doubles | None = None,
    *,
    fwhm: float = FWHM,
    apart: float = 40.0,
    margin: float = 32.0,
    noise: float = 0.02,
    sky: float = 1.0,
    seed: int = 1,
    noise_seed: int | None = 2,
    **options: Any,
) -> Field:
    """Return stars of AB magnitudes on one exposure."""
    magnitude = np.linspace(17, 20, 12) if magnitude is None else magnitude
    places = spread_places(shape, len(magnitude), apart, margin, seed)
    value = sky + draw_stars(shape, *places.T, jansky(magnitude) / (1e6 * AREA), fwhm)
    options = {"filter": "Ks", **options}
    return Field(
        exposure=on_sky(shape, value, noise, noise_seed, **options),
        truth=on_sky(shape, value, noise, None, **options),
        places=places,
        magnitude=magnitude,
    )


def drizzle(exposures: list[Exposure], shape: tuple[int, int]) -> Exposure:
    """Return the mean of exposures that were resampled onto one grid, as a mosaic of equal weights."""
    grid = {"crval": CENTRE, "output_shape": shape[::-1], "pixel_scale": SCALE}
    planes = [run_stage(iris_resample, one, stage="resample", **grid) for one in exposures]
    number = len(planes)
    variance = np.sum([one.variance["total"] for one in planes], axis=0) / number**2
    noise = np.array([float(np.nanmedian(one.variance["total"])) for one in planes])
    factor = np.sqrt(np.average([one.sci_header["CORRFAC"] ** 2 for one in planes], weights=noise))
    return (
        planes[0]
        .replace(
            data=np.mean([one.data for one in planes], axis=0),
            dq=np.bitwise_or.reduce([one.dq for one in planes]),
            variance={"total": variance},
            planes={"WHT": np.sum([one.planes["WHT"] for one in planes], axis=0)},
        )
        .with_keywords({"CORRFAC": (float(factor), "")})
        .mask_invalid()
    )


def make_mosaic(
    shape: tuple[int, int],
    places: Doubles,
    magnitude: Doubles,
    *,
    noise: float,
    seed: int | None,
    fwhm: float = FWHM,
    sky: float = 1.0,
) -> Exposure:
    """Return five dithers of stars, at places on the grid, drizzled."""
    room = 24
    size = (shape[0] + room, shape[1] + room)
    exposures = []
    for number, (dx, dy) in enumerate(DITHERS):
        x, y = places.T + room / 2 + np.array([[dx], [dy]])
        value = sky + draw_stars(size, x, y, jansky(magnitude) / (1e6 * AREA), fwhm)
        one = on_sky(size, value, noise, None if seed is None else 10 * seed + number, filter="Ks")
        exposures.append(shifted(one, dx, dy))
    return drizzle(exposures, shape)


def shifted(exposure: Exposure, dx: float, dy: float) -> Exposure:
    """Return an exposure whose WCS says that its content lies (dx, dy) pixels further."""
    from astropy.modeling.models import Shift
    from gwcs import WCS

    assert exposure.wcs is not None
    first, *others = exposure.wcs.pipeline
    wcs = WCS([(first.frame, Shift(-dx) & Shift(-dy) | first.transform), *((s.frame, s.transform) for s in others)])
    ny, nx = exposure.shape
    wcs.bounding_box = ((-0.5, nx - 0.5), (-0.5, ny - 0.5))
    return exposure.replace(wcs=wcs)


def keck() -> InstrumentMode:
    """Return a mode with the pupil of a 10 m telescope, and Ks."""
    fact = {"telescope_diameter": {"value": 10.0, "unit": "m", "source": "test"}}
    return replace(iris_mode(), facts=fact)


def catalogue(
    exposure: Exposure, mode: InstrumentMode | None = None, psf: Reference | None = None, **params: Any
) -> Result:
    """Return what the stage makes of an exposure."""
    references = References({} if psf is None else {"psf": psf})
    return catalogue_sources(exposure, CatalogParams(**params), references, mode or iris_mode())


def matched(result: Result, places: Doubles, within: float = 2.0) -> tuple[Any, Doubles]:
    """Return for each place the index of the nearest source, -1 where none is within some pixels."""
    table = result.tables["cat"]
    x, y = (np.asarray(table[name].value) for name in ("xcentroid", "ycentroid"))
    if not len(x):
        return np.full(len(places), -1), np.full(len(places), np.inf)
    distance = np.hypot(places[:, :1] - x, places[:, 1:] - y)
    nearest = distance.argmin(axis=1)
    best = distance.min(axis=1)
    return np.where(best < within, nearest, -1), best


@pytest.fixture(name="tools", scope="session")
def tools_fixture() -> Any:
    """Return the functions above by name."""
    from types import SimpleNamespace

    names: dict[str, Callable[..., Any] | Any] = dict(globals())
    return SimpleNamespace(**{name: one for name, one in names.items() if not name.startswith("_")})
