"""The simulation of a survey agrees with what can be worked out by hand: otherwise its hours mean nothing."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
AMPLE = {"exposures": 4000, "workers": 10, "chunk": 10, "bandwidth": 1e30, "volume": 1.0, "seconds": 1.0, "rate": 1e9}


@pytest.fixture
def survey(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the script defines."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return runpy.run_path(str(BENCHMARKS / "survey.py"))


@pytest.mark.parametrize(
    ("scarce", "limit", "seconds"),
    [
        ({}, "cores", 400.0),
        ({"bandwidth": 1.0}, "files", 4000.0),
        ({"rate": 0.1}, "scheduler", 4000.0),
        ({"chunk": 1, "rate": 5.0}, "scheduler", 800.0),
    ],
)
def test_what_is_scarce_sets_the_time(
    survey: dict[str, Any], scarce: dict[str, float], limit: str, seconds: float
) -> None:
    made = survey["Survey"](**{**AMPLE, **scarce})
    paper = survey["on_paper"](made)
    assert paper[limit] == max(paper.values()) == pytest.approx(seconds)
    assert survey["simulate"](made) == pytest.approx(seconds, rel=0.01)


def test_workers_that_are_lost_cost_half_a_task_each(survey: dict[str, Any]) -> None:
    """Every second task is lost, so for each that is done another one was lost, half-way on average."""
    made = survey["Survey"](**{**AMPLE, "exposures": 40000, "lost": 0.5})
    assert survey["simulate"](made) == pytest.approx(1.5 * 4000, rel=0.05)


def test_a_survey_beyond_what_is_simulated_is_in_proportion(survey: dict[str, Any]) -> None:
    survey["simulate"].__globals__["MOST_TASKS"] = 400
    times = [survey["simulate"](survey["Survey"](**{**AMPLE, "exposures": number})) for number in (4000, 12000)]
    assert times[1] == pytest.approx(3 * times[0])
