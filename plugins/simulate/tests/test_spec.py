"""What is to be simulated is checked before anything is made."""

from __future__ import annotations

import dataclasses

import pytest
from iris_simulate import SimulationSpec, simulate
from pydantic import ValidationError

from iris_core import Detector, InstrumentMode


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"exposure_time": 0.0},
        {"integrations": -1},
        {"dithers": 0},
        {"backgrounds": -1},
        {"subarrays": 11},
        {"stars": -1},
        {"faintest": 0.0},
        {"brightest": -1.0},
        {"strehl": 1.1},
        {"halo_fwhm": 0.0},
        {"distortion": -1.0},
        {"defects": 0.5},
        {"flat_error": 0.0},
        {"dark_error": -0.1},
        {"ra": 360.0},
        {"dec": 90.1},
        {"size": (10, 10, 10)},
    ],
    ids=str,
)
def test_an_impossible_value_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SimulationSpec(**wrong)


def test_an_unknown_name_is_refused(mode: InstrumentMode) -> None:
    with pytest.raises(ValidationError, match="star_count"):
        simulate(instrument=mode, star_count=3)


def test_a_specification_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SimulationSpec().seed = 3  # type: ignore[misc]  # that it is an error is the point


def test_changes_go_before_the_specification(mode: InstrumentMode) -> None:
    base = SimulationSpec(size=(64, 48), stars=1, seed=5, margin=10)
    made = simulate(base, instrument=mode, seed=6).scene.spec
    assert (made.size, made.stars, made.seed) == ((64, 48), 1, 6)
    assert base.seed == 5


def test_every_parameter_has_a_description_and_survives_json() -> None:
    assert all(info.description for info in SimulationSpec.model_fields.values())
    spec = SimulationSpec(size=(64, 48), faintest=1e-7)
    assert SimulationSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_default_is_a_whole_detector_with_as_many_stars_as_it_takes(mode: InstrumentMode) -> None:
    small = dataclasses.replace(mode, detectors={"D": Detector(shape=(320, 640))})
    made = simulate(instrument=small)
    assert made.exposure().shape == (320, 640)
    assert len(made.truth()) == 8
