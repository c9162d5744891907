"""What an exposure is, by IMTYPE, lamp and shutter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from iris_asn import Kind, Member, kind_of
from iris_asn._spellings import CLOSED, IMAGE_TYPES, LAMPS, OFF, ON, OPEN, SHUTTERS

from iris_core import Exposure

Make = Callable[..., Exposure]


@pytest.fixture
def kind(exposure: Make) -> Callable[..., Kind]:
    """Return a function from IMTYPE and keywords to the kind of an exposure."""
    return lambda stated="", /, subarray_id=0, **header: kind_of(
        Member.of(exposure("x", stated, header=header, subarray_id=subarray_id))
    )


KindOf = Callable[..., Kind]


@pytest.mark.parametrize(("wanted", "spellings"), IMAGE_TYPES.items())
def test_every_spelling_of_imtype_is_known_in_either_case(
    kind: KindOf, wanted: str, spellings: tuple[str, ...]
) -> None:
    for spelling in spellings:
        assert kind(spelling).name == kind(spelling.upper()).name == wanted


@pytest.mark.parametrize("stated", ["flat-off", "FLAT_OFF", "Flat Off"])
def test_blanks_and_hyphens_do_not_count(kind: KindOf, stated: str) -> None:
    assert kind(stated) == Kind("flat_off", f"IMTYPE is {stated}")


@pytest.mark.parametrize("keyword", LAMPS)
def test_a_lamp_tells_two_kinds_of_flats(kind: KindOf, keyword: str) -> None:
    for word in ON:
        assert kind("FLAT", **{keyword: word}).name == "flat_on"
    for word in OFF:
        assert kind("FLAT", **{keyword: word}).name == "flat_off"
    assert kind("FLAT", **{keyword: True}).name == "flat_on"
    assert kind("FLAT", **{keyword: 0}) == Kind("flat_off", f"IMTYPE is FLAT and {keyword} is 0")
    assert kind("", **{keyword: "On"}) == Kind("flat_on", f"{keyword} is On")


def test_one_lamp_of_two_is_enough(kind: KindOf) -> None:
    assert kind("flat", FLIMAGIN="on", FLSPECTR="off") == Kind("flat_on", "IMTYPE is flat and FLIMAGIN is on")
    assert kind("flat", FLIMAGIN="off", FLSPECTR="on").name == "flat_on"
    assert kind("flat", FLIMAGIN="off", FLSPECTR="off").name == "flat_off"


@pytest.mark.parametrize("value", ["SKY", "twilight"])
def test_a_flat_of_the_sky_may_say_so_where_others_name_the_lamp(kind: KindOf, value: str) -> None:
    assert kind("FLAT", LAMP=value) == Kind("sky_flat", f"IMTYPE is FLAT and LAMP is {value}")
    assert kind("SCI", LAMP=value).name == "science"


def test_a_lamp_that_is_not_understood_makes_a_flat_unclear_and_nothing_else(kind: KindOf) -> None:
    found = kind("FLAT", LAMP="halogen")
    assert found.name == ""
    assert "LAMP is halogen" in found.evidence
    assert kind("SCI", LAMP="halogen").name == "science"


@pytest.mark.parametrize("keyword", SHUTTERS)
def test_without_imtype_a_closed_shutter_makes_a_dark(kind: KindOf, keyword: str) -> None:
    for word in CLOSED:
        assert kind("", **{keyword: word}) == Kind("dark", f"{keyword} is {word}")
    for word in OPEN:
        assert kind("", **{keyword: word}) == Kind("science", "IMTYPE is not stated")


@pytest.mark.parametrize(
    ("stated", "header", "against"),
    [
        ("DARK", {"SHUTTER": "open"}, "SHUTTER is open"),
        ("SCI", {"SHUTTER": "closed"}, "SHUTTER is closed"),
        ("SKY", {"SHRNAME": "Closed"}, "SHRNAME is Closed"),
        ("FLAT", {"LAMP": "on", "SHUTTER": "closed"}, "SHUTTER is closed"),
        ("FLAT", {"LAMP": "off", "SHUTTER": "closed"}, "SHUTTER is closed"),
        ("SKYFLAT", {"SHUTTER": "closed"}, "SHUTTER is closed"),
        ("SCI", {"LAMP": "on"}, "LAMP is on"),
        ("SKY", {"FLIMAGIN": 1}, "FLIMAGIN is 1"),
        ("FLATLAMP", {"FLATLAMP": "off"}, "FLATLAMP is off"),
        ("FLAT_OFF", {"FLATLAMP": "on"}, "FLATLAMP is on"),
    ],
)
def test_a_contradiction_is_never_guessed_away(kind: KindOf, stated: str, header: dict[str, Any], against: str) -> None:
    found = kind(stated, **header)
    assert found.name == ""
    assert found.evidence.startswith(f"IMTYPE is {stated}")
    assert found.evidence.endswith(f", but {against}")


def test_a_dark_may_be_taken_with_the_lamp_on(kind: KindOf) -> None:
    assert kind("DARK", LAMP="on", SHUTTER="closed").name == "dark"


def test_what_is_not_known_is_not_clear(kind: KindOf) -> None:
    assert kind("ARC") == Kind("", "IMTYPE is ARC")


def test_subarrays_and_masters_are_kinds_of_their_own(kind: KindOf) -> None:
    assert kind("SCI", subarray_id=2) == Kind("subarray", "SUBARRID is 2")
    assert kind("SKY", subarray_id=2).name == "background"
    assert kind("DARK", REFTYPE="DARK") == Kind("master_dark", "REFTYPE is DARK")
    assert kind("", REFTYPE="flat").name == "master_flat"
    assert kind("SCI", REFTYPE="photom") == Kind("", "REFTYPE is photom")


def test_an_imtype_that_says_nothing_leaves_it_to_lamp_and_shutter(kind: KindOf) -> None:
    assert kind("data") == Kind("science", "IMTYPE is not stated")
    assert kind("data", FLIMAGIN="on", FLSPECTR="off").name == "flat_on"
    assert kind("Data", SHRNAME="closed").name == "dark"
