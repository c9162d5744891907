"""Masks on the grid, seen from each image."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iris_sky import SkyParams
from iris_sky._dither import plan_dither
from iris_sky._first import first_stack
from iris_sky._level import measure_levels, take_sample
from iris_sky._masks import Masks
from iris_sky._place import Placement

from iris_core import Mask, References

shapes = st.tuples(st.integers(1, 13), st.integers(1, 13))


def placed(down: int, right: int, shape: tuple[int, int]) -> Placement:
    return Placement(np.eye(2), np.array([right, down], dtype=np.float64), shape)


@given(shapes.flatmap(lambda shape: arrays(np.bool_, shape)))
def test_a_mask_of_any_shape_comes_back_from_its_bits(mask: Mask) -> None:
    masks = Masks.of(mask)
    np.testing.assert_array_equal(masks.plane(), mask)
    assert masks.bits.nbytes == (mask.size + 7) // 8


@given(arrays(np.bool_, (9, 11)), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_an_image_sees_its_own_part_of_the_grid(mask: Mask, down: int, right: int, start: int) -> None:
    masks = Masks.of(mask)
    rows = masks.of_rows(masks.plane(), placed(down, right, (5, 7)), slice(start, 5))
    np.testing.assert_array_equal(rows, mask[down + start : down + 5, right : right + 7])


def test_what_is_masked_in_every_image_is_added_whatever_the_place() -> None:
    grid, image = np.zeros((9, 11), dtype=bool), np.zeros((5, 7), dtype=bool)
    grid[4, 4], image[2, 3] = True, True
    masks = Masks.of(grid, image)
    for down, right in ((0, 0), (3, 2)):
        found = masks.of_rows(masks.plane(), placed(down, right, (5, 7)), slice(1, 5))
        assert np.argwhere(found).tolist() == sorted([[1, 3], [4 - down - 1, 4 - right]])


def test_masks_travel_to_another_process_as_they_are() -> None:
    masks = Masks.of(np.eye(6, 9, dtype=bool), np.eye(3, dtype=bool))
    there: Any = pickle.loads(pickle.dumps(masks))
    np.testing.assert_array_equal(there.plane(), masks.plane())
    np.testing.assert_array_equal(there.image, masks.image)


def test_the_first_pass_sees_what_is_masked_in_every_image(dither: Any) -> None:
    """The sky of these pixels is not known in any exposure, so that they give nothing to the stack."""
    made = dither(4, size=96, step=30.0, stars=3, brightest=50.0)
    plan = plan_dither(made.group, SkyParams(), References())
    levels = measure_levels(take_sample(made.group), "offset", [one.name for one in made.exposures])
    image = np.zeros((96, 96), dtype=bool)
    image[40:60, 30:50] = True
    nothing = np.zeros(plan.grid.shape, dtype=bool)
    plain, masked = (
        first_stack(made.group, levels, plan.first, plan.grid, Masks.of(nothing, one)) for one in (None, image)
    )
    lost = plain.number.astype(int) - masked.number
    assert lost.sum() == len(made.exposures) * image.sum()
