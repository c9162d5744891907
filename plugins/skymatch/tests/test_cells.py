"""Which pixels fall into which tiles, against the places of all pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from iris_skymatch._cells import Cells, lay_cells
from iris_wcs import PixelMap, choose_plane

from iris_core import Array, Doubles, Exposure

Look = Callable[..., Exposure]
SHAPE = (90, 120)


def pixels_of(look: Look, offset: tuple[float, float], angle: float, shape: tuple[int, int] = SHAPE) -> PixelMap:
    one = look(offset, shape=shape, angle=angle)
    return PixelMap.of(choose_plane([look((0, 0))]), one.wcs, shape)


def all_of(cells: Cells) -> tuple[Array, Array, Doubles]:
    """Return the tile, the pixel, and the place in the tile of whatever is in a tile."""
    index, inside, places = cells.pixels(np.arange(len(cells)))
    return np.nonzero(inside)[0], index[inside], np.stack([one[inside] for one in places])


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.5, 0.5), (13.27, -5.9)])
@pytest.mark.parametrize("angle", [0.0, 0.2, 30.0, 90.0, 137.0])
def test_each_pixel_is_in_the_tile_that_it_falls_into(look: Look, offset: tuple[float, float], angle: float) -> None:
    pixels = pixels_of(look, offset, angle)
    cells = lay_cells(pixels, 8)
    tile, index, place = all_of(cells)
    assert np.array_equal(np.sort(index), np.arange(SHAPE[0] * SHAPE[1]))
    row, column = np.unravel_index(tile, cells.shape)
    found = (place + 0.5 + np.stack([column + cells.corner[1], row + cells.corner[0]])) * 8
    assert found == pytest.approx(pixels.rows(slice(0, SHAPE[0])).reshape(2, -1)[:, index], abs=2e-3)


@pytest.mark.parametrize("shape", [(3, 40), (40, 5), (7, 7)])
def test_an_exposure_may_be_narrower_than_a_tile(look: Look, shape: tuple[int, int]) -> None:
    _, index, _ = all_of(lay_cells(pixels_of(look, (3.3, 4.4), 20.0, shape), 16))
    assert np.array_equal(np.sort(index), np.arange(shape[0] * shape[1]))


def test_the_tiles_of_a_mask_are_found(look: Look) -> None:
    """All that have a pixel of it, and few that have none."""
    cells = lay_cells(pixels_of(look, (3.3, 4.4), 0.0), 8)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[30, 50] = mask[70:80, 20:40] = True
    tile, index, _ = all_of(cells)
    wanted, found = set(tile[mask.ravel()[index]].tolist()), set(cells.touched(mask).tolist())
    assert wanted <= found
    assert len(found) <= 2 * len(wanted) + 4
    assert not cells.touched(np.zeros_like(mask)).size
