"""The compiled kernel and numpy give the same bits."""

from __future__ import annotations

import iris_drizzle
import iris_outliers._resample
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_outliers._resample import blot, interpolate
from iris_wcs import PixelMap

from iris_core import Array, Image

pytestmark = pytest.mark.skipif(not iris_drizzle.instructions(), reason="iris-drizzle is not compiled here")

offsets = st.one_of(st.floats(-30, 30), st.integers(-60, 60).map(lambda twice: twice / 2))


def turned(shape: tuple[int, int], shift: tuple[float, float], angle: float) -> PixelMap:
    y, x = (np.linspace(0, size - 1, max(2, -(-(size - 1) // 32) + 1)) for size in shape)
    x, y = np.meshgrid(x, y)
    cosine, sine = np.cos(angle), np.sin(angle)
    bend = 3 * (x * x + y * y) / (shape[0] ** 2 + shape[1] ** 2)
    return PixelMap(np.stack([cosine * x - sine * y + shift[0] + bend, sine * x + cosine * y + shift[1]]), shape)


def images(seed: int, shape: tuple[int, int]) -> tuple[Image, Array]:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=shape).astype(np.float32)
    image[rng.random(shape) < 0.1] = np.nan
    image[5:15, 10:30] = np.nan
    return image, rng.integers(0, 200, shape, dtype=np.uint8)


def in_numpy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(iris_outliers._resample, "instructions", tuple)


@given(
    seed=st.integers(0, 99),
    shift=st.tuples(offsets, offsets),
    angle=st.sampled_from([0.0, 1e-4, 0.3, -2.0]),
    least=st.floats(0.1, 1),
)
@settings(deadline=None, max_examples=60)
def test_same_bits(seed: int, shift: tuple[float, float], angle: float, least: float) -> None:
    image, count = images(seed, (61, 83))
    places, some = turned((70, 90), shift, angle), slice(7, 43)
    compiled = interpolate(image, places, some, -2, least), *blot(image, count, places)
    with pytest.MonkeyPatch.context() as patch:
        in_numpy(patch)
        plain = interpolate(image, places, some, -2, least), *blot(image, count, places)
    for one, other in zip(compiled, plain, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)


def test_instructions_do_not_matter() -> None:
    image, _ = images(1, (61, 83))
    along, cell, share = turned((70, 90), (0.3, 4.5), 0.2).lines(slice(0, 70))
    lines = iris_drizzle.LineMap(along=along, cell=cell.astype(np.int32), share=share, quantum=PixelMap.quantum)
    made = [iris_drizzle.interpolate(image, lines, using=using)[0] for using in iris_drizzle.instructions()]
    assert np.isfinite(made[0]).any()
    assert all(one.tobytes() == made[0].tobytes() for one in made)


def test_lines_that_do_not_fit_are_refused() -> None:
    image, count = images(1, (61, 83))
    along, cell, share = turned((70, 90), (0.3, 4.5), 0.2).lines(slice(0, 70))
    lines = {"along": along, "share": share, "quantum": PixelMap.quantum}
    with pytest.raises(ValueError, match="cell: not between nodes"):
        iris_drizzle.interpolate(image, iris_drizzle.LineMap(cell=np.full(90, 99, np.int32), **lines))
    fitting = iris_drizzle.LineMap(cell=cell.astype(np.int32), **lines)
    with pytest.raises(ValueError, match="count: another size"):
        iris_drizzle.interpolate(image, fitting, count=count[1:])
