"""A recipe becomes steps: implementations chosen, parameters validated, products named; every error at once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from iris_testkit import iris_mode, make_exposure
from pydantic import model_validator

from iris_core import Exposure, Params, Plugins, Step, as_plugin, compile_recipe, hookimpl, parameter, stage
from iris_core.recipe import Recipe
from iris_core.recipes.reading import load_recipe

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


class Gain(Params):
    """A gain."""

    gain: float = parameter(1.0, "Factor.", gt=0)
    offset: float = parameter(0.0, "Added first.")

    @model_validator(mode="after")
    def _is_reasonable(self) -> Self:
        if self.offset > self.gain:
            raise ValueError("the offset is larger than the gain")
        return self


@stage("flat_field", params=Gain)
def multiply(exposure: Exposure, params: Gain) -> Exposure:
    return exposure.scale(params.gain)


def leave(exposure: Exposure) -> Exposure:
    return exposure


@pytest.fixture
def plugins(lab: Lab) -> Plugins:
    return lab(flat_field=multiply, photom=leave, resample=leave)


def read(path: Path) -> Recipe:
    return load_recipe(path, {})


def compiled(path: Path, plugins: Plugins, **mode: Any) -> tuple[Step, ...]:
    steps, problems = compile_recipe(read(path), plugins, replace(iris_mode(), **mode))
    assert not problems, problems
    return steps


def errors(path: Path, plugins: Plugins) -> list[str]:
    return [str(one) for one in compile_recipe(read(path), plugins, None)[1]]


def test_steps_keep_the_order_of_the_recipe(write_recipe: Write, plugins: Plugins) -> None:
    steps = compiled(write_recipe("photom, flat_field, resample"), plugins)
    assert [step.stage for step in steps] == ["photom", "flat_field", "resample"]


def test_a_step_has_the_facts_of_the_recipe(write_recipe: Write, plugins: Plugins) -> None:
    (step,) = compiled(write_recipe("flat_field: {save: mine, skip: not today, again: true}"), plugins)
    assert (step.save, step.skip, step.again, step.valid) == ("mine", "not today", True, True)
    assert step.place == "recipe recipe.yaml, line 3"
    assert str(step.implementation) == "lab-flat_field 1.0"


@pytest.mark.parametrize(
    ("steps", "suffixes"),
    [
        ("flat_field", ["cal"]),
        ("resample", ["i2d"]),
        ("photom: {save: cal}, resample", ["cal", "i2d"]),
        ("flat_field: {save: true}, photom", ["flat_field", "cal"]),
        ("flat_field: {save: false}, photom", ["cal"]),
        ("resample: {save: true}, photom", ["i2d", "cal"]),
        ("resample: {save: mine}", ["mine"]),
        ("photom, resample: {skip: why}", []),
        ("photom, flat_field: {skip: why}", ["cal"]),
        ("resample: {skip: false}", ["i2d"]),
    ],
)
def test_the_last_step_makes_a_product_and_others_where_asked(
    write_recipe: Write, plugins: Plugins, steps: str, suffixes: list[str]
) -> None:
    assert [step.save for step in compiled(write_recipe(steps), plugins) if step.makes_product] == suffixes


def test_parameters_of_the_recipe_go_before_those_of_the_mode_and_these_before_the_default(
    write_recipe: Write, plugins: Plugins
) -> None:
    path = write_recipe("flat_field: {params: {gain: 3}}")
    (step,) = compiled(path, plugins, params={"flat_field": {"gain": 2, "offset": 1}})
    assert step.params == Gain(gain=3, offset=1)
    (step,) = compiled(write_recipe("flat_field"), plugins, params={"flat_field": {"gain": 2}})
    assert step.params == Gain(gain=2, offset=0)


def test_the_mode_chooses_an_implementation_where_the_recipe_does_not(write_recipe: Write, plugins: Plugins) -> None:
    """Its parameters are meant for the implementation that it chooses, and for no other."""
    other = stage("flat_field", params=Gain)(lambda exposure, params: exposure)
    plugins.add("other", as_plugin("flat_field", other, "other"))
    choice = {"use": {"flat_field": "other"}, "params": {"flat_field": {"gain": 2}}}
    (step,) = compiled(write_recipe("flat_field"), plugins, **choice)
    assert (step.implementation.plugin, step.params) == ("other", Gain(gain=2))
    (step,) = compiled(write_recipe("flat_field: {use: other}"), plugins, **choice)
    assert (step.implementation.plugin, step.params) == ("other", Gain(gain=2))
    (step,) = compiled(write_recipe("flat_field: {use: lab-flat_field}"), plugins, **choice)
    assert (step.implementation.plugin, step.params) == ("lab-flat_field", Gain())


@pytest.mark.parametrize(
    ("steps", "facts"),
    [
        ("flat_feild", ["'flat_feild'", "did you mean 'flat_field'?", "assign_wcs, background, dark_current"]),
        ("dark_current", ["'dark_current'"]),
        ("flat_field: {use: mine}", ["'flat_field'", "'mine'", "lab-flat_field 1.0"]),
        ("flat_field: {params: {gian: 2}}", ["'flat_field.gian'", "did you mean 'gain'?", "gain, offset"]),
        ("flat_field: {params: {gain: -1}}", ["flat_field.gain: ", "greater than 0", "-1"]),
        ("flat_field: {params: {gain: much}}", ["flat_field.gain: ", "number", "'much'"]),
        ("flat_field: {params: {offset: 2}}", ["flat_field: ", "the offset is larger than the gain"]),
        ("photom: {params: {a: 1}}", ["'photom.a'", "none"]),
        ("photom: {save: cal}, flat_field", ["flat_field", "'cal'", "photom"]),
        ("flat_field: {save: x}, photom: {save: x}", ["photom", "'x'", "flat_field"]),
    ],
)
def test_an_error_is_named_with_its_line(write_recipe: Write, plugins: Plugins, steps: str, facts: list[str]) -> None:
    (found,) = errors(write_recipe(steps), plugins)
    assert found.startswith("recipe recipe.yaml, line 3: ")
    for fact in facts:
        assert fact in found
    assert "\n" not in found


def test_all_errors_are_found_together_in_the_order_of_the_recipe(write_recipe: Write, plugins: Plugins) -> None:
    path = write_recipe("nope, dark_current, flat_field: {params: {gain: 0, a: 1}}", "with: [nobody]")
    found = errors(path, plugins)
    assert len(found) == 5
    for fact, one in zip(["nobody", "nope", "dark_current", "gain", "'flat_field.a'"], found, strict=True):
        assert fact in one


def test_a_recipe_without_steps_is_an_error(plugins: Plugins) -> None:
    (error,) = compile_recipe(Recipe(name="empty", label="empty.yaml", steps=()), plugins, None)[1]
    assert "empty.yaml" in str(error)


def test_a_step_with_wrong_parameters_is_there_for_the_steps_after_it(write_recipe: Write, plugins: Plugins) -> None:
    steps, problems = compile_recipe(read(write_recipe("flat_field: {params: {gain: 0}}, photom")), plugins, None)
    assert [(step.stage, step.valid) for step in steps] == [("flat_field", False), ("photom", True)]
    assert len(problems) == 1


@pytest.mark.parametrize(("listed", "result"), [((), 2), (("tripler",), 6)])
def test_the_hook_of_a_step_is_the_chosen_implementation_in_the_wrappers_of_the_recipe(
    write_recipe: Write, lab: Lab, listed: tuple[str, ...], result: int
) -> None:
    class Tripler:
        @hookimpl(wrapper=True)
        def flat_field(self, exposure: Exposure) -> Generator[None, Exposure, Exposure]:
            return (yield).scale(3)

    plugins = lab(flat_field=lambda exposure: exposure.scale(2))
    plugins.add("other", as_plugin("flat_field", lambda exposure: exposure.scale(5), "other"))
    plugins.add("tripler", Tripler())
    plugins.active |= set(listed)
    (step,) = compiled(write_recipe("flat_field: {use: lab-flat_field}"), plugins)
    given: dict[str, Any] = dict.fromkeys(("params", "references", "background_exposures", "instrument"))
    assert step.hook(exposure=make_exposure(value=1), **given).data[0, 0] == result
