"""What recipes say of the exposures that they take."""

from __future__ import annotations

from collections.abc import Mapping

from iris_asn._rules import RULES, Numbers
from iris_core import Overrides, Problems, Recipe, load_plugins

__all__ = ["like_of", "read"]


def read(recipe: str, like: str = "") -> tuple[str, Mapping[str, Numbers]]:
    """Return the recipe as for which exposures are grouped, and how many of each role the recipe takes.

    Nothing of numbers for a recipe of single exposures, and where the recipe cannot be read: the association may be for
    another machine.

    Parameters
    ----------
    recipe
        Its name, or its file.
    like
        As for which they are grouped; by default that whose exposures are of the same role.
    """
    plugins = load_plugins()
    for name in filter(None, (recipe, like)):
        try:
            asked = {"recipe": name, "overrides": Overrides(), "plugins": plugins}
            found: Recipe = plugins.ask_one("read_recipe", name, **asked)
        except Problems:
            continue
        return like or like_of(found), found.members
    return like or recipe, {}


def like_of(recipe: Recipe) -> str:
    """Return the recipe as for which exposures are grouped: itself, or one of many that starts with the same role."""
    first = next(iter(recipe.members), "")
    alike = [name for name, rule in RULES.items() if rule.first == first and not rule.members]
    return recipe.name if recipe.name in RULES else next(iter(alike), "image3" if first else "image2")
