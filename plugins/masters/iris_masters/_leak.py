"""The levels of darks: light that leaked into one of them, and the first of a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from iris_core import InputError

if TYPE_CHECKING:
    from iris_core import Doubles
    from iris_masters._stack import Stack

__all__ = ["note_levels"]

# Errors of a level by which it may differ before that is noted.
_CERTAIN = 5.0
# What is less than this part of the noise of a value shows in no pixel.
_VISIBLE = 0.1


def note_levels(stack: Stack, leak: float) -> list[str]:
    """Return notes on the levels of darks; none for other exposures but those of frames that are not used.

    Parameters
    ----------
    stack
        The stack.
    leak
        The part of their median by which the level of a dark may differ from it.

    Raises
    ------
    InputError
        When it differs by more, by more than five errors, and by more than a tenth of the noise of a value.
    """
    levels, errors = stack.sample.levels(), stack.sample.level_errors()
    middle = float(np.median(levels))
    notes = [*_skipped(stack, middle)]
    if set(stack.exposures.roles) != {"dark"} or len(stack) < 2:
        return notes
    tolerance = _CERTAIN * np.hypot(errors, np.median(errors) / np.sqrt(len(levels)))
    apart = np.abs(levels - middle)
    visible = np.maximum(leak * abs(middle), _VISIBLE * stack.sample.noise())
    refused = np.flatnonzero((apart > visible) & (apart > tolerance))
    if refused.size:
        raise InputError(_refusal(stack, levels, middle, refused.tolist(), leak))
    return notes + [
        f"the level of {stack.names[number]} is {levels[number]:.5g}, that of the darks {middle:.5g}"
        for number in np.flatnonzero(apart > tolerance)
    ]


def _skipped(stack: Stack, middle: float) -> Iterator[str]:
    every = stack.whole.levels()
    for number in sorted(set(range(len(every))) - set(stack.images)):
        yield f"{stack.name(number)} was skipped; its level is {every[number]:.5g}, that of the others {middle:.5g}"


def _refusal(stack: Stack, levels: Doubles, middle: float, refused: list[int], leak: float) -> str:
    named = ", ".join(f"{levels[number]:.5g} in {stack.names[number]}" for number in refused)
    return (
        f"the level of the darks is {middle:.5g} {stack.exposures.outlines[0].unit}, but {named}, more than "
        f"{leak:.0%} off: light has leaked in, or it was the first of a sequence (skip_first); combine the others"
    )
