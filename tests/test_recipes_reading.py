"""Recipes from YAML: every error at once, each with its line; and recipes that extend others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from iris_core import Plugins, Problems, RecipeError
from iris_core.recipe import PartialRecipe, Recipe
from iris_core.recipes.reading import find_recipe, load_recipe

KNOWN = Plugins().recipes()
HEAD = "recipe: 1\nname: t\n"


def load(folder: Path, text: str, name: str = "t.yaml") -> Recipe:
    (folder / name).write_text(text, encoding="utf-8")
    return load_recipe(folder / name, KNOWN)


def errors(folder: Path, text: str) -> list[str]:
    with pytest.raises(Problems) as caught:
        load(folder, text)
    return [str(one) for one in caught.value.problems]


def stages(recipe: Recipe) -> list[str]:
    return [step.stage for step in recipe.steps]


def test_the_documented_recipe_is_read_whole(tmp_path: Path) -> None:
    recipe = load(
        tmp_path,
        """\
recipe: 1
name: night
instrument: iris-imager
references:
  dark: ./my_dark.fits
  store: /calib
  providers: [store, crds]
reader: my-reader
image_types: [SKY, DARK]
backgrounds: others
steps:
  - background: {params: {sigma: 3.0}, save: true}
  - parse_subarray_map
  - flat_field: {use: my-flat, params: {inverse: false}}
  - resample: {skip: "single dither, not needed"}
