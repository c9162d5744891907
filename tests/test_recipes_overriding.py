"""The options of a caller go before those of the recipe, and a wrong one is named as it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_core import IrisError, Overrides, Plugins, Problems
from iris_core.recipe import ExecutorOptions, OutputOptions, Recipe, StepOptions, StepRequest
from iris_core.recipes.overriding import apply_overrides, resolve_recipe

STAGES = ("background", "dark_current", "flat_field", "photom")


def recipe(**fields: Any) -> Recipe:
    steps = tuple(
        StepRequest(stage=name, options=StepOptions(params={"a": 1}), place=f"line {name}") for name in STAGES
    )
    return Recipe(**{"name": "t", "label": "t.yaml", "steps": steps, **fields})


def applied(base: Recipe | None = None, **given: Any) -> Recipe:
    changed, problems = apply_overrides(base or recipe(), Overrides(**given))
    assert not problems
    return changed


def options(changed: Recipe, stage: str = "flat_field") -> StepOptions:
    return next(step.options for step in changed.steps if step.stage == stage)


def test_no_options_change_nothing() -> None:
    base = recipe(
        output=OutputOptions(directory="d", overwrite=True),
        executor=ExecutorOptions(name="processes", workers=5),
        instrument="i",
        providers=("crds",),
        reader="mine",
        image_types=("SKY",),
    )
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


def test_a_skipped_step_is_run_all_the_same() -> None:
    base = applied(skip={"photom": "not today"})
    assert options(applied(base, unskip="photom"), "photom").skip is False
    assert options(applied(base), "photom").skip == "not today"


@pytest.mark.parametrize(
    ("flags", "places"),
    [(True, ("--set flat_field", "--use flat_field")), (False, ("params: flat_field", "use: flat_field"))],
)
def test_the_place_of_an_option_is_named_as_the_caller_gave_it(flags: bool, places: tuple[str, str]) -> None:
    step = applied(params={"flat_field.b": 1}, use={"flat_field": "x"}, flags=flags).steps[2]
    assert (step.where("params.b"), step.where("use")) == places
    assert step.where("save") == "line flat_field"


@pytest.mark.parametrize(("flags", "place"), [(True, "--reference dark"), (False, "references: dark")])
def test_references_are_put_over_those_of_the_recipe(flags: bool, place: str) -> None:
    base = recipe(references={"dark": Path("a.fits"), "flat": Path("b.fits")}, reference_places={"dark": "line 3"})
    changed = applied(base, references={"dark": "mine.fits"}, flags=flags)
    assert changed.references == {"dark": Path("mine.fits"), "flat": Path("b.fits")}
    assert changed.reference_places == {"dark": place}


def test_an_instrument_of_the_caller_counts_even_against_the_header() -> None:
    assert (applied(recipe(instrument="a")).instrument, applied(recipe(instrument="a")).forced) == ("a", False)
    changed = applied(recipe(instrument="a"), instrument="b")
    assert (changed.instrument, changed.forced) == ("b", True)


def test_output_and_executor_are_changed_option_by_option() -> None:
    base = recipe(output=OutputOptions(directory="d", format="asdf"), executor=ExecutorOptions(name="mine", workers=3))
    changed = applied(base, overwrite=True, workers=4)
    assert changed.output == OutputOptions(directory="d", format="asdf", overwrite=True)
    assert changed.executor == ExecutorOptions(name="mine", workers=4)
    changed = applied(base, directory=Path("e"), format="fits", executor="processes")
    assert changed.output == OutputOptions(directory="e", format="fits")
    assert changed.executor == ExecutorOptions(name="processes", workers=3)
    assert applied(base, executor="serial").executor == ExecutorOptions()


def test_options_of_an_executor_s_own_are_kept_unless_another_one_is_chosen() -> None:
    base = recipe(executor=ExecutorOptions(name="mine", workers=3, host="a"))
    assert applied(base).executor.model_extra == {"host": "a"}
    assert applied(base, executor="mine", workers=4).executor == ExecutorOptions(name="mine", workers=4, host="a")
    assert applied(base, executor="processes").executor == ExecutorOptions(name="processes", workers=3)
    unnamed = recipe(executor=ExecutorOptions(host="a"))
    assert applied(unnamed, executor="mine").executor == ExecutorOptions(name="mine", host="a")


def test_a_step_that_stands_twice_is_changed_in_both_places() -> None:
    base = recipe(steps=(*recipe().steps, recipe().steps[2]))
    changed = applied(base, use={"flat_field": "x"})
    assert [step.options.use for step in changed.steps if step.stage == "flat_field"] == ["x", "x"]


@pytest.mark.parametrize(
    ("given", "place", "facts"),
    [
        ({"use": {"flat_feild": "x"}}, "--use flat_feild: ", ["did you mean 'flat_field'?", ", ".join(STAGES)]),
        ({"params": {"flat.a": 1}}, "--set flat: ", ["'flat'", "did you mean 'flat_field'?"]),
        ({"save": ("resample",)}, "--save resample: ", ["'resample'", ", ".join(STAGES)]),
        ({"save": "resample"}, "--save resample: ", ["'resample'"]),
        ({"unskip": "resample"}, "--no-skip resample: ", ["'resample'"]),
        ({"skip": {"photom": ""}}, "--skip photom: ", ["photom.skip", "reason"]),
        ({"workers": 0}, "", ["workers", "greater than or equal to 1", "0"]),
        ({"format": "png"}, "", ["format", "'fits' or 'asdf'", "'png'"]),
    ],
)
@pytest.mark.parametrize("flags", [True, False])
def test_an_error_names_the_option(flags: bool, given: dict[str, Any], place: str, facts: list[str]) -> None:
    _, (problem,) = apply_overrides(recipe(), Overrides(**given, flags=flags))
    in_python = {"--use": "use:", "--set": "params:", "--save": "save:", "--no-skip": "unskip:", "--skip": "skip:"}
    flag, _, stage = place.partition(" ")
    assert str(problem).startswith(place if flags else " ".join([in_python.get(flag, ""), stage]).strip())
    for fact in facts:
        assert fact in str(problem)


def test_all_errors_are_found_together() -> None:
    _, problems = apply_overrides(recipe(), Overrides(use={"a": "x"}, skip={"b": "y"}, save=("c",), workers=0))
    assert len(problems) == 4


def test_what_is_right_in_a_recipe_with_errors_is_kept(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("recipe: 1\nname: r\nsteps: [flat_field]\nwrong: 1")
    with pytest.raises(Problems) as caught:
        resolve_recipe(str(tmp_path / "r.yaml"), Overrides(use={"photom": "x"}, save="flat_field"), Plugins())
    assert len(caught.value.problems) == 2
    assert caught.value.recipe.steps[0].options.save is True  # type: ignore[attr-defined]


def test_a_recipe_that_was_read_is_taken_as_it_is() -> None:
    assert resolve_recipe(recipe(), Overrides(), Plugins()) == recipe()


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
keys = st.one_of(st.sampled_from([*STAGES, "flat_field.a", "photom.b.c"]), st.text(max_size=6))
texts = st.dictionaries(keys, st.text(max_size=5))


@given(st.dictionaries(keys, anything), texts, texts, st.lists(st.sampled_from([*STAGES, "x"])), st.integers())
def test_any_options_give_a_recipe_and_errors_of_ours(
    params: dict[str, Any], use: dict[str, str], skip: dict[str, str], save: list[str], workers: int
) -> None:
    given = Overrides(params=params, use=use, skip=skip, save=tuple(save), unskip=tuple(save), workers=workers)
    changed, problems = apply_overrides(recipe(), given)
    assert [step.stage for step in changed.steps] == list(STAGES)
    assert all(isinstance(one, IrisError) for one in problems)
