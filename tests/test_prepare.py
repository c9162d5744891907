"""A run before its first pixel: every error of recipe, options and files, each once, all together."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_reference

from iris_core import Check, Exposure, Params, Plugins, Problems, check, hookimpl, parameter, stage

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def leave(exposure: Exposure) -> Exposure:
    return exposure


@pytest.fixture
def plugins(lab: Lab) -> Plugins:
    flat = stage("flat_field", optional=("flat",))(lambda exposure: exposure)
    return lab(flat_field=flat, photom=leave, background=leave)


def errors(recipe: str | Path, *files: Path, **options: Any) -> list[str]:
    return [str(one) for one in check(recipe, *files, **options).errors]


def test_a_recipe_alone_can_be_checked(write_recipe: Write, plugins: Plugins) -> None:
    assert errors(write_recipe(), plugins=plugins) == []
    (message,) = errors(write_recipe("flat_feild"), plugins=plugins)
    assert "'flat_feild'" in message


def test_a_recipe_that_is_not_there_is_an_error(plugins: Plugins) -> None:
    with pytest.raises(Problems, match="'imge2'; did you mean 'image2'"):
        check("imge2", plugins=plugins)


def test_recipe_options_and_files_are_checked_together(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    recipe = write_recipe("flat_field, nope", "references: {flat: no.fits, dakr: x.fits}", "wiht: []")
    files = [tmp_path / "missing.fits", write_exposure("y.fits", header={"INSTRUME": "NIRC2"}), write_exposure()]
    found = errors(recipe, *files, plugins=plugins, skip={"photm": "why"}, executor="serial")
    for facts in (
        ("line 5: ", "'wiht'"),
        ("skip: photm", "'photm'"),
        ("line 3: ", "'nope'"),
        ("line 4: ", "flat", str(tmp_path / "no.fits")),
        ("line 4: ", "dakr", str(tmp_path / "x.fits")),
        ("missing.fits", ""),
        ("y.fits", "NIRC2"),
    ):
        assert len([one for one in found if all(fact in one for fact in facts)]) == 1, (facts, found)
    assert len(found) == 7


class Clip(Params):
    """Parameters of a stage that clips."""

    sigma: float = parameter(3.0, "Threshold.", gt=0)


@pytest.mark.parametrize("by", ["recipe", "option"])
def test_a_wrong_parameter_gives_one_error(lab: Lab, write_recipe: Write, write_exposure: Write, by: str) -> None:
    """The check of its stage, and the function that would tell what it removes, are not called with it."""

    def look(exposure: Exposure, params: Clip) -> None:
        assert params.sigma > 0

    removes: Callable[[Clip], dict[str, Any]] = lambda params: {"dark": params.sigma.real}  # noqa: E731
    clip = stage("background", params=Clip, check=look, removes=removes)(lambda exposure, params: exposure)
    plugins = lab(background=clip, dark_current=leave)
    recipe = write_recipe("background: {params: {sigma: 0}}, dark_current" if by == "recipe" else "background")
    options: dict[str, Any] = {"params": {"background.sigma": -1}} if by == "option" else {}
    (error,) = errors(recipe, write_exposure(), plugins=plugins, **options)
    for fact in ("background.sigma", "greater than 0", "line 3" if by == "recipe" else "params: background"):
        assert fact in error


def test_a_named_reference_that_no_step_uses_is_an_error(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    make_reference(tmp_path / "x.fits", "dark", [[1.0]])
    (message,) = errors(write_recipe(), write_exposure(), plugins=plugins, references={"flt": tmp_path / "x.fits"})
    assert message.startswith("references: flt: ")
    assert "did you mean 'flat'?" in message


def test_a_named_reference_that_only_a_skipped_step_would_use_is_an_error_that_names_the_step(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    make_reference(tmp_path / "x.fits", "flat", [[1.0]])
    options: dict[str, Any] = {"plugins": plugins, "references": {"flat": tmp_path / "x.fits"}}
    (message,) = errors(write_recipe("flat_field: {skip: why}"), write_exposure(), **options)
    for fact in ("references: flat", "flat_field", "skipped"):
        assert fact in message
    assert errors(write_recipe("flat_field: {skip: why}, flat_field"), write_exposure(shape=(1, 1)), **options) == []


@pytest.mark.parametrize("by", ["recipe", "option", "environment"])
def test_a_folder_that_is_not_there_is_named_with_the_place_that_names_it(
    write_recipe: Write, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    lines, options = [], {}
    if by == "recipe":
        lines = ["references: {store: nowhere}"]
    elif by == "option":
        options = {"references": {"store": tmp_path / "nowhere"}}
    else:
        monkeypatch.setenv("IRIS_REFERENCES", str(tmp_path / "nowhere"))
    (message,) = errors(write_recipe("flat_field", *lines), plugins=plugins, **options)
    places = {"recipe": "recipe recipe.yaml, line 4", "option": "references: store", "environment": "IRIS_REFERENCES"}
    assert message.startswith(f"{places[by]}: ")
    assert str(tmp_path / "nowhere") in message


@pytest.mark.parametrize("files", [0, 1, 2])
def test_an_unknown_mode_is_named_once_with_or_without_files(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, files: int
) -> None:
    recipe = write_recipe("flat_field", "instrument: iris-imagr")
    paths = [write_exposure(f"{number}.fits") for number in range(files)]
    (message,) = errors(recipe, *paths, plugins=plugins)
    assert "'iris-imagr'; did you mean 'iris-imager'" in message


def test_the_mode_can_be_named_for_a_header_that_names_none(
    write_recipe: Write, write_exposure: Write, plugins: Plugins
) -> None:
    path = write_exposure(header={"INSTRUME": "", "DETECTOR": ""})
    (error,) = errors(write_recipe(), path, plugins=plugins)
    for fact in ("x_rate.fits", "INSTRUME ''", "DETECTOR ''", "iris-imager"):
        assert fact in error
    assert errors(write_recipe(), path, plugins=plugins, instrument="iris-imager") == []
    assert errors(write_recipe("flat_field", "instrument: iris-imager"), path, plugins=plugins) == []


def test_a_mode_of_the_recipe_that_contradicts_the_header_is_refused_but_by_option(
    write_recipe: Write, write_exposure: Write, plugins: Plugins
) -> None:
    """The product then has a note."""
    path, recipe = write_exposure(header={"INSTRUME": "NIRC2"}), write_recipe("flat_field", "instrument: iris-imager")
    (error,) = errors(recipe, path, plugins=plugins)
    for fact in ("x_rate.fits", "iris-imager", "NIRC2", "--instrument"):
        assert fact in error
    checked = check(recipe, path, plugins=plugins, instrument="iris-imager")
    assert not checked.errors
    (plan,) = checked.plans.values()
    (note,) = plan.notes
    for fact in ("iris-imager", "NIRC2"):
        assert fact in note


PRODUCTS = [
    ("flat_field: {save: rate}", ["x_rate.fits"], [], "x_rate.fits: .*x_rate.fits is an input of this run"),
    ("flat_field", ["x_rate.fits", "x_cal.fits"], [], "x_rate.fits: .*x_cal.fits is an input of this run"),
    ("background: {save: sky}", ["x_rate.fits"], ["x_sky.fits"], "x_sky.fits is an input of this run"),
    ("flat_field", ["x_rate.fits", "x.fits"], [], "x.fits: .*x_cal.fits is also that of .*x_rate.fits"),
    ("flat_field", ["a/x.fits", "b/x.fits"], [], "b/x.fits: .*out/x_cal.fits is also that of .*a/x.fits"),
]


@pytest.mark.parametrize(("steps", "names", "skies", "words"), PRODUCTS)
def test_a_product_never_replaces_an_input_or_another_product_even_with_overwrite(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path,
    steps: str, names: list[str], skies: list[str], words: str,
) -> None:  # fmt: skip
    recipe = write_recipe(steps)
    paths, backgrounds = [write_exposure(name) for name in names], [write_exposure(name) for name in skies]
    options: dict[str, Any] = {"directory": tmp_path / "out"} if "out/" in words else {}
    checked = check(recipe, *paths, backgrounds=backgrounds, plugins=plugins, overwrite=True, **options)
    (error,) = (str(one) for one in checked.errors)
    assert re.search(words, error)
    assert len(checked.plans) == len(paths) - 1  # the one that is named is not planned


def test_a_product_never_replaces_a_reference(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    flat = make_reference(tmp_path / "x_cal.fits", "flat", [[1.0]]).path
    found = errors(write_recipe(), write_exposure(), plugins=plugins, references={"flat": flat}, overwrite=True)
    assert any("x_cal.fits is an input of this run" in one for one in found)


def test_one_exposure_given_twice_is_calibrated_once(
    write_recipe: Write, write_exposure: Write, plugins: Plugins
) -> None:
    path = write_exposure()
    checked = check(write_recipe(), path, path, plugins=plugins)
    assert len(checked.plans) == 1
    assert not checked.errors


def test_a_reader_that_fails_costs_its_exposure_and_no_other(
    write_recipe: Write, write_exposure: Write, plugins: Plugins
) -> None:
    class Reader:
        @hookimpl
        def read_exposure(self, path: Path) -> Exposure | None:
            if path.name == "mine.fits":
                raise KeyError("a bug\nof the reader")
            return None

    plugins.add("lab-reader", Reader())
    checked = check(write_recipe(), write_exposure(), write_exposure("mine.fits"), plugins=plugins)
    (message,) = [str(one) for one in checked.errors]
    assert "mine.fits: " in message
    assert "KeyError" in message
    assert "\n" not in message
    assert [job.path.name for job in checked.plans] == ["x_rate.fits"]
    assert [job.path.name for job in checked.bad] == ["mine.fits"]


def test_the_plugins_of_the_caller_stay_as_they_were(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    before = plugins.names(), plugins.active, dict(plugins.chosen)
    recipe = write_recipe("flat_field", f"references: {{store: {tmp_path}}}", "with: [lab-photom]")
    for _ in range(2):
        check(recipe, write_exposure(), plugins=plugins)
    assert (plugins.names(), plugins.active, plugins.chosen) == before


def test_an_unknown_executor_is_an_error_that_names_those_there_are(write_recipe: Write, plugins: Plugins) -> None:
    (error,) = errors(write_recipe(), plugins=plugins, executor="proceses")
    for fact in ("'proceses'", "did you mean 'processes'?", "processes, serial"):
        assert fact in error


def test_workers_without_processes_are_an_error(write_recipe: Write, plugins: Plugins) -> None:
    for recipe, options in (
        (write_recipe(), {"workers": 3}),
        (write_recipe("flat_field", "executor: {workers: 3}"), {}),
        (write_recipe("flat_field", "executor: {name: serial, workers: 3}"), {}),
    ):
        (error,) = errors(recipe, plugins=plugins, **options)
        for fact in ("3 workers", "processes"):
            assert fact in error
    recipe = write_recipe("flat_field", "executor: {name: processes, workers: 3}")
    assert errors(recipe, plugins=plugins, executor="serial") == []


def test_a_plugin_of_this_process_only_is_refused_where_another_process_would_miss_it(
    bare: Plugins, write_recipe: Write
) -> None:
    class Threads:
        @hookimpl
        def executors(self) -> dict[str, Any]:
            return {"threads": ThreadPoolExecutor}

        @hookimpl
        def run_finished(self) -> None:
            pass

    bare.add("lab-threads", Threads())
    recipe = write_recipe("flat_field: {skip: why}")
    here = errors(recipe, plugins=bare, executor="threads")
    assert not [one for one in here if "lab-threads" in one]
    bare.add("lab-flat", type("Lab", (), {"f": staticmethod(stage("flat_field")(lambda exposure: exposure))})())
    for executor in ("threads", "processes"):
        (error,) = errors(recipe, plugins=bare, executor=executor)
        for fact in ("lab-flat", executor, "serial"):
            assert fact in error


def test_a_check_is_true_where_there_are_no_errors_and_prints_short(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    good = check(write_recipe(), write_exposure(), plugins=plugins)
    bad = check(write_recipe(), write_exposure(), tmp_path / "missing.fits", plugins=plugins)
    assert good
    assert not bad
    assert isinstance(good, Check)
    for checked, numbers in ((good, ("1 of 1", "0 errors")), (bad, ("1 of 2", "1 errors"))):
        assert len(repr(checked)) < 100
        assert all(number in repr(checked) for number in numbers)
    assert repr(next(iter(good.plans.values()))).count("\n") == 0


class Watching:
    """Notes what is read."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    @hookimpl
    def read_exposure(self, path: Path) -> None:
        self.paths.append(path)


def test_the_header_of_each_exposure_of_a_dither_is_read_once(
    write_recipe: Write, write_exposure: Write, plugins: Plugins
) -> None:
    files = [write_exposure(f"{number}.fits") for number in range(5)]
    watching = Watching()
    plugins.add("watching", watching)
    assert errors(write_recipe("background", "backgrounds: others"), *files, plugins=plugins) == []
    assert sorted(watching.paths) == sorted(files)
