"""The compiled kernel and numpy give the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import iris_background._stack
import iris_drizzle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_background import Frame, Noise, combine

SHAPE = (7, 83)
pytestmark = pytest.mark.skipif(not iris_drizzle.instructions(), reason="iris-drizzle is not compiled here")


def stack_of(seed: int, number: int, known: bool) -> tuple[list[Frame], Noise]:
    """Return a stack with rays, values that agree exactly, pixels without a value, and some that one has alone."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(number):
        data = rng.normal(50, 2, SHAPE).astype(np.float32)
        data += 100 * (rng.random(SHAPE) < 0.2) * rng.random(SHAPE).astype(np.float32)
        data[rng.random(SHAPE) < 0.1] = 50
        variance = tuple(rng.uniform(0, 4, SHAPE).astype(np.float32) for _ in range(rng.integers(1, 4)))
        variance[0][rng.random(SHAPE) < 0.1] = 0
        dq = (rng.random(SHAPE) < 0.3).astype(np.uint32) * np.uint32(3)
        for plane in (data, *variance):
            plane[dq > 0] = np.nan
        hidden = rng.random(SHAPE) < 0.2 if rng.random() < 0.5 else None
        factor, offset = rng.choice([1.0, rng.uniform(0.5, 2)]), rng.choice([0.0, rng.normal()])
        frames.append(Frame(data, dq, variance if known else (), {}, float(factor), float(offset), hidden))
    ones, level = np.ones(number, np.float32), np.full(number, 50, np.float32)
    noise = Noise(known=known, deviation=2.0, inflation=1.1, weights=ones, levels=level, drifts=0 * ones)
    return frames, noise


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(1, 12), known=st.booleans(), sigma=st.floats(1, 5))
@settings(deadline=None)
def test_same_bits(seed: int, number: int, known: bool, sigma: float) -> None:
    frames, noise = stack_of(seed, number, known)
    compiled = combine(frames, sigma, noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iris_background._stack, "MOST_IMAGES", 0)
        plain = combine(frames, sigma, noise)
    for name in ("mean", "variance", "dq"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), name)
    np.testing.assert_array_equal(compiled.counts, plain.counts)


def test_the_kernel_is_used(monkeypatch: Any) -> None:
    frames, noise = stack_of(1, 4, True)
    monkeypatch.setattr(iris_background._stack, "clip_stack", None)
    with pytest.raises(TypeError):
        combine(frames, 3.0, noise)


def test_instructions_do_not_matter(monkeypatch: Any) -> None:
    frames, noise = stack_of(2, 5, True)
    made = [
        iris_drizzle.clip_stack(frames, tolerance=3.0, rounding=noise.rounding, unmeasured=4.0, using=using)
        for using in iris_drizzle.instructions()
    ]
    for other in made[1:]:
        assert (made[0].mean.tobytes(), made[0].variance.tobytes()) == (other.mean.tobytes(), other.variance.tobytes())
        assert (made[0].valid.tolist(), made[0].clipped.tolist()) == (other.valid.tolist(), other.clipped.tolist())


def test_more_images_than_the_kernel_takes() -> None:
    frames, noise = stack_of(3, iris_drizzle.MOST_IMAGES + 1, True)
    assert np.isfinite(combine(frames, 3.0, noise).mean).any()
    with pytest.raises(ValueError, match="images: at most 64"):
        iris_drizzle.clip_stack(frames, tolerance=3.0, rounding=0.0, unmeasured=1.0)


def test_as_many_images_and_components_as_the_kernel_takes() -> None:
    frames, noise = stack_of(5, iris_drizzle.MOST_IMAGES, True)
    many = [replace(one, variance=one.variance[:1] * 32) for one in frames]
    few = [replace(one, variance=(one.variance[0] * np.float32(32),)) for one in frames]
    np.testing.assert_allclose(combine(many, 3.0, noise).variance, combine(few, 3.0, noise).variance, rtol=1e-4)


def test_planes_of_another_size_are_refused() -> None:
    frames, _ = stack_of(4, 2, True)
    wrong = [frames[0], frames[1].cut((slice(0, 3), slice(None)))]
    with pytest.raises(ValueError, match="data: another size"):
        iris_drizzle.clip_stack(wrong, tolerance=3.0, rounding=0.0, unmeasured=1.0)
