"""A recipe becomes steps: implementations chosen, parameters valid, products named; every mistake at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iris_core import Exposure, Params, parameter, stage
from iris_core.plugins import Plugins
from iris_core.recipe import Recipe
from iris_core.recipe_file import load_recipe
from iris_core.steps import Step, compile_recipe
from iris_core.testing import iris_mode, make_exposure

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


class Gain(Params):
    """A gain."""

    gain: float = parameter(1.0, "Factor.", gt=0)
    offset: float = parameter(0.0, "Added first.")


@stage("flat_field", params=Gain)
def multiply(exposure: Exposure, params: Gain) -> Exposure:
    return exposure.scale(params.gain)


def leave(exposure: Exposure) -> Exposure:
    return exposure


@pytest.fixture
def plugins(lab: Lab) -> Plugins:
    def others(exposure: Exposure) -> Exposure:
        return exposure

    def more(exposure: Exposure) -> Exposure:
        return exposure

    return lab(flat_field=multiply, photom=others, resample=more)


def read(path: Path) -> Recipe:
    return load_recipe(path, {})


def compiled(path: Path, plugins: Plugins, **mode: Any) -> tuple[Step, ...]:
    steps, problems = compile_recipe(read(path), plugins, replace(iris_mode(), **mode))
    assert not problems, problems
    return steps


def mistakes(path: Path, plugins: Plugins) -> list[str]:
    _, problems = compile_recipe(read(path), plugins, None)
    return [str(one) for one in problems]


def test_steps_keep_the_order_of_the_recipe(write_recipe: Write, plugins: Plugins) -> None:
    steps = compiled(write_recipe("photom, flat_field, resample"), plugins)
    assert [step.stage for step in steps] == ["photom", "flat_field", "resample"]


@pytest.mark.parametrize(
    ("steps", "suffixes"),
    [
        ("flat_field", ["cal"]),
        ("resample", ["i2d"]),
        ("photom: {save: cal}, resample", ["cal", "i2d"]),
        ("flat_field: {save: true}, photom", ["flat_field", "cal"]),
        ("resample: {save: mine}", ["mine"]),
        ("photom, resample: {skip: why}", []),
        ("photom, flat_field: {skip: why}", ["cal"]),
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


def test_the_mode_names_an_implementation_where_the_recipe_does_not(
    write_recipe: Write, plugins: Plugins, lab: Lab
) -> None:
    plugins.add("other", type("Other", (), {"f": staticmethod(stage("flat_field")(leave))})())
    choice = {"use": {"flat_field": "other"}}
    assert compiled(write_recipe("flat_field"), plugins, **choice)[0].implementation.plugin == "other"
    path = write_recipe("flat_field: {use: lab-flat_field}")
    assert compiled(path, plugins, **choice)[0].implementation.plugin == "lab-flat_field"


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            "flat_feild",
            "no stage 'flat_feild'; did you mean 'flat_field'? Stages: assign_wcs, background, dark_current, ",
        ),
        ("dark_current", "stage 'dark_current': no installed plugin implements it"),
        ("flat_field: {use: mine}", "stage 'flat_field': no installed plugin 'mine' implements it"),
        ("flat_field: {params: {gian: 2}}", "unknown key 'flat_field.gian'; did you mean 'gain'? Keys: gain, offset"),
        ("flat_field: {params: {gain: -1}}", "flat_field.gain: input should be greater than 0, not -1"),
        ("flat_field: {params: {gain: much}}", "flat_field.gain: input should be a valid number"),
        ("photom: {params: {a: 1}}", "unknown key 'photom.a'. Keys: none"),
        ("photom: {save: cal}, flat_field", "flat_field would replace the product 'cal' of photom"),
        ("flat_field: {save: x}, photom: {save: x}", "photom would replace the product 'x' of flat_field"),
    ],
)
def test_a_mistake_is_named_with_its_line(write_recipe: Write, plugins: Plugins, steps: str, words: str) -> None:
    (found,) = mistakes(write_recipe(steps), plugins)
    assert found.startswith("recipe recipe.yaml, line 3: ")
    assert words in found


def test_all_mistakes_are_found_together_in_the_order_of_the_recipe(write_recipe: Write, plugins: Plugins) -> None:
    path = write_recipe("nope, dark_current, flat_field: {params: {gain: 0, a: 1}}", "with: [nobody]")
    found = mistakes(path, plugins)
    assert len(found) == 5
    for words, one in zip(["nobody", "nope", "dark_current", "gain", "'flat_field.a'"], found, strict=True):
        assert words in one


def test_an_implementation_is_given_the_arguments_it_names(write_recipe: Write, bare: Plugins) -> None:
    seen: dict[str, Any] = {}

    class Both:
        """One stage that takes nothing more, and one that takes everything."""

        @stage("photom")
        def few(self, exposure: Exposure) -> Exposure:
            seen["few"] = exposure
            return exposure

        @stage("flat_field", params=Gain)
        def all(
            self, exposure: Exposure, params: Gain, references: Any, background_exposures: Any, instrument: Any
        ) -> Exposure:
            seen["all"] = (params, references, background_exposures, instrument)
            return exposure

    bare.add("lab", Both())
    few, everything = compiled(write_recipe("photom, flat_field: {params: {gain: 2}}"), bare)
    exposure = make_exposure()
    few.call(exposure, "references", "backgrounds", "mode")  # type: ignore[arg-type]
    everything.call(exposure, "references", "backgrounds", "mode")  # type: ignore[arg-type]
    assert seen == {"few": exposure, "all": (Gain(gain=2), "references", "backgrounds", "mode")}
