"""What the tests of this plugin share: calling the stage, and the distance to astropy.wcs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.modeling import Model
from astropy.wcs import WCS as FitsWcs  # noqa: N811 - there are two classes of this name
from gwcs import WCS
from iris_testkit import iris_mode
from iris_wcs import WcsParams, assign_wcs

from iris_core import Exposure, InstrumentMode, Reference, References, load_plugins

PIXEL = 0.004 / 3600
LINEAR = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRPIX1": 20.5,
    "CRPIX2": 30.25,
    "CRVAL1": 266.4168,
    "CRVAL2": -29.0078,
    "CD1_1": -PIXEL * 0.8,
    "CD1_2": PIXEL * 0.6,
    "CD2_1": PIXEL * 0.6,
    "CD2_2": PIXEL * 0.8,
    "RADESYS": "ICRS",
}


@pytest.fixture
def linear() -> dict[str, Any]:
    """Return a TAN header of 4 mas pixels, turned."""
    return dict(LINEAR)


@pytest.fixture(scope="session")
def mode() -> InstrumentMode:
    """Return the mode of the IRIS imager."""
    return iris_mode()


@pytest.fixture
def references(tmp_path: Path) -> Callable[[Model], References]:
    """Store a model as a distortion reference."""

    def store(model: Model) -> References:
        path = tmp_path / "distortion.asdf"
        asdf.AsdfFile({"model": model}).write_to(path)
        content = load_plugins(["iris-wcs"]).read_reference(path, "distortion")
        return References({"distortion": Reference(reftype="distortion", path=path, provider="test", content=content)})

    return store


@pytest.fixture
def assign(references: Callable[[Model], References], mode: InstrumentMode) -> Callable[..., Exposure]:
    """Call the stage: with a distortion reference where a model is given, else for a camera of any pixel scale."""

    def call(exposure: Exposure, distortion: Model | None = None, **params: Any) -> Exposure:
        if distortion is None:
            return assign_wcs(exposure, WcsParams(**params), References({}), replace(mode, pixel_scale=0.0))
        return assign_wcs(exposure, WcsParams(**params), references(distortion), mode)

    return call


def sky_distance(first: Any, second: Any) -> Any:
    """Return the distance [deg] between (longitude, latitude) pairs that are close."""
    turn = (first[0] - second[0] + 180) % 360 - 180
    return np.hypot(turn * np.cos(np.deg2rad(first[1])), first[1] - second[1])


def pixels(shape: tuple[int, int], count: int = 13) -> Any:
    """Return x and y from edge to edge of an image of `shape`."""
    rows, columns = shape
    return np.meshgrid(np.linspace(-0.5, columns - 0.5, count), np.linspace(-0.5, rows - 0.5, count))


@pytest.fixture
def difference() -> Callable[[WCS, Header, tuple[int, int]], float]:
    """Measure the largest distance [pixel] of a gWCS to astropy.wcs on a header, over the whole image."""

    def measure(wcs: WCS, header: Header, shape: tuple[int, int]) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fits = FitsWcs(header)
        fits = fits if fits.naxis == 2 else fits.celestial
        x, y = pixels(shape)
        world = fits.all_pix2world(x.ravel(), y.ravel(), 0)
        truth = [np.reshape(world[axis], x.shape) for axis in (fits.wcs.lng, fits.wcs.lat)]
        sky = wcs(x, y, with_bounding_box=False)
        np.testing.assert_array_equal(np.isnan(sky[0]), np.isnan(truth[0]))
        scale = np.sqrt(abs(np.linalg.det(fits.pixel_scale_matrix)))
        return float(np.nanmax(sky_distance(sky, truth)) / scale)

    return measure


@pytest.fixture
def stored() -> Callable[[WCS], WCS]:
    """Write a WCS to an ASDF file and read it again."""

    def store(wcs: WCS) -> WCS:
        file = BytesIO()
        asdf.AsdfFile({"wcs": wcs}).write_to(file)
        file.seek(0)
        with asdf.open(file, lazy_load=False, memmap=False) as tree:
            return tree["wcs"]

    return store
