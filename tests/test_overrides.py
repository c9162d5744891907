"""What the command line says goes before the recipe, and a wrong word in it is named as the option it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_core import IrisError, Overrides
from iris_core.overrides import apply_overrides
from iris_core.recipe import ExecutorOptions, OutputOptions, Recipe, StepOptions, StepRequest

STAGES = ("background", "dark_current", "flat_field", "photom")


def recipe(**fields: Any) -> Recipe:
    steps = tuple(
        StepRequest(stage=name, options=StepOptions(params={"a": 1}), place=f"line {name}") for name in STAGES
    )
    return Recipe(**{"name": "t", "label": "t.yaml", "steps": steps, **fields})


def applied(base: Recipe | None = None, **said: Any) -> Recipe:
    changed, problems = apply_overrides(base or recipe(), Overrides(**said))
    assert not problems
    return changed


def options(changed: Recipe, stage: str = "flat_field") -> StepOptions:
    return next(step.options for step in changed.steps if step.stage == stage)


def test_nothing_said_changes_nothing() -> None:
    base = recipe(output=OutputOptions(directory="d"), executor=ExecutorOptions(workers=5), instrument="i")
    assert applied(base) == base


def test_each_option_changes_its_step_and_no_other() -> None:
    changed = applied(
        params={"flat_field.inverse": True, "flat_field.a": 2},
        use={"flat_field": "mine"},
        skip={"photom": "not today"},
        save=("background",),
    )
    assert options(changed).params == {"a": 2, "inverse": True}
    assert options(changed).use == "mine"
    assert options(changed, "photom").skip == "not today"
    assert options(changed, "background").save is True
    assert options(changed, "dark_current") == options(recipe(), "dark_current")


def test_a_place_of_something_said_on_the_command_line_is_its_option() -> None:
    step = applied(params={"flat_field.b": 1}, use={"flat_field": "x"}).steps[2]
    assert (step.where("params.b"), step.where("use"), step.where("save")) == (
        "--set flat_field",
        "--use flat_field",
        "line flat_field",
    )


def test_references_are_put_over_those_of_the_recipe() -> None:
    base = recipe(references={"dark": Path("a.fits"), "flat": Path("b.fits")}, reference_places={"dark": "line 3"})
    changed = applied(base, references={"dark": "mine.fits"})
    assert changed.references == {"dark": Path("mine.fits"), "flat": Path("b.fits")}
    assert changed.reference_places == {"dark": "--reference dark"}


def test_a_step_that_stands_twice_is_changed_in_both_places() -> None:
    base = recipe(steps=(*recipe().steps, recipe().steps[2]))
    assert [
        step.options.use for step in applied(base, use={"flat_field": "x"}).steps if step.stage == "flat_field"
    ] == [
        "x",
        "x",
    ]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"use": {"flat_feild": "x"}},
            "--use flat_feild: the recipe has no step 'flat_feild'; did you mean 'flat_field'?",
        ),
        ({"params": {"flat.a": 1}}, "--set flat: the recipe has no step 'flat'; did you mean 'flat_field'?"),
        ({"save": ("resample",)}, "--save resample: the recipe has no step 'resample'"),
        ({"skip": {"photom": ""}}, "--skip photom: photom.skip: string should have at least 1 character"),
        ({"use": {"photom": 3}}, "--use photom: photom.use: input should be a valid string, not 3"),
        ({"workers": 0}, "the options of the run: workers: input should be greater than or equal to 1, not 0"),
        ({"format": "png"}, "the options of the run: format: input should be 'fits' or 'asdf', not 'png'"),
    ],
)
def test_a_mistake_names_the_option(said: dict[str, Any], message: str) -> None:
    _, problems = apply_overrides(recipe(), Overrides(**said))
    assert len(problems) == 1
    assert str(problems[0]).startswith(message)


def test_all_mistakes_are_found_together() -> None:
    _, problems = apply_overrides(recipe(), Overrides(use={"a": "x"}, skip={"b": "y"}, save=("c",), workers=0))
    assert len(problems) == 4


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
named = st.dictionaries(
    st.one_of(st.sampled_from([*STAGES, "flat_field.a", "photom.b.c"]), st.text(max_size=6)), anything
)


@given(named, named, named, st.lists(st.sampled_from([*STAGES, "x"])), anything)
def test_whatever_is_said_gives_a_recipe_and_iris_errors(
    params: dict[str, Any], use: dict[str, Any], skip: dict[str, Any], save: list[str], workers: Any
) -> None:
    said = Overrides(params=params, use=use, skip=skip, save=tuple(save), workers=workers)
    changed, problems = apply_overrides(recipe(), said)
    assert [step.stage for step in changed.steps] == list(STAGES)
    assert all(isinstance(one, IrisError) for one in problems)
