"""What does not fit is refused, with its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import iris_drizzle
import numpy as np
import pytest
from iris_drizzle import Grid, Image, SplineMap, Weight, _kernel

Maker = Callable[..., Any]


@pytest.mark.parametrize("pixfrac", [0.0, -1.0, 1.5, float("nan")])
def test_a_pixfrac_that_is_none(scene: Maker, turned: Maker, pixfrac: float) -> None:
    with pytest.raises(ValueError, match="pixfrac"):
        scene(turned(0.0)).drizzled(pixfrac=pixfrac)


def test_instructions_that_this_machine_lacks(scene: Maker, turned: Maker) -> None:
    with pytest.raises(ValueError, match="no instructions neon"):
        scene(turned(0.0)).drizzled(using="neon")


def test_variances_that_cannot_be_made(scene: Maker, turned: Maker) -> None:
    with pytest.raises(ValueError, match=r"\['dark'\] cannot be made of \['poisson', 'rnoise'\]"):
        scene(turned(0.0)).drizzled(["dark"])


def test_planes_of_another_shape() -> None:
    plane = np.zeros((4, 5), np.float32)
    with pytest.raises(ValueError, match=r"dq is \(5, 4\), and the data are \(4, 5\)"):
        Image(data=plane, dq=np.zeros((5, 4), np.uint32), variance={})
    with pytest.raises(ValueError, match=r"rnoise is \(3,\)"):
        Image(data=plane, dq=np.zeros((4, 5), np.uint32), variance={"rnoise": np.zeros(3, np.float32)})


def test_an_image_of_two_rows() -> None:
    with pytest.raises(ValueError, match=r"3 x 3 pixels is needed; this one is \(2, 5\)"):
        Image(data=np.zeros((2, 5), np.float32), dq=np.zeros((2, 5), np.uint32), variance={})


def test_a_weight_of_an_unknown_variance(scene: Maker, turned: Maker) -> None:
    with pytest.raises(ValueError, match="no variance sky to weigh with; there are: poisson, rnoise"):
        scene(turned(0.0), weight=Weight(over=("sky",)))


def test_a_map_of_another_shape(scene: Maker, turned: Maker) -> None:
    one = scene(turned(0.0))
    with pytest.raises(ValueError, match=r"\(4, pieces, nx, 2\), not \(3, "):
        replace(one.mapping, coefficients=one.mapping.coefficients[:3])
    with pytest.raises(ValueError, match="4 pieces have 5 breaks"):
        replace(one.mapping, breaks=one.mapping.breaks[:-1])
    narrow = replace(one.mapping, coefficients=one.mapping.coefficients[:, :, :-1])
    with pytest.raises(ValueError, match="coefficients: another size"):
        iris_drizzle.drizzle(one.image, narrow, Grid.empty((5, 5), ["total"]))


def test_a_grid_that_is_not_of_single_precision(scene: Maker, turned: Maker) -> None:
    one, grid = scene(turned(0.0)), Grid.empty((9, 9), ["total"])
    with pytest.raises(ValueError, match="weight: another type of number"):
        iris_drizzle.drizzle(one.image, one.mapping, replace(grid, weight=np.zeros((9, 9))))
    with pytest.raises(ValueError, match="dq: another size"):
        iris_drizzle.drizzle(one.image, one.mapping, replace(grid, dq=np.zeros((9, 8), np.uint32)))


def test_a_grid_that_is_read_only_or_not_contiguous(scene: Maker, turned: Maker) -> None:
    one, grid = scene(turned(0.0)), Grid.empty((9, 9), ["total"])
    grid.data.setflags(write=False)
    with pytest.raises(ValueError, match=r"read-only|writable"):
        iris_drizzle.drizzle(one.image, one.mapping, grid)
    with pytest.raises(ValueError, match="contiguous"):
        iris_drizzle.drizzle(one.image, one.mapping, replace(grid, data=np.zeros((9, 18), np.float32)[:, ::2]))


def test_planes_of_any_layout_and_order_of_bytes_are_taken(scene: Maker, turned: Maker) -> None:
    one = scene(turned(10.0))
    image = replace(one.image, data=one.image.data.astype(">f4"), dq=np.asfortranarray(one.image.dq))
    wanted, made = one.drizzled(), replace(one, image=image).drizzled()
    assert made.data.tobytes() == wanted.data.tobytes()
    assert made.dq.tobytes() == wanted.dq.tobytes()


def test_without_a_compiler_it_says_so(scene: Maker, turned: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    one = scene(turned(0.0))
    monkeypatch.setattr(_kernel, "native", None)
    assert iris_drizzle.instructions() == ()
    with pytest.raises(RuntimeError, match="without a compiler"):
        one.drizzled()


def test_rows_find_their_pieces() -> None:
    mapping = SplineMap(coefficients=np.zeros((4, 3, 5, 2)), breaks=np.array([0, 2.5, 5, 9]))
    piece, step = mapping.at(np.arange(10, dtype=np.float64))
    assert piece.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]
    assert step.tolist() == [0, 1, 2, 0.5, 1.5, 0, 1, 2, 3, 4]
