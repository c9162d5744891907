"""Many exposures calibrated in memory: no file is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from iris_core.exposure import Exposure
from iris_core.exposures import Exposures, Result
from iris_core.plan import Plan
from iris_core.prepare import Run
from iris_core.report import Calibrated
from iris_core.runner import calibrate_exposure, follow
from iris_core.workers.group_plan import GroupPart, GroupPlan
from iris_core.workers.group_run import calibrate_group

__all__ = ["calibrate_in_memory"]


def calibrate_in_memory(
    run: Run, plan: GroupPlan, exposures: Sequence[Exposure], backgrounds: Sequence[Exposure]
) -> Calibrated:
    """Calibrate many exposures, and return the products by suffix.

    Parameters
    ----------
    run, plan
        The run, and what to do.
    exposures
        In any order; they are told apart by the path in their `meta`.
    backgrounds
        The background exposures of each of them.
    """
    by_path = {one.meta.path: one for one in exposures}
    ordered = Exposures.of([by_path[one.job.path] for one in plan.plans], plan.roles)
    line = _Line(run, backgrounds)
    calibrate_group(plan, ordered, line, run.plugins, run.references)
    return line.made


@dataclass(slots=True)
class _Line:
    """Takes exposures through the steps of their plans, and collects the products."""

    run: Run
    backgrounds: Sequence[Exposure] = ()
    made: Calibrated = field(default_factory=Calibrated)
    read_notes: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    def advance(self, plans: Sequence[Plan], exposures: Exposures) -> Exposures:
        """Return the exposures as the steps leave them."""
        each = zip(plans, exposures, strict=True)
        return Exposures.of([self._follow(plan, one, len(plans) == 1) for plan, one in each], exposures.roles)

    def _follow(self, plan: Plan, exposure: Exposure, is_one: bool) -> Exposure:
        theirs = [plan.prepare(one) for one in self.backgrounds] if plan.job.backgrounds else []
        first = plan.prepare(exposure, *plan.notes)
        self.read_notes.setdefault(plan.job.path, first.notes)
        steps = calibrate_exposure(plan, first, theirs, self.run.plugins, self.run.references)
        return follow(steps, lambda planned, result: self.made.add_result(result, planned.suffix, is_one))

    def keep(self, part: GroupPart, result: Result[Exposures | Exposure]) -> Result[Exposures | Exposure]:
        """Collect what a stage of many exposures has made."""
        made, suffix = result.exposure, part.planned.suffix
        if not isinstance(made, Exposure):
            for one in made if part.outputs else ():
                self.made.add_result(Result(exposure=one), part.planned.step.save, len(made) == 1)
            made, suffix = made.outlines[0], ""
        self.made.add_result(Result(exposure=made, tables=result.tables, images=result.images), suffix)
        return result
