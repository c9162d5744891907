"""The straight line for one exposure: through the steps of its plan, in their order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from iris_core.checks import keywords_done, refuse_second, status_card
from iris_core.contract import check_contract
from iris_core.errors import StageContractError, StageSkipped
from iris_core.keywords import header_text, text_card
from iris_core.meta import ReferenceUse, StageRecord
from iris_core.model import Exposure
from iris_core.pieces import join, split
from iris_core.plan import Plan, prepare
from iris_core.plugins import Plugins
from iris_core.references import References
from iris_core.steps import Step

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["calibrate_exposure", "read_whole", "stamp_product"]

log = logging.getLogger(__name__)


def read_whole(plan: Plan, plugins: Plugins) -> tuple[Exposure, list[Exposure]]:
    """Read the exposure of a plan and its background exposures, NaN and DO_NOT_USE brought together."""
    paths = (plan.request.path, *plan.request.backgrounds)
    exposure, *backgrounds = (prepare(plugins.read_exposure(path), plan.mode).mask_invalid() for path in paths)
    return exposure, backgrounds


def calibrate_exposure(
    plan: Plan, exposure: Exposure, backgrounds: Sequence[Exposure], plugins: Plugins
) -> Iterator[tuple[int, Exposure]]:
    """Run the steps of a plan and yield, by index of its step, each exposure that is a product.

    Background exposures go in lock step through the stages before the one that consumes them.
    """
    # Lists, so that nobody on the way holds an exposure that a stage has replaced.
    science, held = [exposure.replace(provenance=plan.provenance)], list(backgrounds)
    del exposure, backgrounds
    # Hashing the reference files takes as long as a stage, and leaves the interpreter to the stages meanwhile.
    with ThreadPoolExecutor(max_workers=1) as hashing:
        uses = [[hashing.submit(reference.use) for reference in found.values()] for found in plan.references]
        for index, step in enumerate(plan.steps):
            offered: list[Exposure] = []
            if step.spec.consumes_backgrounds:
                offered, held = held, offered
            elif not step.skip:
                # Where they have been consumed none is held, but the plan still has their references.
                held = [
                    _follow(step, one, theirs[index], plan, plugins)
                    for one, theirs in zip(held, plan.background_references, strict=False)
                ]
            _advance(step, science, plan.references[index], offered, uses[index], plan, plugins)
            offered.clear()
            if step.makes_product:
                join(science)
                yield index, science[0]


def _advance(
    step: Step,
    science: list[Exposure],
    references: References,
    backgrounds: Sequence[Exposure],
    uses: Sequence[Future[ReferenceUse]],
    plan: Plan,
    plugins: Plugins,
) -> None:
    """Run one step on the science exposure, or its pieces, and write what was done into its history and header."""
    name = science[0].name
    start = perf_counter()
    said: tuple[str, ...] = ()
    skipped = step.skip
    if not skipped:
        skipped, said = _run_pieces(step, science, references, backgrounds, plan, plugins)
    seconds = perf_counter() - start
    if skipped:
        log.info("%s: %s skipped: %s", name, step.stage, skipped)
        science[:] = [_record(step, one, "SKIPPED", (skipped,)) for one in science]
        return
    theirs = (note for reference in references.values() for note in reference.notes)
    notes = (*references.notes, *theirs, *said, *_notes_on(backgrounds, plan))
    for note in notes:
        log.info("%s: %s: %s", name, step.stage, note)
    log.info("%s: %s by %s in %.2f s", name, step.stage, step.implementation, seconds)
    done: dict[str, Any] = {
        "references": tuple(use.result() for use in uses),
        "backgrounds": tuple(str(one.meta.path) for one in backgrounds),
        "seconds": seconds,
    }
    science[:] = [_record(step, one, "COMPLETE", notes, **done) for one in science]


def _notes_on(backgrounds: Sequence[Exposure], plan: Plan) -> Iterator[str]:
    """Yield what the stages of this run have noted on background exposures: with them it would be lost."""
    stages = {step.stage for step in plan.steps}
    for background in backgrounds:
        for record in background.history:
            if record.stage in stages and record.status == "COMPLETE":
                yield from (f"{background.name}: {record.stage}: {note}" for note in record.notes)


def _run_pieces(
    step: Step,
    science: list[Exposure],
    references: References,
    backgrounds: Sequence[Exposure],
    plan: Plan,
    plugins: Plugins,
) -> tuple[str, tuple[str, ...]]:
    """Put the results of a step in the place of the exposure or its pieces; return why it was skipped, and its notes.

    What acts around a stage may look at an exposure as a whole, and is given it so.
    """
    (split if step.by_integration and not plugins.wrap_stages() else join)(science)
    notes: list[str] = []
    for number in range(len(science)):
        result, skipped = _run_step(step, science[number], references, backgrounds, plan, plugins)
        if skipped and number:
            raise StageContractError(
                f"stage '{step.stage}' of {step.implementation} skipped some integrations ({skipped}) and not others"
            )
        if skipped:
            return skipped, ()
        notes += result.notes
        # What holds for all integrations is kept once.
        science[number] = result.replace(notes=(), area=science[0].area if number else result.area)
        del result
    return "", tuple(notes) if len(science) == 1 else tuple(dict.fromkeys(notes))


def _follow(step: Step, exposure: Exposure, references: References, plan: Plan, plugins: Plugins) -> Exposure:
    """Run one step on a background exposure, which from then on says that it was done, as the science exposure does."""
    result, skipped = _run_step(step, exposure, references, (), plan, plugins)
    if skipped:
        return _record(step, exposure, "SKIPPED", (skipped,))
    uses = tuple(reference.use(hashed=False) for reference in references.values())
    return _record(step, result.replace(notes=()), "COMPLETE", result.notes, references=uses)


def _run_step(
    step: Step,
    exposure: Exposure,
    references: References,
    backgrounds: Sequence[Exposure],
    plan: Plan,
    plugins: Plugins,
) -> tuple[Exposure, str]:
    """Return the result of a step, and why it was skipped when the stage says that it was."""
    refuse_second(step, exposure)
    try:
        result = plugins.run_stage(step, exposure, references, backgrounds, plan.mode)
        return check_contract(step, exposure, result), ""
    except StageSkipped as skipped:
        return exposure, str(skipped)
    except Exception as error:
        if not isinstance(error, StageContractError):
            error.add_note(f"in stage '{step.stage}' of plugin {step.implementation}, exposure {exposure.name}")
            if isinstance(error, ValueError) and "read-only" in str(error):
                error.add_note(
                    "the planes of an exposure are read-only: compute new ones and return exposure.replace()"
                )
        raise


def _record(step: Step, exposure: Exposure, status: str, notes: tuple[str, ...], **done: Any) -> Exposure:
    record = StageRecord(
        stage=step.stage,
        status=status,
        keyword=step.spec.status,
        plugin=step.implementation.plugin,
        version=step.implementation.version,
        notes=notes,
        params=step.params.model_dump(mode="json"),
        **done,
    )
    return exposure.replace(history=(*exposure.history, record), header=_stamped(step, exposure, record))


def _stamped(step: Step, exposure: Exposure, record: StageRecord) -> Header:
    """Return the primary header with the status of a step, its references and its notes.

    What was done before stays COMPLETE when the step is left out: the pixels have been through it.
    """
    stamped = exposure.header.copy()
    reason = record.notes[0] if record.status == "SKIPPED" and record.notes else ""
    keyword, card = status_card(step, record.status, reason)
    if not (record.status == "SKIPPED" and keywords_done(step, exposure)):
        stamped[keyword] = card
    for use in record.references:
        stamped[f"R_{use.reftype.upper()[:6]}"] = text_card(Path(use.path).name, "reference file")
    for note in record.notes:
        said = header_text(note)
        stamped.add_history(f"{step.stage}: {record.status}: {said}" if reason else f"{step.stage}: {said}")
    return stamped


def stamp_product(exposure: Exposure, path: Path) -> Exposure:
    """Return a product whose primary header says what it is and what made it."""
    header = exposure.header.copy()
    header["FILENAME"] = text_card(path.name, "name of this file")
    header["DATALVL"] = (2, "calibrated")
    header["DRSVER"] = (version("iris-core"), "version of iris-core")
    header["RECIPE"] = text_card(str(exposure.provenance.get("recipe", "")), "recipe that made this product")
    return exposure.replace(header=header)
