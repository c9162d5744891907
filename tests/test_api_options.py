"""The options of `run`, `check` and `calibrate`: explicit, typed, and understood as they are meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure

import iris_core
from iris_core import (
    Exposure,
    InputError,
    Plugins,
    read_fits,
)

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2)


def test_options_go_before_the_recipe(lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    plugins, path = lab(flat_field=double, photom=double), write_exposure(value=1)
    recipe = write_recipe("flat_field, photom: {skip: not today}")
    report = iris_core.run(recipe, path, plugins=plugins, directory=tmp_path / "out", skip={"flat_field": "why"})
    assert report.products == (tmp_path / "out" / "x_cal.fits",)
    assert (read_fits(report.products[0]).data == 1).all()
    report = iris_core.run(recipe, path, plugins=plugins, directory=tmp_path / "out", unskip="photom", overwrite=True)
    assert (read_fits(report.products[0]).data == 4).all()


@pytest.mark.parametrize("form", [str, lambda name: [name], lambda name: (name,)])
def test_a_single_name_is_a_name_and_not_its_letters(
    lab: Lab, write_recipe: Write, write_exposure: Write, form: Callable[[str], Any]
) -> None:
    plugins = lab(background=double, photom=double)
    report = iris_core.run(
        write_recipe("background, photom"), write_exposure(), save=form("background"), plugins=plugins
    )
    assert list(report.results[0].products) == ["bsub", "cal"]
    (error,) = iris_core.check(write_recipe("background, photom"), save=form("backgrond"), plugins=plugins).errors
    assert str(error).startswith("save: backgrond: ")


def test_text_is_a_path_wherever_a_path_is(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    plugins, path, sky = lab(background=double), write_exposure(value=1), write_exposure("sky.fits")
    recipe, out = write_recipe("background"), tmp_path / "out"
    report = iris_core.run(str(recipe), str(path), backgrounds=str(sky), directory=str(out), plugins=plugins)
    assert report.products == (out / "x_bsub.fits",)
    assert iris_core.check(str(recipe), str(path), backgrounds=[str(sky)], plugins=plugins)
    assert (iris_core.read_exposure(str(path), plugins=plugins).data == 1).all()
    assert (iris_core.read_fits(str(path)).data == 1).all()
    assert iris_core.write_exposure(make_exposure(), str(tmp_path / "new.fits")) == tmp_path / "new.fits"


FUNCTIONS = [iris_core.run, iris_core.check, iris_core.calibrate, iris_core.read_exposure, iris_core.write_exposure]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_every_option_is_explicit_typed_and_keyword_only(function: Callable[..., Any]) -> None:
    """An option that is misspelt is an error of Python, and of a type checker before that."""
    parameters = inspect.signature(function).parameters.values()
    assert not [one for one in parameters if one.kind is one.VAR_KEYWORD]
    positional = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert positional in (["recipe"], ["exposure", "recipe"], ["path"], ["exposure", "path"])
    assert all(one.annotation is not one.empty for one in parameters)
    assert "Any" not in str(inspect.signature(function).return_annotation)
    with pytest.raises(TypeError, match="referencs"):
        function("x", referencs={})


def test_check_takes_every_option_of_run_but_those_of_what_it_does_not_do() -> None:
    of_run, of_check = (set(inspect.signature(one).parameters) for one in (iris_core.run, iris_core.check))
    assert of_run ^ of_check == {"watch", "on_result"}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_what_a_function_returns_is_public(function: Callable[..., Any]) -> None:
    returned = str(inspect.signature(function).return_annotation)
    names = [name for name in ("Report", "Check", "Exposure", "Calibrated", "Path") if name in returned]
    assert names
    assert set(names) <= {*dir(iris_core), "Path"}


def test_an_exposure_is_written_by_suffix_and_replaces_no_file_unless_asked(bare: Plugins, tmp_path: Path) -> None:
    for name in ("x.fits", "x.asdf"):
        path = iris_core.write_exposure(make_exposure((2, 3), value=7), tmp_path / name, plugins=bare)
        assert (iris_core.read_exposure(path, plugins=bare).data == 7).all()
        assert iris_core.read_exposure(path, pixels=False, plugins=bare).data.strides == (0, 0)
        with pytest.raises(InputError, match=f"{name}.*overwrite"):
            iris_core.write_exposure(make_exposure(), path, plugins=bare)
        iris_core.write_exposure(make_exposure(value=8), path, overwrite=True, plugins=bare)
        assert (iris_core.read_exposure(path, plugins=bare).data == 8).all()
    with pytest.raises(InputError, match=r"\.jpg"):
        iris_core.write_exposure(make_exposure(), tmp_path / "x.jpg", plugins=bare)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.asdf", "x.fits"]
