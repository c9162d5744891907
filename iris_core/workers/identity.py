"""What makes a product what it is: named components, and the key of all of them, by which a later run knows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Protocol

from iris_core.plan import Plan, PlannedStep
from iris_core.plugins import BUILTIN
from iris_core.prepare import Run
from iris_core.provenance import FORMAT
from iris_core.workers.code import Code
from iris_core.workers.group_plan import GroupPlan
from iris_core.workers.resolved import resolve

__all__ = ["Identity", "Known", "Owner", "Unknown", "identify"]


@dataclass(frozen=True)
class Identity:
    """What products that were made together have in common.

    Parameters
    ----------
    components
        What they were made with, by name: ``recipe``, ``references``, ``code``, ``libraries``, ``mode``, ``format``. No
        paths and no times are among them: the same from elsewhere, or later, is the same.
    members
        File, role and SHA-256 of each exposure that they were made of.
    is_group
        Whether the order of the members plays no part.
    resolved
        What else is needed to make them again, in a form that is no part of the key; empty where nobody asked for it.
    """

    components: Mapping[str, Any]
    members: Sequence[Mapping[str, str]]
    is_group: bool = False
    resolved: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The SHA-256 of all of it but the names of the files: equal where the products are equal to the last byte."""
        inputs = [[one["role"], one["sha256"]] for one in self.members]
        inputs = sorted(inputs) if self.is_group else inputs
        content = json.dumps({**self.components, "inputs": inputs}, sort_keys=True, separators=(",", ":"))
        return sha256(content.encode()).hexdigest()

    @classmethod
    def fits(cls, provenance: Mapping[str, Any], key: str) -> bool:
        """Whether a key is that of what the provenance of a product says it was made of and with."""
        members = [*provenance.get("members", ()), *provenance.get("left_out", ())]
        return any(cls(provenance.get("key", {}), members, is_group).key == key for is_group in (False, True))

    @property
    def provenance(self) -> dict[str, Any]:
        """What the provenance of a product keeps of it."""
        again = {"resolved": dict(self.resolved)} if self.resolved else {}
        return {"members": list(self.members), "key": dict(self.components), **again}


@dataclass
class Unknown:
    """An identity that is looked for when it is needed, and once: that waits for hashes."""

    find: Callable[[], Identity]

    @cached_property
    def identity(self) -> Identity:
        """The identity."""
        return self.find()


@dataclass(frozen=True, slots=True)
class Known:
    """An identity that was looked for."""

    identity: Identity


class Owner(Protocol):
    """What has an identity."""

    @property
    def identity(self) -> Identity:
        """The identity."""


def identify(
    plan: Plan | GroupPlan,
    run: Run,
    members: Sequence[Mapping[str, str]],
    references: Iterable[tuple[str, str]] | None = None,
) -> Identity:
    """Return what the products of a plan will be made of and with.

    Parameters
    ----------
    plan, run
        How they are made.
    members
        File, role and SHA-256 of each exposure.
    references
        Type and SHA-256 of each reference file; by default those of the run, for whose hashes this waits, and what is
        needed to make the products again is kept, too.
    """
    names = [BUILTIN, *_plugins(plan, run)]
    origins, code = run.plugins.origins, run.found.setdefault("code", Code())
    sources = (origins[name].source for name in names if not origins[name].sha256)
    mode = json.dumps(asdict(replace(plan.mode, quality={})), sort_keys=True, default=str)  # limits change no product
    resolved = resolve(plan, run) if references is None else {}
    if references is None:
        uses = (use for found in plan.references for use in run.references.uses(found))
        references = [(use.reftype, use.sha256) for use in uses]
    components = {
        "recipe": [*(_step(one) for one in plan.steps), ["with", *run.recipe.plugins]],
        "references": [list(one) for one in dict.fromkeys(references)],
        "code": {name: code.of(origins[name], run.plugins.manager.get_plugin(name)) for name in sorted(names)},
        "libraries": code.of_libraries(sources),
        "mode": [plan.mode.name, sha256(mode.encode()).hexdigest()],
        "format": [FORMAT, sorted({path.suffix for path in plan.outputs})],
    }
    return Identity(components, members, isinstance(plan, GroupPlan), resolved)


def _plugins(plan: Plan | GroupPlan, run: Run) -> Iterator[str]:
    """Yield the plugins that implement, wrap or read; what is merely installed changes no pixel."""
    yield from dict.fromkeys(
        name
        for name in (
            *(one.step.implementation.plugin for one in plan.steps if not one.skip),
            *run.recipe.plugins,
            run.recipe.reader,
            *run.plugins.files(),  # their wrappers act
            *(owner.partition(" ")[0] for name, owner, _ in run.modes.brought() if name == plan.mode.name),
        )
        if name in run.plugins.origins
    )


def _step(planned: PlannedStep) -> list[Any]:
    step = planned.step
    if planned.skip:
        return [step.stage, "", "skipped"]
    return [step.stage, step.implementation.plugin, step.params.model_dump(mode="json")]
