"""`calibrate` in memory, with functions in place of stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_exposure

import iris_core
from iris_core import (
    Exposure,
    Params,
    Plugins,
    parameter,
    read_fits,
    stage,
)

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


class Gain(Params):
    """A gain."""

    gain: float = parameter(2.0, "Factor.", gt=0)


@stage("flat_field", params=Gain, references=("flat",))
def divide(exposure: Exposure, params: Gain) -> Exposure:
    return exposure.scale(params.gain)


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2)


def test_a_stage_is_swapped_for_a_function_in_five_lines(write_recipe: Write, bare: Plugins) -> None:
    exposure, recipe = make_exposure(value=8), write_recipe("flat_field")

    def halve(exposure: Exposure) -> Exposure:
        return exposure.scale(0.5)

    product = iris_core.calibrate(exposure, recipe, stages={"flat_field": halve}, plugins=bare)["cal"]
    assert product.data[0, 0] == 4
    assert product.history[0].plugin == "given flat_field"


def test_a_given_function_goes_before_what_is_installed_and_what_the_recipe_uses(lab: Lab, write_recipe: Write) -> None:
    plugins = lab(flat_field=double)
    for steps in ("flat_field", "flat_field: {use: lab-flat_field}"):
        given = {"flat_field": lambda exposure: exposure.scale(3)}
        product = iris_core.calibrate(make_exposure(value=1), write_recipe(steps), stages=given, plugins=plugins)["cal"]
        assert product.data[0, 0] == 3
    assert iris_core.calibrate(make_exposure(value=1), write_recipe(), plugins=plugins)["cal"].data[0, 0] == 2


def test_one_function_may_stand_for_two_stages(write_recipe: Write, bare: Plugins) -> None:
    given = {"flat_field": double, "dark_current": double}
    product = iris_core.calibrate(
        make_exposure(value=1), write_recipe("flat_field, dark_current"), stages=given, plugins=bare
    )
    assert product["cal"].data[0, 0] == 4
    assert not hasattr(double, "iris_stage")


def test_a_given_stage_may_have_parameters(write_recipe: Write, bare: Plugins) -> None:
    declared = stage("dark_current", params=Gain)(lambda exposure, params: exposure.scale(params.gain))
    recipe = write_recipe("dark_current: {params: {gain: 5}}")
    product = iris_core.calibrate(make_exposure(value=1), recipe, stages={"dark_current": declared}, plugins=bare)[
        "cal"
    ]
    assert product.data[0, 0] == 5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"flat_feild": double}, "'flat_feild'; did you mean 'flat_field'"),
        ({"photom": divide}, "'photom'.*'flat_field'"),
        ({"flat_field": lambda exposrue: exposrue}, "exposrue"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(write_recipe: Write, bare: Plugins, given: Any, words: str) -> None:
    with pytest.raises(iris_core.IrisError, match=words):
        iris_core.calibrate(make_exposure(), write_recipe(), stages=given, plugins=bare)


def test_a_stage_that_a_plugin_file_declares_can_be_swapped(write_recipe: Write, bare: Plugins, tmp_path: Path) -> None:
    """The plugin file's own implementation multiplies by 100, that of the test by 2."""
    path = tmp_path / "lab.py"
    path.write_text(
        "from iris_core import stage, stage_spec\n\n"
        "@stage_spec(status='S_GHOST')\n"
        "def remove_ghosts(exposure, params, references, background_exposures, instrument):\n    'Remove.'\n\n"
        "@stage('remove_ghosts')\ndef work(exposure):\n    return exposure.scale(100)\n"
    )
    recipe = tmp_path / "ghosts.yaml"
    recipe.write_text("recipe: 1\nname: ghosts\ninstrument: iris-imager\nsteps: [{remove_ghosts: {save: cal}}]\n")
    for given, value in (({}, 100), ({"remove_ghosts": double}, 2)):
        product = iris_core.calibrate(make_exposure(value=1), recipe, stages=given, plugin_files=path)["cal"]
        assert product.data[0, 0] == value
    with pytest.raises(iris_core.Problems, match="no such Python file"):
        iris_core.calibrate(make_exposure(), recipe, stages={"remove_ghosts": double}, plugin_files=tmp_path / "no.py")


@pytest.mark.parametrize("given", ["x_rate.fits", Path("x_rate.fits"), ["x_rate.fits"], None])
def test_calibrate_names_the_functions_for_files(bare: Plugins, write_recipe: Write, given: Any) -> None:
    with pytest.raises(TypeError, match="Exposure") as caught:
        iris_core.calibrate(given, write_recipe(), plugins=bare)
    for fact in ("read_exposure", "run", "x_rate.fits" if given else "None"):
        assert fact in str(caught.value)


def test_a_product_in_memory_is_the_product_on_the_disk(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    plugins, path = lab(flat_field=double), write_exposure()
    report = iris_core.run(write_recipe(), path, plugins=plugins)
    written = read_fits(report.products[0])
    product = iris_core.calibrate(read_fits(path), write_recipe(), plugins=plugins)["cal"]
    assert np.array_equal(written.data, product.data)
    assert [record.stage for record in written.history] == [record.stage for record in product.history]
    assert written.header["DATALVL"] == 2
    assert written.header["RECIPE"] == "recipe"
    assert written.header["FILENAME"] == "x_cal.fits"
