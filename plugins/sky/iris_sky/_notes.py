"""The notes in the record of the stage, and warnings for its user."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from iris_core import Exposure, unit_string

if TYPE_CHECKING:
    from iris_background import Residual

    from iris_sky._detect import Objects
    from iris_sky._level import Levels

__all__ = ["few_frames", "notes_of", "stack_notes", "unknown_times", "warn"]

log = logging.getLogger(__name__)

# A larger part of the pixels without sky is worth a warning.
_MANY_LOST = 0.05
# With fewer exposures a clip cannot tell which value is wrong.
_FEWEST = 4


def warn(name: str, notes: Sequence[str]) -> tuple[str, ...]:
    """Log notes as warnings, and return them for the record."""
    for note in notes:
        log.warning("%s: dither_sky: %s", name, note)
    return tuple(notes)


def few_frames(number: int) -> Iterator[str]:
    """Yield what few exposures assume."""
    if number == 2:
        yield (
            "2 exposures: the sky of one is the other with its objects masked; nothing is clipped, a cosmic ray leaves "
            "a hole, and the variance is twice that of one exposure; take 4 exposures or more"
        )
    elif number < _FEWEST:
        yield (
            f"{number} exposures: the sky is the mean of 2 others with their objects masked, the lower value where "
            f"they differ by more than 5 standard deviations: light only adds; take 4 exposures or more"
        )


def unknown_times(outlines: Sequence[Exposure], number: int) -> Iterator[str]:
    """Yield which exposures have no time, where that decides which of the others are the nearest."""
    unknown = [one.name for one in outlines if one.meta.start_time is None]
    if unknown and number < len(outlines) - 1:
        yield (
            f"no DATE-OBS with the time in {', '.join(unknown[:3])}{' ...' if unknown[3:] else ''}: the nearest "
            f"exposures are those next in the order of the file names"
        )


def stack_notes(
    objects: Objects, passes: int, levels: Levels, unit: str, farthest: float
) -> tuple[list[str], list[str]]:
    """Return notes on all exposures together, and warnings.

    Parameters
    ----------
    objects
        What the last stack has shown.
    passes
        How many there were.
    levels
        Of the skies.
    unit
        Of the exposures.
    farthest
        The longest distance between two exposures, pixels.
    """
    low, high = levels.values.min(), levels.values.max()
    noise = f"{objects.deviation:.3g} {unit}"
    notes = [
        f"passes: {passes}; sky from {low:.6g} to {high:.6g} {unit}, match: {levels.match}; "
        f"{_wrong_choice(levels, unit)}",
        f"{objects.number} objects masked, found in a stack with a standard deviation of {noise}",
    ]
    warnings = []
    if (found := objects.brightest) is not None:
        whole = found.kept + found.taken
        share = found.taken / whole if whole > 0 else 0.0
        halo = (
            f"largest mask: radius {found.radius:.0f} pixels, halo kept {found.kept:.4g} {unit}, halo taken as sky "
            f"{found.taken:.3g} ({100 * share:.2f} %)"
        )
        if farthest < 2 * found.radius:
            warnings.append(
                f"{halo}; the dither of at most {farthest:.0f} pixels is smaller than twice that radius: few "
                f"exposures show the sky under it, or none; dither farther, or take background exposures"
            )
        else:
            notes.append(halo)
    return notes, warnings


def _wrong_choice(levels: Levels, unit: str) -> str:
    """Return what the other choice of match would leave of the sky's pattern, or that of the flat."""
    drift = levels.values.max() - levels.values.min()
    if levels.match == "factor":
        left, other = drift * levels.pattern, "offset"
    else:
        middle = abs(levels.values.mean())
        left, other = drift * levels.pattern / middle if middle > 0 else 0.0, "factor"
    return f"match: {other} would differ by up to {left:.3g} {unit}, the sky's pattern times its drift"


def notes_of(
    exposure: Exposure,
    names: Sequence[str],
    minutes: float | None,
    residual: Residual,
    match: str,
    masked: float,
    lost: float,
    more: Sequence[str],
) -> list[str]:
    """Return the notes on one exposure; those to beware of are logged as warnings, too."""
    when = "in order, their times are not known" if minutes is None else f"within {minutes:.1f} min"
    notes = [
        f"sky of {len(names)} exposures {when}: {', '.join(names)}",
        f"{100 * masked:.2f} % of the pixels masked, {100 * lost:.2f} % without sky (NaN)",
        *more,
    ]
    warnings = []
    if lost > _MANY_LOST:
        warnings.append(
            f"{100 * lost:.1f} % of the pixels have no sky: objects cover them in all other exposures; "
            f"dither farther, take more exposures, or background exposures of another field"
        )
    if residual.is_significant:
        amount = f"{residual.left:.3g} +- {residual.error:.1g} {unit_string(exposure.unit)}"
        other = "offset (thermal light)" if match == "factor" else "factor (airglow)"
        warnings.append(f"sky is left: {amount}; sources fill the field, or match: {other} is the better choice")
    return [*notes, *warn(exposure.name, warnings)]
