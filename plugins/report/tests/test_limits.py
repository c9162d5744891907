"""Limits: where they come from, and what is beyond them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_report._figures import FIGURES, figure_of, is_name
from iris_report._limits import breaches, limits_of, read_limits
from iris_testkit import iris_mode

from iris_core import InputError, load_plugins


def test_the_package_has_limits_of_known_numbers() -> None:
    limits = read_limits()
    assert set(limits) == {
        *("residual_sky", "noise_ratio", "sky_ratio", "bad_fraction", "saturated_fraction", "dark_age", "flat_age")
    }
    assert limits["noise_ratio"] == (0.9, 1.1)


def test_a_mode_goes_before_the_package_and_a_file_before_the_mode() -> None:
    mode = replace(iris_mode(), quality={"noise_ratio": (0.5, 2), "bad_fraction": (0, 0.2), "MAGRAT": (0.9, 1.2)})
    limits = limits_of(mode, {"bad_fraction": (0.0, 0.3)})
    assert limits["noise_ratio"] == (0.5, 2)
    assert limits["bad_fraction"] == (0, 0.3)
    assert limits["MAGRAT"] == (0.9, 1.2)
    assert limits["sky_ratio"] == read_limits()["sky_ratio"]
    assert limits_of(None, {}) == read_limits()


def test_the_quality_of_every_installed_mode_can_be_limits() -> None:
    for mode in load_plugins().modes().everything():
        assert limits_of(mode, {}).keys() >= mode.quality.keys()


def test_a_mode_with_a_name_that_is_no_number_is_an_error_that_names_it() -> None:
    mode = replace(iris_mode(), quality={"noise_ration": (0.5, 2)})
    with pytest.raises(InputError, match=r"mode iris-imager: no number is called 'noise_ration'.*'noise_ratio'"):
        limits_of(mode, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("noise_ratio: [1.1, 0.9]", r"noise_ratio is \[1.1, 0.9\]; \[lowest, highest\]"),
        ("noise_ratio: 1.1", "noise_ratio is 1.1"),
        ("noise_ratio: [0.9]", "noise_ratio is"),
        ("noise_ratio: [yes, no]", "noise_ratio is"),
        ("noise_ratio: [0, .inf]", "noise_ratio is"),
        ("noise: [0, low]", "noise is"),
        ("bad_fractoin: [0, 1]", "no number is called 'bad_fractoin'"),
        ("_age: [0, 1]", "no number is called '_age'"),
        ("1: [0, 1]", "no number is called '1'"),
        ("[1, 2]", "limits are lines like"),
        ("a: [", "not readable as YAML"),
        ("", "limits are lines like"),
    ],
)
def test_a_file_that_makes_no_sense_is_an_error_with_its_name(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"limits\.yaml: {words}"):
        read_limits(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml"):
        read_limits(tmp_path / "none.yaml")


@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    low=st.floats(-1e3, 1e3),
    width=st.floats(0, 1e3),
)
def test_a_number_is_beyond_its_limits_or_within_them(value: float, low: float, width: float) -> None:
    found = list(breaches({"noise_ratio": value}, {"noise_ratio": (low, low + width)}))
    assert bool(found) == (value < low or value > low + width)
    assert all(one.value == value and (one.low, one.high) == (low, low + width) for one in found)


def test_a_number_that_is_not_known_is_not_beyond_and_nan_is() -> None:
    assert not list(breaches({}, {"noise_ratio": (0.9, 1.1)}))
    assert len(list(breaches({"noise_ratio": float("nan")}, {"noise_ratio": (0.9, 1.1)}))) == 1


def test_a_breach_says_number_limit_and_what_to_do() -> None:
    (one,) = breaches({"bad_fraction": 0.061}, {"bad_fraction": (0.0, 0.05)})
    assert "Bad pixels: 6.100 %" in one.words
    assert "0 to 5 %" in one.words
    assert "mask" in one.advice
    (one,) = breaches({"dark_age": 70.0}, {"dark_age": (0.0, 30.0)})
    assert "70" in one.words
    assert "0 to 30 days" in one.words
    assert "dark" in one.advice


@pytest.mark.parametrize(
    ("name", "value", "limits", "words"),
    [
        ("noise_ratio", 1.1003, (0.9, 1.1), "1.1003,"),
        ("bad_fraction", 0.0500001, (0.0, 0.05), "5.00001 %,"),
        ("dark_age", 30.001, (0.0, 30.0), "30.001 days,"),
        ("noise_ratio", 1.2003, (0.9, 1.1), "1.200,"),
    ],
)
def test_a_number_just_beyond_its_limit_does_not_look_like_it(
    name: str, value: float, limits: tuple[float, float], words: str
) -> None:
    (one,) = breaches({name: value}, {name: limits})
    assert f": {words}" in one.words


@pytest.mark.parametrize("name", ["MAGRAT", "NOISE-1", "dark_age", "flat_age", *FIGURES])
def test_numbers_keywords_and_ages_have_names(name: str) -> None:
    assert is_name(name)
    assert figure_of(name).name == name
    assert figure_of(name).meaning


@pytest.mark.parametrize("name", ["magrat", "TOOLONGNAME", "", "A B", "noise ratio", "ÄGE"])
def test_other_names_are_none(name: str) -> None:
    assert not is_name(name)
