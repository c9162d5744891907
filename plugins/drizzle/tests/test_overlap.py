"""Facts in closed form: areas, sums, errors, flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_drizzle import Weight

Maker = Callable[..., Any]


def clean(scene: Any, value: float = 1.0) -> dict[str, Any]:
    """Return planes of one value, without flags."""
    shape = scene.image.shape
    return {
        "data": np.full(shape, value, np.float32),
        "dq": np.zeros(shape, np.uint32),
        "variance": {name: np.ones(shape, np.float32) for name in ("poisson", "rnoise")},
        "weight": Weight(),
    }


def one_pixel(scene: Any, row: int, column: int) -> dict[str, Any]:
    """Return planes of which all but one pixel are without value."""
    planes = clean(scene)
    planes["data"][:] = np.nan
    planes["data"][row, column] = 1
    return planes


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    angle=st.floats(0, 360),
    scale=st.floats(0.3, 6),
    flip=st.booleans(),
    pixfrac=st.floats(0.02, 1),
    shift=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_the_weight_of_a_pixel_is_the_part_of_its_drop_that_falls_there(
    scene: Maker, turned: Maker, angle: float, scale: float, flip: bool, pixfrac: float, shift: tuple[float, float]
) -> None:
    transform = turned(angle, scale, 0.0, flip, (15 - 24 * scale + shift[0], 15 - 24 * scale + shift[1]))
    size = {"shape": (40, 40), "grid": (30, 30)}
    first = scene(transform, **size)
    one = scene(transform, **size, **one_pixel(first, 20, 20))
    parts = np.zeros(one.shape)
    for place in np.ndindex(one.shape):
        parts[place] = one.part((20, 20), place, pixfrac)
    made = one.drizzled(pixfrac=pixfrac)
    np.testing.assert_allclose(made.weight, parts, atol=2e-7)
    assert made.weight.sum(dtype=float) == pytest.approx(1, abs=1e-6)
    assert np.all(made.data[parts > 1e-6] == 1)
    assert made.variance["total"][parts > 1e-6] == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, 123.0])
def test_a_constant_stays_constant_and_no_weight_is_lost(scene: Maker, turned: Maker, using: str, angle: float) -> None:
    transform = turned(angle, shift=(30.2, 30.6))
    one = scene(transform, grid=(110, 110), **clean(scene(transform), 7.0))
    made = one.drizzled(using=using)
    assert set(np.unique(made.data)) <= {np.float32(0), np.float32(7)}
    assert made.weight.sum(dtype=float) == pytest.approx(37 * 45, rel=1e-7)


def test_an_aligned_image_comes_out_as_it_went_in(scene: Maker, using: str) -> None:
    """Nothing leaks into neighbours, whatever stands there."""
    one = scene(lambda x, y: (x + 7, y + 3), grid=(45, 60))
    made, image = one.drizzled(using=using), one.image
    inner = np.s_[3:40, 7:52]
    used = made.weight[inner] > 0
    total = image.variance["poisson"] + image.variance["rnoise"]
    unusable = (image.dq & 0b1011 != 0) | ~np.isfinite(image.data) | ~np.isfinite(total)
    assert np.array_equal(used, ~unusable)
    assert np.array_equal(made.data[inner][used], image.data[used])
    assert np.array_equal(made.variance["total"][inner][used], total[used])
    assert np.array_equal(made.dq[inner], np.where(used, image.dq & ~np.uint32(1), 0))
    assert made.weight.sum(dtype=float) == 3.5 * np.count_nonzero(used)


def test_the_variance_is_that_of_the_mean(scene: Maker, turned: Maker) -> None:
    """Four pixels in one: sum of w2 v over the square of the sum of w."""
    one = scene(turned(0.0, 0.5, shift=(-2.25, -2.25)), shape=(40, 40), grid=(20, 20), weight=Weight(over=("rnoise",)))
    made = one.drizzled(["poisson", "rnoise"])
    image = one.image
    total = image.variance["poisson"] + image.variance["rnoise"]
    used = (image.dq & 0b1011 == 0) & np.isfinite(image.data) & np.isfinite(total)
    weight = np.where(used, 1 / (1 + image.variance["rnoise"].astype(float)), 0)

    def summed(plane: Any) -> Any:
        return np.where(used, plane, 0).reshape(20, 2, 20, 2).sum(axis=(1, 3))

    for name, plane in made.variance.items():
        wanted = summed(weight**2 * np.where(used, image.variance[name], 0)) / summed(weight) ** 2
        assert plane == pytest.approx(wanted, rel=1e-6)


def test_many_components_are_each_what_they_are_alone(scene: Maker, turned: Maker) -> None:
    names = [f"part{number}" for number in range(9)]
    variance = {name: np.full((37, 45), number + 1, np.float32) for number, name in enumerate(names)}
    one = scene(turned(11.0), variance=variance)
    made = one.drizzled(names)
    seen = made.weight > 0
    for number, name in enumerate(names):
        ratio = made.variance[name][seen] / made.variance["part0"][seen]
        assert ratio == pytest.approx(number + 1, rel=1e-6)


def test_a_grid_that_cuts_the_image_has_what_a_larger_one_has_there(scene: Maker, turned: Maker, using: str) -> None:
    large = scene(turned(31.0, shift=(30.0, 30.0)), grid=(110, 110)).drizzled(using=using)
    small = scene(turned(31.0, shift=(30.0, 30.0)), grid=(20, 30)).drizzled(using=using, offset=(-40.0, -45.0))
    for name in ("data", "weight", "dq"):
        assert np.array_equal(getattr(small, name), getattr(large, name)[45:65, 40:70])
    beside = scene(turned(31.0), grid=(20, 30)).drizzled(using=using, offset=(1e5, 0.0))
    assert not beside.weight.any()
    assert not beside.data.any()
    assert not beside.dq.any()
