"""Exposures between stages, in files: their rows are those that they have in memory, whatever takes no memory there."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, BrokenBarrierError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import Exposure, Exposures, Image, thread_safe
from iris_core.workers.groups import _files, _remove
from iris_core.workers.spill import DiskPool, Patched, Room, Stored, spill


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


MEETING = Barrier(2)


def meet(exposure: Exposure, add: float) -> Exposure:
    """Return a changed exposure when another thread is here, too."""
    MEETING.wait(1)
    return exposure.replace(data=exposure.data + np.float32(add))


@thread_safe
def meet_safely(exposure: Exposure, add: float) -> Exposure:
    return meet(exposure, add)


def test_a_thread_safe_function_is_called_for_two_exposures_at_a_time_and_no_other_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iris_core.rows.usable_threads", lambda: 8)
    given = [make_exposure((6, 4), value=float(at)) for at in range(4)]
    exposures = Exposures.of(given, pool=DiskPool(tmp_path, workers=2))
    changed = exposures.changed(meet_safely, per={"add": [1.0, 2.0, 3.0, 4.0]})
    for before, after, add in zip(given, changed, (1, 2, 3, 4), strict=True):
        np.testing.assert_array_equal(after.data, before.data + np.float32(add))
    with pytest.raises(BrokenBarrierError):
        exposures.changed(meet, per={"add": [1.0, 2.0, 3.0, 4.0]})


def test_a_part_of_a_larger_array_is_written_and_does_not_hold_the_whole(plain: Exposure, tmp_path: Path) -> None:
    whole = np.zeros((100, 4), dtype=np.float32)
    part = plain.replace(data=whole[:6], dq=np.zeros((6, 4), dtype=np.uint32), variance={})
    assert isinstance(spill(part, tmp_path / "planes", room=Room(1 << 20)).planes["data"], Stored)


def changed_at(plane: Image, where: list[int], value: float) -> Image:
    """Return a copy of a plane with a value in some pixels, by their flat indices."""
    copy = plane.copy()
    copy.reshape(-1)[where] = value
    return copy


@pytest.mark.parametrize("shape", [(64, 48), (3, 32, 48)])
@pytest.mark.parametrize("room", [0, 1 << 20])
@settings(deadline=None, max_examples=20)
@given(
    first=st.lists(st.integers(0, 64 * 48 - 1), max_size=5),
    second=st.lists(st.integers(0, 64 * 48 - 1), max_size=5),
    value=st.sampled_from([np.nan, -0.0, 5.0]),
)
def test_of_a_plane_that_changes_in_a_few_pixels_only_these_are_kept(
    shape: tuple[int, ...], room: int, first: list[int], second: list[int], value: float
) -> None:
    """Whatever was changed before, and whether the plane itself is in memory or in a file."""
    with TemporaryDirectory() as name:
        exposure = make_exposure(shape, value=3.0, seed=1)
        stored = spill(exposure, Path(name) / "0", room=Room(room))
        for number, where in enumerate([first, second], 1):
            before = stored.read()
            exposure = before.replace(data=changed_at(before.data, where, value))
            stored = spill(exposure, Path(name) / str(number), before, stored, Room(room))
            assert isinstance(stored.planes["data"], Patched)
        assert (Path(name) / "2").stat().st_size == 0
        assert stored.read().data.tobytes() == exposure.data.tobytes()
        both = (one.rows("data", budget=48 * 4 * 21) for one in (Exposures([stored]), Exposures.of([exposure])))
        for rows, same in zip(*both, strict=True):
            assert rows.data.tobytes() == same.data.tobytes()


def test_the_file_of_a_plane_stays_while_pixels_that_differ_from_it_are_kept(tmp_path: Path) -> None:
    before = make_exposure((64, 48), value=3.0, seed=1)
    stored = spill(before, tmp_path / "before")
    after = spill(before.replace(data=changed_at(before.data, [7], 1.0)), tmp_path / "after", before, stored)
    _remove(_files([stored]) - _files([after]))
    assert after.read().data[0, 7] == 1.0
    _remove(_files([after]) - _files([]))
    assert not (tmp_path / "before").exists()


@pytest.mark.parametrize("part", [1, 64])
def test_a_plane_that_changes_in_many_pixels_is_kept_whole(part: int, tmp_path: Path) -> None:
    """All of them, or some that stand side by side."""
    before = make_exposure((64, 48), value=3.0, seed=1)
    changed = changed_at(before.data, list(range(64 * 48 // part)), 1.0)
    stored = spill(before, tmp_path / "before")
    assert isinstance(spill(before.replace(data=changed), tmp_path / "after", before, stored).planes["data"], Stored)


def test_a_plane_of_another_type_or_shape_is_kept_whole(plain: Exposure, tmp_path: Path) -> None:
    before = plain.replace(planes={"MAP": np.zeros((6, 4), dtype=np.int32), "CON": np.zeros((6, 4), dtype=np.int32)})
    stored = spill(before, tmp_path / "before")
    planes = {"MAP": np.zeros((6, 4), dtype=np.int64), "CON": np.ones((2, 6, 4), dtype=np.int32)}
    after = spill(before.replace(planes=planes), tmp_path / "after", before, stored)
    assert all(isinstance(after.planes[name], Stored) for name in planes)
    assert after.read().planes["MAP"].dtype == np.int64
    assert after.read().planes["CON"].shape == (2, 6, 4)


def test_a_scratch_file_that_was_cut_is_an_error(tmp_path: Path) -> None:
    """And not waited for."""
    stored = spill(make_exposure((6, 4), value=3.0, seed=1), tmp_path / "planes")
    os.truncate(tmp_path / "planes", 50)
    assert stored.rows("data", slice(0, 3)).shape == (3, 4)
    with pytest.raises(OSError, match="ends before"):
        stored.rows("data", slice(2, 6))
