"""Everything about one exposure that can be known before its first pixel is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import W_OK, access
from os.path import exists, isdir
from pathlib import Path

from iris_core.association import Request
from iris_core.checks import Checks
from iris_core.errors import InputError, IrisError, PluginError, Problems, ReferenceNotFound, one_line
from iris_core.instruments import InstrumentMode
from iris_core.keywords import parse_unit
from iris_core.model import Exposure
from iris_core.naming import product_name
from iris_core.plugins import Plugins
from iris_core.recipe import Recipe
from iris_core.references import Reference, References
from iris_core.steps import Step

__all__ = ["Plan", "make_plan", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one exposure will be calibrated.

    Parameters
    ----------
    request
        What was asked.
    mode
        Its instrument mode.
    steps
        The steps, in order.
    references
        For each step, its reference files.
    background_references
        The same for each background exposure, through the steps before they are consumed.
    skips
        Why a stage will say that it has nothing to do, by step index, where that is known.
    outputs
        Product files by step index.
    provenance
        What is true of the whole run.
    """

    request: Request
    mode: InstrumentMode
    steps: tuple[Step, ...]
    references: tuple[References, ...]
    background_references: tuple[tuple[References, ...], ...] = ()
    skips: Mapping[int, str] = field(default_factory=dict)
    outputs: Mapping[int, Path] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)


def prepare(exposure: Exposure, mode: InstrumentMode) -> Exposure:
    """Return an exposure, or an outline, that knows its mode and has a unit."""
    known = exposure.replace(meta=replace(exposure.meta, mode=mode.name))
    if known.unit is not None:
        return known
    return known.replace(unit=parse_unit(mode.unit)).note(f"no BUNIT in the file: taken to be in {mode.unit}")


def make_plan(
    request: Request,
    outline: Exposure,
    backgrounds: Sequence[Exposure],
    steps: tuple[Step, ...],
    mode: InstrumentMode,
    recipe: Recipe,
    plugins: Plugins,
) -> Plan:
    """Choose the reference files for one exposure, and run every stage's own check.

    Parameters
    ----------
    request
        What was asked.
    outline, backgrounds
        The exposure and its background exposures, without pixels (or with).
    steps, mode
        The recipe's steps for the exposure's instrument mode.
    recipe
        Overrides included.
    plugins
        What is installed, and the providers of references of this run.

    Raises
    ------
    Problems
        Everything that would go wrong.
    """
    found = _unconsumed(steps, backgrounds, recipe)
    if all(step.skip for step in steps if step.spec.consumes_backgrounds):
        request, backgrounds = replace(request, backgrounds=()), ()
    references = [_find_references(step, outline, mode, plugins, found) for step in steps]
    theirs = [
        tuple(_find_references(step, one, mode, plugins, found) for step in _before_consumption(steps))
        for one in backgrounds
    ]
    checks = Checks(steps, mode)
    checks.run(prepare(outline, mode), references, [prepare(one, mode) for one in backgrounds], theirs)
    found += checks.problems
    outputs = _outputs(request, outline, steps, recipe)
    found += _unwritable(outputs, recipe)
    if found:
        raise Problems(found)
    return Plan(
        request=request,
        mode=mode,
        steps=steps,
        references=tuple(references),
        background_references=tuple(theirs),
        skips=checks.skips,
        outputs=outputs,
    )


def _unconsumed(steps: Sequence[Step], backgrounds: Sequence[Exposure], recipe: Recipe) -> list[IrisError]:
    if not backgrounds or any(step.spec.consumes_backgrounds for step in steps):
        return []
    return [
        InputError(f"recipe {recipe.label}: no step uses the {len(backgrounds)} background exposures; add 'background'")
    ]


def _before_consumption(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps that background exposures go through: none where no step consumes them."""
    consuming = [index for index, step in enumerate(steps) if step.spec.consumes_backgrounds]
    yield from steps[: consuming[0]] if consuming else ()


def _find_references(
    step: Step, outline: Exposure, mode: InstrumentMode, plugins: Plugins, problems: list[IrisError]
) -> References:
    declared = step.implementation.declared
    found: dict[str, Reference] = {}
    notes: list[str] = []
    for reftype in () if step.skip else (*declared.references, *declared.optional):
        try:
            reference = plugins.find_reference(reftype, outline, mode)
            if reference is None and reftype in declared.references:
                raise ReferenceNotFound(_not_found(step, reftype, outline, mode, plugins))
        except IrisError as error:
            problems.append(error)
            continue
        except Exception as error:
            words = f"{step.place}: a provider of references failed on the {reftype} for {outline.name}"
            problems.append(PluginError(f"{words}: {one_line(error)}"))
            continue
        if reference is not None:
            found[reftype] = reference if reference.read else replace(reference, read=_reader(plugins))
        else:
            notes += _near_misses(reftype, outline, mode, plugins)
    return References(found, tuple(notes))


def _near_misses(reftype: str, outline: Exposure, mode: InstrumentMode, plugins: Plugins) -> list[str]:
    """Return a note for an optional reference that is there and does not fit: leaving it out is not to be silent."""
    lost = [f"{one.path.name}: {one.reason}" for one in plugins.explain_reference(reftype, outline, mode)]
    return [f"no {reftype} reference is used; candidates: {'; '.join(lost)}"] if lost else []


def _reader(plugins: Plugins) -> Callable[[Path, str, bool], Exposure]:
    return lambda path, reftype, pixels: plugins.read_exposure(path, pixels, reftype)


def _not_found(step: Step, reftype: str, outline: Exposure, mode: InstrumentMode, plugins: Plugins) -> str:
    candidates = plugins.explain_reference(reftype, outline, mode)
    lost = "; ".join(f"{candidate.path}: {candidate.reason}" for candidate in candidates)
    return (
        f"{step.place}: {step.stage} needs a {reftype} reference for {outline.name} and there is none. "
        f"Candidates: {lost or 'none'}. "
        f"Name one with --reference {reftype}=FILE, or a folder with --reference store=DIR"
    )


def _outputs(request: Request, outline: Exposure, steps: Sequence[Step], recipe: Recipe) -> dict[int, Path]:
    directory = Path(recipe.output.directory) if recipe.output.directory else request.path.parent
    source = request.name or request.path
    ending = (
        f".{recipe.output.format}" if recipe.output.format else ".asdf" if request.path.suffix == ".asdf" else ".fits"
    )
    return {
        index: directory / product_name(source, step.save, outline.is_integrations, ending)
        for index, step in enumerate(steps)
        if step.makes_product
    }


def _unwritable(outputs: Mapping[int, Path], recipe: Recipe) -> list[IrisError]:
    """Return what is in the way of the products: a folder that cannot be written, products that exist."""
    parents = {next(one for one in path.absolute().parents if exists(one)) for path in outputs.values()}
    closed = [one for one in sorted(parents) if not (isdir(one) and access(one, W_OK))]
    if closed:
        return [InputError(f"{one} is not a folder that can be written; --output-dir names another") for one in closed]
    if recipe.output.overwrite:
        return []
    return [
        InputError(f"{path} exists; --overwrite replaces it, --output-dir writes elsewhere")
        for path in outputs.values()
        if exists(path)
    ]
