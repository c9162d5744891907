"""What the models cannot represent is refused, by name and before any pixel is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from astropy.io.fits import Header
from iris_testkit import make_exposure

from iris_core import Exposure, InputError

Assign = Callable[..., Exposure]

SHAPE = (60, 40)
DEGREE_3 = {"A_ORDER": 3, "B_ORDER": 3, "A_1_1": -1e-4, "A_0_3": 3e-6, "B_0_2": -2e-4}


def without(header: dict[str, Any], *starts: str) -> dict[str, Any]:
    """Return a header without the keywords that begin so."""
    return {key: value for key, value in header.items() if not key.startswith(starts)}


REFUSED = [
    pytest.param({"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0}, "TPV", id="TPV"),
    pytest.param({"PV1_5": 0.01, "PV2_1": 1.0}, "TPV", id="TPV that is called TAN"),
    pytest.param({"CTYPE1": "RA---TNX", "CTYPE2": "DEC--TNX"}, "TNX", id="TNX"),
    pytest.param({"CTYPE1": "RA---DSS", "CTYPE2": "DEC--DSS"}, "DSS", id="DSS"),
    pytest.param({"CTYPE1": "RA---ZPN", "CTYPE2": "DEC--ZPN", "PV2_1": 1.0}, "ZPN", id="ZPN"),
    pytest.param({"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR"}, "CAR.*zenithal", id="not zenithal"),
    pytest.param({"CTYPE1": "RA---TAN-TPD", "CTYPE2": "DEC--TAN-TPD"}, "TPD", id="another distortion"),
    pytest.param({"CPDIS1": "LOOKUP"}, r"lookup table \(CPDIS1\)", id="lookup table"),
    pytest.param({"D2IMDIS1": "LOOKUP"}, r"lookup table \(D2IMDIS1\)", id="detector lookup table"),
    pytest.param({"AXISCORR": 1}, r"lookup table \(AXISCORR\)", id="old detector lookup table"),
    pytest.param({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, "no WCS with RA and DEC.*GLON-TAN", id="galactic"),
    pytest.param({"CTYPE1": "RA---TAN", "CTYPE2": "FREQ"}, "no WCS with RA and DEC", id="half a sky"),
    pytest.param({"CTYPE2": "DEC--SIN"}, "Inconsistent projection", id="two projections"),
    pytest.param({"CUNIT1": "furlong"}, "CUNIT1", id="no unit"),
    pytest.param({"CD1_1": 0.0, "CD1_2": 0.0}, "cannot be read", id="singular matrix"),
    pytest.param({"RADESYS": "GAPPT"}, "GAPPT.*ICRS", id="frame"),
    pytest.param({"CRPIX1": "20.5"}, "CRPIX1 = '20.5' is not a number", id="text for a number"),
    pytest.param({"PV1_0": 1.0, "PV1_1": 10.0, "PV1_2": 80.0}, "cannot be represented: off by", id="offset of PV1_0"),
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


@pytest.mark.parametrize("keyword", ["CTYPE1", "CRVAL2", "CD1_1"])
def test_unreadable_card_is_named(assign: Assign, linear: dict[str, Any], keyword: str) -> None:
    header = Header(linear)
    header = Header.fromstring(header.tostring().replace(header.cards[keyword].image, f"{keyword:8}= 1,5".ljust(80)))
    with pytest.raises(InputError, match=keyword.rstrip("1")):
        assign(make_exposure(SHAPE).replace(sci_header=header))


@pytest.mark.parametrize("missing", [("CTYPE",), ("CD",), ("C", "RADESYS")])
def test_no_wcs_is_an_error(assign: Assign, linear: dict[str, Any], missing: tuple[str, ...]) -> None:
    """A scale of 1 degree per pixel, which is FITS's default, is nobody's WCS."""
    with pytest.raises(InputError, match=r"x_rate.fits: no WCS with RA and DEC.*or a distortion reference"):
        assign(make_exposure(SHAPE, sci_header=without(linear, *missing)))
