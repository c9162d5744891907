"""Rows at a time: the result is that of the whole, whatever the number of rows and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock, current_thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import DQ, Array, Exposure, ReferenceImage, StageContractError, arrays, by_rows, in_threads, rows
from iris_core.exposure import is_masked


def make_image(shape: tuple[int, int]) -> ReferenceImage:
    """Return a flat with a bad pixel in each row but the first."""
    data = np.random.default_rng(2).normal(1, 0.1, shape).astype(np.float32)
    data[1:, 0] = np.nan
    dq = np.where(data > 1.1, np.uint32(DQ.LOW_QE), np.uint32(0))
    meta = make_exposure(shape).meta
    return ReferenceImage(data=data, err=np.full_like(data, 0.01), dq=dq, unit=None, meta=meta)


def divide(exposure: Exposure, flat: ReferenceImage, factor: Array) -> Exposure:
    """Divide, add a component and flags; a note tells that some rows have a bad pixel."""
    divided = exposure.scale(factor / flat.data).add_variance("flat", np.square(flat.err), common=True)
    divided = divided.replace(dq=divided.dq | flat.dq).mask_invalid()
    return divided.note("bad pixels") if np.isnan(flat.data).any() else divided


def assert_same(one: Exposure, other: Exposure) -> None:
    """Compare planes bit for bit, and what is told of them."""
    np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.dq, other.dq)
    assert list(one.variance) == list(other.variance)
    for name, plane in one.variance.items():
        np.testing.assert_array_equal(plane, other.variance[name])
    assert (one.unit, one.common, one.notes, one.header) == (other.unit, other.common, other.notes, other.header)


@pytest.mark.parametrize("shape", [(23, 7), (3, 11, 7)])
@settings(deadline=None, max_examples=20)
@given(pixels=st.integers(1, 200), threads=st.integers(1, 3))
def test_the_bits_are_those_of_the_whole(shape: tuple[int, ...], pixels: int, threads: int) -> None:
    exposure, flat = make_exposure(shape, poisson=1.0, rnoise=2.0, seed=1), make_image((shape[-2], shape[-1]))
    factor = np.arange(np.prod(shape[-2:]), dtype=np.float32).reshape(shape[-2:]) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "BLOCK_PIXELS", pixels)
        patch.setattr(rows, "usable_threads", lambda: threads)
        made = by_rows(divide, exposure, flat, factor)
    assert_same(made, divide(exposure, flat, factor))


@pytest.mark.parametrize("all_rows", [True, False])
def test_the_whole_is_masked_where_all_rows_are(monkeypatch: pytest.MonkeyPatch, all_rows: bool) -> None:
    """Otherwise the contract has to look: here at a NaN that the last row has got."""
    monkeypatch.setattr(arrays, "BLOCK_PIXELS", 14)
    exposure = make_exposure((9, 7), rnoise=1.0, seed=1)
    last = exposure.data[-1, 0]

    def change(some: Exposure) -> Exposure:
        if all_rows or last not in some.data:
            return some.scale(2).mask_invalid()
        return some.scale(np.where(some.data == last, np.nan, 2)[0])

    assert is_masked(by_rows(change, exposure)) is all_rows


def test_a_sky_for_each_integration_goes_with_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_PIXELS", 14)
    exposure = make_exposure((3, 9, 7), seed=1)
    sky = np.random.default_rng(3).random((3, 9, 7), dtype=np.float32)
    made = by_rows(lambda some, own: some.replace(data=some.data - own), exposure, sky)
    np.testing.assert_array_equal(made.data, exposure.data - sky)


@pytest.mark.parametrize("late", [0, 15])
def test_a_plane_that_changes_in_no_row_is_the_same_plane(monkeypatch: pytest.MonkeyPatch, late: int) -> None:
    """And one that changes in some rows has those of the exposure elsewhere."""
    monkeypatch.setattr(arrays, "BLOCK_PIXELS", 14)
    exposure = make_exposure((20, 7), value=3.0, rnoise=1.0, seed=1)
    where = np.zeros((20, 7), dtype=np.bool_)
    where[late, 3] = True
    made = by_rows(lambda one, flagged: one.flag(flagged, DQ.OUTLIER), exposure, where)
    assert made.data is exposure.data
    assert made.variance["rnoise"] is exposure.variance["rnoise"]
    np.testing.assert_array_equal(made.dq, exposure.flag(where, DQ.OUTLIER).dq)


def test_what_is_not_pixels_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_PIXELS", 14)
    exposure = make_exposure((20, 7)).replace(area=np.ones((20, 7)), planes={"MAP": np.zeros((20, 7), dtype=np.int32)})
    exposure = exposure.note("before")
    made = by_rows(lambda one: one.scale(2).note("after"), exposure)
    assert made.area is exposure.area
    assert made.planes["MAP"] is exposure.planes["MAP"]
    assert made.notes == ("before", "after")
    assert made.header is exposure.header


def test_arithmetic_is_as_silent_as_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_PIXELS", 14)
    exposure, zero = make_exposure((20, 7)), np.zeros((20, 7), dtype=np.float32)
    with np.errstate(all="ignore"):
        assert np.isnan(by_rows(lambda one, image: one.scale(1 / image).mask_invalid(), exposure, zero).data).all()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        by_rows(lambda one, image: one.scale(1 / image).mask_invalid(), exposure, zero)


@pytest.mark.parametrize(
    "function",
    [
        lambda one: one.replace(data=one.data[:1], dq=one.dq[:1], variance={}),
        lambda one: one.add_variance("late", np.ones((7,))) if one.data[0, 0] > 50 else one,
    ],
)
def test_rows_that_do_not_fit_together_are_refused(monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
    monkeypatch.setattr(arrays, "BLOCK_PIXELS", 14)
    exposure = make_exposure((20, 7), rnoise=1.0)
    exposure = exposure.replace(data=np.arange(140, dtype=np.float32).reshape(20, 7))
    with pytest.raises(StageContractError):
        by_rows(function, exposure)


@given(items=st.lists(st.integers()), threads=st.integers(1, 3))
def test_results_of_threads_come_in_the_order_of_the_items(items: list[int], threads: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "usable_threads", lambda: threads)
        assert list(in_threads(lambda one: one * 2, items)) == [one * 2 for one in items]


@pytest.mark.parametrize("threads", [1, 2])
def test_items_are_taken_as_they_are_needed(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(rows, "usable_threads", lambda: threads)
    taken: list[int] = []
    results = in_threads(str, (taken.append(number) or number for number in range(100)))
    assert next(results) == "0"
    assert len(taken) <= 2 * threads + 1
    results.close()
    assert len(taken) <= 2 * threads + 1


@pytest.mark.parametrize("threads", [1, 2])
def test_what_goes_wrong_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(rows, "usable_threads", lambda: threads)
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda one: 1 / one, [1, 0, 1]))


def test_no_more_are_worked_on_at_a_time_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes memory is given a limit, however many cores there are."""
    monkeypatch.setattr(rows, "usable_threads", lambda: 8)
    lock, two, at_work, most = Lock(), Barrier(2), set[int](), list[int]()

    def work(one: int) -> int:
        with lock:
            at_work.add(one)
            most.append(len(at_work))
        two.wait(timeout=60)  # that many there are
        with lock:
            at_work.remove(one)
        return one

    assert list(in_threads(work, range(20), most=2)) == list(range(20))
    assert max(most) == 2


def test_after_an_error_no_more_are_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise files would be written that belong to no product."""
    cancelled, begun = Event(), list[int]()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            cancelled.set()
            super().shutdown(wait)

    def work(one: int) -> None:
        begun.append(one)
        if one == 0:
            raise OSError("the disk is full")
        cancelled.wait(60)

    monkeypatch.setattr(rows, "usable_threads", lambda: 2)
    monkeypatch.setattr(rows, "ThreadPoolExecutor", Pool)
    with pytest.raises(OSError, match="disk"):
        list(in_threads(work, range(20)))
    assert 3 not in begun  # two threads were busy with others


def test_threads_start_no_threads_of_their_own() -> None:
    """What works on several exposures at a time leaves no core to parts of one of them."""
    here = current_thread()

    def names(_: int) -> set[str]:
        return {current_thread().name, *in_threads(lambda _: current_thread().name, range(4))}

    for found in in_threads(names, range(4)):
        assert len(found) == 1
        assert here.name not in found
