"""Every projection and frame of FITS: the gWCS says what astropy.wcs says, to 1e-6 pixel, and leads back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import FK5, BarycentricMeanEcliptic, Galactic, SkyCoord, Supergalactic
from astropy.io.fits import Header
from astropy.modeling.projections import projcodes
from gwcs import WCS
from iris_testkit import make_exposure

from iris_core import Exposure

Assign = Callable[..., Exposure]
Difference = Callable[[WCS, Header, tuple[int, int]], float]

SHAPE = (60, 40)
PARAMETERS: dict[str, dict[str, float]] = {
    "AZP": {"PV2_1": 2.0, "PV2_2": 30.0},
    "SZP": {"PV2_1": 2.0, "PV2_2": 180.0, "PV2_3": 60.0},
    "AIR": {"PV2_1": 45.0},
    "CYP": {"PV2_1": 1.0, "PV2_2": 0.7},
    "CEA": {"PV2_1": 0.8},
    "COP": {"PV2_1": 45.0, "PV2_2": 25.0},
    "COE": {"PV2_1": -45.0, "PV2_2": 25.0},
    "COD": {"PV2_1": 45.0, "PV2_2": 25.0},
    "COO": {"PV2_1": 45.0, "PV2_2": 25.0},
    "BON": {"PV2_1": 45.0},
    "HPX": {"PV2_1": 4.0, "PV2_2": 3.0},
}
ZENITHAL = ("AIR", "ARC", "AZP", "SIN", "STG", "SZP", "TAN", "XPH", "ZEA")


def header(code: str, scale: float, longitude: float = 266.4, latitude: float = -29.0, **cards: Any) -> dict[str, Any]:
    """Return a projection, its reference point in the middle of the image or far from it."""
    return {
        "CTYPE1": f"RA---{code}",
        "CTYPE2": f"DEC--{code}",
        "CRPIX1": 12.5,
        "CRPIX2": 40.25,
        "CRVAL1": longitude,
        "CRVAL2": latitude,
        "CD1_1": -scale * 0.8,
        "CD1_2": scale * 0.6,
        "CD2_1": scale * 0.6,
        "CD2_2": scale * 0.8,
        **PARAMETERS.get(code, {}),
        **cards,
    }


@pytest.mark.parametrize("scale", [1e-5, 0.02], ids=["camera", "degrees"])
@pytest.mark.parametrize("latitude", [-29.0, 0.0, 75.0])
@pytest.mark.parametrize("code", projcodes)
def test_every_projection_agrees_with_wcslib(
    assign: Assign, difference: Difference, code: str, latitude: float, scale: float
) -> None:
    cards = Header(header(code, scale, latitude=latitude))
    result = assign(make_exposure(SHAPE, sci_header=cards))
    assert difference(result.wcs, cards, SHAPE) < 1e-6
    assert difference(result.wcs, result.fits_wcs, SHAPE) < 1e-6
    assert "WCSERR" not in result.fits_wcs


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"LONPOLE": 147.0}, id="LONPOLE"),
        pytest.param({"LONPOLE": 150.0, "LATPOLE": 40.0}, id="LATPOLE"),
        pytest.param({"PV1_1": 5.0, "PV1_2": 12.0}, id="reference point of the projection"),
        pytest.param({"PV1_3": 140.0, "PV1_4": 30.0}, id="pole as PV"),
        pytest.param({"CTYPE1": "DEC--", "CTYPE2": "RA---", "CRVAL1": -20.0, "CRVAL2": 200.0}, id="axes swapped"),
    ],
)
@pytest.mark.parametrize("code", ["TAN", "CAR", "AIT", "CEA", "SFL", "COE", "HPX", "TSC"])
def test_poles_and_swapped_axes_agree_with_wcslib(
    assign: Assign, difference: Difference, code: str, change: dict[str, Any]
) -> None:
    given = {key: value + code if key.startswith("CTYPE") else value for key, value in change.items()}
    if "CTYPE1" in change:  # PV2 belongs to the latitude, which is axis 1 then
        given |= {key.replace("PV2", "PV1"): value for key, value in PARAMETERS.get(code, {}).items()}
    cards = Header({**header(code, 0.01, 200.0, -20.0), **given})
    result = assign(make_exposure(SHAPE, sci_header=cards))
    assert difference(result.wcs, cards, SHAPE) < 1e-6
    assert difference(result.wcs, result.fits_wcs, SHAPE) < 1e-6


@pytest.mark.parametrize(("old", "latitude"), [("GLS", -29.0), ("GLS", 0.0), ("NCP", -29.0), ("NCP", 60.0)])
def test_the_projections_of_aips_are_what_wcslib_makes_of_them(
    assign: Assign, difference: Difference, old: str, latitude: float
) -> None:
    cards = Header(header(old, 1e-3, latitude=latitude))
    result = assign(make_exposure(SHAPE, sci_header=cards))
    assert difference(result.wcs, cards, SHAPE) < 1e-6
    assert result.fits_wcs["CTYPE1"] == f"RA---{old}"


@pytest.mark.parametrize("form", ["CD", "PC", "CROTA"])
@pytest.mark.parametrize("code", ["TAN", "CAR", "MOL", "COD", "QSC"])
def test_the_three_forms_of_a_matrix_are_one(assign: Assign, difference: Difference, code: str, form: str) -> None:
    angle = np.arctan2(-0.6, 0.8)
    linear = {
        "CD": {},
        "PC": {"CDELT1": -1e-3, "CDELT2": 1e-3, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
        "CROTA": {"CDELT1": -1e-3, "CDELT2": 1e-3, "CROTA2": np.rad2deg(angle)},
    }[form]
    cards = header(code, 1e-3)
    given = Header({key: cards[key] for key in cards if form == "CD" or not key.startswith("CD")} | linear)
    result = assign(make_exposure(SHAPE, sci_header=given))
    assert difference(result.wcs, given, SHAPE) < 1e-6
    assert difference(result.wcs, Header(cards), SHAPE) < 1e-6


@pytest.mark.parametrize("code", projcodes)
def test_the_inverse_leads_back_and_survives_a_file(assign: Assign, stored: Callable[[WCS], WCS], code: str) -> None:
    """The inverse of CSC, which is another polynomial, is defined to a few arcsec only."""
    wcs = assign(make_exposure(SHAPE, sci_header=header(code, 0.01))).wcs
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    again = stored(wcs)
    np.testing.assert_array_equal(again(x, y), wcs(x, y))
    back = wcs.invert(*wcs(x, y), with_bounding_box=False)
    np.testing.assert_allclose(back, [x, y], atol=0.02 if code == "CSC" else 1e-6)


@pytest.mark.parametrize("code", ["AIT", "MOL", "CAR", "SFL", "PAR", "ZEA", "HPX"])
def test_a_map_of_the_whole_sky_has_no_position_off_the_sky(assign: Assign, difference: Difference, code: str) -> None:
    cards = Header(
        header(code, 1.0, 0.0, 0.0, CRPIX1=180.5, CRPIX2=90.5, CD1_1=-1.0, CD1_2=0.0, CD2_1=0.0, CD2_2=1.0)
        | {"CTYPE1": f"GLON-{code}", "CTYPE2": f"GLAT-{code}"}
    )
    result = assign(make_exposure((180, 360), sci_header=cards))
    assert difference(result.wcs, cards, (180, 360)) < 1e-6


@pytest.mark.parametrize("code", ["TAN", "CAR", "AIT"])
@pytest.mark.parametrize(
    ("axes", "frame", "cards"),
    [
        (("GLON", "GLAT"), Galactic(), {}),
        (("ELON", "ELAT"), BarycentricMeanEcliptic(equinox="J2000"), {}),
        (("ELON", "ELAT"), BarycentricMeanEcliptic(equinox="J1991.25"), {"EQUINOX": 1991.25, "RADESYS": "FK5"}),
        (("SLON", "SLAT"), Supergalactic(), {}),
        (("RA--", "DEC-"), FK5(equinox="J1975"), {"EQUINOX": 1975.0, "RADESYS": "FK5"}),
    ],
)
def test_the_sky_of_every_frame_is_where_astropy_has_it(
    assign: Assign, axes: tuple[str, str], frame: Any, cards: dict[str, Any], code: str
) -> None:
    """Also that of frames which no file can hold: they are turned to ICRS."""
    first, second = (f"{axis}-{code}" for axis in axes)
    exposure = make_exposure(SHAPE, sci_header={**header(code, 1e-3, 120.0, 35.0), "CTYPE1": first, "CTYPE2": second})
    exposure = exposure.replace(sci_header=Header({**exposure.sci_header, **cards}))
    result = assign(exposure)
    truth = SkyCoord(120.0, 35.0, unit="deg", frame=frame)
    found = SkyCoord(*result.wcs(11.5, 39.25), unit="deg", frame=result.wcs.output_frame.reference_frame)
    assert found.icrs.separation(truth.icrs).deg / 1e-3 < 1e-6
    assert result.fits_wcs["CTYPE1"] == first
    assert ("RADESYS" in result.fits_wcs) == (axes[0] == "RA--" or "RADESYS" in cards)


def test_the_footprint_of_a_galactic_image_is_in_icrs(assign: Assign) -> None:
    cards = {**header("TAN", 1e-3, 0.0, 0.0), "CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}
    region = assign(make_exposure(SHAPE, sci_header=cards)).fits_wcs["S_REGION"].split()
    assert region[:2] == ["POLYGON", "ICRS"]
    assert abs(float(region[2]) - 266.405) < 0.1
    assert abs(float(region[3]) + 28.936) < 0.1
