"""The FITS keywords: they say the same as the gWCS, or by how much they do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.modeling import Model, models
from astropy.wcs import WCS
from iris_testkit import make_exposure
from iris_wcs._fits import largest_difference

from iris_core import Exposure, blank_plane

Assign = Callable[..., Exposure]

SCALE = 0.004
SHAPE = (4096, 4096)


def distortion(to_x: Model, to_y: Model) -> Model:
    """Return pixel to arcsec from two polynomials about the middle of the detector."""
    shift = models.Shift(-2047.5) & models.Shift(-2047.5)
    return shift | models.Mapping((0, 1, 0, 1)) | to_x & to_y | models.Scale(SCALE) & models.Scale(SCALE)


def power(degree: int, displacement: float = 20.0) -> Model:
    """Return a distortion of one degree in x, with its displacement [pixel] 2048 pixel off the middle."""
    terms = {f"c{degree}_0": displacement / 2048**degree} if degree > 1 else {}
    return distortion(models.Polynomial2D(degree, c1_0=1, **terms), models.Polynomial2D(1, c0_1=1))


def wave(amplitude: float, period: float) -> Model:
    """Return a distortion that no polynomial of low degree can follow."""
    ripple = models.Sine1D(amplitude=amplitude, frequency=1 / period)
    to_x = models.Mapping((0, 0), n_inputs=2) | models.Identity(1) & ripple | models.Polynomial2D(1, c1_0=1, c0_1=1)
    return distortion(to_x, models.Polynomial2D(1, c0_1=1))


def exposure(header: dict[str, Any], shape: tuple[int, int] = SHAPE) -> Exposure:
    """Return an exposure of a real size that takes no memory."""
    small = make_exposure((2, 2), sci_header=header)
    return small.replace(data=blank_plane(shape), dq=blank_plane(shape, np.uint32), variance={})


def true_error(result: Exposure) -> float:
    """Return the largest distance [pixel] of the FITS WCS to the gWCS, at points of our own."""
    x, y = np.random.default_rng(5).uniform(-0.5, 4095.5, (2, 20_000))
    corners = np.array([(a, b) for a in (-0.5, 4095.5) for b in (-0.5, 4095.5)]).T
    x, y = np.append(x, corners[0]), np.append(y, corners[1])
    ra, dec = result.wcs(x, y, with_bounding_box=False)
    fits_ra, fits_dec = WCS(result.fits_wcs).all_pix2world(x, y, 0)
    return float(np.max(np.hypot((ra - fits_ra) * np.cos(np.deg2rad(dec)), dec - fits_dec)) * 3600 / SCALE)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5, 6])
def test_lowest_degree_that_suffices_is_taken(assign: Assign, linear: dict[str, Any], degree: int) -> None:
    """Also where the degrees in between bring nothing."""
    result = assign(exposure(linear), power(degree))
    assert result.fits_wcs.get("A_ORDER", 1) == degree
    assert result.fits_wcs["CTYPE1"] == ("RA---TAN" if degree == 1 else "RA---TAN-SIP")
    assert true_error(result) < 1e-4


@pytest.mark.parametrize(
    ("model", "most"), [(power(8), 1.0), (wave(0.003, 4096.0), 0.01), (wave(3.0, 3000.0), 3.0), (wave(0.5, 300.0), 1.0)]
)
def test_recorded_error_is_honest(assign: Assign, linear: dict[str, Any], model: Model, most: float) -> None:
    """WCSERR is the largest error anywhere, within what a grid can miss."""
    result = assign(exposure(linear), model)
    error = true_error(result)
    assert 0.9 * error < result.fits_wcs["WCSERR"] < 1.1 * error
    assert error < most
    assert any("off by up to" in note for note in result.notes) == (result.fits_wcs["WCSERR"] > 0.01)


def test_larger_error_that_is_allowed_gives_a_lower_degree(assign: Assign, linear: dict[str, Any]) -> None:
    assert assign(exposure(linear), power(3, 0.5), sip_max_error=1.0).fits_wcs["CTYPE1"] == "RA---TAN"
    assert assign(exposure(linear), power(3, 0.5)).fits_wcs["A_ORDER"] == 3


@pytest.mark.parametrize(("displacement", "kept"), [(1.0, True), (300.0, False)])
def test_inverse_polynomial_is_written_only_where_it_is_good(
    assign: Assign, linear: dict[str, Any], displacement: float, kept: bool
) -> None:
    """Without AP and BP a reader solves A and B, which is slower and right."""
    cards = assign(exposure(linear), power(3, displacement)).fits_wcs
    assert ("AP_ORDER" in cards) == ("BP_0_1" in cards) == kept
    if kept:
        wcs = WCS(cards)
        x, y = np.random.default_rng(6).uniform(0, 4095, (2, 500))
        u, v = np.array(wcs.wcs_world2pix(*wcs.all_pix2world(x, y, 0), 0)) - (wcs.wcs.crpix[:, np.newaxis] - 1)
        order = cards["AP_ORDER"]
        back = u + sum(wcs.sip.ap[i, j] * u**i * v**j for i in range(order + 1) for j in range(order + 1 - i))
        np.testing.assert_allclose(back + wcs.wcs.crpix[0] - 1, x, atol=0.01)


def test_sky_that_only_one_of_two_has_is_an_infinite_difference(assign: Assign, linear: dict[str, Any]) -> None:
    wide = {"CD1_1": -0.08, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.08, "CRPIX1": 1024.0, "CRPIX2": 1024.0}
    everywhere = assign(exposure({**linear, **wide}, (2048, 2048)))
    half = WCS(fits.Header({**linear, **wide, "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"}))
    assert largest_difference(everywhere.wcs, half) == np.inf


@pytest.mark.parametrize("model", [None, power(3)])
def test_header_survives_a_file(assign: Assign, linear: dict[str, Any], tmp_path: Path, model: Model | None) -> None:
    result = assign(exposure(linear), model)
    fits.ImageHDU(np.zeros((2, 2)), header=result.fits_wcs).writeto(tmp_path / "x.fits")
    again = fits.getheader(tmp_path / "x.fits", 1)
    assert again["S_REGION"] == result.fits_wcs["S_REGION"]
    assert true_error(result.replace(fits_wcs=again)) < 1e-4


def test_frame_of_a_fit_is_the_headers(assign: Assign, linear: dict[str, Any]) -> None:
    cards = assign(exposure({**linear, "RADESYS": "FK5", "EQUINOX": 1975.5}), power(2)).fits_wcs
    assert (cards["RADESYS"], cards["EQUINOX"], cards["WCSAXES"]) == ("FK5", 1975.5, 2)
    assert not [key for key in cards if key.startswith("NAXIS")]


@pytest.mark.parametrize("dec", [90.0, 89.9999, -90.0])
def test_fit_holds_at_the_pole(assign: Assign, linear: dict[str, Any], dec: float) -> None:
    header = {**linear, "CRVAL2": dec}
    result = assign(exposure(header), power(3))
    assert result.fits_wcs["WCSERR"] < 1e-6


def corners(region: str) -> SkyCoord:
    """Return the corners in a region."""
    shape, frame, *numbers = region.split()
    assert (shape, frame) == ("POLYGON", "ICRS")
    return SkyCoord(np.reshape(np.array(numbers, dtype=float), (-1, 2)), unit="deg")


@pytest.mark.parametrize("parity", [-1, 1])
def test_region_is_the_outer_corners_counterclockwise(assign: Assign, linear: dict[str, Any], parity: int) -> None:
    """Whichever way the image is flipped; 9 decimals are 4 microarcsec."""
    header = {**linear, "CD1_1": parity * linear["CD1_1"], "CD1_2": parity * linear["CD1_2"]}
    result = assign(exposure(header))
    found = corners(result.fits_wcs["S_REGION"])
    edges = [(-0.5, -0.5), (-0.5, 4095.5), (4095.5, 4095.5), (4095.5, -0.5)]
    truth = SkyCoord([result.wcs(*edge) for edge in edges], unit="deg")
    nearest = [int(np.argmin(corner.separation(truth))) for corner in found]
    assert sorted(nearest) == [0, 1, 2, 3]
    assert np.all(found.separation(truth[nearest]).arcsec < 1e-5)
    middle = SkyCoord(*result.wcs(2047.5, 2047.5), unit="deg")
    angles = np.unwrap(middle.position_angle(found).rad)
    assert np.all(np.diff(angles) > 0)


def test_region_is_in_icrs_whatever_the_frame(assign: Assign, linear: dict[str, Any]) -> None:
    header = {**linear, "RADESYS": "FK5", "EQUINOX": 1975.0}
    result = assign(exposure(header))
    corner = SkyCoord(*result.wcs(-0.5, -0.5), unit="deg", frame="fk5", equinox="J1975")
    assert corners(result.fits_wcs["S_REGION"]).separation(corner.icrs).arcsec.min() < 1e-5


def test_region_is_left_out_where_a_corner_is_not_on_the_sky(assign: Assign, linear: dict[str, Any]) -> None:
    sky = {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CRPIX1": 1024.0, "CRPIX2": 1024.0, "CD1_2": 0.0, "CD2_1": 0.0}
    result = assign(exposure({**linear, **sky, "CD1_1": -0.08, "CD2_2": 0.08}, (2048, 2048)))
    assert "S_REGION" not in result.fits_wcs
    assert np.isfinite(result.wcs(1024.0, 1024.0)[0])


def test_import_is_light() -> None:
    """Listing the plugins loads neither astropy nor gwcs."""
    code = "import sys, iris_wcs; sys.exit(any(name in sys.modules for name in ('astropy', 'gwcs', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
