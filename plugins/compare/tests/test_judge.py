"""The limits of the verdicts, as the README gives them: each just kept, and just passed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from iris_compare._catalogs import CatalogChange, FluxChange
from iris_compare._difference import Difference, Extreme, Ratios
from iris_compare._noise import Noise
from iris_compare._planes import PlaneChange
from iris_compare._sky import SkyOffset
from iris_compare._verdict import Verdict, judge, judge_catalogs

# Two exposures of one field, and one exposure that was calibrated in two ways.
INDEPENDENT, SHARED = Noise(spread=1.0, coherent=1.0, far=0.0), Noise(spread=0.3, coherent=0.3, far=0.0)


def plane(name: str, changed: int, beyond: int) -> PlaneChange:
    return PlaneChange(name=name, pixels=1000, changed=changed, beyond=beyond, steps=9, rows=(0, 9), columns=(0, 9))


def ratios(median: float, low: float | None = None, high: float | None = None) -> Ratios:
    ends = (Extreme(median if one is None else one, (0, 0)) for one in (low, high))
    return Ratios(median, *ends)


def verdict(noise: Noise | None = INDEPENDENT, flags: int = 0, **changes: Any) -> Verdict:
    difference = replace(Difference(unit="electron/s", shape=(10, 100)), **changes)
    planes = [plane("data", 1000, 1000), *([plane("dq", flags, flags)] if flags else [])]
    return judge(difference, planes, noise, ())[0]


@pytest.mark.parametrize(
    ("limit", "kept", "passed"),
    [
        ("spread", 1.1, 1.11),
        ("coherent", 2.0, 2.01),
        ("far", 1e-3, 1.01e-3),
    ],
)
def test_how_far_two_exposures_of_one_field_may_be_apart(limit: str, kept: float, passed: float) -> None:
    assert verdict(replace(INDEPENDENT, **{limit: kept})) is Verdict.WITHIN_NOISE
    assert verdict(replace(INDEPENDENT, **{limit: passed})) is Verdict.DIFFERENT


def test_flags_and_errors_of_two_exposures_may_differ_a_little() -> None:
    assert verdict(flags=10) is Verdict.WITHIN_NOISE
    assert verdict(flags=11) is Verdict.DIFFERENT
    assert verdict(err=ratios(1.09, 0.1, 10)) is Verdict.WITHIN_NOISE
    assert verdict(err=ratios(1.11)) is Verdict.DIFFERENT


def test_of_one_exposure_no_pixel_may_be_far_off() -> None:
    """What is a stray cosmic ray in another exposure is a mistake in the same one."""
    assert verdict(SHARED) is Verdict.WITHIN_NOISE
    assert verdict(replace(SHARED, far=1e-6)) is Verdict.DIFFERENT
    assert verdict(SHARED, flags=1) is Verdict.DIFFERENT
    assert verdict(SHARED, err=ratios(1.0, 0.91, 1.09)) is Verdict.WITHIN_NOISE
    assert verdict(SHARED, err=ratios(1.0, 0.89, 1.0)) is Verdict.DIFFERENT
    assert verdict(SHARED, err=ratios(1.0, 1.0, 1.11)) is Verdict.DIFFERENT


def test_the_wcs_may_be_a_twentieth_of_a_pixel_apart() -> None:
    for pixels, expected in ((0.049, Verdict.WITHIN_NOISE), (0.051, Verdict.DIFFERENT)):
        assert verdict(sky=SkyOffset(1.0, pixels, 1.0)) is expected
        alone, words = judge(Difference(unit="", shape=(1, 1), sky=SkyOffset(1.0, pixels, 1.0)), [], None, ())
        assert alone is expected
        assert words


def test_the_wcs_is_the_same_to_a_thousandth_of_a_mas() -> None:
    few = [plane("data", 3, 0)]
    for arcsec, expected in ((0.9e-6, Verdict.LAST_BITS), (1.1e-6, Verdict.WITHIN_NOISE)):
        difference = Difference(unit="", shape=(1, 1), sky=SkyOffset(arcsec, 1e-4, arcsec))
        assert judge(difference, few, INDEPENDENT, ())[0] is expected


def test_without_errors_only_last_bits_may_differ() -> None:
    difference = Difference(unit="", shape=(1, 1))
    assert judge(difference, [plane("data", 3, 0)], None, ())[0] is Verdict.LAST_BITS
    assert judge(difference, [plane("data", 3, 1)], None, ())[0] is Verdict.DIFFERENT


def test_all_reasons_are_named() -> None:
    noise = Noise(spread=3.0, coherent=9.0, far=0.5)
    difference = Difference(unit="", shape=(1, 1), err=ratios(2.0), sky=SkyOffset(1.0, 0.5, 1.0))
    found, reasons = judge(difference, [plane("data", 900, 900), plane("dq", 500, 500)], noise, ())
    assert found is Verdict.DIFFERENT
    for words in ("0.5 pixel", "3 times", "by 9 times", "50 %", "ERR is 2", "500 pixels"):
        assert sum(words in one for one in reasons) == 1, (words, reasons)


def test_the_exit_code_tells_what_matters_to_a_script() -> None:
    assert [one.exit_code for one in Verdict] == [0, 0, 1, 1, 3]


def change(alone: int = 0, changed: tuple[str, ...] = ("x_flux",), **flux: float) -> CatalogChange:
    given = {"median": 0.0, "spread": 1.0, **flux}
    one = FluxChange(column="x_flux", sources=100, largest=1.0, label=0, **given)
    kept = {"matched": 100, "first_only": alone, "other_only": 0, "apart": 1.0, "rms": 1.0}
    return CatalogChange(**kept, fluxes=(one,), changed=changed, beyond=changed)


@pytest.mark.parametrize(
    ("kept", "passed"),
    [
        ({"alone": 50}, {"alone": 51}),
        ({"median": 0.5}, {"median": 0.51}),
        ({"median": -0.5}, {"median": -0.51}),
        ({"spread": 1.5}, {"spread": 1.51}),
    ],
)
def test_how_far_two_catalogues_may_be_apart(kept: dict[str, Any], passed: dict[str, Any]) -> None:
    assert judge_catalogs(change(**kept))[0] is Verdict.WITHIN_NOISE
    assert judge_catalogs(change(**passed))[0] is Verdict.DIFFERENT


def test_catalogues_without_a_flux_that_can_be_compared_are_different() -> None:
    found = replace(change(), fluxes=())
    assert judge_catalogs(found) == (Verdict.DIFFERENT, ("no flux with an error to compare",))
