"""Which exposures a recipe groups, by what, and in which roles: a row for each kind of recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from iris_core import RecipeError, choices, did_you_mean

__all__ = ["ROLES", "RULES", "Rule", "find_rule"]

# What a member of an association can be.
ROLES = ("science", "background", "dark", "flat", "flat_off", "subarray", "refcat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the exposures of a recipe are grouped.

    Parameters
    ----------
    members
        The roles that it takes, and how many of each: ``1``, ``1+``, ``0-1``. Those in the first role make the groups.
    each
        Keywords: exposures that are alike in all of them are one group. ``WINDOW`` is the window that was read.
    kinds
        The role of each kind of exposure (`kind_of`) that it takes.
    name
        Keywords whose values make the name of a product; without, it has that of its first file.
    alone
        Whether each exposure in the first role is a group by itself.
    """

    members: Mapping[str, str]
    each: tuple[str, ...]
    kinds: Mapping[str, str]
    name: tuple[str, ...] = ()
    alone: bool = False

    @property
    def first(self) -> str:
        """The role of the exposures that make the groups."""
        return next(iter(self.members))

    def limits(self, role: str) -> tuple[float, float]:
        """Return the least and the largest number of members of a role."""
        least, _, most = self.members[role].partition("-")
        if least.endswith("+"):
            return int(least[:-1]), inf
        return int(least), int(most or least)


_CAMERA = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE")
_FLAT = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "WINDOW")

RULES: Mapping[str, Rule] = {
    "image2": Rule(
        members={"science": "1", "background": "0+"},
        each=(*_CAMERA, "OBJECT", "WINDOW"),
        kinds={"science": "science", "subarray": "science", "background": "background"},
        alone=True,
    ),
    "image3": Rule(
        members={"science": "1+", "background": "0+", "refcat": "0-1"},
        each=("INSTRUME", "FILTER", "PUPIL", "OBJECT"),
        kinds={"science": "science", "background": "background"},
        name=("OBJECT", "FILTER", "PUPIL"),
    ),
    "create-dark": Rule(
        members={"dark": "1+"},
        each=("INSTRUME", "DETECTOR", "READMODE", "EXPTIME", "COADDS", "WINDOW"),
        kinds={"dark": "dark"},
        name=("DETECTOR", "READMODE", "EXPTIME", "COADDS", "WINDOW"),
    ),
    "create-flat": Rule(
        members={"flat": "1+", "flat_off": "0+"},
        each=_FLAT,
        kinds={"flat": "flat", "flat_on": "flat", "flat_off": "flat_off"},
        name=("DETECTOR", "FILTER", "PUPIL", "WINDOW"),
    ),
    "create-skyflat": Rule(
        members={"flat": "3+"},
        each=_FLAT,
        kinds={"flat": "flat", "sky_flat": "flat"},
        name=("DETECTOR", "FILTER", "PUPIL", "WINDOW"),
    ),
    "create-badpix": Rule(
        members={"dark": "1+", "flat": "1+"},
        each=("INSTRUME", "DETECTOR"),
        kinds={"master_dark": "dark", "master_flat": "flat"},
        name=("DETECTOR",),
    ),
    "merge-subarrays": Rule(
        members={"science": "1", "subarray": "0+"},
        each=("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "PROGNUM", "OBSNUM", "EXPNUM"),
        kinds={"science": "science", "subarray": "subarray"},
    ),
}


def find_rule(recipe: str, like: str = "") -> Rule:
    """Return the rule of a recipe, or of the recipe `like` where that is given.

    Raises
    ------
    RecipeError
        When there is no rule of that name; with those that there are.
    """
    wanted = like or recipe
    if wanted not in RULES:
        remedy = "" if like else "; --like NAME groups as for another recipe"
        known = f"{did_you_mean(wanted, RULES)} Recipes: {choices(RULES)}{remedy}"
        raise RecipeError(f"it is not known how exposures are grouped for the recipe '{wanted}'{known}")
    return RULES[wanted]
