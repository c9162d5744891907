"""The numbers of a zero point in closed form, and how they are reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from iris_photom_stars._aperture import Apertures
from iris_photom_stars._catalog import Catalog
from iris_photom_stars._growth import Growth
from iris_photom_stars._report import comparison_of, keywords_of, notes_of, unused
from iris_photom_stars._result import POGSON, ZeroPoint
from iris_photom_stars._robust import Mean

ARCSEC = np.deg2rad(1 / 3600)
STATUSES = ["used"] * 4 + ["faint", "blended", "faint", "edge"]


def growth_of(curve: list[float], error: float = 0.0) -> Growth:
    """Return a curve of growth at radii of 2, 4, 8 and 10 pixels."""
    values = np.array(curve)
    used = np.ones(1, dtype=np.bool_)
    return Growth(
        radius=np.array([2.0, 4.0, 8.0, 10.0]),
        stars=values[np.newaxis],
        curve=values,
        correction=float(values[-1]),
        error=error,
        used=used,
    )


def zero_point(value: float = 25.0, error: float = 0.003, growth: Growth | None = None, **changes: Any) -> ZeroPoint:
    """Return a zero point of four stars in pixels of 0.1 arcsec."""
    number = len(STATUSES)
    stars = Table(
        {
            "status": STATUSES,
            "blend": np.where(np.array(STATUSES) == "used", 0.0, np.nan),
            "dx": np.full(number, 0.3),
            "dy": np.full(number, -0.4),
        }
    )
    mean = Mean(value=value, error=error, intrinsic=0.001, scatter=0.02, used=np.ones(4, dtype=np.bool_))
    given: dict[str, Any] = {
        "mean": mean,
        "pixel_area": (0.1 * ARCSEC) ** 2,
        "area": np.ones((2, 2), dtype=np.float32),
        "fwhm": 3.0,
        "apertures": Apertures(star=6.0, sky=(12.0, 18.0), total=10.0, total_sky=(10.0, 15.0)),
        "growth": growth or growth_of([1.0, 1.0, 1.0, 1.0]),
        "shift": (0.0, -0.001),
        "stars": stars,
    }
    return ZeroPoint(**given | changes)


def catalog(incomplete: int = 0) -> Catalog:
    nothing = np.empty(0)
    numbers = {"ra": nothing, "dec": nothing, "mag": nothing, "mag_err": nothing}
    return Catalog(**numbers, frame="icrs", band="Ks", name="stars.ecsv", incomplete=incomplete)


@pytest.mark.parametrize("value", [20.0, 25.0, 27.5])
def test_the_factor_is_that_of_the_definition_of_ab(value: float) -> None:
    """One unit of the rate is 3631 Jy 10^(-0.4 ZP), spread over a pixel."""
    zero = zero_point(value)
    jansky = zero.photmjsr * 1e6 * zero.pixel_area
    assert -2.5 * np.log10(jansky / 3631) == pytest.approx(value, abs=1e-12)


def test_the_errors_of_mean_correction_and_wings_add_up() -> None:
    assert zero_point(error=0.003).error == pytest.approx(0.003)
    growth = growth_of([1.0, 1.1, 1.2, 1.2], error=0.012)
    size = 0.01 * np.log(1.2)
    assert growth.uncertainty == pytest.approx(np.hypot(0.01, size))
    assert zero_point(error=0.003, growth=growth).error == pytest.approx(np.hypot(0.003, POGSON * growth.uncertainty))
    assert zero_point(error=0.01).relative_error == pytest.approx(0.01 * 0.4 * np.log(10))


def test_a_correction_of_a_fifth_is_its_magnitude() -> None:
    assert zero_point(growth=growth_of([1.0, 1.1, 1.2, 1.2])).correction == pytest.approx(-2.5 * np.log10(1.2))


def test_a_curve_that_still_rises_leaves_light_outside() -> None:
    """4 % between 8 and 10 pixels, continued with R^-1.5: 0.04 / (0.8^-1.5 - 1) of the light."""
    rising = growth_of([0.8, 0.9, 0.96, 1.0])
    assert rising.wings == pytest.approx(0.04 / (0.8**-1.5 - 1), rel=1e-6)
    assert zero_point(error=0.0, growth=rising).error == pytest.approx(POGSON * rising.wings)
    assert any(
        f"{rising.wings:.2%} of the light" in note for note in notes_of(zero_point(growth=rising), catalog(), "DN/s")
    )
    assert growth_of([0.8, 0.9, 1.0, 1.0]).wings == 0


def test_a_rise_within_its_error_is_none() -> None:
    assert growth_of([0.8, 0.9, 0.96, 1.0], error=0.041).wings == 0


def test_shares_are_zero_in_the_middle_and_one_outside() -> None:
    growth = growth_of([0.6, 0.9, 1.2, 1.2])
    np.testing.assert_allclose(growth.share(np.array([0.0, 2.0, 3.0, 8.0, 50.0])), [0.0, 0.5, 0.625, 1.0, 1.0])


def test_stars_are_counted_by_what_became_of_them() -> None:
    zero = zero_point()
    assert zero.number == 4
    assert unused(zero) == "1 edge, 2 faint, 1 blended"
    assert zero.offset_rms == pytest.approx(np.hypot(0.3, 0.4) / 2**0.5)


def test_the_keywords_hold_the_numbers() -> None:
    zero = zero_point()
    cards = keywords_of(zero, "DN/s", "Ks")
    assert {key: value for key, (value, _) in cards.items() if key in ("ZP_AB", "ZP_NSTAR", "ZP_BAND")} == {
        "ZP_AB": 25.0,
        "ZP_NSTAR": 4,
        "ZP_BAND": "Ks",
    }
    assert cards["ZP_APER"][0] == pytest.approx(0.6)
    assert cards["PIXAR_A2"][0] == pytest.approx(0.01)
    assert cards["PHOTUJA2"][0] == pytest.approx(zero.photmjsr * 23.5044, rel=1e-5)
    assert all(len(key) <= 8 and len(comment) < 50 for key, (_, comment) in cards.items())


def test_the_notes_have_no_zero_with_a_sign_and_name_what_is_incomplete() -> None:
    notes = " ".join(notes_of(zero_point(), catalog(incomplete=3), "DN/s"))
    assert "(+0.00, +0.00) pixels" in notes
    assert "3 stars of stars.ecsv lack" in notes
    assert "may be missing" not in notes


@pytest.mark.parametrize(("stated", "difference"), [(24.9, "+0.1000 mag (+33.3"), (25.006, "-0.0060 mag (-2.0")])
def test_the_comparison_is_in_magnitudes_and_standard_deviations(stated: float, difference: str) -> None:
    (line,) = comparison_of(zero_point(), stated)
    assert difference in line
    assert comparison_of(zero_point(), None) == []
