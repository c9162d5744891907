"""Frames of known truth, and the stages that combine them, called as the runner does: after their check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import iris_masters
import numpy as np
import pytest
from iris_testkit import iris_mode, make_exposure

from iris_core import Exposure, Exposures

Combine = Callable[..., Exposure]


def frames_of(values: Sequence[Any], **options: Any) -> list[Exposure]:
    """Return an exposure for each value: planes, or the same number in all pixels; error 1 unless it is said."""
    shape = np.shape(values[0])[-2:] or (4, 5)
    options = {"poisson": 0.5, "rnoise": 0.5, **options}
    return [make_exposure(shape, value=one, path=Path(f"x{i}_rate.fits"), **options) for i, one in enumerate(values)]


@pytest.fixture
def frames() -> Callable[..., list[Exposure]]:
    """Return `frames_of`."""
    return frames_of


@pytest.fixture
def combine() -> Combine:
    """Combine exposures, by default darks, with parameters by name."""

    def call(exposures: Sequence[Exposure], role: str = "dark", **params: Any) -> Exposure:
        given = Exposures.of(exposures, roles=[role] * len(exposures))
        known = iris_masters.CombineParams(**params)
        iris_masters.check_frames(given, known)
        return iris_masters.combine_exposures(given, known)

    return call


@pytest.fixture
def combine_flat() -> Combine:
    """Combine exposures with the lamp on, and off, with parameters by name."""

    def call(on: Sequence[Exposure], off: Sequence[Exposure] = (), **params: Any) -> Exposure:
        mode = params.pop("mode", None) or iris_mode()
        given = Exposures.of([*on, *off], roles=["flat"] * len(on) + ["flat_off"] * len(off))
        known = iris_masters.FlatParams(**params)
        iris_masters.check_flats(given, known, mode)
        return iris_masters.combine_flats(given, known, mode)

    return call


@pytest.fixture
def make_mask() -> Combine:
    """Make a mask of darks and flats, with parameters by name."""

    def call(darks: Sequence[Exposure], flats: Sequence[Exposure], **params: Any) -> Exposure:
        given = Exposures.of([*darks, *flats], roles=["dark"] * len(darks) + ["flat"] * len(flats))
        known = iris_masters.MaskParams(**params)
        iris_masters.check_members(given, known)
        return iris_masters.mask_pixels(given, known)

    return call
