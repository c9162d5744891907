"""How much of an offset is subtracted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import noise

from iris_destripe._gain import gains, variance_of_stripes

NUMBER = 4000
NOISE = np.full(NUMBER, 0.04, dtype=np.float32)


@pytest.mark.parametrize("stripes", [0.0, 0.01, 0.04, 4.0])
def test_the_variance_of_stripes_is_what_noise_does_not_explain(stripes: float) -> None:
    """Within four of its own standard deviations, sqrt(2 / N) (s + v)."""
    measured = np.sqrt(stripes) * noise((NUMBER,), 1) + 0.2 * noise((NUMBER,), 2)
    allowed = 4 * np.sqrt(2 / NUMBER) * (stripes + 0.04)
    assert variance_of_stripes(measured, NOISE) == pytest.approx(stripes, abs=allowed)


def test_one_wild_offset_does_not_count_as_usual() -> None:
    measured = 0.2 * noise((NUMBER,), 3)
    measured[7] = 50
    stripes = variance_of_stripes(measured, NOISE)
    assert stripes < 0.01
    assert gains(measured, NOISE, stripes)[7] == 1


def test_no_offsets_have_no_variance() -> None:
    none = np.zeros(0, dtype=np.float32)
    assert variance_of_stripes(none, none) == 0


@pytest.mark.parametrize("stripes", [0.004, 0.04, 0.4])
def test_what_is_left_is_less_than_noise_and_less_than_the_stripes(stripes: float) -> None:
    """The mean square of what is left is v s / (s + v), within 10 %."""
    truth = np.sqrt(stripes) * noise((NUMBER,), 4)
    measured = truth + 0.2 * noise((NUMBER,), 5)
    left = measured * gains(measured, NOISE, variance_of_stripes(measured, NOISE)) - truth
    assert np.mean(left**2) == pytest.approx(0.04 * stripes / (0.04 + stripes), rel=0.1)


numbers = st.floats(0, 1e3, width=32)


@given(arrays(np.float32, 9, elements=st.floats(-1e3, 1e3, width=32)), arrays(np.float32, 9, elements=numbers), numbers)
def test_a_gain_is_between_nothing_and_all(offsets: np.ndarray, variances: np.ndarray, stripes: float) -> None:
    found = gains(offsets, variances, stripes)
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[variances == 0] == 1).all()
    assert variance_of_stripes(offsets, variances) <= np.mean(offsets.astype(np.float64) ** 2) * (1 + 1e-5)
