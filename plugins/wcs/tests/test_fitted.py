"""What no model says in closed form is fitted: true to what astropy.wcs says, its error in the header, or refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from astropy.io.fits import Header
from gwcs import WCS
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, blank_plane

pytestmark = pytest.mark.slow

Assign = Callable[..., Exposure]
Difference = Callable[[WCS, Header, tuple[int, int]], float]

SHAPE = (300, 200)
TPV = {"PV1_1": 1.0, "PV2_1": 1.0}
CUBIC = {
    **TPV,
    "PV1_0": 1e-5,
    "PV1_4": 3e-3,
    "PV1_5": -2e-3,
    "PV1_7": 0.4,
    "PV2_2": 1e-3,
    "PV2_6": 2e-3,
    "PV2_10": -0.3,
}
WFCAM = {"CTYPE1": "RA---ZPN", "CTYPE2": "DEC--ZPN", "PV2_1": 1.0, "PV2_3": -60.0, "CRPIX1": 4655.3, "CRPIX2": -3864.6}


def header(**cards: Any) -> dict[str, Any]:
    """Return TAN pixels of 0.2 arcsec."""
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRPIX1": 80.5,
        "CRPIX2": 160.25,
        "CRVAL1": 83.9,
        "CRVAL2": 21.8,
        "CD1_1": -5.57e-5,
        "CD1_2": 5e-8,
        "CD2_1": -8e-8,
        "CD2_2": 5.57e-5,
        "RADESYS": "ICRS",
        **cards,
    }


def as_tpv(**cards: Any) -> dict[str, Any]:
    """Return the header of a TPV distortion."""
    return header(CTYPE1="RA---TPV", CTYPE2="DEC--TPV", **cards)


def iraf(kind: str, projection: str = "", xi: str = "1e-5 2.5e-2 1.1e-5 3.1e-5 1e-6 2e-6") -> dict[str, Any]:
    """Return the header of IRAF's cards for a full quadratic polynomial in xi and in eta [deg]."""
    surface = f"3. 3. 3. 2. -0.01 0.01 -0.01 0.01 {xi}"
    cards = header(CTYPE1=f"RA---{kind.upper()}", CTYPE2=f"DEC--{kind.upper()}", WAT0_001="system=image")
    for axis, (name, correction) in enumerate((("ra", "lngcor"), ("dec", "latcor")), 1):
        text = f'wtype={kind} axtype={name} {projection}{correction} = "{surface} "'
        for number, (start, end) in enumerate(pairwise(_cuts(text)), 1):
            cards[f"WAT{axis}_{number:03d}"] = text[start:end]
    return cards


def _cuts(text: str) -> list[int]:
    """Return where to cut a text so that no part ends in a blank, which FITS does not keep."""
    cuts = [0]
    while len(text) - cuts[-1] > 68:
        end = cuts[-1] + 68
        while text[end - 1] == " ":
            end -= 1
        cuts.append(end)
    return [*cuts, len(text)]


FITTED = [
    pytest.param(as_tpv(**CUBIC), 1e-6, id="TPV"),
    pytest.param(header(**CUBIC, PV1_8=0.0), 1e-6, id="TPV that SCAMP calls TAN"),
    pytest.param(as_tpv(**TPV, PV1_12=5e3, PV2_16=-4e3, PV1_17=3e5), 1e-6, id="TPV of degree 5"),
    pytest.param(as_tpv(**TPV, PV1_3=1e-5, PV2_11=5.0), 0.01, id="TPV with odd powers of the radius"),
    pytest.param(header(**WFCAM), 1e-6, id="ZPN of WFCAM"),
    pytest.param(header(**{**WFCAM, "PV2_3": 42.0, "PV2_5": -1e4}), 1e-6, id="ZPN of degree 5"),
    pytest.param(iraf("tnx"), 1e-6, id="TNX"),
    pytest.param(iraf("zpx", "projp0=0. projp1=1. projp2=0. projp3=337.74 "), 1e-6, id="ZPX"),
    pytest.param(header(PV1_0=1.0, PV1_1=10.0, PV1_2=80.0), 1e-6, id="offset of PV1_0"),
]


@pytest.mark.parametrize(("cards", "limit"), FITTED)
def test_a_fit_agrees_with_wcslib_and_its_error_is_in_the_header(
    assign: Assign, difference: Difference, cards: dict[str, Any], limit: float
) -> None:
    result = assign(make_exposure(SHAPE, sci_header=cards))
    assert difference(result.wcs, Header(cards), SHAPE) < limit
    assert difference(result.wcs, result.fits_wcs, SHAPE) < limit
    assert 0 <= result.fits_wcs["WCSERR"] < limit
    assert "fit" in result.notes[-1]


@pytest.mark.parametrize(("cards", "limit"), FITTED)
def test_the_distortion_was_there_to_be_fitted(
    assign: Assign, difference: Difference, cards: dict[str, Any], limit: float
) -> None:
    """Without it the sky would be more than a tenth of a pixel elsewhere, somewhere in the image."""
    plain = header(CRPIX1=cards["CRPIX1"], CRPIX2=cards["CRPIX2"])
    wcs = assign(make_exposure(SHAPE, sci_header=plain)).wcs
    assert difference(wcs, Header(cards), SHAPE) > 0.1


@pytest.mark.parametrize(("cards", "limit"), FITTED)
def test_the_inverse_of_a_fit_leads_back_also_from_a_file(
    assign: Assign, stored: Callable[[WCS], WCS], cards: dict[str, Any], limit: float
) -> None:
    wcs = assign(make_exposure(SHAPE, sci_header=cards)).wcs
    y, x = np.mgrid[: SHAPE[0] : 7, : SHAPE[1] : 7].astype(float)
    again = stored(wcs)
    np.testing.assert_array_equal(again(x, y), wcs(x, y))
    np.testing.assert_allclose(again.invert(*wcs(x, y), with_bounding_box=False), [x, y], atol=1e-5)


@pytest.mark.parametrize(("cards", "limit"), FITTED)
def test_the_cards_of_the_header_stay_as_they_are(assign: Assign, cards: dict[str, Any], limit: float) -> None:
    result = assign(make_exposure(SHAPE, sci_header=cards))
    assert {key: result.fits_wcs[key] for key in cards} == cards
    assert result.sci_header["WCSERR"] == result.fits_wcs["WCSERR"]


def test_a_full_detector_is_as_true(assign: Assign, difference: Difference) -> None:
    cards, shape = header(**{**WFCAM, "CD1_1": -1.1e-4, "CD2_2": 1.1e-4}), (2048, 2048)
    exposure = make_exposure((2, 2)).replace(
        data=blank_plane(shape), dq=blank_plane(shape, np.uint32), variance={}, sci_header=Header(cards)
    )
    assert difference(assign(exposure).wcs, Header(cards), shape) < 1e-6


@pytest.mark.parametrize(
    "cards",
    [
        pytest.param(as_tpv(**TPV, PV1_3=0.01), id="a cusp at the reference point"),
        pytest.param(header(**{**WFCAM, "CD1_1": -0.2, "CD2_2": 0.2, "CRPIX1": 0.0, "CRPIX2": 0.0}), id="all sky"),
    ],
)
def test_a_fit_that_is_worse_than_a_hundredth_of_a_pixel_is_refused(assign: Assign, cards: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"x_rate.fits: the WCS of the header"):
        assign(make_exposure(SHAPE, sci_header=cards))
