"""An image with a distorted projection, put onto a rectified grid: where the star is, and how bright."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from iris_core import read_exposure, run

MakeImage = Callable[..., Path]

STAR = (40.3, 70.6)
# Six stars of the WFCAM image, near these pixels of the grid.
STARS = ((156, 87), (148, 120), (162, 96), (253, 181), (167, 169), (150, 150))
REAL = Path(__file__).parents[4] / "shared" / "data" / "ukidss_wfcam_k" / "ukidss_wfcam_K_m1.fits"


def fits_wcs(path: Path, extension: Any) -> WCS:
    """Return astropy's WCS of an image, of whose header nothing but the WCS is read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(fits.getheader(path, extension))


def centroid(image: Any) -> tuple[float, float]:
    """Return x and y, 0-based, of an image of one star without sky."""
    y, x = np.indices(image.shape)
    light = np.nan_to_num(image).astype(float)
    return float((x * light).sum() / light.sum()), float((y * light).sum() / light.sum())


NO_PV = {"PV2_1": None, "PV2_3": None, "CRPIX1": 45.5, "CRPIX2": 60.5}


@pytest.mark.parametrize(
    ("cards", "frame", "grid"),
    [
        pytest.param({}, "icrs", "RA---TAN", id="ZPN"),
        pytest.param({**NO_PV, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}, "icrs", "RA---TAN", id="TAN"),
        pytest.param(
            {**NO_PV, "CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV2_1": 1.0, "PV1_4": 1e-1},
            "icrs",
            "RA---TAN",
            id="TPV",
        ),
        pytest.param({**NO_PV, "CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR"}, "galactic", "GLON-TAN", id="galactic CAR"),
        pytest.param(
            {**NO_PV, "CTYPE1": "ELON-AIT", "CTYPE2": "ELAT-AIT"},
            "barycentricmeanecliptic",
            "RA---TAN",
            id="ecliptic AIT",
        ),
    ],
)
def test_the_star_is_where_wcslib_has_it_and_as_bright(
    make_image: MakeImage, cards: dict[str, Any], frame: str, grid: str
) -> None:
    """On a plain TAN, whatever the projection and the frame of the image."""
    path = make_image(**cards)
    assert not run("generic", path).failed
    turned = frame_of(frame, grid)
    i2d = path.with_name("field_i2d.fits")
    wcs, image = fits_wcs(i2d, "SCI"), fits.getdata(i2d, "SCI")
    assert wcs.wcs.ctype[0] == grid
    x, y = np.array(STAR)[:, None] + np.array([[0, 0.5, -0.5, 0, 0], [0, 0, 0, 0.5, -0.5]])
    (u, *du), (v, *dv) = wcs.all_world2pix(*turned(*fits_wcs(path, 0).all_pix2world(x, y, 0)), 0)
    assert centroid(image) == pytest.approx((u, v), abs=1e-3)
    # Values are surface brightness: the sum grows with the pixels of the grid per pixel of the detector.
    area = abs((du[0] - du[1]) * (dv[2] - dv[3]) - (du[2] - du[3]) * (dv[0] - dv[1]))
    assert np.nansum(image) / 1e4 == pytest.approx(area, rel=1e-5)


def frame_of(frame: str, grid: str) -> Callable[..., Any]:
    """Return the way from longitude and latitude of an image to those of its grid."""

    def turn(longitude: Any, latitude: Any) -> Any:
        sky = SkyCoord(longitude, latitude, unit="deg", frame=frame)
        sky = sky.galactic if grid.startswith("GLON") else sky.icrs
        return sky.spherical.lon.deg, sky.spherical.lat.deg

    return turn


def test_cal_has_the_pixels_and_the_cards_of_the_header_and_the_error_of_the_fit(make_image: MakeImage) -> None:
    path = make_image()
    assert not run("generic", path).failed
    product = read_exposure(path.with_name("field_cal.fits"))
    np.testing.assert_array_equal(product.data, fits.getdata(path))
    raw = fits.getheader(path)
    assert {key: product.sci_header[key] for key in ("CTYPE1", "PV2_3", "CD1_2")} == {
        key: raw[key] for key in ("CTYPE1", "PV2_3", "CD1_2")
    }
    assert product.sci_header["WCSERR"] < 1e-6
    assert product.wcs is not None
    np.testing.assert_allclose(product.wcs(*STAR), fits_wcs(path, 0).all_pix2world(*STAR, 0), rtol=0, atol=1e-11)


@pytest.mark.skipif(not REAL.is_file(), reason="the WFCAM image is not here: shared/data/ukidss_wfcam_k")
def test_the_real_wfcam_image_agrees_with_reproject_on_the_same_grid(tmp_path: Path) -> None:
    """Exact areas against drizzled ones: sums to 1e-5, pixels to 1e-5, so also centroids."""
    reproject = pytest.importorskip("reproject")
    assert not run("generic", REAL, directory=tmp_path).failed
    i2d = tmp_path / f"{REAL.stem}_i2d.fits"
    image, grid = fits.getdata(i2d, "SCI").astype(float), fits_wcs(i2d, "SCI")
    pixels, detector = fits.getdata(tmp_path / f"{REAL.stem}_cal.fits", "SCI").astype(float), fits_wcs(REAL, 1)
    detector.wcs.radesys = grid.wcs.radesys
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact, area = reproject.reproject_exact((pixels, detector), grid, image.shape)
    inside = (area > 1 - 1e-9) & np.isfinite(image)
    assert inside.sum() > 297**2
    assert image[inside].sum() == pytest.approx(exact[inside].sum(), rel=1e-5)
    np.testing.assert_allclose(image[inside], exact[inside], rtol=1e-5)
    for x, y in STARS:
        box = np.s_[y - 8 : y + 9, x - 8 : x + 9]
        sky = np.median(exact[box])
        assert centroid(image[box] - sky) == pytest.approx(centroid(exact[box] - sky), abs=0.01)
