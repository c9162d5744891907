"""A folder as the input of a run: its exposures in groups for the recipe."""

from __future__ import annotations

import logging
from pathlib import Path

from iris_core import Job, Recipe, hookimpl

__all__: list[str] = []

log = logging.getLogger(__name__)


@hookimpl
def read_association(path: Path, recipe: Recipe) -> list[Job] | None:
    """Group the exposures in a folder, as ``iris asn --recipe`` does."""
    if not path.is_dir():
        return None
    from iris_asn._files import job_of, read_outlines
    from iris_asn._group import group_exposures

    outlines, left_out = read_outlines([path])
    found = group_exposures(outlines, recipe.name, like=_rule_for(recipe), members=recipe.members)
    for file, why in {**left_out, **found.left_out}.items():
        log.info("%s is left out: %s", file, why)
    number = len(left_out) + len(found.left_out)
    if number:
        log.warning("%s: %d files are left out; --verbose says why", path, number)
    return [job_of(group) for group in found.groups] or [
        Job(path, problem=f"{path}: no exposures for recipe {recipe.name}; 'iris asn --recipe' says why")
    ]


def _rule_for(recipe: Recipe) -> str:
    """Return the recipe by whose rule exposures are grouped: one of many that starts with the same role."""
    from iris_asn._rules import RULES

    first = next(iter(recipe.members), "")
    alike = [name for name, rule in RULES.items() if rule.first == first and not rule.members]
    return recipe.name if recipe.name in RULES else next(iter(alike), "image3" if first else "image2")
