"""What an exposure has been through: stages that are done, and what they have taken out of the pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from iris_core.errors import InputError
from iris_core.exposure import Exposure
from iris_core.instruments import InstrumentMode
from iris_core.keywords import header_text, is_counts, parse_unit, unit_string
from iris_core.meta import Removal
from iris_core.stages import StageSpec
from iris_core.step import Step


def prepare_exposure(
    exposure: Exposure, mode: InstrumentMode, specs: Iterable[StageSpec], notes: Sequence[str] = ()
) -> Exposure:
    """Return an exposure, or an outline, with its mode, a unit, and what it has been through.

    Parameters
    ----------
    exposure
        As it was read.
    mode
        Its instrument mode.
    specs
        All declared stages: their keywords in the header tell what was done.
    notes
        Remarks for the history of the product.
    """
    exposure = _as_rate(exposure, mode)
    status = exposure.status
    done = [spec for spec in specs if spec.name in exposure.done or _recorded(spec, status)]
    unknown = dict.fromkeys((name for spec in done for name in spec.may_remove), Removal.UNKNOWN)
    whole = dict.fromkeys((spec.removes for spec in done if spec.removes), Removal.WHOLE)
    return exposure.replace(
        meta=replace(exposure.meta, mode=mode.name),
        done=exposure.done | {spec.name for spec in done} | _done_elsewhere(specs, exposure),
        removed={**unknown, **whole, **exposure.removed, **_removal_cards(specs, exposure)},
        notes=tuple(dict.fromkeys((*exposure.notes, *notes))),
    )


def _as_rate(exposure: Exposure, mode: InstrumentMode) -> Exposure:
    """Return an exposure with a unit; counts are divided by the exposure time where those of the mode are counts."""
    unit, seconds, own = exposure.unit, exposure.meta.exposure_time, parse_unit(mode.unit)
    if unit is None and "REFTYPE" in exposure.header:  # a flat, a mask: a ratio has no unit
        return exposure.replace(unit=parse_unit("1"))
    if unit is None:
        # Nobody can divide counts whose exposure time is not known: they stay as they are.
        unit = own / parse_unit("s") if is_counts(own) and seconds is None else own
        exposure = exposure.replace(unit=unit).note(f"no BUNIT: taken to be in {unit_string(unit)}")
    if not is_counts(unit):
        return exposure
    if seconds is None or not is_counts(own):
        remedy = f"divide by the exposure time and set BUNIT to {unit}/s, or name a mode whose files are counts"
        raise InputError(f"{exposure.name} is in {unit}, counts, EXPTIME {seconds}, and a rate is needed: {remedy}")
    rate = exposure.scale(1 / seconds) if any(exposure.data.strides) else exposure
    return rate.replace(unit=unit / parse_unit("s")).note(f"counts were divided by the exposure time, {seconds:g} s")


def _recorded(spec: StageSpec, status: Mapping[str, str]) -> list[str]:
    """Return the keywords that record a stage as done, ours or another pipeline's."""
    return [keyword for keyword in (spec.status, *spec.aliases) if status.get(keyword) == "COMPLETE"]


def _done_elsewhere(specs: Iterable[StageSpec], exposure: Exposure) -> set[str]:
    """Return the keywords of what other pipelines have done that no declared stage does."""
    known = {keyword for spec in specs for keyword in (spec.status, *spec.aliases)}
    return {keyword for keyword, status in exposure.status.items() if status == "COMPLETE" and keyword not in known}


def _removal_cards(specs: Iterable[StageSpec], exposure: Exposure) -> dict[str, Removal]:
    names = {name for spec in specs for name in spec.may_remove if _removal_keyword(name) in exposure.header}
    found = {name: str(exposure.header[_removal_keyword(name)]).strip().casefold() for name in names}
    for name, value in found.items():
        if value not in list(Removal):
            known = ", ".join(Removal).upper()
            raise InputError(f"{exposure.name}: {_removal_keyword(name)} = {value.upper()!r}; it is one of {known}")
    return {name: Removal(value) for name, value in found.items()}


def _removal_keyword(name: str) -> str:
    return f"RM_{name.upper()[:5]}"


def check_state(step: Step, exposure: Exposure) -> None:
    """Raise `InputError` when a stage must not run on an exposure: it was done, or its work was done in part."""
    if step.again:
        return
    if step.stage in exposure.done:
        keyword = (_recorded(step.spec, exposure.status) or [step.spec.status])[0]
        remedy = f"skip the step with --skip {step.stage}=REASON, or put 'again: true' in the recipe"
        raise InputError(f"{exposure.name}: {step.stage} was done already ({keyword} is COMPLETE); {remedy}")
    name = step.spec.removes
    state = exposure.removed.get(name, Removal.NO)
    if state is Removal.PART:
        remedy = f"{step.stage} cannot remove the rest of it; put {step.stage} before that stage"
        raise InputError(f"{exposure.name}: part of the {name} was removed by an earlier stage; {remedy}")
    if state is Removal.UNKNOWN:
        risk = f"the header does not record whether an earlier stage removed the {name}"
        remedy = f"put {step.stage} before it, or set {_removal_keyword(name)} in the primary header to WHOLE or NO"
        raise InputError(f"{exposure.name}: {risk}; {remedy}")


def is_removed(step: Step, exposure: Exposure) -> bool:
    """Whether another stage has removed already, and completely, what a step is to remove."""
    return not step.again and exposure.removed.get(step.spec.removes) is Removal.WHOLE


def pass_through(step: Step, exposure: Exposure, skipped: str = "") -> Exposure:
    """Return an exposure that records that it has been through a step, or why the step was skipped.

    What was done before stays COMPLETE when the step is skipped: the pixels have been through it.
    """
    header = exposure.header.copy()
    if skipped and step.stage in exposure.done:
        return exposure
    header[step.spec.status] = ("SKIPPED" if skipped else "COMPLETE", header_text(skipped or step.stage)[:46])
    if skipped:
        return exposure.replace(header=header)
    removed = dict(exposure.removed)
    for name, amount in step.removes.items():
        own, keyword, before = name == step.spec.removes, _removal_keyword(name), removed.get(name)
        stays = before is not None if amount is Removal.NO else before in (amount, Removal.WHOLE)
        if before is not amount if own else not stays:
            removed[name] = amount
            if not own or keyword in header:  # the keyword of a stage records its own work
                header[keyword] = (amount.upper(), f"{name} removed by {step.stage}")
    return exposure.replace(header=header, done=exposure.done | {step.stage}, removed=removed)
