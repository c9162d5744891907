"""The straight line for one exposure: through the steps of its plan, in their order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from time import perf_counter
from typing import Any

from iris_core.contract import check_contract, check_step, result_of
from iris_core.errors import StageContractError, StageSkipped
from iris_core.exposure import Exposure, join, split
from iris_core.exposures import Result
from iris_core.lockstep import Meeting
from iris_core.plan import Plan, PlannedStep
from iris_core.plugins import BUILTIN, Plugins
from iris_core.provenance import record_step
from iris_core.reference import ReferenceFiles, ReferenceImage, References
from iris_core.rows import by_rows
from iris_core.state import is_removed
from iris_core.step import StageInputs, Step

log = logging.getLogger(__name__)

# Of a piece of a cube: planes of 32 MB, which the operating system gets back as soon as they are dropped.
PIECE_PIXELS = 1 << 23


def calibrate_exposure(
    plan: Plan, exposure: Exposure, backgrounds: Sequence[Exposure], plugins: Plugins, files: ReferenceFiles
) -> Generator[tuple[PlannedStep, Result[Exposure]], None, Exposure]:
    """Run the steps of a plan, yield what each of them has to be written for, and return the exposure at the end.

    Parameters
    ----------
    plan
        What to do.
    exposure, backgrounds
        The exposure and its background exposures, as `Plan.prepare` returns them; they are in a list, which is changed,
        where they go through a step.
    plugins
        The wrappers among them act.
    files
        The reference files of the run.
    """
    known = plan.provenance or exposure.provenance
    line = _Line(plan, plugins, files, [exposure.replace(provenance=known)], backgrounds)
    del exposure, backgrounds
    for planned in plan.steps:
        line.follow(planned)
        line.advance(planned)
        if planned.step.makes_product or line.beside:
            join(line.science)
            if line.beside or not _is_empty(planned.step, line.science[0]):
                yield planned, line.result()
    join(line.science)
    return line.science[0]


def _is_empty(step: Step, product: Exposure) -> bool:
    """Whether a stage's own product would show nothing, because the stage had nothing to do."""
    return step.save == step.spec.product and product.history[-1].status == "SKIPPED"


@dataclass(slots=True)
class _Line:
    """Where a run stands: the exposure, or the pieces of a large cube, and its background exposures.

    They are kept in lists so that nothing else holds an exposure that a stage has replaced.
    """

    plan: Plan
    plugins: Plugins
    files: ReferenceFiles
    science: list[Exposure]
    backgrounds: Any
    beside: list[Result[Exposure]] = field(default_factory=list)

    def result(self) -> Result[Exposure]:
        """Return the exposure with what the last stage has made beside it."""
        made, exposure = self.beside.pop() if self.beside else Result(exposure=self.science[0]), self.science[0]
        return replace(made, exposure=exposure, images={name: like(one, exposure) for name, one in made.images.items()})

    def follow(self, planned: PlannedStep) -> None:
        """Take the background exposures through a step, if they go through it."""
        step = planned.step
        for number, found in enumerate(planned.background_references):
            inputs = self._inputs(self.backgrounds[number], self.files.read(found))
            result, skipped = run_step(step, inputs, self.plugins)
            uses = () if skipped else tuple(reference.use() for reference in found.values())
            self.backgrounds[number] = record_step(step, result, skipped, result.notes, references=uses)

    def advance(self, planned: PlannedStep) -> None:
        """Take the exposure through a step."""
        step, skipped, notes, start = planned.step, planned.skip, dict[str, None](), perf_counter()
        # Background exposures that end here are held no longer.
        end_here = planned.meeting is Meeting.OFFERED
        offered, self.backgrounds = (self.backgrounds, []) if end_here else ((), self.backgrounds)
        offered = tuple(offered) if isinstance(offered, list) else offered
        references = References() if skipped else self.files.read(planned.references)
        if not skipped:
            self._cut_or_join(step)
        for number in range(0 if skipped else len(self.science)):
            inputs = self._inputs(self.science[number], references, offered)
            made, skipped = run_result(step, inputs, self.plugins)
            if skipped:
                self._check_skip(planned, skipped, number, offered)
                break
            result = made.exposure
            notes |= dict.fromkeys(result.notes)
            self.beside += [made] if made.tables or made.images else []
            # What holds for all integrations is kept once.
            self.science[number] = result.replace(notes=(), area=self.science[0].area if number else result.area)
            del inputs, result, made
        self._record(planned, skipped, tuple(notes), getattr(offered, "outlines", offered), perf_counter() - start)

    def _inputs(self, exposure: Exposure, references: References, skies: Sequence[Exposure] = ()) -> StageInputs:
        mode = self.plan.mode
        return StageInputs(exposure=exposure, references=references, background_exposures=skies, instrument=mode)

    def _cut_or_join(self, step: Step) -> None:
        """Cut a large cube for a stage that treats integrations alone; wrappers are given exposures as a whole."""
        if step.by_integration and not step.spec.tables and not self.plugins.wraps_stages():
            split(self.science, PIECE_PIXELS)
        else:
            join(self.science)

    def _check_skip(self, planned: PlannedStep, skipped: str, number: int, offered: Sequence[Exposure]) -> None:
        step = planned.step
        if number:
            raise StageContractError(f"{step} skipped some integrations ({skipped}) and not others")
        later = self.plan.steps[self.plan.steps.index(planned) + 1 :]
        waiting = [one.step.stage for one in later if one.step.spec.consumes_backgrounds and not one.step.skip]
        if offered and waiting:
            raise StageContractError(
                f"stage '{step.stage}' of {step.implementation} skipped itself ({skipped}), and {waiting[0]} needs the "
                f"background exposures: the check of {step.stage} has to raise StageSkipped already"
            )

    def _record(
        self, planned: PlannedStep, skipped: str, notes: tuple[str, ...], offered: Sequence[Exposure], seconds: float
    ) -> None:
        """Write down what a step did, in the exposure and in the log."""
        step, name, facts = planned.step, self.science[0].name, {}
        if skipped:
            log.info("%s: %s skipped: %s", name, step.stage, skipped)
        else:
            notes = (*dict.fromkeys((*planned.notes, *notes)), *self._notes_on(offered))
            for note in notes:
                log.info("%s: %s: %s", name, step.stage, note)
            log.info("%s: %s by %s in %.2f s", name, step.stage, step.implementation, seconds)
            facts = {
                "references": self.files.uses(planned.references),
                "backgrounds": tuple(str(one.meta.path) for one in offered),
                "seconds": seconds,
            }
        self.science[:] = [record_step(step, one, skipped, notes, **facts) for one in self.science]

    def _notes_on(self, backgrounds: Sequence[Exposure]) -> Iterator[str]:
        """Yield what the stages of this run noted on background exposures, which end here."""
        stages = {planned.step.stage for planned in self.plan.steps}
        for background in backgrounds:
            for record in background.history:
                if record.stage in stages and record.status == "COMPLETE":
                    yield from (f"{background.name}: {record.stage}: {note}" for note in record.notes)


