"""Which background exposures meet which step: the one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from iris_core.step import Step


class Meeting(Enum):
    """What a step has to do with the background exposures.

    FOLLOW: they go through it as the science exposure does. OFFERED: it is given them, and they end there.
    NONE: they are not there, or not concerned.
    """

    FOLLOW = "follow"
    OFFERED = "offered"
    NONE = "none"


def meet(steps: Sequence[Step], index: int, skips: Mapping[int, str]) -> Meeting:
    """Return how the background exposures meet a step of a recipe.

    They go in lock step with the science exposure through the steps before the first one that consumes them. A step
    that is skipped, by the recipe or by itself, consumes nothing.

    Parameters
    ----------
    steps
        The steps of the recipe.
    index
        Index of the step.
    skips
        By index, why a step has nothing to do, as far as that is known.
    """
    consuming = [i for i, step in enumerate(steps) if step.spec.consumes_backgrounds and not (step.skip or i in skips)]
    if steps[index].skip or not consuming or index > consuming[0]:
        return Meeting.NONE
    return Meeting.OFFERED if index == consuming[0] else Meeting.FOLLOW
