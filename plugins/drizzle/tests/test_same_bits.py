"""No bit depends on instructions, threads or blocks."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import iris_drizzle
import numpy as np
import pytest
from iris_drizzle import Grid, _kernel

Maker = Callable[..., Any]


def same(one: Grid, other: Grid) -> bool:
    planes = [(getattr(one, name), getattr(other, name)) for name in ("data", "weight", "dq")] + [
        (one.variance[name], other.variance[name]) for name in one.variance
    ]
    return all(mine.tobytes() == theirs.tobytes() for mine, theirs in planes)


@pytest.mark.parametrize("angle", [0.0, 29.0])
@pytest.mark.parametrize("block", [(1, 1000), (7, 11), (1000, 1000)])
@pytest.mark.parametrize("threads", [1, 3])
def test_same_bits(scene: Maker, turned: Maker, using: str, angle: float, block: tuple[int, int], threads: int) -> None:
    one = scene(turned(angle, 1.1, 0.05, shift=(20.0, 20.0)), shape=(83, 131), grid=(180, 200))
    wanted = one.drizzled(using="portable", threads=1)
    assert same(one.drizzled(using=using, threads=threads, block=block), wanted)


@pytest.mark.parametrize("rows", [slice(0, 37), slice(5, 6), slice(30, 37)])
def test_the_survey_counts_what_the_image_has(scene: Maker, turned: Maker, using: str, rows: slice) -> None:
    one = scene(turned(0.0))
    image = one.image
    rnoise = image.variance["rnoise"].copy()
    rnoise[5, 3], rnoise[6, 4] = -1, -2
    image = replace(
        image, variance={**image.variance, "rnoise": rnoise}, weight=iris_drizzle.Weight(constant=0, over=("rnoise",))
    )
    total = image.variance["poisson"] + rnoise
    usable = (image.dq & 0b1011 == 0) & np.isfinite(image.data) & np.isfinite(total)
    used = (usable & (rnoise > 0))[rows]
    found = iris_drizzle.survey(image, rows, using)
    assert np.array_equal(found.unused, ~used)
    assert np.array_equal(found.weighted, used.sum(axis=1))
    assert np.array_equal(found.unweighted, (usable & (rnoise <= 0))[rows].sum(axis=1))
    weight = np.where(used, 1 / np.where(used, rnoise[rows], 1), 0)
    assert found.total == pytest.approx(weight.sum(axis=1), rel=1e-6)


def test_other_threads_go_on_meanwhile(scene: Maker, turned: Maker) -> None:
    """The interpreter is free while the kernel works: a counter in another thread moves on."""
    one = scene(turned(10.0, shift=(40.0, 0.0)), shape=(1200, 1200), grid=(1400, 1500))
    counted, done = [0], threading.Event()

    def count() -> None:
        while not done.is_set():
            counted[0] += 1
            time.sleep(0)

    counter = threading.Thread(target=count)
    counter.start()
    before = counted[0]
    one.drizzled(threads=1, block=(1400, 1500))
    moved = counted[0] - before
    done.set()
    counter.join()
    assert moved > 10


def test_a_worker_process_starts_no_threads_beside_those_of_the_others() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(_kernel._threads).result() == 1
    assert _kernel._threads() >= 1
