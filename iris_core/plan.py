"""What can be known of one exposure before its first pixel is read: references, the stages' own checks, products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from iris_core.contract import check_step
from iris_core.errors import InputError, IrisError, Problems, StageSkipped, choices, collect, did_you_mean
from iris_core.exposure import Exposure, is_masked
from iris_core.instruments import InstrumentMode
from iris_core.keywords import agree
from iris_core.lockstep import Meeting, meet
from iris_core.plugins import Plugins
from iris_core.recipe import Recipe
from iris_core.reference import Choice, ReferenceFiles, References, references_of
from iris_core.report import Job, Products
from iris_core.rows import by_rows
from iris_core.stages import StageSpec
from iris_core.state import pass_through, prepare_exposure
from iris_core.step import StageInputs, Step

Name = Callable[[Exposure, str], Path]
CALIBRATIONS = ("SKY", "DARK", "FLAT", "BIAS", "LAMP", "ARC")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step of a plan.

    Parameters
    ----------
    step
        The step.
    meeting
        What it has to do with the background exposures.
    references
        Its reference files for the exposure.
    background_references
        Those for each background exposure that goes through it.
    choices
        How `references` were chosen.
    skip
        Why the stage will have nothing to do, where that is known.
    output
        File of the product to write after it; None for none.
    beside
        Files of the tables and images that the stage makes beside the exposure, by suffix.
    """

    step: Step
    meeting: Meeting
    references: References
    background_references: tuple[References, ...] = ()
    choices: tuple[Choice, ...] = ()
    skip: str = ""
    output: Path | None = None
    beside: Mapping[str, Path] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        """Suffix of the product to write after it; ``""`` for none."""
        return "" if self.output is None else self.step.save

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on its reference files, each once."""
        chosen = (note for reference in self.references.values() for note in reference.notes)
        return tuple(dict.fromkeys((*self.references.notes, *chosen)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one exposure will be calibrated.

    Parameters
    ----------
    job
        What was asked.
    mode
        Its instrument mode.
    specs
        All declared stages.
    steps
        The steps, in order.
    outline
        The exposure without pixels, as the last step will leave it.
    notes
        Remarks on the exposure for its product.
    provenance
        What is true of the whole run.
    """

    job: Job
    mode: InstrumentMode
    specs: tuple[StageSpec, ...] = field(repr=False)
    steps: tuple[PlannedStep, ...]
    outline: Exposure = field(repr=False)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def prepare(self, exposure: Exposure, *notes: str) -> Exposure:
        """Return an exposure as its first step is given it."""
        masked = exposure if is_masked(exposure) else by_rows(Exposure.mask_invalid, exposure)
        return prepare_exposure(masked, self.mode, self.specs, notes)

    @property
    def facts(self) -> Mapping[str, str]:
        """What else is known of it, for `iris check`: nothing."""
        return {}

    @property
    def references(self) -> Iterator[References]:
        """The reference files that the steps will read, for the exposure and for its background exposures."""
        for planned in self.steps:
            yield from (*(() if planned.skip else (planned.references,)), *planned.background_references)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that will be read."""
        files = (reference.path for found in self.references for reference in found.values())
        return tuple(dict.fromkeys((self.job.path, *self.job.backgrounds, *files)))

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that will be written."""
        return tuple(path for planned in self.steps for path in outputs_of(planned))


def outputs_of(planned: PlannedStep) -> tuple[Path, ...]:
    """Return the files that are written after a step."""
    return (*(() if planned.output is None else (planned.output,)), *planned.beside.values())


class JobPlan(Protocol):
    """How one exposure, or what is made of many, will be calibrated: what a run has to know of it."""

    @property
    def job(self) -> Job:
        """What was asked."""

    @property
    def mode(self) -> InstrumentMode:
        """The instrument mode."""

    @property
    def steps(self) -> tuple[PlannedStep, ...]:
        """The steps, in order."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for the product."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What else is known of it, for `iris check`."""

    @property
    def references(self) -> Iterator[References]:
        """The reference files that the steps will read."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that will be read."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that will be written."""


def beside_of(step: Step, name: Callable[[str], Path]) -> dict[str, Path]:
    """Return the files of what a stage makes beside an exposure, by suffix."""
    return {one: name(one).with_suffix(".ecsv") for one in step.spec.tables} | {
        one: name(one) for one in step.spec.images
    }


def make_plan(
    job: Job,
    outline: Exposure,
    backgrounds: Sequence[Exposure],
    steps: Sequence[Step],
    mode: InstrumentMode,
    recipe: Recipe,
    plugins: Plugins,
    files: ReferenceFiles,
    products: Products,
) -> Plan:
    """Choose the reference files for one exposure, and run the check of every stage on outlines.

    Parameters
    ----------
    job
        What was asked.
    outline, backgrounds
        The exposure and its background exposures, without pixels (or with).
    steps, mode
        The recipe's steps for the exposure's instrument mode.
    recipe
        Overrides included.
    plugins
        The plugins of the run.
    files, products
        The reference files and the products of the run.

    Raises
    ------
    Problems
        Everything that would go wrong.
    """
    specs = tuple(plugins.stages().values())
    walk = _Walk(tuple(steps), mode, files, partial(products.name, job))
    walk.problems += [*_wrong_type(outline, recipe), *_unconsumed(steps, backgrounds, recipe)]
    if all(step.skip for step in steps if step.spec.consumes_backgrounds):
        job, backgrounds = replace(job, backgrounds=()), ()
    prepared, *others = (prepare_exposure(one, mode, specs) for one in (outline, *backgrounds))
    planned, left = walk.take(prepared, others)
    notes = (*prepared.notes, *_remarks(outline, mode))
    plan = Plan(job=job, mode=mode, specs=specs, steps=tuple(planned), outline=left, notes=notes)
    walk.problems += products.obstacles(plan.outputs)
    if walk.problems:
        raise Problems(walk.problems)
    return plan


