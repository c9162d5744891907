"""The options of a step, and those that a caller puts over a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from iris_core import Overrides
from iris_core.recipe import ExecutorOptions, StepOptions, StepRequest


def test_the_place_of_an_option_is_where_it_was_set_or_that_of_the_step() -> None:
    step = StepRequest(stage="flat_field", options=StepOptions(), place="line 1", places={"use": "line 2"})
    assert (step.where("use"), step.where("params.sigma")) == ("line 2", "line 1")


@pytest.mark.parametrize("suffix", ["../x", "a/b", ".hidden", "a b", "", "é", "-x", "x\n"])
def test_a_suffix_cannot_lead_out_of_the_folder(suffix: str) -> None:
    with pytest.raises(ValidationError, match="suffix"):
        StepOptions(save=suffix)


@pytest.mark.parametrize("suffix", [True, False, None, "cal", "my-cal_2"])
def test_a_suffix_is_a_word(suffix: Any) -> None:
    assert StepOptions(save=suffix).save == suffix


@pytest.mark.parametrize("reason", ["", " ", "\n", True, 3])
def test_a_skip_needs_a_reason(reason: Any) -> None:
    with pytest.raises(ValidationError, match="skip"):
        StepOptions(skip=reason)


@pytest.mark.parametrize("reason", ["why", False, None])
def test_a_skip_is_a_reason_or_false(reason: Any) -> None:
    assert StepOptions(skip=reason).skip is reason


@pytest.mark.parametrize("workers", [0, -1, "many", 1.5])
def test_workers_are_a_positive_integer(workers: Any) -> None:
    with pytest.raises(ValidationError, match="workers"):
        ExecutorOptions(workers=workers)


@pytest.mark.parametrize("name", ["save", "unskip", "plugin_files"])
def test_a_single_name_stands_for_a_list_of_one(name: str) -> None:
    assert getattr(Overrides.model_validate({name: "background"}), name) in (("background",), (Path("background"),))
    assert [str(one) for one in getattr(Overrides.model_validate({name: ["a", "b"]}), name)] == ["a", "b"]


@pytest.mark.parametrize("name", ["params", "use", "references", "skip"])
def test_none_stands_for_nothing(name: str) -> None:
    assert getattr(Overrides.model_validate({name: None}), name) == {}


def test_paths_may_be_text() -> None:
    overrides = Overrides.model_validate(
        {"references": {"dark": "d.fits"}, "directory": "out", "plugin_files": Path("my_dark.py")}
    )
    assert overrides.references == {"dark": Path("d.fits")}
    assert overrides.directory == Path("out")
    assert overrides.plugin_files == (Path("my_dark.py"),)
