"""No grid loses a pixel: whatever its angle, scale and place, all the weight that goes in comes out."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import Exposure

IRIS = iris_mode()

Maker = Callable[..., Exposure]

# Turned not at all, or almost not, or by any angle.
angles = st.just(0.0) | st.floats(-10, -1).map(lambda power: float(10**power)) | st.floats(-180, 180)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(angle=3e-6, ratio=1.0, columns=512, far=0.0)
@example(angle=0.0, ratio=1.0, columns=64, far=1e4)
@given(
    angle=angles,
    ratio=st.sampled_from([0.37, 0.5, 0.9, 1.0, 1.3, 2.0]),
    columns=st.integers(8, 300),
    far=st.floats(-3e4, 3e4),
)
def test_all_the_weight_that_goes_in_comes_out(
    on_sky: Maker, angle: float, ratio: float, columns: int, far: float
) -> None:
    """Slivers of a thousandth of an output pixel apart, which get no row or column of their own."""
    shape = (40, columns)
    exposure = on_sky(shape, origin=(columns / 2 - far, 20 + far), position_angle=angle)
    result = resample(exposure, ResampleParams(rotation=0.0, pixel_scale_ratio=ratio), IRIS)
    sliver = 2 * 1e-3 * ratio * sum(shape)
    # Of the pixel scale at the centre and at the edge: the grid is flat, and the exposure far off the axis is not.
    assert result.planes["WHT"].sum(dtype=float) == pytest.approx(100 * 40 * columns, rel=1e-5, abs=100 * sliver)
    x, y = np.meshgrid(np.arange(3, columns - 3), np.arange(3, 37))
    u, v = result.wcs.invert(*exposure.wcs(x, y), with_bounding_box=False)
    at = np.rint(v).astype(int), np.rint(u).astype(int)
    assert np.isfinite(result.data[at]).all()
    np.testing.assert_allclose(result.data[at], 10, rtol=1e-6)
