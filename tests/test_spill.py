"""Exposures between stages, in files: their rows are those that they have in memory, whatever takes no memory there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, Exposures
from iris_core.workers.spill import Room, Stored, spill


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


def test_planes_stay_in_memory_while_there_is_room_and_give_it_back(tmp_path: Path) -> None:
    exposure = make_exposure((6, 4), poisson=1.0, seed=1)
    size, poisson = exposure.data.nbytes, exposure.variance["poisson"].copy()
    room = Room(2 * size + size // 2)
    stored = spill(exposure, tmp_path / "planes", room=room)
    del exposure
    assert room.left == size // 2
    assert stored.read().data is stored.planes["data"]
    assert (tmp_path / "planes").stat().st_size == size * (len(stored.planes) - 2)  # those for which there was none
    np.testing.assert_array_equal(stored.read().variance["poisson"], poisson)
    del stored
    assert room.left == 2 * size + size // 2


def test_a_part_of_a_larger_array_is_written_and_does_not_hold_the_whole(plain: Exposure, tmp_path: Path) -> None:
    whole = np.zeros((100, 4), dtype=np.float32)
    part = plain.replace(data=whole[:6], dq=np.zeros((6, 4), dtype=np.uint32), variance={})
    assert isinstance(spill(part, tmp_path / "planes", room=Room(1 << 20)).planes["data"], Stored)
