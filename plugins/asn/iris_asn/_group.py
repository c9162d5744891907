"""Which exposures belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from iris_asn._keys import Keys, name_of, unique
from iris_asn._kinds import Kind, kind_of
from iris_asn._member import Member
from iris_asn._rules import Numbers, Rule, find_rule
from iris_core import InputError, Meta, Window, choices

if TYPE_CHECKING:
    from iris_core import Exposure

__all__ = ["Group", "Grouping", "group_exposures", "role_of_named"]

_ByRole = dict[str, list[Member]]
_Skies = dict[tuple[tuple[str, ...], Window | None], list[Member]]


@dataclass(frozen=True, slots=True)
class Group:
    """The exposures of one product.

    Parameters
    ----------
    name
        Of the product.
    members
        By role, in the order of their start times; the background exposures of one exposure the nearest in time first.
    key
        What the exposures in the first role have in common.
    """

    name: str
    members: dict[str, tuple[Member, ...]]
    key: tuple[str, ...] = ()

    @property
    def first(self) -> Member:
        """The first exposure in the role that makes the group."""
        return next(iter(self.members.values()))[0]

    @property
    def everything(self) -> tuple[Member, ...]:
        """All its members."""
        return tuple(one for several in self.members.values() for one in several)


@dataclass(frozen=True, slots=True)
class Grouping:
    """Exposures in groups, in the order of what they have in common and of time, and why each other file is in none."""

    groups: tuple[Group, ...]
    left_out: Mapping[Path, str]


def group_exposures(
    outlines: Iterable[Exposure],
    recipe: str,
    *,
    like: str = "",
    members: Mapping[str, Numbers] | None = None,
    roles: Mapping[Path, str] | None = None,
    references: Mapping[str, Path] | None = None,
    most: int | None = None,
) -> Grouping:
    """Group exposures for a recipe by their headers; the order in which they are given plays no part.

    Parameters
    ----------
    outlines
        The exposures, without pixels; of several of one file the last counts.
    recipe
        Name of the recipe: its rule (`RULES`) says what exposures of a group have in common, and their roles.
    like
        The recipe whose rule is used in place of its own.
    members
        How many exposures of each role the recipe takes (`Recipe.members`); by default one in the first role or more,
        and any number in the others.
    roles
        The role of exposures whatever their headers say, by file.
    references
        Reference files of the field that go into each group, by role: ``refcat``, ``objects``.
    most
        How many background exposures a group of one exposure has at most, the nearest in time; by default all that fit.

    Returns
    -------
    Grouping
        Each exposure is in one group, or left out for a reason; background exposures are in every group that they fit.

    Raises
    ------
    RecipeError
        When it is not known how exposures are grouped for the recipe.
    InputError
        When a role is none of the recipe's.

    Examples
    --------
    >>> from iris_asn import group_exposures
    >>> group_exposures([], "create-dark")
    Grouping(groups=(), left_out={})
    """
    rule = find_rule(recipe, like, members)
    stated = {path: _checked(role, rule, recipe) for path, role in (roles or {}).items()}
    files = references or {}
    field = {_checked(role, rule, recipe): (Member(path, Meta(path=path)),) for role, path in files.items()}
    given = sorted({one.meta.path: Member.of(one) for one in outlines}.values(), key=lambda one: one.moment)
    sorted_out, left_out = _sort_out(given, rule, recipe, stated)
    formed = list(_form(sorted_out, rule, Keys(given), most))
    groups = [group for group in formed if not _shortage(group, rule, recipe)]
    used = {one.path for group in groups for one in group.everything}
    for group in formed:
        left_out |= {one.path: _shortage(group, rule, recipe) for one in group.everything if one.path not in used}
    left_out |= _unused(sorted_out, rule, used | left_out.keys())
    names = unique(group.name for group in groups) if rule.name else [group.name for group in groups]
    named = [replace(one, name=name, members=one.members | field) for one, name in zip(groups, names, strict=True)]
    return Grouping(tuple(named), dict(sorted(left_out.items())))


def _checked(role: str, rule: Rule, recipe: str) -> str:
    found = role.strip().casefold()
    if found not in rule.members:
        raise InputError(f"a member '{role}': {recipe} takes {choices(rule.members)}")
    return found


def _sort_out(
    members: Iterable[Member], rule: Rule, recipe: str, stated: Mapping[Path, str]
) -> tuple[_ByRole, dict[Path, str]]:
    """Return exposures by their roles, and why the others have none."""
    by_role: _ByRole = {role: [] for role in rule.members}
    left_out = {}
    for one in members:
        kind = kind_of(one)
        role = stated.get(one.path) or rule.kinds.get(kind.name)
        if role in by_role:
            by_role[role].append(one)
        else:
            left_out[one.path] = _no_role(kind, rule, recipe)
    return by_role, left_out


def _no_role(kind: Kind, rule: Rule, recipe: str) -> str:
    return f"{kind.evidence}; {recipe} takes {', '.join(rule.members)}"


def role_of_named(outline: Exposure, rule: Rule, recipe: str) -> tuple[str, str]:
    """Return the role of an exposure that is named for a recipe, and what in its header speaks against it.

    Where the header gives it no role, the one who named it knows: it is in the first role of the recipe.
    """
    kind = kind_of(Member.of(outline))
    role = rule.kinds.get(kind.name, "")
    if role in rule.members:
        return role, ""
    return rule.first, _no_role(kind, rule, recipe) if kind.is_stated else ""


def _form(by_role: _ByRole, rule: Rule, keys: Keys, most: int | None) -> Iterator[Group]:
    """Yield the group of each key, or of each exposure in the first role, with those in the other roles that fit."""
    keyed = sorted(
        ((keys.of(one, rule), one) for one in by_role[rule.first]), key=lambda pair: (pair[0], pair[1].moment)
    )
    skies = _by_camera(by_role.get("background", ()))
    others = {role: _by_key(several, rule, keys) for role, several in by_role.items() if role != rule.first}
    for key, pairs in groupby(keyed, key=lambda pair: pair[0]):
        together = [one for _, one in pairs]
        for firsts in [[one] for one in together] if rule.alone else [together]:
            members = {rule.first: tuple(firsts)}
            for role, alike in others.items():
                fitting = _serving(skies, firsts) if role == "background" else alike.get(key, [])
                members[role] = tuple(_nearest(fitting, firsts[0], most) if rule.alone else fitting)
            yield Group(name_of(firsts, rule), {role: found for role, found in members.items() if found}, key)


def _by_key(members: Iterable[Member], rule: Rule, keys: Keys) -> dict[tuple[str, ...], list[Member]]:
    found: dict[tuple[str, ...], list[Member]] = {}
    for one in members:
        found.setdefault(keys.of(one, rule), []).append(one)
    return found


def _by_camera(skies: Iterable[Member]) -> _Skies:
    found: _Skies = {}
    for sky in skies:
        found.setdefault((sky.camera, sky.meta.window), []).append(sky)
    return found


def _serving(skies: _Skies, science: Iterable[Member]) -> list[Member]:
    """Return the background exposures of the cameras of science exposures: a full frame serves any window of it."""
    served = {(one.camera, window) for one in science for window in (None, one.meta.window)}
    return sorted((sky for key in served for sky in skies.get(key, ())), key=lambda sky: sky.moment)


def _nearest(members: Iterable[Member], science: Member, most: int | None) -> list[Member]:
    return sorted(members, key=lambda one: one.distance(science))[:most]


def _shortage(group: Group, rule: Rule, recipe: str) -> str:
    """Return in which role a group has too few or too many exposures; ``""`` where it is complete."""
    for role in rule.members:
        number = len(group.members.get(role, ()))
        if not rule.takes(role, number):
            return f"{number} {role} in the group of {group.first.path.name}; {recipe} takes {rule.text(role)}"
    return ""


def _unused(by_role: _ByRole, rule: Rule, known: Set[Path]) -> dict[Path, str]:
    """Return why exposures that have a role are in no group."""
    others = ((role, one) for role, several in by_role.items() for one in several if one.path not in known)
    return {one.path: _why_unused(one, role, rule, by_role[rule.first]) for role, one in others}


def _why_unused(member: Member, role: str, rule: Rule, firsts: Sequence[Member]) -> str:
    if role != "background":
        return f"no {rule.first} exposure has its {', '.join(rule.each)}"
    if _serving(_by_camera([member]), firsts):
        return "there are enough background exposures nearer in time"
    if any(member.camera == one.camera for one in firsts):
        return f"no science exposure is of its window, {member.meta.window}"
    meta = member.meta
    kind = " ".join(filter(None, (meta.instrument, meta.detector, meta.filter, meta.pupil, meta.read_mode)))
    return f"a background exposure of {kind}, of which there is no science exposure"
