"""Everything that is wrong is found before the first run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from iris_compare._runs import Trial
from iris_compare._trials import folder_name, look_ahead, make_trials

from iris_core import InputError, Problems


def trials(lab: SimpleNamespace, out: Path, *use: str, stage: str = "flat_field", **changes: Any) -> tuple[Trial, ...]:
    options: dict[str, Any] = {
        "backgrounds": (),
        "out": out,
        "overwrite": False,
        "params": {},
        "references": {},
        **changes,
    }
    recipe, path = str(options.pop("recipe", lab.recipe)), options.pop("path", lab.exposure)
    return make_trials(recipe, path, stage, use, **options)


def test_trials_differ_in_the_implementation_and_its_folder_only(lab: SimpleNamespace, tmp_path: Path) -> None:
    one, two = trials(lab, tmp_path, "lab-one", "lab-percent")
    assert (one.options["use"], two.options["use"]) == ({"flat_field": "lab-one"}, {"flat_field": "lab-percent"})
    assert (one.options["directory"], two.options["directory"]) == (tmp_path / "lab-one", tmp_path / "lab-percent")
    assert (one.path, one.recipe, one.options["save"]) == (two.path, two.recipe, two.options["save"])


def test_parameters_are_for_all_or_for_one(lab: SimpleNamespace, tmp_path: Path) -> None:
    params = {"flat_field.a": 1, "lab-one:flat_field.a": 2, "lab-one:flat_field.b": 3}
    one, two = trials(lab, tmp_path, "lab-one", "lab-percent", params=params)
    assert one.options["params"] == {"flat_field.a": 2, "flat_field.b": 3}
    assert two.options["params"] == {"flat_field.a": 1}


def test_reference_files_are_for_all_or_for_one(lab: SimpleNamespace, tmp_path: Path) -> None:
    references = {"flat": Path("a.fits"), "lab-one:lamp": Path("b.fits")}
    one, two = trials(lab, tmp_path, "lab-one", "lab-percent", references=references)
    assert one.options["references"] == {"flat": Path("a.fits"), "lamp": Path("b.fits")}
    assert two.options["references"] == {"flat": Path("a.fits")}


@pytest.mark.parametrize(("option", "kind"), [("--set", "params"), ("--reference", "references")])
def test_what_is_given_for_an_implementation_that_is_not_compared_is_an_error(
    lab: SimpleNamespace, tmp_path: Path, option: str, kind: str
) -> None:
    with pytest.raises(InputError, match=rf"{option} lab-on:a: .*did you mean 'lab-one'\? .*lab-one, lab-same"):
        trials(lab, tmp_path, "lab-one", "lab-same", **{kind: {"lab-on:a": 1}})


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (
            ("lab-one",),
            r"flat_field .*not 1 \(lab-one\).*iris show flat_field",
        ),
        ((), r"not 0 \(none\)"),
        (("lab-one", "lab-same", "lab-one"), "--use lab-one is given 2 times"),
    ],
)
def test_less_than_two_implementations_are_an_error(
    lab: SimpleNamespace, tmp_path: Path, use: tuple[str, ...], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        trials(lab, tmp_path, *use)


def test_a_folder_that_holds_files_is_an_error_unless_overwriting_is_asked_for(
    lab: SimpleNamespace, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=r"holds files already \(a.txt, b.txt, c.txt ...\); --out .* --overwrite"):
        trials(lab, tmp_path, "lab-one", "lab-same")
    assert len(trials(lab, tmp_path, "lab-one", "lab-same", overwrite=True)) == 2
    with pytest.raises(InputError, match=r"a.txt is not a folder; --out names another"):
        trials(lab, tmp_path / "a.txt", "lab-one", "lab-same", overwrite=True)


def test_an_option_that_does_not_exist_is_an_error(lab: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="nonsense"):
        trials(lab, tmp_path, "lab-one", "lab-same", nonsense=True)


def test_what_is_known_before_a_run(lab: SimpleNamespace, tmp_path: Path) -> None:
    one, two = look_ahead(trials(lab, tmp_path, "lab-one", "lab-same"))
    assert one == two
    assert (one.product, one.skip, one.files) == ("flat_field", "", (lab.exposure,))
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_that_the_recipe_chose_stays(lab: SimpleNamespace, tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("recipe: 1\nname: own\nsteps:\n  - flat_field: {save: flat}\n  - parse_subarray_map\n")
    prospect, _ = look_ahead(trials(lab, tmp_path / "out", "lab-one", "lab-same", recipe=recipe))
    assert prospect.product == "flat"


def problems(lab: SimpleNamespace, out: Path, *use: str, **changes: Any) -> list[str]:
    with pytest.raises(Problems) as caught:
        look_ahead(trials(lab, out, *use, **changes))
    return str(caught.value).splitlines()


def test_an_unknown_stage_is_one_error_that_lists_the_steps(lab: SimpleNamespace, tmp_path: Path) -> None:
    (words,) = problems(lab, tmp_path, "lab-one", "lab-same", stage="flat_feild")
    assert words.startswith("--stage flat_feild: ")
    assert "did you mean 'flat_field'?" in words
    assert words.endswith("Steps: flat_field, parse_subarray_map")


def test_unknown_plugins_are_reported_together(lab: SimpleNamespace, tmp_path: Path) -> None:
    first, second = problems(lab, tmp_path, "lab-oen", "lab-same", "lab-nil")
    assert first.startswith(
        "lab-oen: --use flat_field: stage 'flat_field': no installed plugin 'lab-oen' implements it"
    )
    assert "did you mean 'lab-one'?" in first
    assert "no installed plugin 'lab-nil' implements it" in second
    assert "lab-percent 1.2" in second


def test_a_mistake_that_all_make_is_reported_once(lab: SimpleNamespace, tmp_path: Path) -> None:
    assert len(problems(lab, tmp_path, "lab-one", "lab-same", path=tmp_path / "none.fits")) == 1


def test_a_parameter_that_one_does_not_have_is_an_error(lab: SimpleNamespace, tmp_path: Path) -> None:
    (words,) = problems(lab, tmp_path, "lab-one", "lab-scaled", params={"flat_field.factor": 2})
    assert words.startswith("lab-one: --set flat_field: ")
    assert "'flat_field.factor'" in words


def test_a_stage_that_the_recipe_skips_is_an_error_with_the_reason(lab: SimpleNamespace, tmp_path: Path) -> None:
    (words,) = problems(lab, tmp_path, "lab-one", "lab-same", skip={"flat_field": "clouds"})
    assert "skips flat_field (clouds)" in words


def test_a_stage_that_will_have_nothing_to_do_is_an_error(lab: SimpleNamespace, tmp_path: Path) -> None:
    """The check of iris-subarray finds that there is no map."""
    recipe = tmp_path / "own.yaml"
    recipe.write_text("recipe: 1\nname: own\nsteps: [parse_subarray_map]\n")
    only, _ = trials(lab, tmp_path / "out", "iris-subarray", "other", stage="parse_subarray_map", recipe=recipe)
    with pytest.raises(InputError, match=r"no implementation has anything to do: .*SUBARR_MAP"):
        look_ahead([only])


def test_a_stage_that_stands_twice_is_an_error(lab: SimpleNamespace, tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    again = "  - flat_field: {save: one}\n  - flat_field: {save: two, again: true}\n"
    recipe.write_text(f"recipe: 1\nname: own\nsteps:\n{again}")
    (words,) = problems(lab, tmp_path / "out", "lab-one", "lab-same", recipe=recipe)
    assert "flat_field 2 times" in words


def test_an_association_of_several_exposures_is_an_error(lab: SimpleNamespace, tmp_path: Path) -> None:
    members = [{"expname": str(lab.exposure), "exptype": "science"}]
    products = [{"name": name, "members": members} for name in ("a", "b")]
    night = tmp_path / "night.json"
    night.write_text(json.dumps({"products": products}))
    (words,) = problems(lab, tmp_path / "out", "lab-one", "lab-same", path=night)
    assert "night.json has 2 exposures" in words


@pytest.mark.parametrize(("name", "folder"), [("iris-flat", "iris-flat"), ("a/b c", "a_b_c"), ("../up", ".._up")])
def test_any_name_makes_a_folder(name: str, folder: str) -> None:
    assert folder_name(name) == folder
