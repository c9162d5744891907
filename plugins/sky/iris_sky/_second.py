"""The second pass: from one exposure the sky of the others, without their objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from iris_background import Frame, Noise, Sky, combine, measure_residual

from iris_core import DQ, Exposure, Exposures, Image, in_threads, thread_safe, unit_string
from iris_sky._notes import notes_of

if TYPE_CHECKING:
    from iris_core import Mask
    from iris_sky._masks import Masks
    from iris_sky._place import Placement

__all__ = ["Others", "subtract_sky"]

# Rows of which the planes of all other exposures are in memory at a time; several exposures are worked on at once.
_ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The exposures that show the sky of one exposure.

    Parameters
    ----------
    exposures
        Them.
    factors, offsets
        What brings each to the level of the exposure.
    placements
        Where each lies on the grid.
    noise
        What their clip goes by.
    shared
        Components of the variance whose error is the same in all.
    minutes
        The longest time between one and the exposure; None where times are not known.
    every
        All other exposures: they show the sky where objects hide it in the nearest. None where these are all.
    """

    exposures: Exposures
    factors: tuple[float, ...]
    offsets: tuple[float, ...]
    placements: tuple[Placement, ...]
    noise: Noise
    shared: tuple[str, ...]
    minutes: float | None
    every: Others | None = None


@thread_safe
def subtract_sky(
    exposure: Exposure,
    others: Others,
    placement: Placement,
    masks: Masks,
    sigma: float,
    match: str,
    remarks: Sequence[str],
) -> Exposure:
    """Return an exposure without its sky: the clipped mean of others at its level, their objects masked.

    Parameters
    ----------
    exposure
        ``(ny, nx)``, in any unit.
    others
        The other exposures.
    placement
        Where the exposure lies on the grid.
    masks
        What is masked.
    sigma
        Where the clip is, in standard deviations.
    match
        How others were brought to its level.
    remarks
        Notes on all exposures together.
    """
    grid = masks.plane()
    sky = _sky(exposure, others, masks, grid, sigma)
    assert sky.dq is not None
    data = exposure.data - sky.data
    # A plane that has not changed is not written.
    dq = exposure.dq | sky.dq if sky.dq.any() else exposure.dq
    subtracted = exposure.replace(data=data, dq=dq, variance=_net_variance(exposure, data, others))
    if sky.variance is not None:
        subtracted = subtracted.add_variance("background", sky.variance)
    masked = float(masks.of_rows(grid, placement, slice(0, exposure.shape[0])).mean())
    return _recorded(exposure, subtracted.mask_invalid(), sky, others, match, masked, remarks)


def _recorded(
    before: Exposure,
    exposure: Exposure,
    sky: Sky,
    others: Others,
    match: str,
    masked: float,
    remarks: Sequence[str],
) -> Exposure:
    residual = measure_residual(exposure, sky.data)
    usable = (before.dq & DQ.DO_NOT_USE) == 0
    lost = int(np.count_nonzero(usable & np.isnan(sky.data))) / max(1, int(np.count_nonzero(usable)))
    cards: Mapping[str, tuple[Any, str]] = {
        "BKGMETH": ("dither", "where the background came from"),
        "BKGNEXP": (len(others.exposures), "number of exposures that show the sky"),
        "MASKFRAC": (float(f"{masked:.4g}"), "fraction of the pixels with masked objects"),
        "FRACNAN": (float(f"{lost:.4g}"), "fraction of good pixels lost: no sky known"),
        **residual.cards(unit_string(exposure.unit)),
    }
    names = [one.name for one in others.exposures.outlines]
    notes = notes_of(exposure, names, others.minutes, residual, match, masked, lost, sky.notes)
    return exposure.with_keywords(cards).replace(notes=(*exposure.notes, *remarks, *notes))


def _net_variance(exposure: Exposure, left: Image, others: Others) -> dict[str, Image]:
    """Return the variance of an exposure of which `left` is left by its sky, that of the sky itself apart.

    The error of one dark is in the exposure and in all others, times their factors; that of one flat is proportional
    to the light, so that it acts on what is left.
    """
    variance = dict(exposure.variance)
    if "dark" in others.shared:
        variance["dark"] = variance["dark"] * np.float32((1 - np.mean(others.factors)) ** 2)
    if "flat" in others.shared:
        part = left + np.float32(np.mean(others.offsets))
        np.divide(part, exposure.data, out=part, where=exposure.data != 0)
        variance["flat"] = np.multiply(variance["flat"], np.square(part, out=part), out=part)
    return variance


def _sky(exposure: Exposure, others: Others, masks: Masks, grid: Mask, sigma: float) -> Sky:
    """Return the sky of an exposure, some rows at a time over threads; `grid` is the mask of the grid."""
    shape = exposure.shape
    mean, variance = (np.empty(shape, dtype=np.float32) for _ in range(2))
    dq = np.empty(shape, dtype=np.uint32)

    def put(part: slice) -> int:
        stack = combine(_frames(part, others, masks, grid), sigma, others.noise)
        clipped = sum(stack.clipped)
        mean[part], dq[part] = stack.mean, stack.dq
        variance[part] = stack.variance if stack.variance is not None else others.noise.deviation**2
        hidden = np.isnan(stack.mean) & np.isfinite(exposure.data[part])
        if others.every is not None and hidden.any():
            # As one row of pixels: all else is known.
            some = tuple(index[np.newaxis] for index in np.nonzero(hidden))
            stack = combine(_frames(part, others.every, masks, grid, some), sigma, others.every.noise)
            mean[part][some], dq[part][some] = stack.mean, stack.dq
            if stack.variance is not None:
                variance[part][some] = stack.variance
        return clipped

    parts = (slice(start, min(start + _ROWS, shape[0])) for start in range(0, shape[0], _ROWS))
    clipped = sum(in_threads(put, parts))
    known = variance if exposure.variance else None
    notes = (f"{clipped} values of the other exposures clipped at {sigma:g} standard deviations",)
    return Sky(data=mean, variance=known, dq=dq, notes=notes)


def _frames(part: slice, others: Others, masks: Masks, grid: Mask, some: Any = ...) -> list[Frame]:
    """Return `some` pixels of some rows of the others as images at the level of the exposure, their objects masked."""
    frames = []
    for k, (member, placement) in enumerate(zip(others.exposures.members, others.placements, strict=True)):
        names = [name for name in member.outline.variance if others.noise.known and name not in others.shared]
        known = tuple(member.rows(f"variance:{name}", part)[some] for name in names)
        data, dq = (member.rows(name, part)[some] for name in ("data", "dq"))
        hidden = masks.of_rows(grid, placement, part)[some]
        frames.append(Frame(data, dq, known, {}, others.factors[k], others.offsets[k], hidden))
    return frames
