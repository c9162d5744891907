"""Many exposures made into fewer, with files between the stages: at no time are all of them in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import Any

from iris_core.errors import InputError, IrisError
from iris_core.exposure import Exposure
from iris_core.exposures import Exposures, InMemory, Member, Result
from iris_core.plan import Plan
from iris_core.prepare import Run
from iris_core.report import ExposureResult, Job
from iris_core.runner import calibrate_exposure
from iris_core.workers.group_plan import GroupPart, GroupPlan
from iris_core.workers.group_run import calibrate_group
from iris_core.workers.here import Planned, begin_hashes, failure, read_inputs, recorded
from iris_core.workers.identity import Identity, Known, Owner, identify
from iris_core.workers.memory import rows_budget
from iris_core.workers.spill import DiskPool, Room, Spilled, spill
from iris_core.workers.written import Writer, Written

__all__ = ["calibrate_groups", "members_of_group"]

log = logging.getLogger(__name__)

# From the job of one exposure, the number of the part and the outline, to its plan and the run, in a worker.
Replan = Callable[[Job, int, Exposure], tuple[Plan, Run]]


def calibrate_groups(
    run: Run, plans: Mapping[Job, GroupPlan], executor: Executor | None = None, replan: Replan | None = None
) -> Iterator[tuple[Job, ExposureResult]]:
    """Yield the results of what is made of many exposures, one after the other; each fails alone.

    Parameters
    ----------
    run
        The run.
    plans
        What to do.
    executor
        Works on several exposures at a time; None for this process.
    replan
        How a worker makes the plan of an exposure anew: plans do not travel.
    """
    for job, plan in plans.items():
        start, written = perf_counter(), Written()
        try:
            error = _calibrate(run.for_job(job), plan, written, executor, replan)
        except Exception as problem:
            failed = failure(job.path, problem, perf_counter() - start)
            number = len(plan.plans)
            yield job, replace(failed, products=written.products, history=written.history, exposures=number)
            continue
        yield (
            job,
            ExposureResult(
                path=job.path,
                mode=plan.mode.name,
                products=written.products,
                hashes=written.hashes,
                history=written.history,
                seconds=perf_counter() - start,
                error=error,
                exposures=len(plan.plans),
            ),
        )


def _calibrate(run: Run, plan: GroupPlan, written: Written, executor: Executor | None, replan: Replan | None) -> str:
    """Make the products of many exposures, and return a word on those that were left out."""
    run.references.expect(plan.references)
    with ExitStack() as stack:
        if plan.job.references:
            stack.enter_context(closing(run.references))
        folder = stack.enter_context(run.products.scratch(plan.outputs[0].parent, plan.needs.scratch))
        needs = plan.needs
        pool = DiskPool(folder, executor, needs.workers, rows_budget(needs.allowed), needs.held)
        begin_hashes(run, members_of_group(plan))
        line = _Line(run, plan, pool, replan)
        line.writer = stack.enter_context(Writer(written, run, line, run.products.hashes))
        members = [InMemory(one.outline) for one in plan.plans]  # read by the first steps
        calibrate_group(plan, Exposures(members, plan.roles, line.pool), line, run.plugins, run.references)
        line.writer.wait()
        written.keep_hashes(run.products.hashes)
    return "\n".join(f"made without {path}: {why}" for path, why in line.left_out.items())


@dataclass
class _Line:
    """Takes exposures through the steps between stages of many, and writes what comes out."""

    run: Run
    plan: GroupPlan
    pool: DiskPool
    replan: Replan | None
    writer: Writer = field(init=False)
    number: int = 0
    left_out: dict[Path, str] = field(default_factory=dict)
    read_notes: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    discarded: Future[Any] | None = None

    @cached_property
    def identity(self) -> Identity:
        """What all products have in common; this waits for the hashes of the exposures."""
        return identify(self.plan, self.run, recorded(members_of_group(self.plan), self.run.products.hashes))

    def advance(self, plans: Sequence[Plan], exposures: Exposures) -> Exposures:
        """Return the exposures as the steps leave them; the files of those before are removed."""
        there = {outline.meta.path: role for outline, role in zip(exposures.outlines, exposures.roles, strict=True)}
        plans = [plan for plan in plans if plan.job.path in there]
        if self.number == 0 or any(plan.steps for plan in plans):
            members, exposures.members = list(exposures.members), ()  # each is released when its successor is there
            exposures = self._together(plans, self._results(plans, members), there)
        self.number += 1
        return exposures

    def _results(self, plans: Sequence[Plan], members: list[Member]) -> Iterator[Any]:
        """Yield, for each exposure, what came of the steps; in this process each leaves the list as it is taken."""
        pool, number = self.pool, self.number
        if self.replan is None or (number and all(isinstance(member, InMemory) for member in members)):
            for plan in plans:
                planned, member = partial(_given, plan, self.run), members.pop(0)
                yield _advance(planned, number, member, pool.new_path(), pool.room, self.writer)
            return
        known, each = Known(self.identity), zip(plans, members, strict=True)
        given = [(partial(self.replan, plan.job, number, one.outline), number, one) for plan, one in each]
        yield from pool.call(_advance, [(*one, pool.new_path(), pool.room, known) for one in given])

    def _together(self, plans: Sequence[Plan], made: Iterable[Any], roles: Mapping[Path, str]) -> Exposures:
        kept: list[Member] = []
        for plan, one in zip(plans, made, strict=True):
            self.writer.check()  # no product that cannot be written leaves out its exposure
            if isinstance(one, Exception):
                self._leave_out(plan.job.path, one)
                continue
            member, written, notes = one
            self._take(written)
            self.read_notes.setdefault(plan.job.path, notes)
            kept.append(member)
        if not kept:
            raise InputError(f"{self.plan.job.name or self.plan.job.path}: every one of its exposures failed")
        self._discard(kept)
        return Exposures(kept, [roles[member.outline.meta.path] for member in kept], self.pool)

    def _discard(self, kept: Sequence[Member]) -> None:
        """Remove the files of planes that are no longer needed, when all is written that is read from them."""
        if self.discarded:
            wait([self.discarded])  # of two stages there are files, not of more
        before, self.files = self.files, _files(kept)
        self.discarded = self.writer.call_later(_remove, before - self.files)

    def _leave_out(self, path: Path, error: Exception) -> None:
        if self.run.recipe.missing != "leave_out":
            raise error
        log.warning("%s is left out: %s", path, error)
        self.left_out[path] = str(error)

    def keep(self, part: GroupPart, result: Result[Exposures | Exposure]) -> Result[Exposures | Exposure]:
        """Write what a stage of many exposures has made, and return it with the record of its inputs."""
        made, planned = result.exposure, part.planned
        if isinstance(made, Exposure):
            result = replace(result, exposure=self._with_members(made))
            self.writer.write(result, planned.output, planned.step.save, planned.beside)
            self._discard(())
            return result
        self._discard(made.members)
        outputs = {plan.job.path: path for plan, path in zip(part.plans, part.outputs, strict=False)}
        for member in made.members if outputs else ():  # each is let go when it is written
            name = f"{member.outline.name} {planned.step.save}"
            self.writer.write_later(partial(_read, member), outputs[member.outline.meta.path], name, {})
        if planned.beside:
            self.writer.write_later(lambda: replace(result, exposure=made.outlines[0]), None, "", planned.beside)
        return result

    def _with_members(self, made: Exposure) -> Exposure:
        members = members_of_group(self.plan)
        kept = recorded((one for one in members if one[1] not in self.left_out), self.run.products.hashes)
        provenance = {**made.provenance, "members": kept}
        if self.left_out:  # the key is of all that was given
            left = (one for one in members if one[1] in self.left_out)
            provenance["left_out"] = recorded(left, self.run.products.hashes)
        return made.replace(provenance=provenance)

    def _take(self, written: Written) -> None:
        """Add what was written elsewhere, with its hashes."""
        for suffix, found in written.hashes.items():
            self.run.products.hashes.know(written.products[suffix], found)
        self.writer.written.add(written)


def _files(members: Sequence[Member]) -> set[Path]:
    return {path for member in members if isinstance(member, Spilled) for path in member.files}


def _remove(files: Iterable[Path]) -> None:
    for path in files:
        with suppress(OSError):
            path.unlink()


def _read(member: Member) -> Result[Exposure]:
    return Result(exposure=member.read())


def members_of_group(plan: GroupPlan) -> list[tuple[str, Path]]:
    """Return role and file of every exposure that is read: the members, and the background exposures of each."""
    backgrounds = dict.fromkeys(path for one in plan.plans for path in one.job.backgrounds)
    return [*plan.job.members, *(("background", path) for path in backgrounds)]


def _given(plan: Plan, run: Run) -> tuple[Plan, Run]:
    return plan, run


def _advance(
    planned: Planned, number: int, member: Member, path: Path, room: Room, writer: Writer | Owner
) -> tuple[Member, Written, tuple[str, ...]] | Exception:
    """Take one exposure through steps, and spill it, with the notes it had before; what goes wrong is the result."""
    written = Written()
    try:
        plan, run = planned()
        if number == 0:
            before, (exposure, backgrounds) = None, read_inputs(plan, run)
        else:
            before, backgrounds = member.read(), []
            exposure = plan.prepare(before)
        notes = exposure.notes
        steps = calibrate_exposure(plan, exposure, backgrounds, run.plugins, run.references)
        del exposure, backgrounds
        files = run.products.hashes
        with nullcontext(writer) if isinstance(writer, Writer) else Writer(written, run, writer, files) as theirs:
            last = theirs.follow(steps, plan.steps[-1] if plan.steps else None)
            stored = member if isinstance(member, Spilled) else None
            is_one = isinstance(member, InMemory) and number
            kept = InMemory(last) if is_one else spill(last, path, before, stored, room)
            theirs.write_last(kept)
        written.keep_hashes(files)
        return kept, written, notes
    except IrisError as error:
        return error
    except Exception as error:
        error.add_note(f"exposure {member.outline.name}")
        return error
