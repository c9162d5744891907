"""Exposures between stages, in files: their rows are those that they have in memory, whatever takes no memory there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, Exposures
from iris_core.workers.spill import spill


@pytest.fixture
def plain() -> Exposure:
    """Return an exposure like one of a file that has no DQ, with a variance that is one number."""
    exposure = make_exposure((6, 4), value=3.0, seed=1)
    zero, nine = np.uint32(0), np.float32(9)
    variance = {**exposure.variance, "rnoise": np.broadcast_to(nine, (6, 4))}
    return exposure.replace(dq=np.broadcast_to(zero, (6, 4)), variance=variance)


@pytest.mark.parametrize("plane", ["data", "dq", "variance", "variance:rnoise", "variance:poisson"])
def test_rows_of_planes_that_are_one_value_are_there_too(plain: Exposure, plane: str, tmp_path: Path) -> None:
    stored = spill(plain, tmp_path / "planes")
    for rows, same in zip(
        Exposures([stored]).rows(plane, budget=32), Exposures.of([plain]).rows(plane, budget=32), strict=True
    ):
        assert rows.where == same.where
        np.testing.assert_array_equal(rows.planes[plane], same.planes[plane])


def test_what_is_read_again_is_what_was_written(plain: Exposure, tmp_path: Path) -> None:
    again = spill(plain, tmp_path / "planes").read()
    np.testing.assert_array_equal(again.data, plain.data)
    np.testing.assert_array_equal(again.dq, plain.dq)
    for name, plane in plain.variance.items():
        np.testing.assert_array_equal(again.variance[name], plane)
