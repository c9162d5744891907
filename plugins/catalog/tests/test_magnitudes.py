"""AB and Vega magnitudes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_catalog._magnitudes import AB_ZERO, ab_magnitudes, vega_offset, zero_point
from iris_testkit import iris_mode


def test_3631_jansky_are_magnitude_zero() -> None:
    assert ab_magnitudes(np.array([3631.0]), np.array([0.0]))[0] == pytest.approx([0.0], abs=1e-12)
    assert pytest.approx(8.90, abs=0.001) == AB_ZERO


@given(st.floats(1e-12, 1e6), st.floats(1e-6, 0.1))
def test_a_magnitude_says_the_flux_and_its_error_the_relative_error(flux: float, share: float) -> None:
    magnitude, error = ab_magnitudes(np.array([flux]), np.array([flux * share]))
    assert 3631 * 10 ** (-0.4 * magnitude[0]) == pytest.approx(flux, rel=1e-9)
    assert error[0] == pytest.approx(1.0857 * share, rel=1e-3)


@pytest.mark.parametrize("flux", [0.0, -1.0, np.nan])
def test_no_light_has_no_magnitude(flux: float) -> None:
    assert np.isnan(ab_magnitudes(np.array([flux]), np.array([1.0]))).all()


@given(st.floats(1e-12, 1e3))
def test_the_zero_point_is_the_magnitude_of_one(factor: float) -> None:
    assert zero_point(factor) == pytest.approx(ab_magnitudes(np.array([factor]), np.array([0.0]))[0][0])


def test_what_is_given_goes_before_the_mode_and_that_before_2mass() -> None:
    mode = replace(iris_mode(), facts={"ab_vega_H": {"value": 1.3, "unit": "mag", "source": "test"}})
    assert vega_offset("H", mode, 1.2)[0] == 1.2
    assert vega_offset("H", mode, None)[0] == 1.3
    assert vega_offset("J", mode, None)[0] == 0.91


def test_what_is_not_known_names_the_filter_and_the_parameter() -> None:
    offset, reason = vega_offset("Kbb", iris_mode(), None)
    assert np.isnan(offset)
    assert "'Kbb'" in reason
    assert "'ab_offset'" in reason