with: [iris-plots]
output: {directory: out, overwrite: true}
executor: {name: processes, workers: 3}
""",
    )
    assert stages(recipe) == ["background", "parse_subarray_map", "flat_field", "resample"]
    assert recipe.references == {"dark": tmp_path / "my_dark.fits", "store": Path("/calib")}
    assert recipe.reference_places["dark"] == "recipe t.yaml, line 5"
    assert (recipe.instrument, recipe.backgrounds, recipe.plugins) == ("iris-imager", "others", ("iris-plots",))
    assert (recipe.providers, recipe.reader, recipe.image_types) == (("store", "crds"), "my-reader", ("SKY", "DARK"))
    assert recipe.steps[0].options.save is True
    assert recipe.steps[2].options.use == "my-flat"
    assert recipe.steps[3].options.skip == "single dither, not needed"
    assert (recipe.output.directory, recipe.output.overwrite) == ("out", True)
    assert (recipe.executor.name, recipe.executor.workers) == ("processes", 3)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_the_recipes_of_the_core_load(name: str) -> None:
    assert load_recipe(KNOWN[name], KNOWN).name == name


def test_the_documented_order_is_that_of_image2() -> None:
    assert stages(load_recipe(KNOWN["image2"], KNOWN)) == [
        "background",
        "parse_subarray_map",
        "assign_wcs",
        "dark_current",
        "flat_field",
        "photom",
        "resample",
    ]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (HEAD + "steps: [photom]\nstps: []", ["line 4: ", "'stps'", "did you mean 'steps'?", "backgrounds, "]),
        (HEAD + "steps:\n  - photom: {usee: x}", ["line 4: ", "'photom.usee'", "did you mean 'use'?", "after, "]),
        (HEAD + "steps: [photom]\noutput:\n  dir: x", ["line 5: ", "'output.dir'", "did you mean 'directory'?"]),
        (HEAD + "steps: [photom]\nexecutor: {workers: 0}", ["line 4: ", "executor.workers: ", "greater than", "0"]),
        ("recipe: 2\nname: t\nsteps: [photom]", ["line 1: ", "recipe: ", "1, not 2"]),
        ("name: t\nsteps: [photom]", ["line 1: ", "'recipe'", "missing"]),
        ("recipe: 1\nsteps: [photom]", ["line 1: ", "'name'", "missing"]),
        (HEAD + "steps: []", ["line 3: ", "no steps"]),
        (HEAD, ["no steps"]),
        (HEAD + "steps: photom", ["line 3: ", "steps: ", "list", "'photom'"]),
        (HEAD + "steps: [photom, 3]", ["line 3: ", "name: {...}", "3"]),
        (HEAD + "steps:\n  - photom: {}\n    resample: {}", ["line 4: ", "name: {...}"]),
        (HEAD + "steps:\n  - photom: [1]", ["line 4: ", "photom: ", "dictionary"]),
        (HEAD + "steps:\n  - photom: {skip: ''}", ["line 4: ", "photom.skip", "reason"]),
        (HEAD + "steps:\n  - photom: {skip: true}", ["line 4: ", "photom.skip", "True"]),
        (HEAD + "steps:\n  - photom: {save: ../x}", ["line 4: ", "photom.save", "suffix", "'../x'"]),
        (HEAD + "steps:\n  - photom: {after: resample}", ["line 4: ", "'after'", "'extends'"]),
        (HEAD + "steps:\n  - photom: {before: resample}", ["line 4: ", "'before'", "'extends'"]),
        (HEAD + "steps: [photom]\nreferences: {dark: [1]}", ["line 4: ", "references.dark", "string"]),
        (HEAD + "steps: [photom]\nreferences: {dark: [a, b]}", ["line 4: ", "dark", "one file"]),
        (HEAD + "steps: [photom]\nreferences: {providers: [1]}", ["line 4: ", "references.providers", "string"]),
        (HEAD + "steps: [photom]\nreferences: {dark: ~nobody-here/x}", ["line 4: ", "~nobody-here/x"]),
        (HEAD + "steps: [photom]\nreader: [a, b]", ["line 4: ", "reader: ", "string"]),
        (HEAD + "steps: [photom]\nimage_types: SKY", ["line 4: ", "image_types: ", "list", "'SKY'"]),
        (HEAD + "steps: [photom]\nbackgrounds: all", ["line 4: ", "backgrounds: ", "'members' or 'others'", "'all'"]),
        (HEAD + "extends: image3", ["line 3: ", "'image3'", "did you mean 'image2'?", "image2-dark-first"]),
        (HEAD + "extends: other.yaml", ["line 3: ", "other.yaml"]),
        (HEAD + "extends: t.yaml", ["line 3: ", "itself"]),
        (HEAD + f"extends: {'x' * 400}", ["'xxx"]),
        (HEAD + "extends: image2\nsteps: [flat_feild]", ["line 4: ", "'flat_feild'", "did you mean 'flat_field'?"]),
        (HEAD + "extends: image2\nsteps: [mine]", ["line 4: ", "'mine'", "after:", "before:"]),
        (HEAD + "extends: image2\nsteps:\n  - mine: {after: nowhere}", ["line 5: ", "'nowhere'"]),
        (HEAD + "extends: image2\nsteps:\n  - mine: {before: nowhere}", ["line 5: ", "'nowhere'"]),
        (HEAD + "extends: image2\nsteps:\n  - mine: {before: photom, after: photom}", ["line 5: ", "after", "before"]),
        ("- photom", ["mapping", "backgrounds, executor, extends"]),
        ("", ["mapping"]),
        ("{recipe: 1, name: t, steps: [photom], 3: x, null: y}", ["a key is a string, not 3"]),
    ],
)
def test_an_error_is_named_with_its_line_and_what_would_be_right(tmp_path: Path, text: str, facts: list[str]) -> None:
    found = errors(tmp_path, text)
    assert any(all(fact in one for fact in facts) for one in found), found
    assert all(one.startswith("recipe t.yaml") and "\n" not in one for one in found), found


def test_all_errors_are_reported_together_and_the_rest_is_kept(tmp_path: Path) -> None:
    text = (
        "recipe: 1\nname: t\ninstrment: x\nsteps:\n  - photom: {usee: x}\n  - 3\n  - resample\noutput: {overwrite: 7}\n"
    )
    with pytest.raises(PartialRecipe) as caught:
        load(tmp_path, text)
    assert [str(one).split(":")[0] for one in caught.value.problems] == [
        f"recipe t.yaml, line {line}" for line in (8, 3, 5, 6)
    ]
    assert stages(caught.value.recipe) == ["photom", "resample"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.yaml"):
        with pytest.raises(Problems, match="cannot be read"):
            load_recipe(path, KNOWN)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    with pytest.raises(Problems, match="cannot be read"):
        load_recipe(tmp_path / "latin.yaml", KNOWN)


def test_extending_changes_named_steps_and_adds_others_where_asked(tmp_path: Path) -> None:
    recipe = load(
        tmp_path,
        HEAD + "extends: image2\nsteps:\n  - flat_field: {use: mine, params: {a: 1}}\n  - extra: {after: photom}\n"
        "  - more: {after: extra}\nreferences: {flat: f.fits}\nwith: [w]\n",
    )
    base = stages(load_recipe(KNOWN["image2"], KNOWN))
    at = base.index("photom") + 1
    assert stages(recipe) == [*base[:at], "extra", "more", *base[at:]]
    flat = recipe.steps[base.index("flat_field")]
    assert (flat.options.use, flat.where("use")) == ("mine", "recipe t.yaml, line 5")
    assert recipe.steps[at - 1].options.save == "cal"


@pytest.mark.parametrize(("key", "shift"), [("before", 0), ("after", 1)])
def test_a_new_step_goes_before_or_after_the_named_one(tmp_path: Path, key: str, shift: int) -> None:
    recipe = load(tmp_path, HEAD + f"extends: image2\nsteps:\n  - mine: {{{key}: dark_current, params: {{a: 1}}}}")
    base = stages(load_recipe(KNOWN["image2"], KNOWN))
    at = base.index("dark_current") + shift
    assert stages(recipe) == [*base[:at], "mine", *base[at:]]
    assert recipe.steps[at].options.params == {"a": 1}


def test_a_step_that_the_extended_recipe_skips_is_run_again(tmp_path: Path) -> None:
    load(tmp_path, HEAD + "extends: image2\nsteps:\n  - photom: {skip: not today}", "a.yaml")
    skipped = load(tmp_path, HEAD + "extends: a.yaml")
    again = load(tmp_path, HEAD + "extends: a.yaml\nsteps:\n  - photom: {skip: false}")
    at = stages(skipped).index("photom")
    assert (skipped.steps[at].options.skip, again.steps[at].options.skip) == ("not today", False)
    assert again.steps[at].options.save == "cal"


def test_a_chain_of_recipes_keeps_what_the_last_does_not_change(tmp_path: Path) -> None:
    load(
        tmp_path,
        HEAD + "extends: image2\ninstrument: a\noutput: {directory: d}\nwith: [w]\nreader: r\nimage_types: [SKY]\n"
        "references: {dark: d, providers: crds}",
        "a.yaml",
    )
    recipe = load(
        tmp_path, HEAD + "extends: a.yaml\nwith: [v]\nreferences: {flat: f}\nsteps:\n  - photom: {save: mycal}"
    )
    assert (recipe.instrument, recipe.output.directory, recipe.plugins) == ("a", "d", ("w", "v"))
    assert (recipe.providers, recipe.reader, recipe.image_types) == (("crds",), "r", ("SKY",))
    assert sorted(recipe.references) == ["dark", "flat"]
    assert recipe.steps[5].options.save == "mycal"


def test_two_recipes_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("recipe: 1\nname: a\nextends: t.yaml\n")
    assert any("extends itself" in one for one in errors(tmp_path, HEAD + "extends: a.yaml"))


def test_errors_in_an_extended_recipe_name_that_recipe(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("recipe: 1\nname: a\nsteps: [photom]\nwrong: 1\n")
    found = errors(tmp_path, HEAD + "extends: a.yaml\nalso: 1")
    assert [one.split(":")[0] for one in found] == ["recipe t.yaml, line 4", "recipe a.yaml, line 4"]


def test_a_recipe_is_found_by_name_before_path(tmp_path: Path) -> None:
    (tmp_path / "image2").write_text("")
    assert find_recipe("image2", KNOWN, tmp_path) == KNOWN["image2"]
    assert find_recipe("image2", {}, tmp_path) == tmp_path / "image2"
    with pytest.raises(RecipeError, match="did you mean 'image2'"):
        find_recipe("imag2", KNOWN, tmp_path)
    with pytest.raises(RecipeError, match="no recipe"):
        find_recipe("x" * 400, KNOWN, tmp_path)


keys = st.sampled_from(
    [
        "recipe",
        "name",
        "extends",
        "instrument",
        "references",
        "reader",
        "image_types",
        "backgrounds",
        "steps",
        "with",
        "with_",
        "output",
        "executor",
        "x",
    ]
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates())
inner_keys = st.one_of(
    leaves,
    st.sampled_from(["use", "params", "save", "skip", "again", "after", "before", "photom", "name", "providers"]),
)
content = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(inner_keys, inner, max_size=3))
)


def is_read_or_explained(path: Path) -> None:
    found = ["read"]
    try:
        load_recipe(path, KNOWN)
    except Problems as error:
        found = [str(one) for one in error.problems]
    assert found
    assert not [one for one in found if "\n" in one]


@given(st.dictionaries(st.one_of(keys, leaves), content, max_size=6))
@example({"recipe": 1, "name": "t", "steps": [{None: {}}]})
@example({"recipe": 1, "name": "t", "with_": 3})
@example({"recipe": 1, "name": "t", "steps": ["a"], None: 1, 1.5: 2, True: 3})
def test_any_content_is_a_recipe_or_explained(tmp_path: Path, tree: dict[Any, Any]) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    is_read_or_explained(path)


@given(st.text(alphabet="[]{}:,-?&*!|>'\"%@`# \n\tab019.~<="))
def test_any_text_is_a_recipe_or_explained(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    is_read_or_explained(path)


@given(st.binary())
def test_any_bytes_are_a_recipe_or_explained(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(content)
    is_read_or_explained(path)
