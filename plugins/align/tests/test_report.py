"""What an exposure is told: keywords with errors, notes in words, warnings where something is doubtful."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_align._affine import Affine, small
from iris_align._offsets import Offsets
from iris_align._report import Correction, by_hand, kept, told
from iris_align._solve import Outcome
from iris_testkit import make_exposure

from iris_core import Exposure

PIXEL = 0.004
KEYWORDS = ("NMATCH", "ASTRMS", "DRA", "DDEC", "DROT", "DSCALE", "DRAERR", "DDECERR", "DROTERR", "DSCALERR", "REFCAT")


def outcome(values: Any = (0.0,) * 6, errors: Any = (0.0,) * 6, **known: Any) -> Outcome:
    usual: dict[str, Any] = {"matched": 12, "rms": 4e-4}
    covariance = np.diag(np.array(errors, dtype=float) ** 2)
    return Outcome(affine=small(np.array(values, dtype=float)), covariance=covariance, **{**usual, **known})


def correction(**known: Any) -> Correction:
    return replace(Correction.of(outcome((0.1, -0.2, 1e-3, 2e-4, 0, 0)), np.zeros(2), PIXEL), **known)


@pytest.fixture
def exposure() -> Exposure:
    return make_exposure((8, 8))


def test_in_the_middle_of_its_plane_a_correction_is_its_parameters() -> None:
    found = Correction.of(outcome((0.1, -0.2, 1e-3, 2e-4, 0, 0), (1e-3, 2e-3, 3e-4, 4e-5, 0, 0)), np.zeros(2), PIXEL)
    assert found.shift == pytest.approx((0.1, -0.2))
    assert (found.turn, found.scale) == pytest.approx((-np.rad2deg(1e-3), 2e-4))
    assert found.errors == pytest.approx((1e-3, 2e-3, np.rad2deg(3e-4), 4e-5))
    assert (found.matched, found.rms, found.pixel) == (12, 4e-4, PIXEL)


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_away_from_the_middle_a_rotation_moves_and_its_error_counts(x: float, y: float) -> None:
    """(-y, x) times the angle; the variance of a shift is s^2 + y^2 turn^2, and with x^2 of the scale."""
    found = Correction.of(outcome((0, 0, 1e-4, 0, 0, 0), (1e-3, 1e-3, 1e-4, 2e-4, 0, 0)), np.array([x, y]), PIXEL)
    assert found.shift == pytest.approx((-1e-4 * y, 1e-4 * x), abs=1e-7)
    expected = [np.sqrt(1e-6 + 1e-8 * other**2 + 4e-8 * one**2) for one, other in ((x, y), (y, x))]
    assert found.errors[:2] == pytest.approx(expected)


def test_every_number_is_a_keyword(exposure: Exposure) -> None:
    after = told(exposure, correction(errors=(1e-3, 2e-3, 3e-3, 4e-5)), "gaia.ecsv", 0.0, [])
    header = after.sci_header
    assert [header[name] for name in KEYWORDS] == pytest.approx(
        [12, 0.4, 0.1, -0.2, float(f"{-np.rad2deg(1e-3):.6g}"), 2e-4, 1e-3, 2e-3, 3e-3, 4e-5, "gaia.ecsv"]
    )
    assert all(len(card.image) == 80 and card.comment for card in header.cards if card.keyword in KEYWORDS)
    assert "REFCAT" not in exposure.sci_header


@pytest.mark.parametrize(("catalog", "gauge"), [("", True), ("gaia.ecsv", False)])
def test_without_a_catalogue_it_is_said_what_the_mean_is(exposure: Exposure, catalog: str, gauge: bool) -> None:
    after = told(exposure, correction(), catalog, 0.0, ["said by others"])
    assert any("no refcat" in note for note in after.notes) == gauge
    assert after.sci_header["REFCAT"] == (catalog or "NONE")
    assert "12 stars" in after.notes[0]
    assert "0.1000, -0.2000 arcsec" in after.notes[0]
    assert "0.100 pixel rms" in after.notes[0]
    assert after.notes[-1] == "said by others"


@pytest.mark.parametrize(("matched", "doubtful"), [(1, True), (2, True), (3, False)])
def test_few_stars_are_a_warning(exposure: Exposure, caplog: Any, matched: int, doubtful: bool) -> None:
    after = told(exposure, correction(matched=matched), "", 0.0, [])
    assert any("false match" in note for note in after.notes) == doubtful
    assert len(caplog.records) == doubtful


@pytest.mark.parametrize(("excess", "said"), [(0.0, False), (0.123, True)])
def test_what_was_added_to_the_errors_is_said(exposure: Exposure, excess: float, said: bool) -> None:
    notes = told(exposure, correction(), "", excess, []).notes
    assert any("0.123 pixel were added" in note for note in notes) == said


@given(st.floats(-1e6, 1e6))
def test_numbers_have_six_digits_and_no_negative_zero(value: float) -> None:
    after = told(make_exposure((2, 2)), correction(scale=value), "", 0.0, [])
    found = after.sci_header["DSCALE"]
    assert found == pytest.approx(value, rel=5e-6)
    assert np.signbit(found) == (value < 0)


def test_a_pointing_that_is_kept_has_its_reason(exposure: Exposure) -> None:
    after = kept(exposure, "2 stars match, 5 are needed")
    assert after.header["S_TWKREG"] == "SKIPPED"
    assert "2 stars match, 5 are needed" in after.notes[-1]
    assert "S_TWKREG" not in exposure.header


def offsets(error: float = np.nan, in_pixels: bool = True) -> Offsets:
    return Offsets(values=np.zeros((1, 2)), errors=np.full((1, 2), error), in_pixels=in_pixels, name="shifts.ecsv")


def corrected(exposure: Exposure, found: Outcome, given: Offsets) -> Exposure:
    return by_hand(exposure, found, Affine(np.eye(2), np.array([0.02, -0.01])), PIXEL, given, 0)


@pytest.mark.parametrize(("in_pixels", "expected"), [(True, 0.5 * PIXEL), (False, 0.5)])
def test_errors_of_offsets_are_in_arcsec(exposure: Exposure, in_pixels: bool, expected: float) -> None:
    header = corrected(exposure, outcome(), offsets(0.5, in_pixels)).sci_header
    assert (header["DRA"], header["DDEC"], header["REFCAT"]) == (0.02, -0.01, "shifts.ecsv")
    assert (header["DRAERR"], header["DDECERR"]) == pytest.approx((expected, expected))


def test_offsets_without_errors_claim_none(exposure: Exposure) -> None:
    after = corrected(exposure, outcome(), offsets())
    assert "DRAERR" not in after.sci_header
    assert "0.0200, -0.0100 arcsec as shifts.ecsv says" in after.notes[0]


@pytest.mark.parametrize(
    ("off", "own", "given", "doubted"),
    [
        (0.05, 1e-3, np.nan, False),  # 50 errors, but less than a tenth of a pixel
        (0.50, 0.20, np.nan, False),  # half a pixel, but within the errors of the stars
        (0.50, 1e-3, 0.20, False),  # or within those of the table
        (0.50, 1e-3, np.nan, True),
        (-0.5, 1e-3, 0.05, True),
    ],
)
def test_stars_doubt_offsets_beyond_five_errors_and_a_tenth_of_a_pixel(
    exposure: Exposure, caplog: Any, off: float, own: float, given: float, doubted: bool
) -> None:
    found = outcome((off * PIXEL, 0, 0, 0, 0, 0), (own * PIXEL, own * PIXEL, 0, 0, 0, 0))
    after = corrected(exposure, found, offsets(given))
    assert f"12 stars differ from that by {off:.3f}, 0.000 pixel" in after.notes[-1]
    assert ("are the offsets right?" in after.notes[-1]) == doubted
    assert len(caplog.records) == doubted


def test_without_a_match_the_offsets_stand_as_they_are(exposure: Exposure, caplog: Any) -> None:
    after = corrected(exposure, outcome(reason="no other exposure has stars there"), offsets())
    assert after.notes[-1].endswith("no other exposure has stars there")
    assert not caplog.records
