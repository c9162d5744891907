"""A mode is read from YAML whose every key is understood, and its facts are numbers with units."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iris_core import InputError, InstrumentMode, Problems, get_fact, load_mode

MODE = """\
name: cam
telescope: T
instrument: C
pixel_scale: 0.01
unit: DN/s
detectors: {A: {shape: [10, 20]}}
filters: {J: [1.1, 1.25, 1.4], K: [2, 2.2, 2.4, 15]}
use: {flat_field: lab-flat}
params: {resample: {pixfrac: 0.8}}
"""


def test_a_mode_is_read_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "cam.yaml").write_text(MODE)
    cam = load_mode(tmp_path / "cam.yaml")
    assert load_mode(f"{tmp_path}/cam.yaml") == cam
    assert cam.detectors["A"].shape == (10, 20)
    assert cam.detectors["A"].offset == (0, 0)
    assert (cam.filters["J"].sky, cam.filters["K"].sky) == (None, 15)
    assert cam.use == {"flat_field": "lab-flat"}
    assert cam.params == {"resample": {"pixfrac": 0.8}}
    assert cam.quality == {}
    assert cam.selectors == ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE")


WRONG = [
    ("pixel_scale: 0.01", "pixelscale: 0.01", ["'pixelscale'", "did you mean 'pixel_scale'"]),
    ("pixel_scale: 0.01", "pixel_scale: -0.01", ["pixel_scale", "greater than or equal to 0", "-0.01"]),
    ("name: cam\n", "", ["'name' is missing"]),
    ("shape: [10, 20]", "shape: [10]", ["detectors.A.shape"]),
    ("shape: [10, 20]", "shape: [10, 0]", ["detectors.A.shape", "greater than 0"]),
    ("J: [1.1, 1.25, 1.4]", "J: 1.25", ["filters.J", "1.25"]),
    ("J: [1.1, 1.25, 1.4]", "J: [1.25]", ["filters.J", "at least 3"]),
    ("use:", "facts: {gain: 4.2}\nuse:", ["facts.gain", "4.2"]),
    ("use:", "facts: {gain: {value: 4.2, unit: electron/DN}}\nuse:", ["facts.gain", "no source"]),
    ("use:", "selectors: [INSTRUME, READPATT]\nuse:", ["selectors", "READPATT", "READMODE"]),
    ("use:", "quality: {MAGRAT: [1.2, 0.9]}\nuse:", ["quality.MAGRAT", "1.2", "0.9"]),
    ("name: cam", "name: [cam", ["not YAML"]),
]


@pytest.mark.parametrize(("right", "wrong", "words"), WRONG)
def test_what_is_wrong_in_a_mode_is_said_with_file_and_key(
    tmp_path: Path, right: str, wrong: str, words: list[str]
) -> None:
    assert right in MODE
    path = tmp_path / "cam.yaml"
    path.write_text(MODE.replace(right, wrong))
    with pytest.raises(Problems) as caught:
        load_mode(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.fixture
def camera(tmp_path: Path) -> InstrumentMode:
    (tmp_path / "cam.yaml").write_text(MODE)
    facts = {"gain": {"value": 2.5, "unit": "electron/DN", "source": "here"}}
    return replace(load_mode(tmp_path / "cam.yaml"), facts=facts)


def test_a_fact_is_a_number_in_the_unit_that_is_asked_for(camera: InstrumentMode) -> None:
    assert get_fact(camera, "gain", "electron/DN") == 2.5
    assert get_fact(camera, "gain", "electron/ADU") == 2.5


def test_a_fact_that_is_not_there_is_an_error_that_names_those_there_are(camera: InstrumentMode) -> None:
    with pytest.raises(InputError, match=r"cam has no fact 'gian'; did you mean 'gain'\? Its facts are: gain"):
        get_fact(camera, "gian", "electron/DN")


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (0.4, "DN/electron"),
        (-2.5, "electron/DN"),
        (0, "electron/DN"),
        (float("nan"), "electron/DN"),
        (2.5, "furlongs"),
        ("a lot", "electron/DN"),
        ([1, 2], "electron/DN"),
    ],
)
def test_a_fact_of_another_kind_is_an_error_with_what_it_is(camera: InstrumentMode, value: Any, unit: str) -> None:
    wrong = replace(camera, facts={"gain": {"value": value, "unit": unit, "source": "here"}})
    with pytest.raises(InputError, match=r"cam: gain is .* above 0 in electron/DN"):
        get_fact(wrong, "gain", "electron/DN")
