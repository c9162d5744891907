"""The inverse of a distortion: a formula, true to far below 1e-3 pixel."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import Model, models
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from iris_wcs._inverse import inverse_error, with_inverse

from iris_core import InputError

RANGE = (-0.5, 2047.5)


def radial(strength: float) -> Model:
    """Return r (1 + strength (r / 1024)^2) about the middle."""
    cubic = strength / 1024**2
    to_x = models.Polynomial2D(3, c1_0=1, c3_0=cubic, c1_2=cubic)
    to_y = models.Polynomial2D(3, c0_1=1, c0_3=cubic, c2_1=cubic)
    return models.Shift(-1023.5) & models.Shift(-1023.5) | models.Mapping((0, 1, 0, 1)) | to_x & to_y


FAST = tuple(phase for phase in Phase if phase is not Phase.explain)  # which traces every line


@settings(max_examples=30, deadline=None, phases=FAST)
@given(strength=st.floats(-0.02, 0.05))
@pytest.mark.slow
def test_inverse_of_any_radial_distortion(strength: float) -> None:
    """Displacements up to 100 pixel at the corner."""
    model = with_inverse(radial(strength), RANGE, RANGE, "it")
    x, y = np.random.default_rng(2).uniform(*RANGE, (2, 2000))
    assert np.max(np.abs(np.array(model.inverse(*model(x, y))) - [x, y])) < 1e-5


def test_good_inverse_of_the_model_is_kept() -> None:
    own = models.Shift(-3.0) & models.Shift(4.0)
    model = models.Shift(3.0) & models.Shift(-4.0)
    model.inverse = own
    result = with_inverse(model, RANGE, RANGE, "it").inverse
    assert repr(result) == repr(own)


def test_poor_inverse_of_the_model_is_improved() -> None:
    """Off by 2 pixel at the corner: improved twice, to 1e-6."""
    model = radial(0.02)
    model.inverse = models.Mapping((0, 1, 0, 1)) | models.Polynomial2D(
        3, c0_0=1023.5, c1_0=1, c3_0=-0.02 / 1024**2, c1_2=-0.02 / 1024**2
    ) & models.Polynomial2D(3, c0_0=1023.5, c0_1=1, c0_3=-0.02 / 1024**2, c2_1=-0.02 / 1024**2)
    before = inverse_error(model, model.inverse, RANGE, RANGE)
    result = with_inverse(model, RANGE, RANGE, "it")
    assert before > 1
    assert inverse_error(model, result.inverse, RANGE, RANGE) < 1e-4


def test_wrong_inverse_of_the_model_does_not_win() -> None:
    model = radial(0.02)
    model.inverse = models.Scale(-5.0) & models.Scale(7.0)
    result = with_inverse(model, RANGE, RANGE, "it")
    assert inverse_error(model, result.inverse, RANGE, RANGE) < 1e-5


def test_model_is_not_changed() -> None:
    model = radial(0.02)
    with_inverse(model, RANGE, RANGE, "it")
    assert not model.has_inverse()


def test_inverse_of_the_inverse_is_the_model() -> None:
    model = with_inverse(radial(0.02), RANGE, RANGE, "it")
    assert model(10.0, 20.0) == radial(0.02)(10.0, 20.0)


def test_map_that_folds_is_refused() -> None:
    fold = models.Mapping((0, 1)) | models.Polynomial1D(2, c1=1, c2=-1 / 2048) & models.Identity(1)
    with pytest.raises(InputError, match="the distortion x has no inverse on the detector"):
        with_inverse(fold, RANGE, RANGE, "the distortion x")


def test_not_a_number_is_no_inverse() -> None:
    nothing = models.Const1D(np.nan) & models.Const1D(np.nan)
    assert inverse_error(models.Identity(2), nothing, RANGE, RANGE) == np.inf
