"""Many exposures to fewer: taken from one stage of all of them to the next."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from iris_core.contract import check_group, check_result, group_result
from iris_core.errors import StageSkipped, some_of
from iris_core.exposure import Exposure
from iris_core.exposures import Exposures, Result
from iris_core.instruments import InstrumentMode
from iris_core.plan import Plan, PlannedStep
from iris_core.plugins import BUILTIN, Plugins
from iris_core.provenance import record_step
from iris_core.reference import ReferenceFiles
from iris_core.runner import like, noting
from iris_core.step import GroupInputs, Step
from iris_core.workers.group_plan import GroupPart, GroupPlan

__all__ = ["Line", "calibrate_group"]

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"[\d.]+")


class Line(Protocol):
    """How exposures go through the steps between stages of many exposures, and where what comes out is kept.

    Attributes
    ----------
    read_notes
        Remarks on each exposure as it was read, by file.
    """

    read_notes: dict[Path, tuple[str, ...]]

    def advance(self, plans: Sequence[Plan], exposures: Exposures) -> Exposures:
        """Return the exposures as the steps leave them; those that failed may be left out."""

    def keep(self, part: GroupPart, result: Result[Exposures | Exposure]) -> Result[Exposures | Exposure]:
        """Keep what a stage of many exposures has made, where the plan has files for it, and return it."""


def calibrate_group(
    plan: GroupPlan, exposures: Exposures, line: Line, plugins: Plugins, files: ReferenceFiles
) -> Exposures:
    """Take many exposures through the steps of a plan, and return what comes out.

    Parameters
    ----------
    plan
        What to do.
    exposures
        As they are read.
    line
        Takes them through the steps of one exposure, and keeps products.
    plugins, files
        Those of the run.
    """
    exposures = line.advance(plan.plans, exposures)
    for part in plan.parts:
        result = run_group(part.planned, exposures, plan.mode, plugins, files, odd_files(line.read_notes))
        made = line.keep(part, result).exposure
        exposures = Exposures.of([made], pool=exposures.pool) if isinstance(made, Exposure) else made
        exposures = line.advance(part.plans, exposures)
    return exposures


def odd_files(notes: Mapping[Path, Sequence[str]]) -> tuple[str, ...]:
    """Return the remarks on the files of some of many exposures, each with their names.

    What those of all have, but for numbers, is in the record of the first, which is that of the product.
    """
    found: dict[str, list[str]] = {}
    for path, own in notes.items():
        for note in own:
            found.setdefault(note, []).append(path.name)
    number = Counter(kind for own in notes.values() for kind in {_NUMBER.sub("", note) for note in own})
    some = (note for note in found if number[_NUMBER.sub("", note)] < len(notes))
    return tuple(f"{some_of(found[note])}: {note}" for note in some)


def run_group(
    planned: PlannedStep,
    exposures: Exposures,
    mode: InstrumentMode,
    plugins: Plugins,
    files: ReferenceFiles,
    odd: tuple[str, ...] = (),
) -> Result[Exposures | Exposure]:
    """Check and run a stage of many exposures, and record it in what it makes; one exposure with what was `odd`."""
    step, start = planned.step, perf_counter()
    if planned.skip:
        return _skipped(step, exposures, planned.skip)
    inputs = GroupInputs(exposures=exposures, references=files.read(planned.references), instrument=mode)
    try:
        with noting(step, repr(exposures)):
            check_group(step, inputs)
            bound = replace(inputs, exposures=exposures.checked_by(partial(check_result, str(step), step.spec)))
            called = plugins.hook("run_group_stage", BUILTIN)(step=step, **bound.arguments())
            result = group_result(step, exposures, called)
    except StageSkipped as skipped:
        return _skipped(step, exposures, str(skipped))
    made = result.exposure
    outlines = [made] if isinstance(made, Exposure) else list(made.outlines)
    planned_notes = (*planned.notes, *(odd if isinstance(made, Exposure) else ()))
    facts = {"references": files.uses(planned.references), "seconds": perf_counter() - start}
    before = (exposures.outlines[0],) if isinstance(made, Exposure) else exposures.outlines
    recorded = [_record(step, planned_notes, old, new, facts) for old, new in zip(before, outlines, strict=True)]
    log.info("%s by %s in %.2f s", step.stage, step.implementation, facts["seconds"])
    after = recorded[0] if isinstance(made, Exposure) else made.changed(recorded)
    return replace(result, exposure=after, images={name: like(one, recorded[0]) for name, one in result.images.items()})


def _record(
    step: Step, notes: tuple[str, ...], before: Exposure, after: Exposure, facts: Mapping[str, Any]
) -> Exposure:
    """Return what a stage made with its record; the stage may say of one of many that it was skipped."""
    keyword = step.spec.status
    if after.status.get(keyword) == "SKIPPED" and before.status.get(keyword) != "SKIPPED":
        reason = "; ".join(after.notes) or f"{step.stage} left it as it was"
        return record_step(step, after.replace(notes=()), reason)
    return record_step(step, after, "", (*notes, *after.notes), **facts)


def _skipped(step: Step, exposures: Exposures, reason: str) -> Result[Exposures | Exposure]:
    log.info("%s skipped: %s", step.stage, reason)
    return Result(exposure=exposures.changed([record_step(step, one, reason) for one in exposures.outlines]))
