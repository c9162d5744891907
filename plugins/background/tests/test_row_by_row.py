"""Background exposures that are read row by row give what those in memory give, and none of them is read as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import iris_background
import numpy as np
import pytest
from iris_background import BackgroundParams, subtract_background
from iris_testkit import make_exposure

from iris_core import DQ, Array, Exposure, Exposures, Removal, Window
from iris_core.exposures import InMemory, Member

SHAPE = (600, 700)


@dataclass
class Watched:
    """An exposure that counts the rows of it that are asked for together, and how often all of it is."""

    exposure: Exposure
    rows_read: list[int] = field(default_factory=list)
    whole: int = 0

    @property
    def outline(self) -> Exposure:
        return InMemory(self.exposure).outline

    def read(self) -> Exposure:
        self.whole += 1
        return self.exposure

    def rows(self, plane: str, where: slice) -> Array:
        found = InMemory(self.exposure).rows(plane, where)
        self.rows_read.append(len(found))
        return found

    def with_outline(self, outline: Exposure) -> Member:
        return Watched(replace(self.exposure, header=outline.header))


def observed(seed: int, **options: Any) -> Exposure:
    """Return noise around 10, bad pixels and rays of its own, and a component that the dark brought."""
    rng = np.random.default_rng(seed)
    exposure = make_exposure(SHAPE, value=10 + 0.1 * seed, seed=seed, header={"RM_DARK": "WHOLE"}, **options)
    bad = rng.random(exposure.data.shape) < 0.003
    dq = np.where(bad, np.uint32(DQ.DO_NOT_USE | DQ.HOT), np.uint32(0))
    rays = np.where(rng.random(exposure.data.shape) < 0.001, np.float32(80), np.float32(0))
    dark = np.full(exposure.shape, 0.02, dtype=np.float32)
    changed = exposure.replace(data=exposure.data + rays, dq=dq, removed={"dark": Removal.WHOLE})
    return changed.add_variance("dark", dark).mask_invalid()


def same(one: Exposure, other: Exposure) -> None:
    for name in ("data", "dq", "notes", "common", "removed"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert list(one.variance) == list(other.variance)
    for name, plane in one.variance.items():
        np.testing.assert_array_equal(plane, other.variance[name])
    assert one.sci_header.tostring() == other.sci_header.tostring()


def blank(exposure: Exposure) -> Exposure:
    return exposure.replace(variance={name: np.zeros_like(plane) for name, plane in exposure.variance.items()})


CHANGES: dict[str, Callable[[Exposure], Exposure]] = {
    "as they are": lambda one: one,
    "errors unknown": lambda one: one.replace(variance={}),
    "errors of 0": blank,
    "another window": lambda one: one.replace(meta=replace(one.meta, window=Window(11, 21, SHAPE[1], SHAPE[0]))),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("match", ["none", "factor", "offset"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_the_bits_are_those_of_exposures_in_memory(number: int, match: Any, change: str) -> None:
    backgrounds = [CHANGES[change](observed(seed)) for seed in range(1, 1 + number)]
    exposure, params = observed(9), BackgroundParams(match=match)
    if change == "another window":
        exposure = exposure.replace(meta=replace(exposure.meta, window=Window(1, 1, SHAPE[1], SHAPE[0])))
    if number == 1 and change.startswith("errors"):
        exposure = CHANGES[change](exposure)
    members = [Watched(one) for one in backgrounds]
    made = subtract_background(exposure, params, Exposures(members))
    same(made, subtract_background(exposure, params, backgrounds))
    if change != "another window":
        assert all(one.rows_read and not one.whole for one in members)


def test_integrations_are_read_as_a_whole_and_all_of_an_exposure_get_one_sky() -> None:
    cubes = [observed(seed, nint=2) for seed in (1, 2)]
    for exposure in (observed(9), observed(9, nint=3)):
        made = subtract_background(exposure, BackgroundParams(), Exposures([Watched(one) for one in cubes]))
        same(made, subtract_background(exposure, BackgroundParams(), cubes))


def test_those_that_are_not_used_are_not_read() -> None:
    members = [Watched(observed(seed)) for seed in (1, 2)]
    subtract_background(observed(9), BackgroundParams(method="from_science"), Exposures(members))
    assert [(one.whole, one.rows_read) for one in members] == [(0, []), (0, [])]


def test_of_a_window_only_its_rows_are_read() -> None:
    full = [Watched(observed(seed).replace(meta=replace(observed(seed).meta, window=None))) for seed in (1, 2)]
    window = Window(xstart=101, ystart=51, xsize=64, ysize=40)
    exposure = make_exposure((40, 64), value=10, seed=9, window=window, header={"RM_DARK": "WHOLE"})
    exposure = exposure.replace(removed={"dark": Removal.WHOLE})
    made = subtract_background(exposure, BackgroundParams(), Exposures(full))
    same(made, subtract_background(exposure, BackgroundParams(), [one.exposure for one in full]))
    assert not any(one.whole for one in full)


@pytest.mark.parametrize("number", [2, 9])
def test_what_is_worked_on_at_a_time_does_not_grow_with_their_number(number: int) -> None:
    """By the number of pixels that are combined at a time, for each exposure."""
    seen: list[int] = []
    consistent = iris_background._stack.consistent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iris_background._stack._CHUNK", 1 << 16)
        patch.setattr(
            "iris_background._stack.consistent", lambda *given: seen.append(given[0].size) or consistent(*given)
        )
        subtract_background(observed(9), BackgroundParams(), [observed(seed) for seed in range(number)])
    assert max(seen) <= 1 << 16
