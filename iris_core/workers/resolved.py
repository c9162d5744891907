"""What a product keeps so that it can be made again: its resolved recipe, and which file each stage was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iris_core.plan import Plan, PlannedStep
from iris_core.prepare import Run
from iris_core.provenance import sha256_of
from iris_core.recipe import Numbers, Recipe
from iris_core.reference import Choice, ReferenceFiles
from iris_core.workers.group_plan import GroupPlan

__all__ = ["resolve"]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The file of a type of references, or why there is none; no paths and no times are in it."""

    type: str
    file: str = ""
    sha256: str = ""
    provider: str = ""
    notes: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return what is known, as data."""
        rejected = [list(one) for one in self.rejected]
        known = {"file": self.file, "sha256": self.sha256, "provider": self.provider, "notes": list(self.notes)}
        return {"type": self.type, **{name: one for name, one in {**known, "rejected": rejected}.items() if one}}


def resolve(plan: Plan | GroupPlan, run: Run) -> dict[str, Any]:
    """Return what the provenance of a product keeps so that it can be made again.

    Returns
    -------
    dict
        ``recipe``: the content of a recipe file, with the implementation and all parameters of each step; ``name`` of
        the products; ``forced``: whether the instrument mode was named against the header; ``references``: type, file,
        SHA-256, provider and notes of each, or the candidates that were rejected, and the ``exposures`` it was for,
        where not all had the same.
    """
    steps = [_step(one) for one in plan.steps]
    forced = {"forced": True} if run.recipe.forced else {}
    recipe = {"recipe": 1, "name": run.recipe.name, **_options(run.recipe, plan.mode.name), "steps": steps}
    return {"name": plan.job.name, **forced, "recipe": recipe, "references": _references(plan, run.references)}


def _options(recipe: Recipe, mode: str) -> dict[str, Any]:
    options = {
        "instrument": mode,  # another one that is installed later may match, too
        "reader": recipe.reader,
        "members": {role: _text(numbers) for role, numbers in recipe.members.items()},
        "missing": "" if recipe.missing == "fail" else recipe.missing,
        "image_types": list(recipe.image_types),
        "with": list(recipe.plugins),
    }
    return {name: option for name, option in options.items() if option}


def _text(numbers: Numbers) -> str:
    least, most = numbers
    return f"{least}+" if most is None else f"{least}-{most}"


def _step(planned: PlannedStep) -> dict[str, Any]:
    step = planned.step
    options = {"save": step.save, "skip": step.skip, "again": step.again}
    given = {"use": step.implementation.plugin, "params": step.params.model_dump(mode="json")}
    return {step.stage: {**given, **{name: option for name, option in options.items() if option}}}


def _references(plan: Plan | GroupPlan, files: ReferenceFiles) -> list[dict[str, Any]]:
    """Return the choice of each file, with the exposures it was for where those of its type are several."""
    found: dict[_Chosen, dict[str, None]] = {}
    for exposure, chosen in _choices(plan, files):
        found.setdefault(chosen, {})[exposure] = None
    types = [one.type for one in found]
    return [
        {**one.plain(), **({"exposures": list(names)} if types.count(one.type) > 1 else {})}
        for one, names in found.items()
        if one.file or one.rejected
    ]


def _choices(plan: Plan | GroupPlan, files: ReferenceFiles) -> Iterator[tuple[str, _Chosen]]:
    """Yield the name of each exposure with each choice that was made for it."""
    if isinstance(plan, GroupPlan):
        plans = plan.plans
        for one in plan.plans:
            yield from _choices(one, files)
        for part in plan.parts:  # a stage of all has the references of the first
            yield from _of_exposure(plans[0].outline.meta.path, [part.planned], files)
            plans = part.plans
            for one in part.plans:
                yield from _choices(one, files)
        return
    yield from _of_exposure(plan.job.path, plan.steps, files)
    for planned in plan.steps:
        for path, references in zip(plan.job.backgrounds, planned.background_references, strict=False):
            uses = {one.reftype: one.sha256 for one in files.uses(references)}
            for need in planned.step.needs:
                choice = Choice(need, references.get(need.reftype))
                yield path.name, _chosen(choice, uses.get(need.reftype, ""))


def _of_exposure(path: Path, steps: Iterable[PlannedStep], files: ReferenceFiles) -> Iterator[tuple[str, _Chosen]]:
    for planned in steps:
        used = {} if planned.skip else {one.reftype: one.sha256 for one in files.uses(planned.references)}
        yield from ((path.name, _chosen(choice, used.get(choice.need.reftype, ""))) for choice in planned.choices)


def _chosen(choice: Choice, digest: str) -> _Chosen:
    one, kind = choice.chosen, choice.need.reftype
    if one is None:
        return _Chosen(kind, rejected=tuple((other.path.name, other.reason) for other in choice.rejected))
    # A stage that has nothing to do reads none, and its file is not hashed with the others.
    known = digest or one.sha256 or sha256_of(one.path)
    return _Chosen(kind, one.path.name, known, one.provider, one.notes)
