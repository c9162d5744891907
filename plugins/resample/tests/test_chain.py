"""The stage in the framework, and on a real image."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import DQ, Exposure, calibrate

IRIS = iris_mode()

Maker = Callable[..., Exposure]

MOSAIC = Path(__file__).parents[4] / "shared" / "data" / "twomass_gc_jhk" / "2MASS_k.fits.gz"


def test_the_framework_accepts_the_result(noisy_on_sky: Maker) -> None:
    """Its contract: NaN and DO_NOT_USE together in every plane, history untouched."""
    exposure = noisy_on_sky(cubic=1.0).flag(np.eye(40, 48) > 0, DQ.DO_NOT_USE)
    before = exposure.header.copy(), exposure.sci_header.copy()
    result = resample(exposure, ResampleParams(rotation=30.0, components=True), IRIS)
    unusable = (result.dq & DQ.DO_NOT_USE) != 0
    for plane in (result.data, *result.variance.values()):
        assert np.array_equal(np.isfinite(plane), ~unusable)
    assert result.history is exposure.history
    assert result.data.dtype == np.float32
    assert result.planes["CON"].dtype == np.int32
    assert (exposure.header, exposure.sci_header) == before


RECIPE = """
recipe: 1
name: rectify
steps:
  - resample: {params: {rotation: 0, pixel_scale: 0.005, output_shape: [50, 60], good_bits: [HOT, WARM]}, save: i2d}
"""


def test_in_a_recipe(noisy_on_sky: Maker, tmp_path: Path) -> None:
    recipe = tmp_path / "rectify.yaml"
    recipe.write_text(RECIPE)
    exposure = noisy_on_sky(position_angle=40.0)
    product = calibrate(exposure, recipe)["i2d"]
    assert product.shape == (60, 50)
    assert product.header["S_RESAMP"] == "COMPLETE"
    assert product.history[-1].params["output_shape"] in ((50, 60), [50, 60])
    same = resample(exposure, ResampleParams(rotation=0, pixel_scale=0.005, output_shape=(50, 60)), IRIS)
    assert np.array_equal(product.data, same.data, equal_nan=True)


@pytest.mark.skipif(not MOSAIC.exists(), reason="the 2MASS mosaic is not here")
def test_a_real_mosaic_turned_by_thirty_degrees(on_sky: Maker) -> None:
    """The brightest stars of a 2MASS field keep their places on the sky and their flux above the surroundings."""
    with fits.open(MOSAIC) as hdus:
        data, header = np.array(hdus[0].data, dtype=np.float32)[200:500, 200:500], hdus[0].header
    exposure = on_sky(data.shape, crval=(header["CRVAL1"], header["CRVAL2"]), origin=(160.0, 159.5), unit="DN/s")
    exposure = exposure.replace(data=data)
    result = resample(exposure, ResampleParams(rotation=30.0, pixel_scale_ratio=0.8), IRIS)
    inner = data[20:-20, 20:-20]
    peaks = np.argsort(inner, axis=None)[-5:]
    for y, x in np.transpose(np.unravel_index(peaks, inner.shape)) + 20:
        u, v = result.wcs.invert(*exposure.wcs(float(x), float(y)))
        flux, place = aperture(exposure.data, x, y, 9.0)
        turned, seen = aperture(result.data, u, v, 9.0 / 0.8)
        assert turned * 0.8**2 == pytest.approx(flux, rel=0.01)
        assert np.array(exposure.wcs(*place)) == pytest.approx(np.array(result.wcs(*seen)), abs=0.05 * 0.004 / 3600)


def aperture(data: np.ndarray, x: float, y: float, radius: float) -> tuple[float, tuple[float, float]]:
    """Return the sum in a circle with soft edges, and its centroid."""
    rows, columns = np.indices(data.shape)
    value = np.nan_to_num(data.astype(float)) * np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
    return np.sum(value), (np.sum(columns * value) / np.sum(value), np.sum(rows * value) / np.sum(value))
