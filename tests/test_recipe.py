"""What a step says, and what is said over it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from iris_core.recipe import StepOptions, StepRequest, merge_step

names = st.sampled_from(["sigma", "gain", "method"])
sayings = st.fixed_dictionaries(
    {},
    optional={
        "use": st.sampled_from(["a", "b"]),
        "params": st.dictionaries(names, st.integers()),
        "save": st.sampled_from([True, False, "mine"]),
        "skip": st.just("why"),
        "again": st.booleans(),
    },
)


def step(**said: Any) -> StepRequest:
    return StepRequest(stage="flat_field", options=StepOptions(**said), place="line 1", places={"use": "line 2"})


@given(sayings, sayings)
def test_what_is_said_later_counts_and_parameters_are_merged_key_by_key(
    first: dict[str, Any], later: dict[str, Any]
) -> None:
    merged = merge_step(step(**first), later, {}, "line 9").options
    if later.get("save") is True and first.get("save"):
        later = {**later, "save": first["save"]}  # a suffix that was chosen stays
    truth = StepOptions(**{**first, **later, "params": {**first.get("params", {}), **later.get("params", {})}})
    assert merged.model_dump() == truth.model_dump()


def test_places_of_what_was_said_before_are_kept() -> None:
    merged = merge_step(step(use="a"), {"skip": "why"}, {"skip": "--skip"}, "line 9")
    assert (merged.where("use"), merged.where("skip"), merged.where("params.x")) == ("line 2", "--skip", "line 9")


@pytest.mark.parametrize("suffix", ["../x", "a/b", ".hidden", "a b", "", "é", "-x", "x\n"])
def test_a_suffix_cannot_lead_out_of_the_folder(suffix: str) -> None:
    with pytest.raises(ValidationError, match="a suffix is letters, digits"):
        StepOptions(save=suffix)


@pytest.mark.parametrize("suffix", [True, False, None, "cal", "my-cal_2"])
def test_a_suffix_is_a_word(suffix: Any) -> None:
    assert StepOptions(save=suffix).save == suffix


def test_a_skip_needs_a_reason() -> None:
    with pytest.raises(ValidationError):
        StepOptions(skip="")
