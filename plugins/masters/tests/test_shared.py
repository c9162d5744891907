"""One dark subtracted from all frames: the errors of the result are true over many realisations of that dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, Removal

SHAPE, DARK, NOISE, NUMBER = (128, 128), 2.0, 3.0, 4


def without_dark(levels: Any, seed: int) -> list[Exposure]:
    """Return frames of which one noisy dark has been subtracted; its error is a component of each."""
    error = np.random.default_rng(100 + seed).normal(0, DARK, SHAPE)
    made = []
    for number, level in enumerate(levels):
        noise = {"poisson": NOISE**2, "rnoise": 0.0, "seed": 1000 * seed + number}
        one = make_exposure(SHAPE, value=level + error, exposure_time=1.0, path=Path(f"x{number}.fits"), **noise)
        made.append(one.add_variance("dark", np.full(SHAPE, DARK**2)).replace(removed={"dark": Removal.WHOLE}))
    return made


@pytest.mark.parametrize("method", ["mean", "median"])
def test_of_a_mean(combine: Callable[..., Exposure], method: str) -> None:
    """Square root of 9/4 + 4, not of 13/4."""
    pulls = []
    for seed in range(4):
        made = combine(without_dark([100.0] * NUMBER, seed), "science", method=method)
        assert made.err is not None
        pulls.append((made.data - 100) / made.err)
    assert np.std(pulls) == pytest.approx(1, abs=0.02)
    assert made.variance["dark"][0, 0] == pytest.approx(4)


@pytest.mark.parametrize(
    ("method", "dark"), [("on-off", 4.0), ("scaled", 4.0), ("slope", 0.0)], ids=lambda value: str(value)
)
def test_of_a_flat(combine_flat: Callable[..., Exposure], method: str, dark: float) -> None:
    """In the slope it cancels: it is the same at all levels."""
    levels = [100.0] * NUMBER if method == "on-off" else [100.0, 200.0, 300.0, 400.0]
    mean, pulls = np.mean(levels), []
    for seed in range(4):
        made = combine_flat(without_dark(levels, seed), method=method, thermal=9)
        assert made.err is not None
        pulls.append((made.data - np.median(made.data)) / made.err)
        assert np.median(made.data) == pytest.approx(mean, rel=0.01)
    assert np.std(pulls) == pytest.approx(1, abs=0.02)
    assert made.variance["dark"][0, 0] == pytest.approx(dark, rel=0.05, abs=1e-6)
