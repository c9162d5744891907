"""Which pixels of an exposure fall into the square tiles of a plane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from iris_wcs import PixelMap

from iris_core import Array, Doubles, Image, Mask

__all__ = ["Cells", "lay_cells"]

# A pixel on the edge of two tiles, to so much of a pixel, is in the later one, whatever the rounding errors are.
_EDGE = 1 / 2048
# Pixels of tiles that are worked on at a time: what is made of them stays in a processor's cache.
_PIXELS = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The tiles that an exposure may touch, row by row; in each, the map is an affine one.

    Parameters
    ----------
    corner
        Row and column of the first tile in the plane.
    shape
        Rows and columns of tiles.
    width
        Columns of the exposure.
    box
        Rows and columns of pixels that hold a tile.
    first
        Row and column of the first pixel of the box of each tile, ``(2, tiles)``.
    place
        x and y of that pixel from the middle of its tile, in sides of it, ``(2, tiles)``.
    slopes
        By how much x and y grow from pixel to pixel along the columns and rows, ``(2, 2, tiles)``.
    edge
        `_EDGE` in sides of a tile.
    """

    corner: tuple[int, int]
    shape: tuple[int, int]
    width: int
    box: tuple[int, int]
    first: Array
    place: Doubles
    slopes: Doubles
    edge: float

    def __len__(self) -> int:
        return int(self.first.shape[1])

    def parts(self, tiles: Array) -> Iterator[Array]:
        """Yield tiles, some at a time."""
        step = max(1, _PIXELS // (self.box[0] * self.box[1]))
        return (tiles[start : start + step] for start in range(0, len(tiles), step))

    def touched(self, mask: Mask) -> Array:
        """Return the tiles of which a pixel, or one beside them, is in a mask ``(ny, nx)``."""
        found = [part[mask.take(self._index(part)).any(axis=1)] for part in self.parts(np.arange(len(self)))]
        return np.concatenate(found)

    def _index(self, tiles: Array) -> Array:
        """Return the pixels of boxes, as they are counted in a row, ``(tiles, pixels of a box)``."""
        down, right = (np.arange(size) for size in self.box)
        row, column = self.first[:, tiles]
        box = (down[:, np.newaxis] * self.width + right).ravel()
        return np.asarray((row * self.width + column)[:, np.newaxis] + box)

    def pixels(self, tiles: Array) -> tuple[Array, Mask, tuple[Image, Image]]:
        """Return the pixels of boxes, as they are counted in a row, and which of them are in the tile.

        Also x and y of each from the middle of the tile, in sides of it; ``(tiles, pixels of a box)`` each.
        """
        down, right = (np.arange(size, dtype=np.float32) for size in self.box)
        x, y = (
            (start[:, np.newaxis] + across[:, np.newaxis] * down)[:, :, np.newaxis]
            + (along[:, np.newaxis] * right)[:, np.newaxis]
            for start, (along, across) in zip(
                self.place[:, tiles].astype(np.float32), self.slopes[:, :, tiles].astype(np.float32), strict=True
            )
        )
        low, high = np.float32(-0.5 - self.edge), np.float32(0.5 - self.edge)
        inside = (x >= low) & (x < high) & (y >= low) & (y < high)
        flat = len(tiles), -1
        return self._index(tiles), inside.reshape(flat), (x.reshape(flat), y.reshape(flat))


def lay_cells(pixels: PixelMap, side: int) -> Cells:
    """Return the tiles of a plane, of some side [pixel], that an exposure may touch.

    Parameters
    ----------
    pixels
        The pixels of the exposure to the plane.
    side
        Of a tile.
    """
    low, high = (np.floor((end(pixels.nodes, axis=(1, 2)) + _EDGE) / side).astype(int) for end in (np.min, np.max))
    columns, rows = (high - low + 1).tolist()
    y, x = np.indices((rows, columns)).reshape(2, -1)
    middle = pixels.find((np.stack([x, y]) + low[:, np.newaxis] + 0.5) * side)
    half = side / 2
    slopes = np.stack(
        [
            (pixels.at(middle + half * step) - pixels.at(middle - half * step)) / side**2
            for step in np.eye(2)[:, :, np.newaxis]
        ],
        axis=1,
    )
    reach = np.abs(np.linalg.inv(slopes.transpose(2, 0, 1))).sum(axis=2).max(axis=0) / 2 + 0.01
    box = np.minimum(np.floor(2 * reach).astype(int) + 1, pixels.shape[::-1])
    first = np.clip(np.ceil(middle - reach[:, np.newaxis]).astype(int), 0, (pixels.shape[::-1] - box)[:, np.newaxis])
    place = np.einsum("ijk,jk->ik", slopes, first - middle)
    return Cells(
        corner=(int(low[1]), int(low[0])),
        shape=(rows, columns),
        width=pixels.shape[1],
        box=(int(box[1]), int(box[0])),
        first=first[::-1],
        place=place,
        slopes=slopes,
        edge=_EDGE / side,
    )
