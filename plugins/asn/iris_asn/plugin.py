"""A folder as the input of a run: its exposures in groups for the recipe; and the role of an exposure that is named."""

from __future__ import annotations

import logging
from pathlib import Path

from iris_core import IrisError, Job, Plugins, Recipe, hookimpl

__all__: list[str] = []

log = logging.getLogger(__name__)


@hookimpl
def read_association(path: Path, recipe: Recipe, plugins: Plugins) -> list[Job] | None:
    """Group the exposures in a folder, as ``iris asn --recipe`` does, and tell the role of one that is named."""
    if path.is_dir():
        return _grouped(path, recipe, plugins)
    return _named(path, recipe, plugins) if recipe.members else None


def _named(path: Path, recipe: Recipe, plugins: Plugins) -> list[Job] | None:
    """Return an exposure in the role of which its header speaks; what cannot be read is not our business."""
    from iris_asn._group import role_of_named
    from iris_asn._recipes import like_of
    from iris_asn._rules import find_rule

    try:
        outline = plugins.read_exposure(path, pixels=False)
    except IrisError:
        return None
    role, against = role_of_named(outline, find_rule(recipe.name, like_of(recipe), recipe.members), recipe.name)
    if against:
        log.warning("%s is taken as %s: %s", path, role, against)
    return [Job(path, members=((role, path),))]


def _grouped(path: Path, recipe: Recipe, plugins: Plugins) -> list[Job]:
    from iris_asn._files import damaged, job_of, read_outlines
    from iris_asn._group import group_exposures
    from iris_asn._recipes import like_of

    outlines, left_out = read_outlines([path], plugins)
    found = group_exposures(outlines, recipe.name, like=like_of(recipe), members=recipe.members)
    lost = damaged(left_out)
    for file, why in {**left_out, **found.left_out}.items():
        log.log(logging.WARNING if file in lost else logging.INFO, "%s is left out: %s", file, why)
    number = len(left_out) + len(found.left_out) - len(lost)
    if number:
        log.warning("%s: %d files are left out; 'iris asn --recipe %s %s' says why", path, number, recipe.name, path)
    # Nobody knows whose member a damaged file is: the run says that it failed, whatever else is made.
    failed = [Job(file, problem=why) for file, why in lost.items()] if recipe.missing != "leave_out" else []
    groups = [job_of(group) for group in found.groups]
    nothing = f"{path}: no exposures for recipe {recipe.name}; 'iris asn --recipe {recipe.name} {path}' says why"
    return [*groups, *failed] or [Job(path, problem=nothing)]
