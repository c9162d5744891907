"""Many exposures to fewer: what can be known before the first pixel is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from iris_core.contract import check_group
from iris_core.errors import InputError, IrisError, Problems, StageSkipped, collect
from iris_core.exposure import Exposure
from iris_core.exposures import Exposures
from iris_core.instruments import InstrumentMode
from iris_core.lockstep import Meeting
from iris_core.plan import Plan, PlannedStep, beside_of, make_plan, outputs_of
from iris_core.prepare import Run
from iris_core.reference import References, references_of
from iris_core.report import Job
from iris_core.state import pass_through
from iris_core.step import GroupInputs, Step
from iris_core.workers.alike import by_text, with_others
from iris_core.workers.needs import Needs, needs_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPart:
    """A stage of many exposures, and what is done then with each exposure that comes out of it.

    Parameters
    ----------
    planned
        The stage; its `output` is that of the one exposure that it makes.
    outputs
        The files of its products, one for each exposure, where it makes many.
    plans
        The steps that follow, up to the next stage of many exposures.
    """

    planned: PlannedStep
    outputs: tuple[Path, ...] = ()
    plans: tuple[Plan, ...] = ()

    @property
    def made(self) -> tuple[Exposure, ...]:
        """The outline of the one exposure that the stage makes; none where it makes many."""
        one = self.planned.step.spec.makes == "one" and not self.planned.skip
        return tuple(plan.outline for plan in self.plans) if one else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """How many exposures will be made into fewer.

    Parameters
    ----------
    job
        What was asked.
    mode
        The instrument mode of all of them.
    roles
        What each is, in the order of `plans`: that of their start times.
    plans
        The steps before the first stage of many exposures, for each exposure.
    parts
        Every stage of many exposures, with the steps that follow it.
    needs
        What it takes of the machine.
    notes, provenance
        See `Plan`.
    """

    job: Job
    mode: InstrumentMode
    roles: tuple[str, ...]
    plans: tuple[Plan, ...]
    parts: tuple[GroupPart, ...]
    needs: Needs
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def steps(self) -> tuple[PlannedStep, ...]:
        """All steps, in order, as the first exposure goes through them."""
        after = (step for part in self.parts for step in (part.planned, *part.plans[0].steps))
        return (*self.plans[0].steps, *after)

    @property
    def facts(self) -> Mapping[str, str]:
        """The size of what is made of all exposures, and what that takes of the machine."""
        made = {part.planned.step.stage: outline.shape for part in self.parts for outline in part.made}
        sizes = {f"size after {stage}": f"{columns} x {rows} pixels" for stage, (rows, columns) in made.items()}
        return {**sizes, "needs": str(self.needs)}

    @property
    def references(self) -> Iterator[References]:
        """The reference files that the steps will read."""
        yield from (found for plan in self._all_plans() for found in plan.references)
        yield from (part.planned.references for part in self.parts if not part.planned.skip)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that will be read."""
        files = [path for plan in self.plans for path in (plan.job.path, *plan.job.backgrounds)]
        files += [reference.path for found in self.references for reference in found.values()]
        return tuple(dict.fromkeys(files))

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that will be written."""
        groups = (path for part in self.parts for path in (*outputs_of(part.planned), *part.outputs))
        return (*(path for plan in self._all_plans() for path in plan.outputs), *groups)

    def _all_plans(self) -> Iterator[Plan]:
        yield from self.plans
        yield from (plan for part in self.parts for plan in part.plans)


def cut_at_groups(steps: Sequence[Step]) -> list[tuple[Step | None, tuple[Step, ...]]]:
    """Return the steps of a recipe as pieces: a stage of many exposures, none at first, with the steps that follow."""
    pieces: list[tuple[Step | None, tuple[Step, ...]]] = [(None, ())]
    for step in steps:
        if step.spec.group:
            pieces.append((step, ()))
        else:
            pieces[-1] = (pieces[-1][0], (*pieces[-1][1], step))
    return pieces


def make_group_plan(
    run: Run, job: Job, members: Sequence[tuple[str, Exposure]], backgrounds: Sequence[Exposure]
) -> GroupPlan:
    """Choose the reference files of many exposures, and run the check of every stage on outlines.

    Parameters
    ----------
    run
        The run.
    job
        What was asked.
    members
        Role and outline of each exposure.
    backgrounds
        Outlines of the background exposures of each of them.

    Raises
    ------
    Problems
        Everything that would go wrong.
    """
    own = run.for_job(job)
    try:
        maker = _Maker(job, _one_mode(run, job, members), own)
        plan = maker.plan(sorted(members, key=lambda member: _order(member[1])), backgrounds)
    finally:
        if own is not run:
            own.references.close()
    problems = [*(own.problems if own is not run else ()), *maker.problems, *run.products.obstacles(plan.outputs)]
    if not any(any(outline.data.strides) for _, outline in members):  # those that are in memory need neither
        problems += [
            *plan.needs.refuse(job.name or str(job.path)),
            *run.products.room(plan.outputs, plan.needs.scratch),
        ]
    if problems:
        raise Problems(_once(problems, job, [*backgrounds, *(outline for _, outline in members)]))
    _doubt_targets(job, members)
    if lost := _lost(plan):
        words = "what is done after the last product is lost: save it (save: SUFFIX), or skip"
        log.warning("%s: %s %s", job.name or job.path, words, ", ".join(lost))
    return plan


def _doubt_targets(job: Job, members: Sequence[tuple[str, Exposure]]) -> None:
    """Warn of science exposures of several targets: in a folder they would be groups apart."""
    science = [outline for role, outline in members if role == "science" and outline.meta.target]
    try:
        Exposures.of(science).check_alike("target")
    except InputError as differ:
        log.warning("%s: %s (OBJECT)", job.name or job.path, differ)


def _lost(plan: GroupPlan) -> list[str]:
    """Return the stages that run after the last one of which something is written."""
    saved = {id(part.planned) for part in plan.parts if part.outputs}
    written = (index for index, one in enumerate(plan.steps) if outputs_of(one) or id(one) in saved)
    last = max(written, default=len(plan.steps))
    return [planned.step.stage for planned in plan.steps[last + 1 :] if not planned.skip]


def _once(problems: Sequence[IrisError], job: Job, outlines: Sequence[Exposure]) -> Iterator[IrisError]:
    """Yield each error once: one that several exposures have names the first of them, and the others after it."""
    kinds = {str(problem): type(problem) for problem in problems}
    paths = [job.path, *(one.meta.path for one in outlines)]
    yield from (kinds[text](with_others(text, names)) for text, names in by_text((paths, text) for text in kinds))


def plan_part(run: Run, job: Job, number: int, outline: Exposure) -> Plan:
    """Return the plan of one of many exposures for the steps after the stage of all with a number from 1."""
    mode = run.mode_of(outline)
    steps = cut_at_groups(run.compile(mode))[number][1]
    backgrounds = [run.plugins.read_exposure(path, False) for path in job.backgrounds]
    given = steps, mode, run.recipe, run.plugins, run.references, run.products
    plan = make_plan(job, outline, backgrounds, *given)
    return replace(plan, provenance=run.provenance) if number == 0 else plan


def _one_mode(run: Run, job: Job, members: Sequence[tuple[str, Exposure]]) -> InstrumentMode:
    modes = {outline.name: run.mode_of(outline) for _, outline in members}
    named = {mode.name: mode for mode in modes.values()}
    if len(named) > 1:
        each = ", ".join(f"{name}: {mode.name}" for name, mode in modes.items())
        raise InputError(f"{job.name or job.path}: the exposures are of several instrument modes: {each}")
    return next(iter(named.values()))


def _order(outline: Exposure) -> tuple[bool, float, str]:
    start = outline.meta.start_time
    return start is None, start.timestamp() if start else 0.0, outline.name


@dataclass(slots=True)
class _Maker:
    """Plans one part after the other; errors are collected in `problems`."""

    job: Job
    mode: InstrumentMode
    run: Run
    problems: list[IrisError] = field(default_factory=list)
    name: str = ""

    def plan(self, members: Sequence[tuple[str, Exposure]], backgrounds: Sequence[Exposure]) -> GroupPlan:
        """Return the plan, as far as it goes without an error."""
        roles = tuple(role for role, _ in members)
        (_, first), *pieces = cut_at_groups(self.run.compile(self.mode))
        plans = self.plan_each([outline for _, outline in members], first, backgrounds)
        plans = tuple(replace(plan, provenance=self.run.provenance) for plan in plans)
        parts: list[GroupPart] = []
        for step, following in pieces:
            if self.problems or step is None:
                break
            outlines = [plan.outline for plan in (parts[-1].plans if parts else plans)]
            parts.append(self.plan_part(step, following, Exposures.of(outlines, roles[: len(outlines)])))
        made = (outline for part in parts for outline in part.made)
        left = [plan.outline for plan in plans] or [outline for _, outline in members]
        return GroupPlan(
            job=self.job,
            mode=self.mode,
            roles=roles,
            plans=plans,
            parts=tuple(parts),
            needs=needs_of(left, made, self.run.recipe.executor, len(backgrounds)),
            notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)),
            provenance=self.run.provenance,
        )

    def plan_each(
        self, outlines: Sequence[Exposure], steps: Sequence[Step], backgrounds: Sequence[Exposure] = ()
    ) -> tuple[Plan, ...]:
        """Return the plans of steps that take one exposure at a time."""
        plans = []
        for outline in outlines:
            theirs = [one for one in backgrounds if one.meta.detector == outline.meta.detector]
            if backgrounds and not theirs:
                detectors = ", ".join(sorted({one.meta.detector for one in backgrounds}))
                words = f"no background exposure is of {outline.meta.detector}; there are some of {detectors}"
                self.problems.append(InputError(f"{outline.name}: {words}"))
            job = Job(outline.meta.path, tuple(one.meta.path for one in theirs), self.name)
            with collect(self.problems, f"{job.path}: a plugin failed"):
                run = self.run
                given = steps, self.mode, run.recipe, run.plugins, run.references, run.products
                plans.append(make_plan(job, outline, theirs, *given))
        return tuple(plans)

    def plan_part(self, step: Step, following: Sequence[Step], exposures: Exposures) -> GroupPart:
        """Return the plan of a stage of many exposures, and of the steps that follow."""
        found = tuple(self.run.references.choose(need, exposures.outlines[0], self.mode) for need in _needs(step))
        self.problems += [choice.problem for choice in found if choice.problem]
        references, skip, made = references_of(found), step.skip, exposures
        if not step.skip and step.valid and not self.problems:
            with collect(self.problems, f"the check of {step} failed for {self.job.name or self.job.path}"):
                try:
                    made = self._check(step, exposures, references)
                except StageSkipped as skipped:
                    skip = str(skipped)
        outlines = [outline if skip else pass_through(step, outline) for outline in made.outlines]
        is_one = step.spec.makes == "one" and not skip
        self.name = self.job.name if is_one else self.name
        names = [self._name(outline, step.save) for outline in outlines] if step.makes_product else []
        whole = Job(outlines[0].meta.path, name=self.job.name)
        beside = {} if skip else beside_of(step, partial(self.run.products.name, whole, outlines[0]))
        planned = PlannedStep(
            step=step,
            meeting=Meeting.NONE,
            references=references,
            choices=found,
            skip=skip,
            output=names[0] if names and is_one else None,
            beside=beside,
        )
        outputs = () if is_one else tuple(names)
        return GroupPart(planned=planned, outputs=outputs, plans=self.plan_each(outlines, following))

    def _check(self, step: Step, exposures: Exposures, references: References) -> Exposures:
        made = check_group(step, GroupInputs(exposures=exposures, references=references, instrument=self.mode))
        return Exposures.of([made]) if isinstance(made, Exposure) else made

    def _name(self, outline: Exposure, suffix: str) -> Path:
        return self.run.products.name(Job(outline.meta.path, name=self.name), outline, suffix)


def _needs(step: Step) -> Sequence[Any]:
    return () if step.skip else step.needs
