"""The error of a mean of integrations is true, whatever they have in common: Monte Carlo."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import iris_integrations
import numpy as np
import pytest
from iris_testkit import make_exposure, make_reference, run_stage

from iris_core import Doubles, Exposure, read_exposure, write_exposure

SHAPE, NINT, SKY, RATE = (96, 96), 4, 20.0, 30.0
OWN = 1.5  # variance of a pixel of make_exposure


def installed(name: str) -> ModuleType:
    return pytest.importorskip(name)  # type: ignore[no-any-return]


def pulls(mean: Exposure, truth: float) -> Doubles:
    assert mean.err is not None
    return np.asarray((mean.data - truth) / mean.err, dtype=np.float64)


def spread(found: list[Doubles]) -> float:
    return float(np.sqrt(np.mean(np.square(found))))


def average(exposure: Exposure) -> Exposure:
    return run_stage(iris_integrations, exposure)


def cube(value: float, seed: int) -> Exposure:
    return make_exposure(SHAPE, value=value, nint=NINT, seed=seed)


@pytest.mark.parametrize("number", [1, 4])
def test_with_backgrounds_that_all_integrations_share(number: int) -> None:
    background = installed("iris_background")
    found = []
    for seed in range(0, 40, 10):
        skies = [make_exposure(SHAPE, value=SKY, seed=seed + 1 + one) for one in range(number)]
        subtracted = run_stage(background, cube(SKY + RATE, seed), backgrounds=skies, sigma=10.0)
        mean = average(subtracted)
        found.append(pulls(mean, RATE))
    assert mean.err is not None
    np.testing.assert_allclose(np.median(mean.err), np.sqrt(OWN / NINT + OWN / number), rtol=1e-3)
    assert spread(found) == pytest.approx(1, abs=0.02)


def references(folder: Path, seed: int) -> dict[str, Any]:
    """Return a dark and a flat that are wrong by their errors."""
    rng = np.random.default_rng(seed)
    dark, flat = 2 + 0.5 * rng.standard_normal(SHAPE), 1 + 0.02 * rng.standard_normal(SHAPE)
    return {
        "dark": make_reference(folder / f"dark{seed}.fits", "dark", dark, err=np.full(SHAPE, 0.5), unit="electron/s"),
        "flat": make_reference(folder / f"flat{seed}.fits", "flat", flat, err=np.full(SHAPE, 0.02)),
    }


@pytest.mark.parametrize("suffix", ["", "fits", "asdf"])
def test_with_the_errors_of_dark_and_flat(suffix: str, tmp_path: Path) -> None:
    """At once, or from a file that was written in between."""
    dark, flat = installed("iris_dark"), installed("iris_flat")
    found = []
    for seed in range(4):
        given = references(tmp_path, seed)
        calibrated = run_stage(dark, cube(RATE + 2, 100 + seed), references=[given["dark"]])
        calibrated = run_stage(flat, calibrated, references=[given["flat"]])
        if suffix:
            path = tmp_path / f"x{seed}_calints.{suffix}"
            write_exposure(calibrated, path)
            calibrated = read_exposure(path)
        assert calibrated.common == {"dark", "flat"}
        found.append(pulls(average(calibrated), RATE))
    assert spread(found) == pytest.approx(1, abs=0.02)