class _Walk:
    """Takes outlines through the steps, as the runner will take the exposures; errors are collected in `problems`."""

    def __init__(self, steps: tuple[Step, ...], mode: InstrumentMode, files: ReferenceFiles, name: Name) -> None:
        self.steps, self.mode, self.files, self.name = steps, mode, files, name
        self.problems: list[IrisError] = []

    def take(self, outline: Exposure, backgrounds: Sequence[Exposure]) -> tuple[list[PlannedStep], Exposure]:
        """Return the planned steps, and the outline after them."""
        planned: list[PlannedStep] = []
        skips: dict[int, str] = {}
        for index, step in enumerate(self.steps):
            meeting, theirs = meet(self.steps, index, skips), list[References]()
            found = self._choose(step, outline)
            if meeting is Meeting.FOLLOW:
                theirs = [references_of(self._choose(step, one)) for one in backgrounds]
                backgrounds = [self._check(step, one, used)[0] for one, used in zip(backgrounds, theirs, strict=True)]
            offered = backgrounds if meeting is Meeting.OFFERED else ()
            references = references_of(found)
            outline, skip = self._check(step, outline, references, offered)
            if skip:
                skips[index] = skip
            planned.append(
                PlannedStep(
                    step=step,
                    meeting=meet(self.steps, index, skips),  # a stage that skips itself consumes nothing
                    references=references,
                    background_references=tuple(theirs),
                    choices=found,
                    skip=step.skip or skip,
                    output=self.name(outline, step.save) if step.makes_product else None,
                    beside={} if step.skip or skip else beside_of(step, partial(self.name, outline)),
                )
            )
        return planned, outline

    def _choose(self, step: Step, outline: Exposure) -> tuple[Choice, ...]:
        found = tuple(self.files.choose(need, outline, self.mode) for need in (() if step.skip else step.needs))
        self.problems += [choice.problem for choice in found if choice.problem]
        return found

    def _check(
        self, step: Step, outline: Exposure, references: References, offered: Sequence[Exposure] = ()
    ) -> tuple[Exposure, str]:
        """Return the outline as the stage will leave it, and why it will have nothing to do."""
        if step.skip:
            return outline, ""
        known, backgrounds = len(self.problems), tuple(offered)
        inputs = StageInputs(
            exposure=outline, references=references, background_exposures=backgrounds, instrument=self.mode
        )
        try:
            with collect(self.problems, f"the check of {step} failed for {outline.name}"):
                if step.valid and set(step.declared.references) <= set(references):  # otherwise reported already
                    outline = check_step(step, inputs, outline_only=True)
        except StageSkipped as skipped:
            return outline, str(skipped)
        if (self.problems[known:] or not step.valid) and step.spec.may_remove:
            return outline, ""  # how much it would remove is not known, and no further error
        return pass_through(step, outline), ""


def _wrong_type(outline: Exposure, recipe: Recipe) -> list[IrisError]:
    """Return an error where a calibration exposure stands among the science exposures."""
    kind = outline.meta.image_type.upper()
    if recipe.members or kind not in CALIBRATIONS or kind in (one.upper() for one in recipe.image_types):
        return []
    remedy = f"give background exposures with one --background each, or put 'image_types: [{kind}]' in the recipe"
    return [InputError(f"{outline.name}: IMTYPE is {kind}; recipe {recipe.name} is for science exposures; {remedy}")]


def _unconsumed(steps: Sequence[Step], backgrounds: Sequence[Exposure], recipe: Recipe) -> list[IrisError]:
    if not backgrounds or any(step.spec.consumes_backgrounds for step in steps):
        return []
    number = len(backgrounds)
    return [InputError(f"recipe {recipe.label}: no step uses the {number} background exposures; add 'background'")]


def _remarks(outline: Exposure, mode: InstrumentMode) -> tuple[str, ...]:
    """Return notes on an exposure that is not quite what its instrument mode expects."""
    meta, notes = outline.meta, []
    if mode.filters and not any(agree(meta.filter, name) for name in mode.filters):
        near = f"{did_you_mean(meta.filter, mode.filters)} Filters: {choices(mode.filters)}"
        notes.append(f"FILTER '{meta.filter}' is no filter of {mode.name}{near}")
    if mode.detectors and not mode.matches(outline):
        given = f"INSTRUME '{meta.instrument}', DETECTOR '{meta.detector}'"
        notes.append(f"the instrument mode {mode.name} was named by hand; the header has {given}")
    return tuple(notes)