def follow(
    steps: Generator[tuple[PlannedStep, Result[Exposure]], None, Exposure],
    take: Callable[[PlannedStep, Result[Exposure]], None],
) -> Exposure:
    """Give what `calibrate_exposure` yields to a function, as it comes, and return the exposure at the end."""
    while True:
        try:
            planned, made = next(steps)
        except StopIteration as end:
            last: Exposure = end.value
            return last
        take(planned, made)
        del made  # the stages to come need the memory


def like(image: Exposure, exposure: Exposure) -> Exposure:
    """Return what a stage made beside an exposure, with the history and the provenance of the exposure."""
    return image.replace(history=exposure.history, provenance=exposure.provenance, notes=())


def run_step(step: Step, inputs: StageInputs, plugins: Plugins) -> tuple[Exposure, str]:
    """Return the exposure that one step makes, and why the step was skipped: see `run_result`."""
    made, skipped = run_result(step, inputs, plugins)
    return made.exposure, skipped


def run_result(step: Step, inputs: StageInputs, plugins: Plugins) -> tuple[Result[Exposure], str]:
    """Check and run one step.

    Parameters
    ----------
    step
        The step.
    inputs
        What the stage is given.
    plugins
        The wrappers among them act.

    Returns
    -------
    tuple
        The result, and the reason where the stage says that it has nothing to do; the exposure is unchanged then.

    Raises
    ------
    StageContractError
        When the result breaks the contract of stages. An exception of the stage gets a note that names the stage.
    """
    try:
        with noting(step, inputs.exposure.name):
            check_step(step, inputs)
            if is_removed(step, inputs.exposure):
                return Result(exposure=_flags_only(step, inputs)), ""
            made = result_of(step, plugins.hook("run_stage", BUILTIN)(step=step, **inputs.arguments()))
            return replace(made, exposure=check_contract(step, inputs.exposure, made.exposure)), ""
    except StageSkipped as skipped:
        return Result(exposure=inputs.exposure), str(skipped)


@contextmanager
def noting(step: Step, what: str) -> Iterator[None]:
    """Add a note to an exception of a stage that names the stage, and what it was given."""
    try:
        yield
    except (StageContractError, StageSkipped):
        raise
    except Exception as error:
        error.add_note(f"in stage '{step.stage}' of plugin {step.implementation}, exposure {what}")
        if isinstance(error, ValueError) and "read-only" in str(error):
            error.add_note("the planes of an exposure are read-only: compute new ones and return exposure.replace()")
        raise


def _flags_only(step: Step, inputs: StageInputs) -> Exposure:
    """Return the exposure with the DQ of the reference images of a step whose work is done already."""
    exposure = inputs.exposure
    found = [one for one in inputs.references.values() if isinstance(one.content, Exposure | ReferenceImage)]
    images = [reference.image(exposure) for reference in found]

    def flagged(rows: Exposure, *images: ReferenceImage) -> Exposure:
        return rows.replace(dq=reduce(or_, (image.dq for image in images), rows.dq)).mask_invalid()

    names = ", ".join(reference.reftype for reference in found)
    used = f"; of the {names} only the data-quality flags are used" if found else ""
    note = f"{step.spec.removes} already removed by an earlier stage{used}"
    return by_rows(flagged, exposure, *images).note(note)
