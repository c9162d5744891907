"""The rules by which a reference file is chosen for an exposure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure

from iris_core import (
    Exposure,
    ReferenceType,
    differences,
    mismatches,
    not_stated,
    selectors,
    useafter,
    why_not,
)

START = datetime(2026, 6, 1, tzinfo=UTC)
ALL = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE")
FLAT = ReferenceType(name="flat", stated=("INSTRUME", "DETECTOR", "FILTER"))
FITTING = {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb", "PUPIL": "open", "READMODE": "DEFAULT"}


def exposure(**meta: Any) -> Exposure:
    return make_exposure((4, 4), **{"pupil": "open", "start_time": START, **meta})


def test_the_selectors_of_an_exposure_are_its_five_keywords() -> None:
    assert selectors(exposure().meta) == FITTING


def test_a_file_whose_selectors_all_match_fits() -> None:
    assert why_not(FLAT, FITTING, exposure()) is None


@pytest.mark.parametrize(
    ("keywords", "facts"),
    [
        ({"FILTER": "J"}, ["FILTER", "J", "not Kbb"]),
        ({"DETECTOR": "IMG2"}, ["DETECTOR", "IMG2", "not IMG1"]),
        ({"INSTRUME": "Liger"}, ["INSTRUME", "Liger", "not IRIS"]),
        ({"READMODE": "CDS", "FILTER": "J"}, ["FILTER is J, not Kbb; READMODE is CDS, not DEFAULT"]),
        ({"DETECTOR": ""}, ["DETECTOR", "missing"]),
        ({"INSTRUME": " "}, ["INSTRUME", "missing"]),
        ({"FILTER": ""}, ["FILTER", "missing"]),
        ({"USEAFTER": "2026-06-01T00:00:01"}, ["2026-06-01T00:00:01", "after", "2026-06-01T00:00:00"]),
        ({"USEAFTER": "whenever"}, ["USEAFTER", "whenever", "not a time"]),
    ],
)
def test_a_file_that_does_not_fit_has_a_reason(keywords: dict[str, Any], facts: list[str]) -> None:
    reason = why_not(FLAT, FITTING | keywords, exposure())
    assert reason is not None
    assert [fact for fact in facts if fact not in reason] == []


@pytest.mark.parametrize("word", ["ANY", "N/A", "any", " any "])
@pytest.mark.parametrize("keyword", ALL)
def test_any_fits_every_exposure(keyword: str, word: str) -> None:
    assert why_not(FLAT, {**FITTING, keyword: word}, exposure()) is None


@pytest.mark.parametrize("word", ["ANY", "n/a"])
def test_an_exposure_that_is_of_any_filter_is_fitted_by_every_file(word: str) -> None:
    assert why_not(FLAT, FITTING, exposure(filter=word)) is None


def test_case_does_not_count() -> None:
    lower = {name: value.lower() for name, value in FITTING.items()}
    assert why_not(FLAT, lower, exposure()) is None


@pytest.mark.parametrize("keyword", ["PUPIL", "READMODE"])
def test_what_a_file_omits_and_need_not_state_fits_all(keyword: str) -> None:
    header = {name: value for name, value in FITTING.items() if name != keyword}
    assert why_not(FLAT, header, exposure()) is None


@pytest.mark.parametrize("names", [(), ("INSTRUME",), ("INSTRUME", "DETECTOR"), ("FILTER", "READMODE")])
def test_a_keyword_counts_only_for_the_types_that_select_by_it(names: tuple[str, ...]) -> None:
    kind = ReferenceType(name="mine", selectors=names, stated=())
    assert set(mismatches(kind, dict.fromkeys(ALL, "other"), exposure())) == set(names)


@pytest.mark.parametrize("names", [(), ("INSTRUME", "DETECTOR"), ("READMODE",)])
def test_the_type_declares_what_a_file_has_to_state(names: tuple[str, ...]) -> None:
    assert not_stated(ReferenceType(name="mine", stated=names), {}) == list(names)
    assert not_stated(ReferenceType(name="mine", stated=names), FITTING) == []


@pytest.mark.parametrize(("keyword", "field"), [("DETECTOR", "detector"), ("FILTER", "filter")])
def test_an_exposure_without_a_keyword_is_fitted_only_by_a_file_for_all(keyword: str, field: str) -> None:
    unknown = exposure(**{field: ""})
    assert keyword in str(why_not(FLAT, FITTING, unknown))
    assert why_not(FLAT, {**FITTING, keyword: "ANY"}, unknown) is None


def test_what_neither_a_file_nor_an_exposure_states_is_equal_in_both() -> None:
    """A camera may have no keyword for its one read mode; which camera and detector it is has to be known."""
    kind = ReferenceType(name="dark", selectors=("INSTRUME", "DETECTOR", "READMODE"), stated=ALL)
    header = FITTING | {"READMODE": " "}
    assert why_not(kind, header, exposure(read_mode="")) is None
    assert why_not(kind, header, exposure()) == "keyword READMODE is missing"
    assert why_not(kind, header | {"DETECTOR": ""}, exposure(read_mode="", detector="")) is not None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-06-01", START),
        ("2026-06-01T02:00:00+02:00", START),
        (" 2026-06-01T00:00:00 ", START),
        ("", datetime.min.replace(tzinfo=UTC)),
        ("2026-05-31T23:59:60", START),
        ("2026-05-31 23:59:60.000", START),
        ("Jun 01 2026 00:00:00", START),
        ("Jun  1 2026", START),
        ("2026/06/01", START),
        ("01/06/2026", START),
        ("01-Jun-2026", START),
    ],
)
def test_useafter_is_a_time_in_utc_and_the_beginning_of_time_where_there_is_none(text: str, time: datetime) -> None:
    assert useafter({"USEAFTER": text}) == time
    assert useafter({}) == datetime.min.replace(tzinfo=UTC)


def test_a_file_applies_to_the_second_of_its_useafter_and_to_an_exposure_without_a_time() -> None:
    assert why_not(FLAT, {**FITTING, "USEAFTER": "2026-06-01T00:00:00"}, exposure()) is None
    assert why_not(FLAT, {**FITTING, "USEAFTER": "2030-01-01"}, exposure(start_time=None)) is None


def test_the_path_of_an_exposure_plays_no_part() -> None:
    assert why_not(FLAT, FITTING, exposure(path=Path("IRIS_IMG2_J.fits"))) is None


# What a type prefers


def with_cards(unit: str = "electron/s", **cards: Any) -> Exposure:
    made = make_exposure((4, 4), unit=unit, exposure_time=100.0)
    header = made.header.copy()
    header.update(cards)
    return made.replace(header=header)


@pytest.mark.parametrize(
    ("header", "different"),
    [
        ({"EXPTIME": 100.05}, set()),
        ({"EXPTIME": "100"}, set()),
        ({"EXPTIME": 101.0}, {"EXPTIME"}),
        ({"EXPTIME": 10.0, "COADDS": 1}, {"EXPTIME", "COADDS"}),
        ({"COADDS": 2, "EXPTIME": ""}, set()),
        ({}, set()),
    ],
)
def test_what_differs_from_an_exposure_is_known_to_a_thousandth(header: dict[str, Any], different: set[str]) -> None:
    assert set(differences(("EXPTIME", "COADDS"), header, with_cards(COADDS=2))) == different
