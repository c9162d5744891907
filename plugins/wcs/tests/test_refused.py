"""What the models cannot represent is refused, by name and before any pixel is read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from astropy.io.fits import Header
from astropy.modeling import Model, models
from iris_testkit import make_exposure
from iris_wcs import WcsParams, assign_wcs

from iris_core import Exposure, InputError, InstrumentMode, References

Assign = Callable[..., Exposure]

SHAPE = (60, 40)
DEGREE_3 = {"A_ORDER": 3, "B_ORDER": 3, "A_1_1": -1e-4, "A_0_3": 3e-6, "B_0_2": -2e-4}


def without(header: dict[str, Any], *starts: str) -> dict[str, Any]:
    """Return a header without the keywords that begin so."""
    return {key: value for key, value in header.items() if not key.startswith(starts)}


REFUSED = [
    pytest.param({"CTYPE1": "RA---DSS", "CTYPE2": "DEC--DSS"}, "DSS", id="DSS"),
    pytest.param({"CTYPE1": "RA---TAN-TPD", "CTYPE2": "DEC--TAN-TPD"}, "TPD", id="another distortion"),
    pytest.param({"CPDIS1": "LOOKUP"}, r"lookup table \(CPDIS1\)", id="lookup table"),
    pytest.param({"D2IMDIS1": "LOOKUP"}, r"lookup table \(D2IMDIS1\)", id="detector lookup table"),
    pytest.param({"AXISCORR": 1}, r"lookup table \(AXISCORR\)", id="old detector lookup table"),
    pytest.param({"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"}, "no WCS with RA and DEC.*HPLN-TAN", id="on the sun"),
    pytest.param({"CTYPE1": "GLON-TAN"}, "no WCS with RA and DEC.*GLON-TAN", id="axes of two frames"),
    pytest.param({"CTYPE1": "RA---TAN", "CTYPE2": "FREQ"}, "no WCS with RA and DEC", id="half a sky"),
    pytest.param({"CTYPE2": "DEC--SIN"}, "Inconsistent projection", id="two projections"),
    pytest.param({"CUNIT1": "furlong"}, "CUNIT1", id="no unit"),
    pytest.param({"CD1_1": 0.0, "CD1_2": 0.0}, "cannot be read", id="singular matrix"),
    pytest.param({"RADESYS": "GAPPT"}, "GAPPT.*ICRS", id="frame"),
    pytest.param({"CRPIX1": "20.5"}, "CRPIX1 = '20.5' is not a number", id="text for a number"),
    pytest.param({"CD2_1": 0.0, "CD2_2": 0.0}, "cannot be read", id="a row of zeros"),
    pytest.param(
        {"CTYPE1": "DEC--TPV", "CTYPE2": "RA---TPV", "PV1_1": 1.0, "PV2_1": 1.0},
        "TPV.*longitude, lat",
        id="TPV swapped",
    ),
    pytest.param(
        {"CTYPE1": "ELON-TAN", "CTYPE2": "ELAT-TAN", "RADESYS": "FK4"}, "FK4.*ICRS and FK5", id="ecliptic of FK4"
    ),
    pytest.param({"A_ORDER": 2, "A_2_0": 1e-4}, "B_ORDER", id="half of SIP"),
    pytest.param({**DEGREE_3, "A_2_0": 0.1}, "SIP polynomial has no inverse", id="SIP that folds"),
    pytest.param(
        {"WCSAXES": 3, "CTYPE3": "WAVE", "CD1_3": 1e-6, "CD3_3": 1.0}, "CD1_3 is not zero", id="coupled third axis"
    ),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_cannot_be_represented_is_refused_by_name(
    assign: Assign, linear: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as error:
        assign(make_exposure(SHAPE, sci_header={**linear, **change}))
    assert str(error.value).startswith("x_rate.fits: ")


@pytest.mark.parametrize("value", ["1,5", "NaN", "1E400", ""])
@pytest.mark.parametrize("keyword", ["CRPIX1", "CRVAL2", "CD1_1"])
def test_card_that_is_no_number_is_named(assign: Assign, linear: dict[str, Any], keyword: str, value: str) -> None:
    header = Header(linear)
    card = f"{keyword:8}= {value:>20}".ljust(80)
    header = Header.fromstring(header.tostring().replace(header.cards[keyword].image, card))
    with pytest.raises(InputError, match=keyword.rstrip("1")):
        assign(make_exposure(SHAPE).replace(sci_header=header))


@pytest.mark.parametrize("keyword", ["CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"])
def test_a_reference_point_that_is_not_given_is_not_zero(assign: Assign, linear: dict[str, Any], keyword: str) -> None:
    """Zero is FITS's default for each of them, and nobody's pointing; with a distortion reference too."""
    exposure = make_exposure(SHAPE, sci_header=without(linear, keyword))
    for distortion in (None, models.Scale(0.004) & models.Scale(0.004)):
        with pytest.raises(InputError, match=rf"x_rate.fits: .* no {keyword}:"):
            assign(exposure, distortion)


@pytest.mark.parametrize("keyword", ["CDELT1", "CDELT2"])
def test_one_scale_is_not_enough_for_two_axes(assign: Assign, linear: dict[str, Any], keyword: str) -> None:
    cards = {**without(linear, "CD"), "CDELT1": -1e-6, "CDELT2": 1e-6}
    assert assign(make_exposure(SHAPE, sci_header=cards)).wcs is not None
    with pytest.raises(InputError, match=f"x_rate.fits: .* no {keyword}:"):
        assign(make_exposure(SHAPE, sci_header=without(cards, keyword)))


@pytest.mark.parametrize("axis", [1, 2])
def test_half_a_matrix_is_not_enough(assign: Assign, linear: dict[str, Any], axis: int) -> None:
    """CDELT beside a matrix says nothing, and astropy takes 1 degree for what is missing on its diagonal."""
    cards = {**without(linear, f"CD{axis}"), "CDELT1": -1e-6, "CDELT2": 1e-6}
    with pytest.raises(InputError, match=f"x_rate.fits: .* no CD{axis}_1:"):
        assign(make_exposure(SHAPE, sci_header=cards))


@pytest.mark.parametrize(("factor", "right"), [(0.49, False), (0.51, True), (1.0, True), (1.99, True), (2.01, False)])
def test_a_scale_that_is_not_the_cameras_is_warned_of_and_noted(
    linear: dict[str, Any], mode: InstrumentMode, caplog: pytest.LogCaptureFixture, factor: float, right: bool
) -> None:
    cards = {key: value * factor if key.startswith("CD") else value for key, value in linear.items()}
    exposure = make_exposure(SHAPE, sci_header=cards)
    result = assign_wcs(exposure, WcsParams(), References({}), mode)
    for said in (result.notes, caplog.messages):
        assert ["iris-imager has 0.004" in one for one in said] == [True] * (not right)


@pytest.mark.parametrize(("scale", "right"), [(0.004, True), (0.4, False)])
def test_without_a_scale_of_the_mode_a_distortion_is_held_to_that_of_the_header(
    linear: dict[str, Any], mode: InstrumentMode, references: Callable[[Model], References], scale: float, right: bool
) -> None:
    camera, distortion = replace(mode, pixel_scale=0.0), references(models.Scale(scale) & models.Scale(scale))
    exposure = make_exposure(SHAPE, sci_header={**linear, "CRPIX1": 1.0, "CRPIX2": 1.0})
    with nullcontext() if right else pytest.raises(InputError, match=r"0\.4 arcsec.*0\.004"):
        assert assign_wcs(exposure, WcsParams(), distortion, camera).wcs is not None
    with pytest.raises(InputError, match=r"no WCS.*iris-imager has no pixel scale"):
        assign_wcs(make_exposure(SHAPE), WcsParams(position_angle=0.0), distortion, camera)


def test_a_mode_without_scale_takes_any(linear: dict[str, Any], mode: InstrumentMode) -> None:
    cards = {key: value * 200 if key.startswith("CD") else value for key, value in linear.items()}
    camera = replace(mode, pixel_scale=0.0)
    exposure = make_exposure(SHAPE, sci_header=cards)
    assert assign_wcs(exposure, WcsParams(), References({}), camera).wcs is not None


@pytest.mark.parametrize("missing", [("CTYPE",), ("CD",), ("C", "RADESYS")])
def test_no_wcs_is_an_error(assign: Assign, linear: dict[str, Any], missing: tuple[str, ...]) -> None:
    """A scale of 1 degree per pixel, which is FITS's default, is nobody's WCS."""
    with pytest.raises(InputError, match=r"x_rate.fits: no WCS with RA and DEC.*or a distortion reference"):
        assign(make_exposure(SHAPE, sci_header=without(linear, *missing)))
