"""A folder as the input of a run: its exposures in groups for the recipe."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iris_core import Job, Recipe, hookimpl

if TYPE_CHECKING:
    from iris_asn._member import Member

__all__: list[str] = []

log = logging.getLogger(__name__)


@hookimpl
def read_association(path: Path, recipe: Recipe) -> list[Job] | None:
    """Group the exposures in a folder, as ``iris asn --recipe`` does."""
    if not path.is_dir():
        return None
    from iris_asn._files import read_outlines
    from iris_asn._group import group_exposures
    from iris_asn._rules import RULES

    outlines, left_out = read_outlines([path])
    like = "" if recipe.name in RULES else "image3" if recipe.members else "image2"
    found = group_exposures(outlines, recipe.name, like=like)
    for file, why in {**left_out, **found.left_out}.items():
        log.info("%s is left out: %s", file, why)
    number = len(left_out) + len(found.left_out)
    if number:
        log.warning("%s: %d files are left out; --verbose says why", path, number)
    return [_job(group.name, group.members) for group in found.groups] or [
        Job(path, problem=f"{path}: no exposures for recipe {recipe.name}; 'iris asn --recipe' says why")
    ]


def _job(name: str, by_role: Mapping[str, Sequence[Member]]) -> Job:
    """Return a group as the runner takes it: one science exposure with its backgrounds, or members by role."""
    pairs = [(role, member.path) for role, several in by_role.items() for member in several]
    science = [path for role, path in pairs if role == "science"]
    backgrounds = tuple(path for role, path in pairs if role == "background")
    if len(science) == 1 and len(pairs) == 1 + len(backgrounds):
        return Job(science[0], backgrounds, name)
    return Job(pairs[0][1], name=name, members=tuple(pairs))
