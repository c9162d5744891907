"""The numbers of a difference: closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_compare import Difference, measure_difference
from iris_compare._difference import BitChange, Validity
from iris_testkit import make_exposure

from iris_core import DQ, Exposure, parse_unit

SHAPE = (8, 9)


def exposure(nint: int = 0) -> Exposure:
    """Return 100 electron/s with err 2 in every pixel."""
    return make_exposure(SHAPE, value=100.0, nint=nint, poisson=3.0, rnoise=1.0)


def one_pixel(y: int, x: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    where = np.zeros(shape, dtype=bool)
    where[..., y, x] = True
    return where


def test_an_exposure_does_not_differ_from_itself() -> None:
    found = measure_difference(exposure(), exposure())
    assert found.identical
    assert (found.changed, found.pixels, dict(found.dq)) == (0, Validity(72, 0, 0), {})
    assert found.data is not None
    assert (found.data.median, found.data.rms, found.data.largest.value) == (0, 0, 0)
    assert found.notes == ()


@pytest.mark.parametrize("nint", [0, 3])
def test_a_flat_that_is_off_by_one_part_in_128(nint: int) -> None:
    """100 / 128 = 0.78125 everywhere, which is 0.390625 of the err 2, and the err grows by the same factor."""
    found = measure_difference(exposure(nint), exposure(nint).scale(1 + 1 / 128))
    assert not found.identical
    assert found.changed == (nint or 1) * 72
    for spread, value in ((found.data, 0.78125), (found.sigma, 0.390625)):
        assert spread is not None
        assert (spread.median, spread.rms, spread.largest.value) == pytest.approx((value,) * 3, rel=1e-6)
    assert found.err is not None
    ratios = found.err.median, found.err.smallest.value, found.err.largest.value
    assert ratios == pytest.approx((1.0078125,) * 3, rel=1e-6)
    assert found.unit == "electron/s"


def test_the_largest_difference_is_found_with_its_sign_and_pixel() -> None:
    data = exposure().data + 8 * one_pixel(7, 4) - 16 * one_pixel(2, 5)
    found = measure_difference(exposure(), exposure().replace(data=data))
    assert found.changed == 2
    assert found.data is not None
    assert (found.data.largest.value, found.data.largest.pixel) == (-16, (5, 2))
    assert found.data.rms == pytest.approx(np.sqrt((8**2 + 16**2) / 72))
    assert found.data.median == 0


def test_the_largest_over_err_is_another_pixel_than_the_largest() -> None:
    variance = np.where(one_pixel(2, 5), 400.0, 4.0)
    first = exposure().replace(variance={"total": variance})
    data = first.data + 8 * one_pixel(7, 4) - 16 * one_pixel(2, 5)
    found = measure_difference(first, first.replace(data=data))
    assert found.sigma is not None
    assert (found.sigma.largest.value, found.sigma.largest.pixel) == (4, (4, 7))


def test_a_pixel_of_integrations_has_three_coordinates() -> None:
    data = exposure(3).data.copy()
    data[2, 7, 4] += 8
    found = measure_difference(exposure(3), exposure(3).replace(data=data))
    assert found.data is not None
    assert found.data.largest.pixel == (4, 7, 2)
    assert found.shape == (3, 8, 9)


def test_each_bit_is_counted_where_it_was_gained_and_lost() -> None:
    first = exposure().flag(one_pixel(0, 0) | one_pixel(0, 1), DQ.HOT).flag(one_pixel(3, 3), DQ.JUMP_DET)
    other = exposure().flag(one_pixel(0, 1) | one_pixel(0, 2) | one_pixel(0, 3), DQ.HOT | DQ.REFERENCE_PIXEL)
    found = measure_difference(first, other)
    assert found.dq == {
        "JUMP_DET": BitChange(gained=0, lost=1),
        "HOT": BitChange(gained=2, lost=1),
        "REFERENCE_PIXEL": BitChange(gained=3, lost=0),
    }
    assert found.changed == 0
    assert not found.identical


def test_a_pixel_that_is_valid_in_one_only_is_counted_and_not_subtracted() -> None:
    first = exposure().flag(one_pixel(1, 1), DQ.DO_NOT_USE)
    other = exposure().scale(2).flag(one_pixel(2, 2) | one_pixel(3, 2), DQ.DO_NOT_USE)
    found = measure_difference(first, other)
    assert found.pixels == Validity(both=69, first_only=2, other_only=1)
    assert found.changed == 69
    assert found.dq == {"DO_NOT_USE": BitChange(gained=2, lost=1)}


def test_without_a_pixel_valid_in_both_there_are_no_numbers() -> None:
    found = measure_difference(exposure(), exposure().flag(np.ones(SHAPE, dtype=bool), DQ.DO_NOT_USE))
    assert found.pixels == Validity(0, 72, 0)
    assert (found.data, found.sigma, found.err) == (None, None, None)


def test_err_that_changed_is_found_in_its_pixels() -> None:
    where = 12 * one_pixel(7, 4).astype(np.float32)
    found = measure_difference(exposure(), exposure().add_variance("poisson", where - 3 * one_pixel(1, 2)))
    assert found.err is not None
    assert (found.err.median, found.err.largest.value, found.err.largest.pixel) == (1, 2, (4, 7))
    assert (found.err.smallest.value, found.err.smallest.pixel) == (0.5, (2, 1))
    assert not found.identical


def test_where_errors_are_unknown_nothing_is_over_err() -> None:
    first = exposure().replace(variance={})
    found = measure_difference(first, first.scale(2))
    assert (found.sigma, found.err, found.notes) == (None, None, ())
    found = measure_difference(exposure(), first)
    assert found.err is None
    assert found.notes == (
        "the variance component 'poisson' is in the first only",
        "the variance component 'rnoise' is in the first only",
    )
    assert not found.identical


def test_a_pixel_with_err_zero_is_not_counted_over_err_and_that_is_noted() -> None:
    first = exposure().replace(variance={"total": np.where(one_pixel(1, 1), 0.0, 4.0)})
    found = measure_difference(first, first.replace(data=first.data + 1 + 98 * one_pixel(1, 1)))
    assert found.data is not None
    assert found.sigma is not None
    assert (found.data.largest.value, found.sigma.largest.value) == (99, 0.5)
    (note,) = found.notes
    assert "err is 0" in note
    assert note.endswith(": 1")


def test_another_unit_is_named_and_only_validity_and_dq_are_compared() -> None:
    other = exposure().replace(unit=parse_unit("DN/s")).flag(one_pixel(1, 1), DQ.HOT)
    found = measure_difference(exposure(), other)
    assert found.refusal == "their units differ: electron/s and DN/s"
    assert (found.pixels, found.dq) == (Validity(72, 0, 0), {"HOT": BitChange(1, 0)})
    assert (found.data, found.sigma, found.err, found.changed, found.identical) == (None, None, None, None, False)


@pytest.mark.parametrize("other", [make_exposure((9, 8)), make_exposure(SHAPE, nint=2)])
def test_another_shape_is_named_and_nothing_is_compared(other: Exposure) -> None:
    found = measure_difference(exposure(), other)
    assert found.refusal == f"their shapes differ: 8 x 9 and {' x '.join(map(str, other.data.shape))}"
    assert found == Difference(unit="electron/s", shape=SHAPE, refusal=found.refusal)


PLANES = arrays(np.float32, SHAPE, elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.just(np.nan))
BITS = arrays(np.uint32, SHAPE, elements=st.integers(0, 2**32 - 1))


@given(PLANES, PLANES, BITS, BITS)
def test_exchanging_the_two_changes_the_sign_and_nothing_else(
    data: np.ndarray, other: np.ndarray, dq: np.ndarray, other_dq: np.ndarray
) -> None:
    one, two = (exposure().replace(data=d, dq=q).mask_invalid() for d, q in ((data, dq), (other, other_dq)))
    there, back = measure_difference(one, two), measure_difference(two, one)
    assert there.changed == back.changed
    assert {name: (bit.lost, bit.gained) for name, bit in there.dq.items()} == {
        name: (bit.gained, bit.lost) for name, bit in back.dq.items()
    }
    if there.data is not None and back.data is not None:
        assert there.data.median == -back.data.median
        assert there.data.rms == back.data.rms
        assert abs(there.data.largest.value) == abs(back.data.largest.value)
    json.dumps(there.plain(), allow_nan=False)


@given(PLANES, BITS)
def test_whatever_is_in_an_exposure_it_is_identical_to_itself(data: np.ndarray, dq: np.ndarray) -> None:
    one = exposure().replace(data=data, dq=dq).mask_invalid()
    assert measure_difference(one, one).identical
