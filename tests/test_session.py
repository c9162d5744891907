"""A run before its first pixel: every mistake of recipe, options and files, each once, all together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iris_core import Exposure, IrisError, Overrides, check, hookimpl, stage
from iris_core.errors import Problems
from iris_core.plugins import Plugins
from iris_core.testing import make_reference

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def leave(exposure: Exposure) -> Exposure:
    return exposure


@pytest.fixture
def plugins(lab: Lab) -> Plugins:
    flat = stage("flat_field", optional=("flat",))(lambda exposure: exposure)
    return lab(flat_field=flat, photom=leave, background=leave)


def said(recipe: str | Path, *files: Path, plugins: Plugins, **options: Any) -> list[str]:
    overrides = Overrides(**{name: value for name, value in options.items() if name != "backgrounds"})
    surveyed = check(recipe, *files, backgrounds=options.get("backgrounds", ()), plugins=plugins, overrides=overrides)
    return [str(one) for one in surveyed.everything()]


def test_a_recipe_alone_can_be_checked(write_recipe: Write, plugins: Plugins) -> None:
    assert said(write_recipe(), plugins=plugins) == []
    (message,) = said(write_recipe("flat_feild"), plugins=plugins)
    assert "no stage 'flat_feild'" in message


def test_a_recipe_that_is_not_there_is_an_error(plugins: Plugins) -> None:
    with pytest.raises(Problems, match="no recipe 'imge2'; did you mean 'image2'"):
        check("imge2", plugins=plugins)


def test_recipe_options_and_files_are_looked_at_together(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    recipe = write_recipe("flat_field, nope", "references: {flat: no.fits, dakr: x.fits}", "wiht: []")
    files = [tmp_path / "missing.fits", write_exposure("y.fits", header={"INSTRUME": "NIRC2"}), write_exposure()]
    found = said(recipe, *files, plugins=plugins, skip={"photm": "why"}, executor="serial")
    for words in (
        "line 5: unknown key 'wiht'",
        "--skip photm: the recipe has no step 'photm'",
        "line 3: no stage 'nope'",
        f"line 4: no such flat reference file: {tmp_path / 'no.fits'}",
        f"line 4: no such dakr reference file: {tmp_path / 'x.fits'}",
        "missing.fits: no such file",
        "y.fits: no mode matches INSTRUME 'NIRC2'",
    ):
        assert len([one for one in found if words in one]) == 1, (words, found)


def test_a_named_reference_that_no_step_looks_at_is_an_error(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    make_reference(tmp_path / "x.fits", "dark", [[1.0]])
    (message,) = said(write_recipe(), write_exposure(), plugins=plugins, references={"flt": tmp_path / "x.fits"})
    assert (
        message == "--reference flt: no step uses a 'flt' reference; did you mean 'flat'? Types: flat, store (a folder)"
    )


@pytest.mark.parametrize("by", ["recipe", "option", "environment"])
def test_a_store_that_is_not_there_is_named_with_where_it_was_said(
    write_recipe: Write, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    lines, options = [], {}
    if by == "recipe":
        lines = ["references: {store: nowhere}"]
    elif by == "option":
        options = {"references": {"store": tmp_path / "nowhere"}}
    else:
        monkeypatch.setenv("IRIS_REFERENCES", str(tmp_path / "nowhere"))
    (message,) = said(write_recipe("flat_field", *lines), plugins=plugins, **options)
    place = {"recipe": "recipe recipe.yaml, line 4", "option": "--reference store", "environment": "IRIS_REFERENCES"}[
        by
    ]
    assert message == f"{place}: no folder of reference files {tmp_path / 'nowhere'}"


@pytest.mark.parametrize("files", [0, 1, 2])
def test_an_unknown_mode_is_named_once_with_or_without_files(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, files: int
) -> None:
    recipe = write_recipe("flat_field", "instrument: iris-imagr")
    paths = [write_exposure(f"{number}.fits") for number in range(files)]
    (message,) = said(recipe, *paths, plugins=plugins)
    assert "no instrument mode 'iris-imagr'; did you mean 'iris-imager'" in message


def test_the_mode_can_be_named_for_a_header_that_says_nothing(
    write_recipe: Write, write_exposure: Write, plugins: Plugins
) -> None:
    path = write_exposure(header={"INSTRUME": "", "DETECTOR": ""})
    assert "no mode matches INSTRUME '', DETECTOR ''" in said(write_recipe(), path, plugins=plugins)[0]
    assert said(write_recipe(), path, plugins=plugins, instrument="iris-imager") == []


@pytest.mark.parametrize(
    ("steps", "names", "backgrounds", "words"),
    [
        ("flat_field: {save: rate}", ["x_rate.fits"], [], "its product .*x_rate.fits is an input of this run"),
        (
            "flat_field",
            ["x_rate.fits", "x_cal.fits"],
            [],
            "x_rate.fits: its product .*x_cal.fits is an input of this run",
        ),
        ("background: {save: sky}", ["x_rate.fits"], ["x_sky.fits"], "x_sky.fits is an input of this run"),
        ("flat_field", ["x_rate.fits", "x.fits"], [], "x.fits: its product .*x_cal.fits is also that of .*x_rate.fits"),
        (
            "flat_field",
            ["a/x.fits", "b/x.fits"],
            [],
            "b/x.fits: its product .*out/x_cal.fits is also that of .*a/x.fits",
        ),
    ],
)
def test_a_product_never_replaces_an_input_or_another_product_even_with_overwrite(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path,
    steps: str, names: list[str], backgrounds: list[str], words: str,
) -> None:  # fmt: skip
    recipe = write_recipe(steps)
    paths, skies = [write_exposure(name) for name in names], [write_exposure(name) for name in backgrounds]
    options: dict[str, Any] = {"directory": tmp_path / "out"} if "out/" in words else {}
    with pytest.raises(IrisError, match=words):
        raise Problems(
            check(
                recipe, *paths, backgrounds=skies, plugins=plugins, overrides=Overrides(overwrite=True, **options)
            ).everything()
        )


def test_a_product_never_replaces_a_reference(
    write_recipe: Write, write_exposure: Write, plugins: Plugins, tmp_path: Path
) -> None:
    flat = make_reference(tmp_path / "x_cal.fits", "flat", [[1.0]]).path
    found = said(write_recipe(), write_exposure(), plugins=plugins, references={"flat": flat}, overwrite=True)
    assert any("x_cal.fits is an input of this run" in one for one in found)


def test_one_exposure_given_twice_is_calibrated_once(
    write_recipe: Write, write_exposure: Write, plugins: Plugins
) -> None:
    path = write_exposure()
    surveyed = check(write_recipe(), path, path, plugins=plugins)
    assert len(surveyed.plans) == 1
    assert not surveyed.everything()


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
    surveyed = check(write_recipe(), write_exposure(), write_exposure("mine.fits"), plugins=plugins)
    (message,) = [str(one) for one in surveyed.everything()]
    assert "mine.fits: a plugin failed: KeyError" in message
    assert "\n" not in message
    assert [request.path.name for request in surveyed.plans] == ["x_rate.fits"]


def test_the_callers_plugins_stay_as_they_were(write_recipe: Write, write_exposure: Write, plugins: Plugins) -> None:
    before = plugins.names()
    for _ in range(2):
        check(write_recipe(), write_exposure(), plugins=plugins)
    assert plugins.names() == before
