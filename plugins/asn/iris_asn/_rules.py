"""Which exposures a recipe groups, by what, and in which roles: a row for each kind of recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from iris_core import RecipeError, choices, did_you_mean

__all__ = ["REFERENCES", "ROLES", "RULES", "Numbers", "Rule", "find_rule"]

# The least and the greatest number of exposures; None for no limit.
Numbers = tuple[int, int | None]

# Reference files that belong to one field, and not to a camera: what a member can be that is no exposure.
REFERENCES = ("refcat", "objects")
# What a member of an association can be.
ROLES = ("science", "background", "dark", "flat", "flat_off", "subarray", *REFERENCES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the exposures of a recipe are grouped.

    Parameters
    ----------
    each
        Keywords: exposures that are alike in all of them are one group. ``WINDOW`` is the window that was read.
    kinds
        The role of each kind of exposure (`kind_of`) that it takes. Those in the first role make the groups.
    name
        Keywords whose values make the name of a product; without, it has that of its first file.
    alone
        Whether each exposure in the first role is a group by itself.
    members
        The least and the greatest number (None for no limit) of exposures by role: as the recipe says with `members`.
    """

    each: tuple[str, ...]
    kinds: Mapping[str, str]
    name: tuple[str, ...] = ()
    alone: bool = False
    members: Mapping[str, Numbers] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The role of the exposures that make the groups."""
        return next(iter((*self.members, *self.kinds.values())))

    def takes(self, role: str, number: int) -> bool:
        """Return whether a group may have so many exposures in a role."""
        least, most = self.members[role]
        return least <= number and (most is None or number <= most)

    def text(self, role: str) -> str:
        """Return how many exposures in a role a group takes, as a recipe says it."""
        least, most = self.members[role]
        return f"{least}+" if most is None else f"{least}" if least == most else f"{least}-{most}"


_CAMERA = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE")
_FLAT = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "WINDOW")

RULES: Mapping[str, Rule] = {
    "image2": Rule(
        members={"science": (1, 1), "background": (0, None)},  # as every recipe of single exposures
        each=(*_CAMERA, "OBJECT", "WINDOW"),
        kinds={"science": "science", "subarray": "science", "background": "background"},
        alone=True,
    ),
    "image3": Rule(
        each=("INSTRUME", "FILTER", "PUPIL", "OBJECT"),
        kinds={"science": "science", "background": "background"},
        name=("OBJECT", "FILTER", "PUPIL"),
    ),
    "create-dark": Rule(
        each=("INSTRUME", "DETECTOR", "READMODE", "EXPTIME", "COADDS", "WINDOW"),
        kinds={"dark": "dark"},
        name=("DETECTOR", "READMODE", "EXPTIME", "COADDS", "WINDOW"),
    ),
    "create-flat": Rule(
        each=_FLAT,
        kinds={"flat": "flat", "flat_on": "flat", "flat_off": "flat_off"},
        name=("DETECTOR", "FILTER", "PUPIL", "WINDOW"),
    ),
    "create-skyflat": Rule(
        each=_FLAT,
        kinds={"flat": "flat", "sky_flat": "flat"},
        name=("DETECTOR", "FILTER", "PUPIL", "WINDOW"),
    ),
    "create-badpix": Rule(
        each=("INSTRUME", "DETECTOR"),
        kinds={"master_dark": "dark", "master_flat": "flat"},
        name=("DETECTOR",),
    ),
    "create-flat-together": Rule(
        each=("INSTRUME", "FILTER", "PUPIL"),
        kinds={"master_flat": "flat"},
        name=("FILTER", "PUPIL"),
    ),
    "merge-subarrays": Rule(
        members={"science": (1, 1), "subarray": (0, None)},  # of a command, not of a recipe
        each=("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "PROGNUM", "OBSNUM", "EXPNUM"),
        kinds={"science": "science", "subarray": "subarray"},
    ),
}


def find_rule(recipe: str, like: str = "", members: Mapping[str, Numbers] | None = None) -> Rule:
    """Return the rule of a recipe, or of the recipe `like` where that is given.

    Parameters
    ----------
    recipe, like
        Names of recipes.
    members
        What the recipe takes, its `members`; by default one in the first role or more, and any number in the others.

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
    rule = RULES[wanted]
    any_number = {role: (1 if role == rule.first else 0, None) for role in rule.kinds.values()}
    return replace(rule, members=dict(members or rule.members or any_number))
