"""The header's own WCS: the gWCS says what astropy.wcs says, to 1e-6 pixel, or the stage refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import FK4, FK5, ICRS, FK4NoETerms
from astropy.io.fits import Header
from gwcs import WCS
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import DQ, Exposure, Window, blank_plane

Assign = Callable[..., Exposure]
Difference = Callable[[WCS, Header, tuple[int, int]], float]

SHAPE = (60, 40)
DEGREE_3 = {
    "A_ORDER": 3,
    "B_ORDER": 3,
    "A_2_0": 2e-4,
    "A_1_1": -1e-4,
    "A_0_3": 3e-6,
    "B_0_2": -2e-4,
    "B_2_1": 4e-6,
}


def sip(header: dict[str, Any]) -> dict[str, Any]:
    """Return a header with SIP polynomials."""
    return {**header, "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", **DEGREE_3}


def outline(shape: tuple[int, int], header: Header) -> Exposure:
    """Return an exposure of any size that takes no memory."""
    return make_exposure((2, 2)).replace(
        data=blank_plane(shape), dq=blank_plane(shape, np.uint32), variance={}, sci_header=header
    )


@st.composite
def headers(draw: st.DrawFn) -> dict[str, Any]:
    """Any zenithal WCS: pixels from 4 mas to 1 degree, turned, flipped, skewed, far from its reference pixel."""
    code = draw(st.sampled_from(["TAN", "SIN", "ARC", "STG", "ZEA"]))
    scale = 10 ** draw(st.floats(-5.95, -0.5))
    angle = np.deg2rad(draw(st.floats(0, 360)))
    parity = draw(st.sampled_from([-1, 1]))
    ratio = draw(st.floats(0.5, 2))
    offset = draw(st.floats(-1e5, 1e5)), draw(st.floats(-1e5, 1e5))
    assume(np.hypot(*offset) * scale * 2 < 40)
    header = {
        "CTYPE1": f"RA---{code}",
        "CTYPE2": f"DEC--{code}",
        "CRPIX1": offset[0],
        "CRPIX2": offset[1],
        "CRVAL1": draw(st.floats(0, 360)),
        "CRVAL2": draw(st.floats(-90, 90)),
        "LONPOLE": draw(st.sampled_from([180.0, 0.0, 90.0, 33.3])),
    }
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.diag([parity * scale, scale * ratio]) @ turn
    return header | draw(st.sampled_from([as_cd, as_pc, as_crota]))(matrix, parity * scale, scale * ratio, angle)


def elements(name: str, matrix: Any) -> dict[str, float]:
    """Return a matrix as keywords."""
    return {f"{name}{i + 1}_{j + 1}": float(matrix[i, j]) for i in (0, 1) for j in (0, 1)}


def as_cd(matrix: Any, first: float, second: float, angle: float) -> dict[str, float]:
    """Write the matrix as CD."""
    return elements("CD", matrix)


def as_pc(matrix: Any, first: float, second: float, angle: float) -> dict[str, float]:
    """Write the matrix as CDELT and PC."""
    return {"CDELT1": first, "CDELT2": second} | elements("PC", np.diag([1 / first, 1 / second]) @ matrix)


def as_crota(matrix: Any, first: float, second: float, angle: float) -> dict[str, float]:
    """Write the old form, which is another matrix where the pixels are not square."""
    return {"CDELT1": first, "CDELT2": second, "CROTA2": float(np.rad2deg(angle))}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cards=headers(), shape=st.sampled_from([(1, 1), (60, 40), (4096, 4096)]))
@pytest.mark.slow
def test_any_zenithal_header_agrees_with_astropy(
    assign: Assign, difference: Difference, cards: dict[str, Any], shape: tuple[int, int]
) -> None:
    scale = max(abs(cards.get(key, 0)) for key in ("CDELT1", "CDELT2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"))
    assume(scale * (max(shape) + np.hypot(cards["CRPIX1"], cards["CRPIX2"])) < 40)
    result = assign(outline(shape, Header(cards)))
    assert difference(result.wcs, Header(cards), shape) < 1e-6
    assert difference(result.wcs, result.fits_wcs, shape) < 1e-6


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="CD"),
        pytest.param(
            {"CUNIT1": "arcsec", "CUNIT2": "mas", "CRVAL1": 959100.0, "CRVAL2": -1e8, "CD1_1": 4e-3, "CD2_2": 4.0}
            | {"CD1_2": 0.0, "CD2_1": 0.1},
            id="CUNIT",
        ),
        pytest.param({"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": -29.0, "CRVAL2": 266.4}, id="axes swapped"),
        pytest.param({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "PV2_1": 0.1, "PV2_2": -0.2}, id="slant SIN"),
        pytest.param({"CTYPE1": "RA---AZP", "CTYPE2": "DEC--AZP", "PV2_1": 2.0, "PV2_2": 30.0}, id="AZP"),
        pytest.param(
            {"CTYPE1": "RA---SZP", "CTYPE2": "DEC--SZP", "PV2_1": 2.0, "PV2_2": 180.0, "PV2_3": 60.0}, id="SZP"
        ),
        pytest.param({"CTYPE1": "RA---AIR", "CTYPE2": "DEC--AIR", "PV2_1": 45.0}, id="AIR"),
        pytest.param({"PV1_1": 10.0, "PV1_2": 80.0}, id="reference point off the native pole"),
        pytest.param({"CRVAL2": 90.0}, id="at the pole"),
        pytest.param({"CRVAL1": 0.0, "CRPIX1": 0.0}, id="across RA 0"),
        pytest.param({"WCSAXES": 3, "CTYPE3": "INTEGRAT", "CRPIX3": 1.0, "CRVAL3": 1.0, "CD3_3": 1.0}, id="three axes"),
        pytest.param({"CRPIX1": 1e5, "CRPIX2": -1e5}, id="far reference pixel"),
        pytest.param(DEGREE_3, id="SIP that CTYPE does not name"),
        pytest.param({**DEGREE_3, "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}, id="SIP"),
        pytest.param(
            {**DEGREE_3, "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "PV1_5": 0.1, "PV2_1": 1.0},
            id="SIP beside SCAMP",
        ),
    ],
)
def test_header_agrees_with_astropy(
    assign: Assign, difference: Difference, linear: dict[str, Any], change: dict[str, Any]
) -> None:
    header = Header({**linear, **change})
    result = assign(make_exposure(SHAPE).replace(sci_header=header))
    assert difference(result.wcs, header, SHAPE) < 1e-6
    assert difference(result.wcs, result.fits_wcs, SHAPE) < 1e-6


def test_what_the_header_says_it_misses_stays_in_it(assign: Assign, linear: dict[str, Any]) -> None:
    stated = make_exposure(SHAPE, sci_header={**linear, "WCSERR": 5.2})
    assert assign(stated).fits_wcs["WCSERR"] == 5.2
    assert "WCSERR" not in assign(make_exposure(SHAPE, sci_header=linear)).fits_wcs


def test_crpix_counts_from_one(assign: Assign, linear: dict[str, Any]) -> None:
    wcs = assign(make_exposure(SHAPE, sci_header=linear)).wcs
    assert wcs(19.5, 29.25) == pytest.approx((266.4168, -29.0078), abs=1e-12)


@pytest.mark.parametrize("form", ["linear", "sip"])
def test_inverse_leads_back(assign: Assign, linear: dict[str, Any], form: str) -> None:
    """Also where the header gives no inverse SIP polynomial, or a poor one."""
    header = linear if form == "linear" else {**sip(linear), "AP_ORDER": 2, "BP_ORDER": 2, "AP_2_0": 1e-3}
    wcs = assign(make_exposure(SHAPE, sci_header=header)).wcs
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    back = wcs.invert(*wcs(x, y))
    np.testing.assert_allclose(back, [x, y], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "frame"),
    [
        ({"RADESYS": "ICRS"}, ICRS()),
        ({"RADESYS": None, "RADECSYS": "FK5", "EQUINOX": 2000.0}, FK5(equinox="J2000")),
        ({"RADESYS": "FK5", "EQUINOX": 1975.5}, FK5(equinox="J1975.5")),
        ({"RADESYS": "FK4", "EQUINOX": 1950.0}, FK4(equinox="B1950")),
        ({"RADESYS": "FK4-NO-E", "EQUINOX": 1950.0}, FK4NoETerms(equinox="B1950")),
        ({"RADESYS": None, "EPOCH": 1950.0}, FK4(equinox="B1950")),
        ({"RADESYS": None, "EQUINOX": 2000.0}, FK5(equinox="J2000")),
        ({"RADESYS": None}, ICRS()),
    ],
)
def test_frame_is_the_headers(assign: Assign, linear: dict[str, Any], change: dict[str, Any], frame: Any) -> None:
    """And the FITS keywords that are written name it so that no default is needed."""
    cards = {key: value for key, value in {**linear, **change}.items() if value is not None}
    result = assign(make_exposure(SHAPE, sci_header=cards))
    assert result.wcs.output_frame.reference_frame.is_equivalent_frame(frame)
    again = assign(make_exposure(SHAPE).replace(sci_header=result.fits_wcs))
    assert again.wcs.output_frame.reference_frame.is_equivalent_frame(frame)
    assert "RADECSYS" not in result.fits_wcs
    assert "EPOCH" not in result.fits_wcs
    assert ("EQUINOX" in result.fits_wcs) == (frame.name != "icrs")


def test_science_header_goes_before_the_primary(assign: Assign, linear: dict[str, Any]) -> None:
    primary = {**linear, "CRVAL1": 10.0}
    both = assign(make_exposure(SHAPE, header=primary, sci_header=linear))
    assert both.fits_wcs["CRVAL1"] == linear["CRVAL1"]
    assert assign(make_exposure(SHAPE, header=primary)).fits_wcs["CRVAL1"] == 10.0


def test_unused_header_is_not_read(assign: Assign, linear: dict[str, Any]) -> None:
    broken = Header.fromstring("CRVAL1  = 12,5".ljust(80))
    exposure = make_exposure(SHAPE, sci_header=linear).replace(header=broken)
    assert assign(exposure).wcs is not None


def test_cards_of_the_header_are_kept_to_the_letter(assign: Assign, linear: dict[str, Any]) -> None:
    header = Header({**sip(linear), "OBJECT": "Sgr A*", "WCSAXES": 2, "CRVAL1": 0.1234567890123456, "PV2_1": 0.0})
    result = assign(make_exposure(SHAPE).replace(sci_header=header)).fits_wcs
    kept = {card.image for card in header.cards if card.keyword not in ("OBJECT", "WCSAXES", "RADESYS")}
    assert kept <= {card.image for card in result.cards}
    assert "OBJECT" not in result
    assert next(iter(result)) == "WCSAXES"


def test_missing_sip_suffix_is_noted_and_mended(assign: Assign, linear: dict[str, Any]) -> None:
    result = assign(make_exposure(SHAPE, sci_header={**linear, **DEGREE_3}))
    assert result.fits_wcs["CTYPE1"] == "RA---TAN-SIP"
    assert "SIP" in result.notes[0]
    assert assign(make_exposure(SHAPE, sci_header=sip(linear))).notes == ()


def test_third_axis_is_not_written(assign: Assign, linear: dict[str, Any]) -> None:
    cube = {**linear, "WCSAXES": 3, "CTYPE3": "INTEGRAT", "CRPIX3": 1.0, "CD3_3": 1.0}
    result = assign(make_exposure(SHAPE, nint=4, sci_header=cube))
    assert result.fits_wcs["WCSAXES"] == 2
    assert not [key for key in result.fits_wcs if "3" in key]


def test_bounding_box_is_the_image(assign: Assign, linear: dict[str, Any]) -> None:
    for nint in (0, 3):
        wcs = assign(make_exposure(SHAPE, nint=nint, sci_header=linear)).wcs
        assert wcs.bounding_box.bounding_box(order="F") == ((-0.5, 39.5), (-0.5, 59.5))
        assert wcs.pixel_shape == (40, 60)
        assert np.isnan(wcs(40.0, 5.0)[0])
        assert np.isfinite(wcs(39.4, 59.4)[0])


def test_window_does_not_move_the_headers_own_wcs(assign: Assign, linear: dict[str, Any]) -> None:
    """CRPIX counts in the image it stands with."""
    window = Window(101, 201, 40, 60)
    assert assign(make_exposure(SHAPE, sci_header=linear, window=window)).wcs(0, 0) == assign(
        make_exposure(SHAPE, sci_header=linear)
    ).wcs(0, 0)


@pytest.mark.parametrize("change", [{}, {"RADESYS": "FK5", "EQUINOX": 1975.5}, {"RADESYS": "FK4"}, "sip"])
def test_asdf_keeps_every_bit(
    assign: Assign, stored: Callable[[WCS], WCS], linear: dict[str, Any], change: Any
) -> None:
    header = sip(linear) if change == "sip" else {**linear, **change, "CRVAL1": 83.633212345678, "LONPOLE": 17.3}
    wcs = assign(make_exposure(SHAPE, sci_header=header)).wcs
    again = stored(wcs)
    x, y = np.random.default_rng(1).uniform(0, 39, (2, 1000))
    np.testing.assert_array_equal(again(x, y), wcs(x, y))
    np.testing.assert_array_equal(again.invert(*wcs(x, y)), wcs.invert(*wcs(x, y)))
    assert again.output_frame.reference_frame.is_equivalent_frame(wcs.output_frame.reference_frame)
    assert again.bounding_box == wcs.bounding_box
    assert again.pixel_shape == wcs.pixel_shape


def test_pixels_are_shared_and_the_header_has_the_wcs_that_was_made(assign: Assign, linear: dict[str, Any]) -> None:
    exposure = make_exposure(SHAPE, sci_header={**linear, **DEGREE_3}).flag(np.eye(*SHAPE, dtype=bool), DQ.DO_NOT_USE)
    before = exposure.sci_header.tostring()
    result = assign(exposure)
    assert np.shares_memory(result.data, exposure.data)
    assert np.shares_memory(result.dq, exposure.dq)
    assert np.shares_memory(result.variance["poisson"], exposure.variance["poisson"])
    assert exposure.sci_header.tostring() == before
    written = {key: result.sci_header[key] for key in exposure.sci_header if not key.startswith("CTYPE")}
    assert written == {key: exposure.sci_header[key] for key in written}
    assert {key: result.sci_header[key] for key in result.fits_wcs} == dict(result.fits_wcs)
