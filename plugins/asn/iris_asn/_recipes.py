"""What installed recipes say of the exposures that they take."""

from __future__ import annotations

from collections.abc import Mapping

from iris_asn._rules import Numbers
from iris_core import Overrides, Problems, Recipe, load_plugins

__all__ = ["members_of"]


def members_of(recipe: str, like: str = "") -> Mapping[str, Numbers]:
    """Return how many exposures of each role a recipe takes, else the recipe like which exposures are grouped.

    Nothing for a recipe of single exposures, and where none of the two can be read: the association may be for another
    machine.
    """
    plugins = load_plugins()
    for name in filter(None, (recipe, like)):
        try:
            asked = {"recipe": name, "overrides": Overrides(), "plugins": plugins}
            found: Recipe = plugins.ask_one("read_recipe", name, **asked)
        except Problems:
            continue
        return found.members
    return {}
