"""A field of round Gaussian stars whose light, places and zero point are known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from iris_photom_stars import ZeroPointParams
from iris_testkit import add_wcs, make_exposure
from scipy.special import erf

from iris_core import Doubles, Exposure, Reference, References, load_plugins

ZERO = 25.0
FWHM = 3.0
SCALE = 0.1
# The stars have no wings, so that a small circle holds all of their light.
PARAMS = ZeroPointParams(total=6.0, min_stars=5)


def draw_stars(shape: tuple[int, int], x: Doubles, y: Doubles, flux: Doubles, fwhm: float = FWHM) -> Doubles:
    """Return the sum of Gaussian stars, integrated over each pixel."""
    width = fwhm / 2.3548 * np.sqrt(2)

    def along(size: int, place: Doubles) -> Doubles:
        edges = np.arange(size + 1) - 0.5
        return np.diff(erf((edges[:, np.newaxis] - place) / width), axis=0) / 2

    return np.einsum("ik,jk,k->ij", along(shape[0], y), along(shape[1], x), flux)


def spread_places(
    shape: tuple[int, int], number: int, apart: float, margin: float, seed: int
) -> tuple[Doubles, Doubles]:
    """Return places that are `apart` pixels from each other."""
    rng = np.random.default_rng(seed)
    chosen: list[Doubles] = []
    for _ in range(100_000):
        if len(chosen) == number:
            break
        one = margin + rng.random(2) * (np.array([shape[1], shape[0]]) - 1 - 2 * margin)
        if all(np.hypot(*(one - other)) > apart for other in chosen):
            chosen.append(one)
    assert len(chosen) == number
    return np.array(chosen)[:, 0], np.array(chosen)[:, 1]


@dataclass(frozen=True)
class Field:
    """An exposure, and the truth of its stars."""

    exposure: Exposure
    table: Table
    x: Doubles
    y: Doubles
    flux: Doubles
    zero: float = ZERO

    def with_table(self, **columns: Any) -> Field:
        """Return the field with other columns in its catalogue."""
        table = self.table.copy()
        for name, column in columns.items():
            table[name] = column
        return replace(self, table=table)

    def references(self, folder: Path, name: str = "stars.ecsv") -> References:
        """Write the catalogue and return it as a stage is given it."""
        path = folder / name
        self.table.write(path, format="ascii.ecsv" if name.endswith("ecsv") else None, overwrite=True)
        return References({"catalog": catalog_file(path)})


def catalog_file(path: Path) -> Reference:
    """Return a catalogue as the framework gives it to the stage."""
    table = load_plugins(["iris-photom-stars"]).read_reference(path, "catalog")
    return Reference(reftype="catalog", path=path, provider="test", content=table)


def make_field(
    shape: tuple[int, int] = (240, 256),
    number: int = 14,
    *,
    apart: float = 40.0,
    margin: float = 21.0,
    seed: int = 1,
    noise: int | None = None,
    sky: float = 5.0,
    mag_err: float = 0.0,
    nint: int = 0,
    fluxes: tuple[float, float] = (2e3, 2e5),
    **options: Any,
) -> Field:
    """Return stars between two fluxes over a sky; `noise` seeds that of the pixels and that of the catalogue."""
    x, y = spread_places(shape, number, apart, margin, seed)
    flux = fluxes[1] * (fluxes[0] / fluxes[1]) ** (np.arange(number) / max(number - 1, 1))
    value = sky + draw_stars(shape, x, y, flux)
    poisson = np.maximum(value, 0.1) / 10
    exposure = add_wcs(make_exposure(shape, value=value, poisson=poisson, nint=nint, seed=noise, **options), SCALE)
    assert exposure.wcs is not None
    ra, dec = exposure.wcs(x, y, with_bounding_box=False)
    magnitude = ZERO - 2.5 * np.log10(flux)
    if noise is not None:
        magnitude = magnitude + mag_err * np.random.default_rng(noise + 1).standard_normal(number)
    columns = {
        "ra": ra * u.deg,
        "dec": dec * u.deg,
        "mag": magnitude * u.mag,
        "mag_err": np.full(number, mag_err or 1e-3) * u.mag,
        "band": [exposure.meta.filter] * number,
    }
    table = Table(columns, meta={"REFTYPE": "catalog", "MAGSYS": "AB", "INSTRUME": "ANY", "DETECTOR": "ANY"})
    return Field(exposure=exposure, table=table, x=x, y=y, flux=flux)


@pytest.fixture(name="as_raw")
def as_raw_fixture() -> Callable[[Exposure], Exposure]:
    """Return a function that gives an exposure as it comes from the telescope: its WCS in the header alone."""
    return lambda exposure: exposure.replace(wcs=None).replace(sci_header=exposure.sci_header)


@pytest.fixture(name="catalog_file")
def catalog_file_fixture() -> Callable[[Path], Reference]:
    """Return the function that reads a catalogue."""
    return catalog_file


@pytest.fixture(name="make_field")
def make_field_fixture() -> Callable[..., Field]:
    """Return the function that makes a field."""
    return make_field


@pytest.fixture(name="draw_stars")
def draw_stars_fixture() -> Callable[..., Doubles]:
    """Return the function that draws Gaussian stars."""
    return draw_stars


@pytest.fixture(name="params")
def params_fixture() -> ZeroPointParams:
    """Return parameters for stars without wings."""
    return PARAMS


@pytest.fixture(name="field", scope="session")
def field_fixture() -> Field:
    """Return a noise-free field."""
    return make_field()
