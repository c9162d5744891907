"""The pixel map is the WCS in every pixel."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_resample import ResampleParams, resample
from iris_resample._pixmap import pixel_map
from iris_testkit import iris_mode
from scipy.interpolate import CubicSpline

from iris_core import Exposure

IRIS = iris_mode()

SHAPE = (300, 500)
Grid = np.ndarray


def smooth(x: Grid, y: Grid) -> tuple[Grid, Grid]:
    return x + 5e-5 * x * y + 3.25, 1.5 * y - 4e-8 * x**3


def wavy(x: Grid, y: Grid) -> tuple[Grid, Grid]:
    """Return a map with ripples of 200 pixels, which a 64-pixel grid cannot follow."""
    return x + 0.3 * np.sin(2 * np.pi * x / 200), y + 0.2 * np.cos(2 * np.pi * y / 200)


def rough(x: Grid, y: Grid) -> tuple[Grid, Grid]:
    """Return a map with a kink, which no spline follows."""
    return x + 0.4 * np.abs(np.sin(x / 3)), y + 0.0 * x


class Counting:
    """A transform that counts the points at which it is evaluated."""

    def __init__(self, transform: Callable[[Grid, Grid], tuple[Grid, Grid]]) -> None:
        self.transform = transform
        self.points = 0

    def __call__(self, x: Grid, y: Grid) -> tuple[Grid, Grid]:
        self.points += x.size
        return self.transform(x, y)


@pytest.mark.parametrize("transform", [smooth, wavy, rough])
def test_the_map_is_true_to_a_thousandth_of_a_pixel_everywhere(
    transform: Callable[[Grid, Grid], tuple[Grid, Grid]],
) -> None:
    rows, columns = np.indices(SHAPE).astype(float)
    expected = np.stack(transform(columns, rows), axis=-1)
    result = pixel_map(transform, SHAPE)(np.arange(SHAPE[0], dtype=float), slice(None))
    assert result.shape == (*SHAPE, 2)
    assert np.max(np.abs(result - expected)) < 2e-4


def test_a_smooth_map_is_evaluated_at_few_points() -> None:
    counting = Counting(smooth)
    pixel_map(counting, SHAPE)(np.arange(100.0), slice(None))
    assert counting.points < 0.001 * SHAPE[0] * SHAPE[1]


def test_a_map_with_ripples_is_refined_until_the_spline_follows() -> None:
    few, more, every = Counting(smooth), Counting(wavy), Counting(rough)
    for transform in (few, more, every):
        pixel_map(transform, SHAPE)(np.arange(SHAPE[0], dtype=float), slice(None))
    assert few.points < more.points < SHAPE[0] * SHAPE[1] < every.points


def test_any_part_of_it_can_be_asked_for() -> None:
    mapping = pixel_map(smooth, SHAPE)
    whole = mapping(np.arange(300.0), slice(None))
    assert np.array_equal(mapping(np.arange(120.0, 150.0), slice(7, 20)), whole[120:150, 7:20])


def test_an_aligned_map_is_aligned_exactly() -> None:
    result = pixel_map(lambda x, y: (x + 7 + 1e-9, y - 3 - 3e-7), SHAPE)(np.arange(300.0), slice(None))
    rows, columns = np.indices(SHAPE)
    assert np.array_equal(result, np.stack([columns + 7, rows - 3], axis=-1))


@pytest.mark.parametrize("shape", [(3, 3), (5, 400), (17, 16)])
def test_small_images(shape: tuple[int, int]) -> None:
    rows, columns = np.indices(shape).astype(float)
    result = pixel_map(smooth, shape)(np.arange(shape[0], dtype=float), slice(None))
    assert np.max(np.abs(result - np.stack(smooth(columns, rows), axis=-1))) < 2e-4


def test_pixels_without_a_position_are_left_out(on_sky: Callable[..., Exposure]) -> None:
    """A WCS that ends within the image: the rest of it is resampled."""
    from astropy.modeling import models
    from gwcs import WCS

    exposure = on_sky((64, 64))
    ends = models.Tabular1D(points=np.arange(50.0), lookup_table=np.arange(50.0), bounds_error=False, fill_value=np.nan)
    transform = (models.Identity(1) & ends) | exposure.wcs.forward_transform
    wcs = WCS([(exposure.wcs.input_frame, transform), (exposure.wcs.output_frame, None)])
    result = resample(exposure.replace(wcs=wcs), ResampleParams(), IRIS)
    valid = np.isfinite(result.data)
    assert np.all(result.data[valid] == 10)
    assert np.count_nonzero(valid) == pytest.approx(50 * 64, rel=0.05)


@given(st.integers(16, 300), st.integers(16, 300), st.floats(-1e-3, 1e-3), st.integers(0, 2**32 - 1))
def test_it_is_the_cubic_spline_of_scipy(ny: int, nx: int, size: float, seed: int) -> None:
    terms = (
        np.random.default_rng(seed).normal(size=(2, 5, 5)) * size * np.outer(0.2 ** np.arange(5), 0.2 ** np.arange(5))
    )

    def transform(x: Grid, y: Grid) -> tuple[Grid, Grid]:
        dx, dy = (np.polynomial.polynomial.polyval2d(y / 50, x / 50, term) for term in terms)
        return x + dx, y + dy

    rows = np.linspace(0, ny - 1, 40)
    mapping = pixel_map(transform, (ny, nx))
    y, x = (np.linspace(0, length - 1, max(4, -(-(length - 1) // 64) + 1)) for length in (ny, nx))
    values = np.stack(transform(*np.meshgrid(x, y)), axis=-1)
    expected = CubicSpline(y, CubicSpline(x, values, axis=1)(np.arange(float(nx))), axis=0)(rows)
    np.testing.assert_allclose(mapping(rows, slice(None)), expected, rtol=0, atol=2**-16)
