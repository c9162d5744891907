"""What is checked before and after every stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from iris_core.arrays import row_blocks
from iris_core.dq import DQ
from iris_core.errors import StageContractError, StageSkipped, choices
from iris_core.exposure import Exposure, is_masked
from iris_core.exposures import Exposures, Result
from iris_core.keywords import parse_unit
from iris_core.stages import StageSpec, call_with_named
from iris_core.state import check_state, is_removed
from iris_core.step import GroupInputs, StageInputs, Step

_FRAMEWORK = ("history", "done", "removed")


def check_step(step: Step, inputs: StageInputs, *, outline_only: bool = False) -> Exposure:
    """Check that a stage can run, and return the exposure, or the outline as the stage will leave it.

    Parameters
    ----------
    step
        The step.
    inputs
        What the stage will be given: outlines before the run, exposures right before the stage.
    outline_only
        Whether these are outlines; a stage that looks at headers only is checked on these alone.

    Raises
    ------
    InputError
        When the stage was done already, or its own check refuses the exposure.
    StageSkipped
        When the stage has nothing to do.
    """
    check_state(step, inputs.exposure)
    declared, skies, result = step.declared, inputs.background_exposures, None
    # A check looks at no pixels.
    arguments = {"params": step.params, **inputs.arguments(), "background_exposures": getattr(skies, "outlines", skies)}
    if declared.check and (outline_only or not declared.headers_only):
        result = call_with_named(declared.check, arguments)
    elif declared.headers_only and outline_only:
        result = step.hook(**arguments)
    if result is not None and not isinstance(result, Exposure):
        kind = type(result).__name__
        raise StageContractError(f"{step.implementation}: the check of {step.stage} returned {kind}, not an Exposure")
    return result or inputs.exposure


def check_group(step: Step, inputs: GroupInputs) -> Exposures | Exposure:
    """Check that a stage of many exposures can run, and return them, or the one it makes, as it will leave them.

    Parameters
    ----------
    step
        The step.
    inputs
        What the stage will be given; the check looks at outlines only.

    Raises
    ------
    InputError
        When the stage was done already, or its own check refuses the exposures.
    StageSkipped
        When the stage has nothing to do.
    """
    exposures = inputs.exposures
    for outline in exposures.outlines:
        check_state(step, outline)
    if exposures.outlines and all(is_removed(step, outline) for outline in exposures.outlines):
        raise StageSkipped(f"{step.spec.removes} already removed by an earlier stage")
    check = step.declared.check
    made = check and call_with_named(check, {"params": step.params, **inputs.arguments()})
    if made is not None and not isinstance(made, Exposure if step.spec.makes == "one" else Exposures):
        raise StageContractError(f"{step.implementation}: the check of {step.stage} returned {type(made).__name__}")
    return made or (exposures.outlines[0] if step.spec.makes == "one" else exposures)


def group_result(step: Step, before: Exposures, returned: Any) -> Result[Exposures | Exposure]:
    """Return what a stage of many exposures returned when it keeps the contract of stages.

    The one exposure that it makes of them is based on `Exposures.merged`, or on one of them.

    The pixels of exposures that it changed have been checked one by one: see `Exposures.changed`.
    """
    made = result_of(step, returned)
    exposure = made.exposure
    if step.spec.makes == "one":
        return replace(made, exposure=check_contract(step, _base_of(before, exposure), exposure))
    if not isinstance(exposure, Exposures) or len(exposure) != len(before):
        number = f"{len(exposure)} exposures" if isinstance(exposure, Exposures) else type(exposure).__name__
        raise StageContractError(f"{step} returned {number}; it was given {len(before)} exposures")
    for old, new in zip(before.outlines, exposure.outlines, strict=True):
        check_facts(str(step), step.spec, old, new)
    return made


def _base_of(before: Exposures, made: Any) -> Exposure:
    """Return the exposure with which to compare what was made of many: with that part of their past which it has."""
    first, outlines = before.outlines[0], before.outlines
    if not isinstance(made, Exposure):
        return first
    known = [replace(record, notes=()) for one in outlines for record in one.history]
    done = frozenset().union(*(one.done for one in outlines))
    removed = [item for one in outlines for item in one.removed.items()]
    past: dict[str, Any] = {}
    past |= {"history": made.history} if all(replace(one, notes=()) in known for one in made.history) else {}
    past |= {"done": made.done} if made.done <= done else {}
    past |= {"removed": made.removed} if all(item in removed for item in made.removed.items()) else {}
    return first.replace(**past)


def result_of(step: Step, returned: Any) -> Result[Any]:
    """Return what a stage returned with the tables and images that its specification declares, and no others."""
    made = returned if isinstance(returned, Result) else Result(exposure=returned)
    for what in ("tables", "images"):
        given, declared = getattr(made, what), getattr(step.spec, what)
        if set(given) != set(declared):
            raise StageContractError(f"{step} made the {what} {choices(given)}; it declares {choices(declared)}")
    return made


def check_contract(step: Step, before: Exposure, after: Any) -> Exposure:
    """Return `after`, the result of `step`, when it keeps the contract of stages.

    Raises
    ------
    StageContractError
        When it is no exposure, has another shape or another unit than the stage gives, lost DQ bits, changed
        what the framework records, or has NaN without DO_NOT_USE or the reverse; with the number of pixels.
    """
    return check_result(str(step), step.spec, before, after)


def check_result(who: str, spec: StageSpec, before: Exposure, after: Any) -> Exposure:
    """Return the result of a stage, as `check_contract` does, in a process that has no plugins."""
    if not isinstance(after, Exposure):
        forgotten = "; does its function end without 'return'?" if after is None else ""
        raise StageContractError(f"{who} returned {type(after).__name__}, not an Exposure{forgotten}")
    check_facts(who, spec, before, after)
    if not spec.reshapes:
        _check_pixels_kept(who, before, after)
    changed = any(getattr(after, name) is not getattr(before, name) for name in ("data", "dq", "variance"))
    if changed and not is_masked(after):
        _check_invalid(who, after)
    return after


def check_facts(who: str, spec: StageSpec, before: Exposure, after: Exposure) -> None:
    """Refuse a result in another unit than the stage gives, or with what only the framework writes."""
    for name in _FRAMEWORK:
        if getattr(after, name) != getattr(before, name):
            raise StageContractError(f"{who} changed '{name}' of the exposure, which only the framework writes")
    _check_unit(who, spec.unit, before, after)


def _check_unit(who: str, declared: str, before: Exposure, after: Exposure) -> None:
    if after.unit is None:
        raise StageContractError(f"{who} returned an exposure without a unit")
    wanted = parse_unit(declared) if declared else before.unit
    if after.unit != wanted:
        rule = f"its results are in {declared}" if declared else f"it keeps the unit, {before.unit}"
        raise StageContractError(f"{who} returned an exposure in {after.unit}; {rule}")


def _check_pixels_kept(who: str, before: Exposure, after: Exposure) -> None:
    if after.data.shape != before.data.shape:
        change = f"changed the shape from {before.data.shape} to {after.data.shape}"
        raise StageContractError(f"{who} {change}; only a stage declared with reshapes=True may")
    if after.dq is not before.dq:
        blocks = row_blocks(after.dq.shape)
        lost = sum(np.count_nonzero(before.dq[block] & ~after.dq[block]) for block in blocks)
        if lost:
            raise StageContractError(f"{who} removed DQ bits in {lost} pixels; bits are only ever added")


def _check_invalid(who: str, exposure: Exposure) -> None:
    unusable = (exposure.dq & DQ.DO_NOT_USE) != 0
    for name, plane in {"data": exposure.data, **exposure.variance}.items():
        wrong = (np.count_nonzero(np.isfinite(plane[block]) == unusable[block]) for block in row_blocks(plane.shape))
        if count := sum(wrong):
            wrong_pixels = f"in {count} pixels {name} is NaN without DO_NOT_USE, or finite with it"
            raise StageContractError(f"{who}: {wrong_pixels}; end the stage with exposure.mask_invalid()")
