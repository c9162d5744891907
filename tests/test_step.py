"""One step of a recipe: frozen facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from iris_testkit import iris_mode, make_exposure

from iris_core import (
    Implementation,
    Params,
    References,
    Removal,
    StageImplementation,
    StageInputs,
    StageSpec,
    Step,
    parameter,
)

BACKGROUND = StageSpec(
    status="S_B", name="background", product="bsub", removes="background", may_remove=("dark", "flat")
)


class Level(Params):
    """A level."""

    whole: bool = parameter(True, "Whether the dark goes, too.")


def step(declared: Mapping[str, Any] | None = None, **facts: Any) -> Step:
    implementation = Implementation("lab", "1.0", StageImplementation("background", params=Level, **(declared or {})))
    return Step(**{"spec": BACKGROUND, "implementation": implementation, "params": Level(), "place": "line 3", **facts})


@pytest.mark.parametrize(
    ("implementation", "words"),
    [
        (Implementation("lab", "1.0", StageImplementation("x")), "lab 1.0"),
        (Implementation("lab", "1.0", StageImplementation("x"), "lab"), "lab 1.0"),
        (Implementation("lab", "1.0", StageImplementation("x"), "lab-tools"), "lab 1.0 (lab-tools)"),
        (Implementation("lab", "", StageImplementation("x")), "lab"),
    ],
)
def test_an_implementation_names_its_distribution_where_that_has_another_name(
    implementation: Implementation, words: str
) -> None:
    assert str(implementation) == words


def test_inputs_are_the_arguments_of_a_stage() -> None:
    exposure, mode = make_exposure(), iris_mode()
    inputs = StageInputs(exposure=exposure, instrument=mode)
    arguments = inputs.arguments()
    assert arguments.pop("references") == References()
    assert arguments == {"exposure": exposure, "background_exposures": (), "instrument": mode}


def test_a_step_is_frozen_and_knows_its_stage() -> None:
    one = step()
    assert (one.stage, one.declared.params) == ("background", Level)
    with pytest.raises(FrozenInstanceError):
        one.save = "x"  # type: ignore[misc]


def test_the_needs_of_a_step_are_those_of_its_implementation() -> None:
    one = step({"references": ("dark",), "optional": ("flat",)})
    assert [(need.stage, need.reftype, need.needed, need.place) for need in one.needs] == [
        ("background", "dark", True, "line 3"),
        ("background", "flat", False, "line 3"),
    ]


@pytest.mark.parametrize(
    ("save", "skip", "makes"),
    [("", "", False), ("bsub", "", True), ("bsub", "why", False), ("mine", "why", True)],
)
def test_a_skipped_step_makes_no_product_of_its_own(save: str, skip: str, makes: bool) -> None:
    assert step(save=save, skip=skip).makes_product is makes


@pytest.mark.parametrize(
    ("declared", "truth"),
    [(True, True), (False, False), (lambda params: params.whole, True), (lambda params: not params.whole, False)],
)
def test_by_integration_may_depend_on_the_parameters(declared: bool | Callable[[Any], bool], truth: bool) -> None:
    assert step({"by_integration": declared}).by_integration is truth


WHOLE, NO, PART, UNKNOWN = Removal.WHOLE, Removal.NO, Removal.PART, Removal.UNKNOWN


@pytest.mark.parametrize(
    ("declared", "removes"),
    [
        ({}, {"background": WHOLE, "dark": UNKNOWN, "flat": UNKNOWN}),
        ({"dark": NO}, {"background": WHOLE, "dark": NO, "flat": UNKNOWN}),
        ({"dark": PART, "flat": WHOLE}, {"background": WHOLE, "dark": PART, "flat": WHOLE}),
        (lambda params: {"dark": WHOLE if params.whole else NO}, {"background": WHOLE, "dark": WHOLE, "flat": UNKNOWN}),
    ],
)
def test_what_a_step_removes_is_declared_or_unknown(declared: Any, removes: Mapping[str, Removal]) -> None:
    assert step({"removes": declared}).removes == removes


def test_what_a_step_with_wrong_parameters_removes_is_unknown() -> None:
    """The function that would tell is not called with parameters that are not its own."""
    one = step({"removes": lambda params: {"dark": WHOLE if params.whole else NO}}, params=Params(), valid=False)
    assert one.removes == {"background": WHOLE, "dark": UNKNOWN, "flat": UNKNOWN}
