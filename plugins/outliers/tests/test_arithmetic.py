"""The arithmetic of medians and errors, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from iris_outliers._flag import Compared, noise_steepness, outliers_of, without_noise
from iris_outliers._median import median_of
from iris_outliers._noise import noise_of, variance_slope
from iris_outliers._resample import blot, interpolate, rows_needed
from iris_outliers._stars import around, find_peaks, measure_fwhm, steepness
from iris_testkit import make_exposure
from iris_wcs import PixelMap

from iris_core import Doubles, Mask

values = st.one_of(st.floats(-1e6, 1e6, width=32), st.just(float("nan")))


@settings(max_examples=60)
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(1, 5)), elements=values))
def test_the_median_is_that_of_numpy_but_of_two_values_the_lower(stack: np.ndarray) -> None:
    median, count = median_of(list(stack))
    assert np.array_equal(count, np.isfinite(stack).sum(axis=0))
    for at in np.ndindex(median.shape):
        known = stack[(slice(None), *at)]
        known = known[np.isfinite(known)]
        if known.size < 2:
            assert np.isnan(median[at])
        else:
            expected = known.min() if known.size == 2 else np.median(known)
            assert median[at] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def bent(shape: tuple[int, int], shift: tuple[float, float], angle: float, bend: float) -> PixelMap:
    """Return a map with a rotation [rad] and a quadratic distortion [pixel at the far corner]."""
    y, x = (np.linspace(0, size - 1, -(-(size - 1) // 32) + 1) for size in shape)
    x, y = np.meshgrid(x, y)
    far = bend * (x * x + y * y) / (shape[0] ** 2 + shape[1] ** 2)
    cosine, sine = np.cos(angle), np.sin(angle)
    return PixelMap(np.stack([cosine * x - sine * y + shift[0] + far, sine * x + cosine * y + shift[1]]), shape)


def test_a_shift_by_whole_pixels_copies() -> None:
    moved = bent((40, 50), (3.004, -7.0), 0, 0).aligned()
    assert moved.shift == (3, -7)
    assert bent((40, 50), (3.02, -7.0), 0, 0).aligned().shift is None
    image = np.arange(40 * 50, dtype=np.float32).reshape(40, 50)
    made = interpolate(image, moved, slice(0, 40))
    assert np.array_equal(made[7:, :47], image[:33, 3:])
    assert np.isnan(made[:7]).all()
    assert np.isnan(made[:, 47:]).all()


def test_a_plane_is_interpolated_without_error() -> None:
    y, x = np.mgrid[:60, :80].astype(np.float32)
    image = 2 * x - 3 * y
    places = bent((40, 50), (3.25, 7.5), 0.02, 0)
    at = places.rows(slice(0, 40))
    assert interpolate(image, places, slice(5, 20)) == pytest.approx((2 * at[0] - 3 * at[1])[5:20], abs=1e-4)
    needed = rows_needed(places, slice(5, 20), 60)
    part = interpolate(image[needed], places, slice(5, 20), needed.start)
    assert np.array_equal(part, interpolate(image, places, slice(5, 20)))


@pytest.mark.parametrize(("shift", "filled"), [(0.25, True), (0.5, False)])
def test_values_with_little_weight_are_left_out(shift: float, filled: bool) -> None:
    """A bad pixel with a quarter of the weight leaves 3/4, with half of it too little."""
    image = np.full((20, 20), 5.0, dtype=np.float32)
    image[:, 10] = np.nan
    places = bent((20, 20), (shift, 0.0), 0, 0)
    made = interpolate(image, places, slice(0, 19), least=0.7)
    assert np.isfinite(made[5, 9]) == filled
    assert np.isnan(made[5, 10])
    assert np.nanmax(np.abs(made - 5)) < 1e-5


def test_the_outer_half_of_the_outermost_pixels_is_on_the_image() -> None:
    """It has their values, whatever part of the four pixels around a place is beyond the edge."""
    image = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    image[0, 0] = np.nan
    places = bent((5, 6), (-0.75, -0.6), 0, 0)
    made = interpolate(image, places, slice(0, 5), least=0.7)
    assert np.isnan(made[0]).all()
    assert np.isnan(made[:, 0]).all()
    assert np.isnan(made[:, 5]).all()
    assert np.isnan(made[4]).all()
    assert made[1, 1:5] == pytest.approx([np.nan, 3.85, 4.85, 5.6], nan_ok=True, abs=0.01)
    assert made[3, 1:5] == pytest.approx([9.25, 10.25, 11.25, 12], abs=0.01)


def test_blot_gives_values_and_counts() -> None:
    y, x = np.mgrid[:60, :80]
    image, count = (x + 100 * y).astype(np.float32), (x % 7).astype(np.uint8)
    for places in (bent((30, 40), (12.0, 9.0), 0, 0).aligned(), bent((30, 40), (12.2, 8.8), 0, 0)):
        values, counts = blot(image, count, places)
        at = places.rows(slice(0, 30))
        assert values == pytest.approx(at[0] + 100 * at[1], rel=2e-3)
        assert np.array_equal(counts, np.rint(at[0]).astype(int) % 7)


def test_the_steepness_is_the_largest_difference_to_the_neighbours() -> None:
    image = np.zeros((5, 6), dtype=np.float32)
    image[2, 3] = 7
    image[0, 0] = np.nan
    steep = steepness(image, np.arange(image.size)).reshape(image.shape)
    wanted = np.zeros_like(image)
    wanted[1:4, 2:5] = 7
    wanted[0, 0] = np.nan
    assert np.array_equal(steep, wanted, equal_nan=True)
    assert steepness(image, np.array([15, 8])).tolist() == [7, 7]


def test_noise_has_no_steepness() -> None:
    noise = np.random.default_rng(1).standard_normal((300, 300)).astype(np.float32)
    every, err = np.arange(noise.size), np.full(noise.size, np.sqrt(5 / (np.pi / 2)), dtype=np.float32)
    some, count = Compared(every, noise.ravel(), err), np.full(noise.shape, 5, dtype=np.uint8)
    steep = without_noise(steepness(noise, every), err, noise_steepness(noise, count, some))
    assert (steep > 0).mean() < 0.02
    hills = 100 * (np.add(*np.indices(noise.shape)) % 2).astype(np.float32)
    assert np.all(without_noise(steepness(hills, every), err, noise_steepness(hills, count, some)) > 90)
    assert noise_steepness(noise, np.ones_like(count), some) == 0


def flags(difference: Doubles, count: int = 5, sources: Mask | None = None) -> Mask:
    values = np.asarray(difference, dtype=np.float32).ravel()
    far = Compared(np.arange(values.size), values, np.ones_like(values))
    counts = np.full(difference.shape, count, dtype=np.uint8)
    near = np.zeros(values.shape, dtype=bool) if sources is None else sources.ravel()
    return outliers_of(far, 0.5 * far.err, counts, (5.0, 4.0), (1.2, 0.7), near)


def test_the_rule_of_two_steps() -> None:
    """5 + 0.6 for an outlier, 4 + 0.35 beside one."""
    difference = np.zeros((9, 9))
    difference[2, 2], difference[3, 3], difference[2, 4] = 5.7, -4.4, 4.4
    difference[6, 6], difference[7, 7] = 5.5, 5.5
    assert np.argwhere(flags(difference)).tolist() == [[2, 2], [3, 3]]
    assert not flags(difference, count=1).any()


def test_the_rule_of_two_exposures() -> None:
    difference = np.zeros((9, 9))
    difference[2, 2], difference[4, 4], difference[6, 6], difference[8, 8] = 7.6, 7.8, -20, 20
    sources = np.zeros((9, 9), dtype=bool)
    sources[8, 8] = True
    assert np.argwhere(flags(difference, count=2, sources=sources)).tolist() == [[4, 4]]


def test_the_error_is_that_of_the_median_s_light() -> None:
    """Of a variance of 0.5 + 0.1 d."""
    data = np.full((100, 100), 20.0, dtype=np.float32)
    data[10:12, 5:25] += 1000
    exposure = make_exposure((100, 100), value=data, poisson=0.1 * data, rnoise=0.5)
    noise = noise_of(exposure)
    assert variance_slope(exposure.data.ravel(), noise.components[:1]) == pytest.approx(0.1, rel=1e-4)
    err = noise.error(slice(None), data.ravel() - np.float32(20))
    assert err == pytest.approx(np.sqrt(2.5), rel=1e-3)
    assert noise.error(np.array([1005]), np.zeros(1, dtype=np.float32)) == pytest.approx(np.sqrt(102.5), rel=1e-3)


@pytest.mark.parametrize("fwhm", [1.6, 2.2, 4.0])
def test_the_fwhm_of_gaussian_stars(fwhm: float) -> None:
    """Sampled in the middles of the pixels, wherever the stars are."""
    y, x = np.mgrid[:120, :120]
    image = np.zeros((120, 120))
    for at in ((20.3, 30.1), (60.0, 80.4), (90.7, 40.2), (100.2, 95.9)):
        image += 1000 * np.exp(-4 * np.log(2) * ((y - at[0]) ** 2 + (x - at[1]) ** 2) / fwhm**2)
    peaks = find_peaks(image.astype(np.float32), 1.0)
    assert len(peaks) == 4
    assert measure_fwhm(image.astype(np.float32), peaks) == pytest.approx(fwhm, rel=0.01)
    assert np.isnan(measure_fwhm(image.astype(np.float32), peaks[:2]))
    assert np.isnan(measure_fwhm(image.astype(np.float32), peaks[:0]))


def test_around_a_place() -> None:
    found = around(np.array([(0, 0), (5, 5)]), 1.0, (8, 8))
    assert np.argwhere(found).tolist() == [[0, 0], [0, 1], [1, 0], [4, 5], [5, 4], [5, 5], [5, 6], [6, 5]]
