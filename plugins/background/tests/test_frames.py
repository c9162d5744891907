"""The pieces of a stack: views of images, samples of them, levels of the sky, and the words for it all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_background._frame import Frame, sample, signed_error
from iris_background._noise import measure_noise
from iris_background._notes import describe
from iris_background._sky import frames_of, in_window, sky_level
from iris_background._stack import combine
from iris_testkit import make_exposure

from iris_core import DQ, InputError, Window


def plane(*values: float) -> np.ndarray:
    return np.array([values], dtype=np.float32)


def frame(*values: float, variance: float = 1.0, factor: float = 1.0) -> Frame:
    data = plane(*values)
    return Frame(data, np.zeros(data.shape, np.uint32), (np.full_like(data, variance),), factor=factor)


def test_values_are_nan_where_anything_is_not_valid() -> None:
    dq = np.array([[0, DQ.HOT, DQ.DO_NOT_USE | DQ.HOT, 0, 0, 0, 0]], dtype=np.uint32)
    variance = {"rnoise": plane(1, 1, 1, 1, np.inf, 1, 1), "flat": plane(1, 1, 1, 1, 1, np.nan, 1)}
    exposure = make_exposure((1, 7)).replace(data=plane(1, 2, 3, np.nan, 5, 6, 7), dq=dq, variance=variance)
    (image,) = frames_of(exposure, ("flat",))
    hidden = replace(image, factor=2.0, hidden=np.array([[0, 0, 0, 0, 0, 0, 1]], dtype=np.bool_))
    np.testing.assert_array_equal(image.values(), plane(1, 2, np.nan, np.nan, np.nan, np.nan, 7))
    np.testing.assert_array_equal(hidden.values(), plane(2, 4, np.nan, np.nan, np.nan, np.nan, np.nan))


def test_variances_are_the_sum_of_the_components_times_the_square_of_the_factor() -> None:
    image = Frame(plane(1, 2), np.zeros((1, 2), np.uint32), (plane(1, 2), plane(3, 4)), factor=3.0)
    np.testing.assert_array_equal(image.variances(), plane(36, 54))


def test_error_of_the_flat_has_the_sign_of_the_data_and_that_of_the_dark_has_none() -> None:
    np.testing.assert_array_equal(signed_error("flat", plane(4, 4), plane(-3, 3)), plane(-2, 2))
    np.testing.assert_array_equal(signed_error("dark", plane(4, 4), plane(-3, 3)), plane(2, 2))
    shared = Frame(plane(-3), np.zeros((1, 1), np.uint32), (), {"flat": plane(4)}, factor=0.5)
    assert shared.shared_error("flat") == -1


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_sample_is_small_and_meets_odd_and_even_columns(rows: int, columns: int) -> None:
    part = sample((rows, columns))
    chosen = [len(range(*each.indices(size))) for each, size in zip(part, (rows, columns), strict=True)]
    assert all(chosen)
    assert part[0].step % 2 == 1
    assert chosen[0] * chosen[1] < 4 * 250_000 + rows + columns


def test_frames_of_a_cube_are_its_integrations_in_the_window() -> None:
    cube = make_exposure((6, 6), nint=2, window=Window(1, 1, 6, 6))
    cube = cube.replace(data=np.arange(72, dtype=np.float32).reshape(2, 6, 6))
    science = make_exposure((2, 3), window=Window(xstart=4, ystart=3, xsize=3, ysize=2))
    frames = [in_window(frame, science, cube) for frame in frames_of(cube)]
    assert [float(each.data[0, 0]) for each in frames] == [15, 51]
    assert all(np.shares_memory(each.data, cube.data) for each in frames)


def test_frames_are_padded_to_the_window() -> None:
    science = make_exposure((2, 4), window=Window(xstart=1, ystart=1, xsize=4, ysize=2))
    part = make_exposure((2, 2), value=5.0, window=Window(xstart=4, ystart=2, xsize=2, ysize=2))
    padded = in_window(*frames_of(part), science, part)
    np.testing.assert_array_equal(padded.values()[0], [np.nan] * 4)
    np.testing.assert_array_equal(padded.values()[1], [np.nan, np.nan, np.nan, 5])


def test_level_of_the_sky_does_not_see_the_stars() -> None:
    rng = np.random.default_rng(1)
    values = 100 + rng.normal(size=10_000)
    values[:500] += 1000
    assert sky_level("x", [frame(*values)], positive=True) == pytest.approx(100, abs=0.05)


@pytest.mark.parametrize("values", [(0.0, 0.0), (-1.0, -2.0), (np.nan, np.nan)])
def test_level_of_no_sky_is_an_error(values: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"match: factor needs a sky above 0, but that of x\.fits is"):
        sky_level("x.fits", [frame(*values)], positive=True)


def test_noise_of_images_that_have_no_pixel_in_common() -> None:
    noise = measure_noise([frame(1, np.nan), frame(np.nan, 2)])
    assert (noise.inflation, noise.deviation) == (1.0, 1.0)
    np.testing.assert_array_equal(noise.levels, [1, 2])


def test_values_are_compared_within_their_own_pixel_only() -> None:
    images = [frame(0, 10, 0), frame(0, 10, 0), frame(0, 10, 50), frame(0, 10, np.nan)]
    stack = combine(images, 3.0)
    assert stack.mean.ravel().tolist() == [0, 10, 0]
    assert stack.clipped == (0, 0, 1, 0)


def test_notes_name_each_exposure_and_what_to_beware_of() -> None:
    rng = np.random.default_rng(2)
    images = [frame(*(level + 2 * rng.normal(size=5000))) for level in (10, 10, 30)]
    images[0].data[0, 0] = 500
    listed, scatter, levels = describe(combine(images, 3.0), ["a", "b", "c"], 3.0, matched=False)
    assert listed.startswith(
        "mean of 3 background exposures, objects not masked, clipped at 3 standard deviations of typ"
    )
    assert listed.count("clipped (") == 3
    assert scatter.startswith("the background exposures scatter 2.0")
    assert levels.startswith("the levels of the background exposures differ by more than the noise of a pixel")
    assert len(describe(combine(images, 3.0), ["a", "b", "c"], 3.0, matched=True)) == 2
