"""Recipes: the YAML files, what they extend, and what the command line changes in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.plugins import Plugins
    from iris_core.recipe import Overrides, Recipe


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipes in this folder, by file name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


@hookimpl
def read_recipe(recipe: str | Recipe, overrides: Overrides, plugins: Plugins) -> Recipe:
    """Read a recipe in YAML, or take one that was read, and put the overrides over it."""
    from iris_core.recipes.overriding import resolve_recipe

    return resolve_recipe(recipe, overrides, plugins)
