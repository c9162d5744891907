"""The framework brings its own readers, writers, recipes and executors by the door that every plugin uses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, Plugins, calibrate
from iris_core.plugins import BUILTIN
from iris_core.recipes.reading import load_recipe


def test_what_the_framework_brings() -> None:
    plugins = Plugins()
    assert plugins.names()[0] == BUILTIN
    assert all(name.startswith(BUILTIN) for name in plugins.names())
    assert set(plugins.recipes()) == {"image2", "image2-dark-first"}
    assert list(plugins.modes()) == []
    assert list(plugins.reference_types()) == []
    assert set(plugins.executors()) == {"processes"}


def test_the_framework_implements_no_stage() -> None:
    plugins = Plugins()
    assert not [name for name in plugins.stages() if plugins.implementations(name)]


@pytest.mark.parametrize("name", ["image2", "image2-dark-first"])
def test_its_recipes_name_only_stages_that_it_declares(name: str) -> None:
    plugins = Plugins()
    recipe = load_recipe(plugins.recipes()[name], {})
    assert {step.stage for step in recipe.steps} <= set(plugins.stages())


def test_every_stage_has_a_keyword_of_its_own() -> None:
    keywords = [name for spec in Plugins().stages().values() for name in (spec.status, *spec.aliases)]
    assert len(keywords) == len(set(keywords))
    assert all(keyword.startswith("S_") and len(keyword) <= 8 for keyword in keywords)


@pytest.mark.parametrize("name", ["x.fits", "x.asdf"])
def test_exposures_go_out_and_in_by_suffix(bare: Plugins, tmp_path: Path, name: str) -> None:
    bare.write_product(make_exposure((2, 2), value=7), tmp_path / name)
    assert (bare.read_exposure(tmp_path / name).data == 7).all()
    assert bare.read_exposure(tmp_path / name, pixels=False).shape == (2, 2)
    with pytest.raises(InputError, match=f"missing_{name}"):
        bare.read_exposure(tmp_path / f"missing_{name}")


def test_arithmetic_on_invalid_pixels_raises_no_warning(
    lab: Callable[..., Plugins], write_recipe: Callable[..., Path]
) -> None:
    """A division by zero, an overflow, NaN: the pixel is marked afterwards, the log stays quiet."""

    def divide(exposure: Exposure) -> Exposure:
        return exposure.scale(1 / np.zeros_like(exposure.data)).scale(np.float32(1e38)).mask_invalid()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        product = calibrate(make_exposure(), write_recipe(), plugins=lab(flat_field=divide))["cal"]
    assert np.isnan(product.data).all()
