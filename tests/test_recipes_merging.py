"""Later options are put over earlier ones."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iris_core.recipe import StepOptions, StepRequest
from iris_core.recipes.merging import merge_step

names = st.sampled_from(["sigma", "gain", "method"])
options = st.fixed_dictionaries(
    {},
    optional={
        "use": st.sampled_from(["a", "b"]),
        "params": st.dictionaries(names, st.integers()),
        "save": st.sampled_from([True, False, "mine"]),
        "skip": st.sampled_from(["why", False]),
        "again": st.booleans(),
    },
)


def step(**given: Any) -> StepRequest:
    return StepRequest(stage="flat_field", options=StepOptions(**given), place="line 1", places={"use": "line 2"})


@given(options, options)
def test_later_options_count_and_parameters_are_merged_key_by_key(first: dict[str, Any], later: dict[str, Any]) -> None:
    merged = merge_step(step(**first), later, {}, "line 9").options
    if later.get("save") is True and first.get("save"):
        later = {**later, "save": first["save"]}  # a suffix that was chosen stays
    truth = StepOptions(**{**first, **later, "params": {**first.get("params", {}), **later.get("params", {})}})
    assert merged.model_dump() == truth.model_dump()


def test_places_of_earlier_options_are_kept() -> None:
    merged = merge_step(step(use="a"), {"skip": "why"}, {"skip": "--skip"}, "line 9")
    assert (merged.where("use"), merged.where("skip"), merged.where("params.x")) == ("line 2", "--skip", "line 9")


def test_a_skip_is_taken_back() -> None:
    assert merge_step(step(skip="not today"), {"skip": False}, {}, "line 9").options.skip is False
