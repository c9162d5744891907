"""The two passes of the stage: plan, first look, objects, sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from iris_background import shared_components
from iris_objects import objects_of

from iris_core import Exposures, InputError, Removal, unit_string
from iris_sky._detect import find_objects
from iris_sky._first import first_stack
from iris_sky._given import of_grid
from iris_sky._level import Levels, Sample, measure_levels, take_sample
from iris_sky._masks import Masks
from iris_sky._near import apart_enough, middle_times, nearest, order_of
from iris_sky._notes import few_frames, stack_notes, unknown_times, warn
from iris_sky._place import Grid, make_grid
from iris_sky._second import Others, subtract_sky

if TYPE_CHECKING:
    from iris_objects import ObjectMask

    from iris_core import Doubles, Mask, References
    from iris_sky import SkyParams

__all__ = ["Plan", "plan_dither", "subtract_skies"]

_ALIKE = ("unit", "shape", "removed", "instrument", "detector", "filter", "pupil", "window")


@dataclass(frozen=True, slots=True)
class Plan:
    """What headers tell: where exposures lie, which others show the sky of each in either pass; the user's objects."""

    grid: Grid
    first: list[tuple[int, ...]]
    near: list[tuple[int, ...]]
    times: Doubles | None
    given: ObjectMask | None


def plan_dither(exposures: Exposures, params: SkyParams, references: References) -> Plan:
    """Return how the sky of exposures will be measured, from their outlines.

    Raises
    ------
    InputError
        When it cannot be.
    """
    outlines = exposures.outlines
    if len(outlines) < 2:
        found = ", ".join(f"1 of {one.meta.detector} ({one.name})" for one in outlines) or "no science exposure"
        raise InputError(
            f"dither_sky needs 2 exposures or more of each detector, and has {found}; the sky of one comes from "
            f"itself, background: {{params: {{method: from_science}}}}, or from background exposures"
        )
    _check_alike(exposures)
    grid = make_grid(outlines)
    distances, times = grid.distances, middle_times(outlines)
    apart = apart_enough(distances, params.min_dither, outlines)
    order, longest = (order_of(outlines), np.inf) if times is None else (times, params.minutes)
    first = nearest(order, apart, params.exposures, longest)
    near = nearest(order, np.ones_like(apart), params.exposures, longest)
    return Plan(grid, first, near, times, objects_of(references, outlines))


def _check_alike(exposures: Exposures) -> None:
    if cubes := [one.name for one in exposures.outlines if one.is_integrations]:
        raise InputError(
            f"{', '.join(cubes)}: integrations; dither_sky takes one image of each exposure: run average_integrations "
            f"before it"
        )
    exposures.check_alike(*_ALIKE)
    components = {tuple(sorted(one.variance)) for one in exposures.outlines}
    if len(components) > 1:
        listed = "; ".join(f"{one.name}: {', '.join(sorted(one.variance)) or 'none'}" for one in exposures.outlines)
        raise InputError(f"the exposures have different variance components ({listed}); calibrate all alike")


def subtract_skies(exposures: Exposures, params: SkyParams, references: References) -> Exposures:
    """Return exposures without their sky; those that are not science stay as they are."""
    parts = exposures.with_role("science").apart("detector")
    return exposures.together([_subtract(part, params, references) for part in parts])


def _subtract(science: Exposures, params: SkyParams, references: References) -> Exposures:
    """Return the exposures of one detector without their sky."""
    plan = plan_dither(science, params, references)
    sample = take_sample(science)
    levels = measure_levels(sample, params.match, [one.name for one in science.outlines])
    masks, notes = _find_masks(science, plan, params, sample, levels)
    levels = _levels_without(masks, sample, science, plan.grid, params)
    others = _others(science, plan, levels)
    return science.changed(
        subtract_sky,
        per={"others": others, "placement": plan.grid.placements},
        masks=masks,
        sigma=params.sigma,
        match=params.match,
        remarks=notes,
    )


def _find_masks(
    science: Exposures, plan: Plan, params: SkyParams, sample: Sample, levels: Levels
) -> tuple[Masks, tuple[str, ...]]:
    """Return the masks of the last pass, and notes on how they came about."""
    outline = science.outlines[0]
    image = None if plan.given is None else plan.given.of_image(outline.shape)
    fixed = np.zeros(plan.grid.shape, dtype=np.bool_)
    if plan.given is not None:
        fixed = of_grid(plan.given, plan.grid, outline)
    masks = Masks.of(fixed, image)
    warnings = [
        *few_frames(len(science)),
        *unknown_times(science.outlines, params.exposures),
        *_warn_of_dark(science, levels),
    ]
    notes: list[str] = []
    cautions = ["one pass: objects are not masked, and light f leaves -f/(n - 1)"]
    for done in range(1, params.passes):
        if done > 1:
            levels = _levels_without(masks, sample, science, plan.grid, params)
        stack = first_stack(science, levels, plan.first, plan.grid, masks)
        image_of, relative = stack.mean(levels.deviation)
        objects = find_objects(
            image_of, relative, threshold=params.threshold, isophote=params.isophote, fwhm=params.fwhm
        )
        masks = Masks.of(fixed | objects.mask, image)
        unit, farthest = unit_string(outline.unit), float(plan.grid.distances.max())
        notes, cautions = stack_notes(objects, done + 1, levels, unit, farthest)
    return masks, (*notes, *warn(outline.name, [*warnings, *cautions]))


def _warn_of_dark(science: Exposures, levels: Levels) -> Sequence[str]:
    if levels.match == "factor" and science.outlines[0].removed.get("dark") is not Removal.WHOLE:
        change = levels.values.max() / levels.values.min() - 1
        return [
            f"match: factor multiplies the dark current, too, by up to {100 * change:.1f} % more or less, because it "
            f"is still in the exposures; run dark_current first, or use match: offset"
        ]
    return []


def _levels_without(masks: Masks, sample: Sample, science: Exposures, grid: Grid, params: SkyParams) -> Levels:
    """Return the levels of the skies without the pixels of masks."""
    plane, shape, step = masks.plane(), science.outlines[0].shape, sample.step
    whole = slice(0, shape[0])
    thinned: list[Mask] = [masks.of_rows(plane, one, whole)[::step, ::step].ravel() for one in grid.placements]
    return measure_levels(sample.without(thinned), params.match, [one.name for one in science.outlines])


def _others(science: Exposures, plan: Plan, levels: Levels) -> list[Others]:
    """Return for each exposure those that show its sky, with what is needed to use them in another process."""
    shared = shared_components(science.outlines[0], science.outlines[1:])
    # Workers are told of all exposures for each of them: what is most of an outline, and of no use there, stays here.
    members = [one.with_outline(one.outline.replace(wcs=None)) for one in science.members]

    def shown(one: int, by: Sequence[int], every: Others | None = None) -> Others:
        times = None if plan.times is None else max(abs(plan.times[one] - plan.times[k]) for k in by)
        return Others(
            exposures=Exposures([members[k] for k in by]),
            factors=tuple(levels.factor(one, k) for k in by),
            offsets=tuple(levels.offset(one, k) for k in by),
            placements=tuple(plan.grid.placements[k] for k in by),
            noise=levels.noise(one, by),
            shared=shared,
            minutes=None if times is None else float(times),
            every=every,
        )

    found = []
    for one, near in enumerate(plan.near):
        every = tuple(k for k in range(len(science)) if k != one)
        found.append(shown(one, near, None if every == near else shown(one, every)))
    return found
