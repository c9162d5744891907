"""Which background exposures meet which step: the one rule."""

from __future__ import annotations

import pytest

from iris_core import Implementation, Params, StageImplementation, StageSpec, Step
from iris_core.lockstep import Meeting, meet

# One letter for a step: c consumes background exposures, x does not; the recipe skips those in capitals.
RULES = [
    ("c", {}, "O"),
    ("x", {}, "-"),
    ("xcx", {}, "fO-"),
    ("xXcx", {}, "f-O-"),
    ("cc", {}, "O-"),
    ("Cc", {}, "-O"),
    ("xCxcx", {}, "f-fO-"),
    ("xCx", {}, "---"),
    ("cc", {0: "why"}, "fO"),
    ("cxc", {0: "why"}, "ffO"),
    ("cc", {1: "why"}, "O-"),
    ("cc", {0: "why", 1: "why"}, "--"),
    ("xc", {0: "why"}, "fO"),
]
LETTERS = {Meeting.FOLLOW: "f", Meeting.OFFERED: "O", Meeting.NONE: "-"}


def step(letter: str) -> Step:
    spec = StageSpec(status="S_X", name="x", consumes_backgrounds=letter in "cC")
    implementation = Implementation("lab", "1", StageImplementation("x"))
    return Step(spec=spec, implementation=implementation, params=Params(), skip="why" if letter.isupper() else "")


@pytest.mark.parametrize(("letters", "skips", "meetings"), RULES)
def test_backgrounds_follow_up_to_the_first_step_that_consumes_them_and_is_not_skipped(
    letters: str, skips: dict[int, str], meetings: str
) -> None:
    steps = [step(letter) for letter in letters]
    assert "".join(LETTERS[meet(steps, index, skips)] for index in range(len(steps))) == meetings
