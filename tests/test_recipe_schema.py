"""The JSON schema of a recipe accepts what the reader of recipes accepts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from iris_core import Plugins, Problems
from iris_core.recipes.reading import load_recipe

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "docs" / "reference" / "recipe.schema.json").read_text())
RECIPES = [
    path
    for folder in ("iris_core", "plugins", "tests", "docs")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
    if path.read_text().startswith("recipe:") or "\nrecipe:" in path.read_text()
]

BAD = {
    "no recipe": "name: x\nsteps: [photom]",
    "another version": "recipe: 2\nname: x\nsteps: [photom]",
    "no name": "recipe: 1\nsteps: [photom]",
    "an empty name": "recipe: 1\nname: ''\nsteps: [photom]",
    "no steps": "recipe: 1\nname: x",
    "empty steps": "recipe: 1\nname: x\nsteps: []",
    "an unknown key": "recipe: 1\nname: x\nsteps: [photom]\nstep: []",
    "steps as a mapping": "recipe: 1\nname: x\nsteps: {photom: {}}",
    "two stages in a step": "recipe: 1\nname: x\nsteps: [{photom: {}, resample: {}}]",
    "a step without a name": "recipe: 1\nname: x\nsteps: [{}]",
    "a number for a step": "recipe: 1\nname: x\nsteps: [1]",
    "an unknown key of a step": "recipe: 1\nname: x\nsteps: [{photom: {usee: a}}]",
    "parameters as a list": "recipe: 1\nname: x\nsteps: [{photom: {params: [1]}}]",
    "a suffix with a slash": "recipe: 1\nname: x\nsteps: [{photom: {save: a/b}}]",
    "a skip without a reason": "recipe: 1\nname: x\nsteps: [{photom: {skip: ''}}]",
    "a skip that is true": "recipe: 1\nname: x\nsteps: [{photom: {skip: true}}]",
    "before without extends": "recipe: 1\nname: x\nsteps: [{photom: {before: resample}}]",
    "a number for a reader": "recipe: 1\nname: x\nsteps: [photom]\nreader: 3",
    "one image type without brackets": "recipe: 1\nname: x\nsteps: [photom]\nimage_types: SKY",
    "two files of one reference type": "recipe: 1\nname: x\nsteps: [photom]\nreferences: {dark: [a, b]}",
    "after without extends": "recipe: 1\nname: x\nsteps: [{photom: {after: resample}}]",
    "an unknown format": "recipe: 1\nname: x\nsteps: [photom]\noutput: {format: png}",
    "no workers": "recipe: 1\nname: x\nsteps: [photom]\nexecutor: {workers: 0}",
}


def fits_schema(recipe: Any) -> bool:
    return bool(Draft202012Validator(SCHEMA).is_valid(recipe))


@pytest.fixture
def loads(tmp_path: Path) -> Callable[[str], bool]:
    known = Plugins().recipes()

    def load(text: str) -> bool:
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            load_recipe(path, known)
        except Problems:
            return False
        return True

    return load


def test_it_is_a_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_recipes_of_this_repository_fit_it(path: Path) -> None:
    Draft202012Validator(SCHEMA).validate(yaml.safe_load(path.read_text()))


def test_there_are_recipes_to_try() -> None:
    assert {"image2", "image2-dark-first", "nirc2-dither"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("case", BAD)
def test_what_the_reader_refuses_does_not_fit(case: str, loads: Callable[[str], bool]) -> None:
    assert not loads(BAD[case])
    assert not fits_schema(yaml.safe_load(BAD[case]))


@pytest.mark.parametrize(
    "step",
    [
        *("photom", "{photom: }", "{photom: {}}", "{photom: {save: true}}"),
        *("{photom: {skip: why, use: a, again: true}}", "{photom: {skip: false}}"),
    ],
)
def test_every_form_of_a_step_fits(step: str, loads: Callable[[str], bool]) -> None:
    text = f"recipe: 1\nname: x\nsteps: [{step}]"
    assert loads(text)
    assert fits_schema(yaml.safe_load(text))


WORDS = st.text("abc-_1", min_size=1)
STAGES = st.sampled_from(["background", "assign_wcs", "flat_field", "photom", "resample"])
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "use": WORDS,
        "params": st.dictionaries(WORDS, st.integers() | WORDS | st.booleans(), max_size=2),
        "save": st.booleans() | st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]*\Z"),
        "skip": WORDS | st.none() | st.just(False),
        "again": st.booleans(),
    },
)
STEP = STAGES | st.dictionaries(STAGES, OPTIONS | st.none(), min_size=1, max_size=1)
RECIPE = st.fixed_dictionaries(
    {"recipe": st.just(1), "name": WORDS, "steps": st.lists(STEP, min_size=1, max_size=3)},
    optional={
        "extends": st.sampled_from(["image2", "image2-dark-first", None]),
        "instrument": WORDS | st.none(),
        "references": st.dictionaries(WORDS, WORDS, max_size=2)
        | st.fixed_dictionaries({"providers": WORDS | st.lists(WORDS, max_size=2)}),
        "reader": WORDS | st.none(),
        "image_types": st.lists(WORDS, max_size=2) | st.none(),
        "backgrounds": st.sampled_from(["members", "others", None]),
        "with": st.lists(WORDS, max_size=2),
        "output": st.fixed_dictionaries({}, optional={"directory": WORDS, "overwrite": st.booleans()}),
        "executor": st.fixed_dictionaries({}, optional={"name": WORDS, "workers": st.integers(1, 99)}),
    },
)
ODD = st.sampled_from([None, "", "x", 0, 1, 1.5, True, [], {}, ["x"], {"x": 1}, {"photom": {"after": "photom"}}])


@given(recipe=RECIPE)
def test_every_recipe_that_is_right_fits(recipe: dict[str, Any], loads: Callable[[str], bool]) -> None:
    assert loads(yaml.safe_dump(recipe))
    assert fits_schema(recipe)


def places(recipe: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return the places of the values in a recipe."""
    steps = recipe["steps"]
    options = [given for step in steps if isinstance(step, dict) for given in step.values() if given]
    return [
        *((recipe, key) for key in (*recipe, "unknown")),
        *((steps, index) for index in range(len(steps))),
        *((given, key) for given in options for key in given),
    ]


@given(recipe=RECIPE, odd=ODD, data=st.data())
def test_a_recipe_with_one_odd_value_that_fits_loads(
    recipe: dict[str, Any], odd: Any, data: st.DataObject, loads: Callable[[str], bool]
) -> None:
    """The reader takes a few things more (``again: 1``), never less."""
    recipe.pop("extends", None)  # which recipes there are, and which steps they have, no schema knows
    where, key = data.draw(st.sampled_from(places(recipe)))
    where[key] = odd
    assert loads(yaml.safe_dump(recipe)) or not fits_schema(recipe)
