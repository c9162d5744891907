"""The core brings its own readers, writers, recipes, modes and executors by the door that everybody uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from iris_core import InputError
from iris_core.plugins import BUILTIN, Plugins
from iris_core.recipe_file import load_recipe
from iris_core.testing import make_exposure


def test_what_the_core_brings(bare: Plugins) -> None:
    assert bare.names() == [BUILTIN]
    assert {"image2", "image2-dark-first"} <= set(bare.recipes())
    assert list(bare.modes()) == ["iris-imager"]
    assert set(bare.executors()) == {"processes", "serial"}


def test_the_core_implements_no_stage(bare: Plugins) -> None:
    assert not [name for name in bare.stages() if bare.implementations(name)]


@pytest.mark.parametrize("name", ["image2", "image2-dark-first"])
def test_its_recipes_name_only_stages_that_it_declares(bare: Plugins, name: str) -> None:
    recipe = load_recipe(bare.recipes()[name], {})
    assert {step.stage for step in recipe.steps} <= set(bare.stages())


def test_every_stage_has_a_keyword_of_its_own(bare: Plugins) -> None:
    keywords = [name for spec in bare.stages().values() for name in (spec.status, *spec.aliases)]
    assert len(keywords) == len(set(keywords))
    assert all(keyword.startswith("S_") and len(keyword) <= 8 for keyword in keywords)


@pytest.mark.parametrize("name", ["x.fits", "x.asdf"])
def test_exposures_go_out_and_in_by_suffix(bare: Plugins, tmp_path: Path, name: str) -> None:
    bare.write_product(make_exposure((2, 2), value=7), tmp_path / name)
    assert (bare.read_exposure(tmp_path / name).data == 7).all()
    assert bare.read_exposure(tmp_path / name, pixels=False).shape == (2, 2)
    with pytest.raises(InputError, match="no such file"):
        bare.read_exposure(tmp_path / f"missing_{name}")
