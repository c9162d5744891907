"""How a stage is declared, implemented and configured."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from iris_core import Exposure, Params, parameter, stage
from iris_core.hookspecs import background, resample
from iris_core.stages import describe_params
from iris_core.testing import make_exposure


class Clip(Params):
    """Parameters of a stage that clips."""

    sigma: float = parameter(3.0, "Where to clip.", "standard deviations", gt=0)
    method: str = parameter(..., "How.")
    limit: int | None = parameter(None, "How often.")


def test_a_stage_stays_the_function_it_was() -> None:
    def halve(exposure: Exposure) -> Exposure:
        return exposure.scale(0.5)

    declared = stage("flat_field")(halve)
    assert declared is halve
    assert declared(make_exposure(value=4)).data[0, 0] == 2


def test_parameters_are_frozen_and_know_no_other_key() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Clip(method="mean", sigm=2)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="frozen"):
        Clip(method="mean").sigma = 2


@pytest.mark.parametrize("values", [{"sigma": 0}, {"sigma": "many"}, {"limit": 1.5}])
def test_limits_and_types_of_parameters_are_checked(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Clip.model_validate({"method": "mean", **values})


def test_parameters_describe_themselves() -> None:
    assert [dict(row) for row in describe_params(Clip)] == [
        {
            "name": "sigma",
            "type": "number",
            "default": 3.0,
            "unit": "standard deviations",
            "description": "Where to clip.",
        },
        {"name": "method", "type": "text", "default": None, "unit": "", "description": "How."},
        {"name": "limit", "type": "whole number | none", "default": None, "unit": "", "description": "How often."},
    ]


def test_a_specification_says_what_the_framework_has_to_know() -> None:
    spec = background.iris_spec  # type: ignore[attr-defined]
    assert (spec.name, spec.status, spec.aliases, spec.product) == ("background", "S_BKDSUB", ("S_SKYSUB",), "bsub")
    assert spec.consumes_backgrounds
    assert not spec.reshapes
    assert resample.iris_spec.reshapes  # type: ignore[attr-defined]
