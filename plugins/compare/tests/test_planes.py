"""The arithmetic of two planes: steps of float32, and what is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_compare._noise import measure_noise
from iris_compare._places import Places, find_places
from iris_compare._planes import compare_planes, steps_apart
from iris_testkit import make_exposure

from iris_core import DQ, Exposure

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
images = arrays(np.float32, (4, 5), elements=st.floats(width=32, allow_nan=True, allow_infinity=False))


def of(data: np.ndarray) -> Exposure:
    return make_exposure((data.shape[-2], data.shape[-1]), nint=len(data) if data.ndim == 3 else 0).replace(data=data)


@given(floats, st.integers(0, 50), st.booleans())
def test_a_step_is_the_next_float(value: float, steps: int, up: bool) -> None:
    first = np.array([value], dtype=np.float32)
    other = first
    with np.errstate(over="ignore"):  # beyond the last float there is infinity
        for _ in range(steps):
            other = np.nextafter(other, np.float32(np.inf if up else -np.inf))
    if np.isfinite(other).all():
        assert steps_apart(first, other)[0] == steps


@given(floats, floats, floats)
def test_steps_are_a_distance(one: float, two: float, three: float) -> None:
    a, b, c = (np.array([value], dtype=np.float32) for value in (one, two, three))
    assert steps_apart(a, b) == steps_apart(b, a)
    assert steps_apart(a, c) <= steps_apart(a, b) + steps_apart(b, c)
    assert (steps_apart(a, b) == 0) == (a == b)


def test_the_two_zeros_are_one() -> None:
    assert steps_apart(np.float32([0.0]), np.float32([-0.0]))[0] == 0


@given(images, images)
def test_all_that_is_changed_is_counted_both_ways(first: np.ndarray, other: np.ndarray) -> None:
    expected = int((~((first == other) | (np.isnan(first) & np.isnan(other)))).sum())
    for one, two in ((first, other), (other, first)):
        found = [change for change in compare_planes(of(one), of(two)) if change.name == "data"]
        assert sum(change.changed for change in found) == expected
        assert all(0 <= change.beyond <= change.changed for change in found)
        assert all(change.rows[0] <= change.rows[1] <= 3 and change.columns[1] <= 4 for change in found)


@given(images)
def test_nothing_differs_from_itself(image: np.ndarray) -> None:
    assert compare_planes(of(image), of(image.copy())) == ()


@pytest.mark.parametrize("nint", [0, 3])
def test_blocks_of_rows_make_no_difference(nint: int) -> None:
    """A frame of more rows than a block has, with one pixel changed at each end of it."""
    first = make_exposure((300, 2000), nint=nint)
    data = first.data.copy()
    data[..., 0, 7] += 1
    data[..., 299, 1999] = np.nan
    (found,) = compare_planes(first, first.replace(data=data))
    number = 2 * max(nint, 1)
    assert (found.changed, found.beyond, found.rows, found.columns) == (number, number, (0, 299), (7, 1999))


def test_a_small_part_of_the_error_counts_as_last_bits() -> None:
    """Near zero a rounding of the sky that was subtracted is many steps of float32."""
    first = make_exposure((8, 8), value=1e-6, poisson=1.0, rnoise=0.0)
    (found,) = compare_planes(first, first.replace(data=first.data + np.float32(9e-5)))
    assert (found.changed, found.beyond) == (64, 0)
    (found,) = compare_planes(first, first.replace(data=first.data + np.float32(2e-4)))
    assert found.beyond == 64


@pytest.mark.parametrize("nint", [0, 2])
def test_two_realisations_differ_by_their_noise(nint: int) -> None:
    first, other = (make_exposure((256, 256), nint=nint, seed=seed) for seed in (1, 2))
    found = measure_noise(first, other)
    assert found is not None
    assert (found.spread, found.coherent) == (pytest.approx(1, abs=0.02), pytest.approx(1, abs=0.15))
    assert found.far < 1e-4


def test_an_offset_that_no_pixel_shows_adds_up_in_blocks() -> None:
    """0.3 of the noise in 16 x 16 pixels is 4.8 times that of their mean."""
    first = make_exposure((256, 256), value=0.0, poisson=0.5, rnoise=0.0, seed=1)
    other = make_exposure((256, 256), value=0.3, poisson=0.5, rnoise=0.0, seed=2)
    found = measure_noise(first, other)
    assert found is not None
    assert found.coherent == pytest.approx(1.4826 * 4.8, rel=0.05)


def test_places_are_of_kinds() -> None:
    first = make_exposure((20, 20), value=10.0, poisson=1.0, rnoise=0.0)
    data = first.data.copy()
    data[10, 10] = 100
    first = first.replace(data=data)
    changed = data.copy()
    changed[10, 10], changed[0, 5], changed[9, 3] = 120, 11, 12
    where = np.zeros((20, 20), dtype=bool)
    where[9, 3] = True
    other = first.replace(data=changed).flag(where, DQ.HOT)
    assert find_places(first, other) == Places(sources=1, sky=2, flagged=1, edges=2)


def test_the_correlation_of_resampled_pixels_is_no_likeness() -> None:
    """CORRFAC says by how much a mean of neighbours is more uncertain than of independent pixels."""
    first, other = (make_exposure((64, 64), seed=seed) for seed in (1, 2))
    plain, resampled = (measure_noise(one, other) for one in (first, first.with_keywords({"CORRFAC": (1.6, "")})))
    assert plain is not None
    assert resampled is not None
    assert resampled.coherent == pytest.approx(plain.coherent / 1.6)
    assert resampled.spread == plain.spread


def test_errors_that_are_not_known_give_no_noise() -> None:
    first = make_exposure((8, 8))
    assert measure_noise(first, first.replace(variance={})) is None
    nothing = first.flag(np.ones((8, 8), dtype=bool), DQ.DO_NOT_USE)
    assert measure_noise(first, nothing) is None
