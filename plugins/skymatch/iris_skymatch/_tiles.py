"""An exposure as clipped medians of tiles of the sky: all that is needed of its pixels to compare levels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from iris_objects import ObjectMask
from iris_wcs import PixelMap, Plane

from iris_core import Array, Doubles, Exposure, Image, Mask

__all__ = ["Tiles", "measure_tiles", "tile_side"]

# A tile is compared where an exposure covers so much of it, and so much of that is usable and free of sources:
# of less the middle would lie elsewhere, and with a gradient its level be another.
_WHOLE, _USABLE = 0.9, 0.3
# Sources: light of this many standard deviations in 3 x 3 pixels; they are taken larger by this radius [pixel].
# At 3 the peaks of the noise that are masked would bias the level by 0.003 standard deviations.
_DETECT, _GROW = 4.0, 3
# Standard deviations within which the values of a median lie; at 3 it scatters by 2 % more in tiles of 64 pixels.
_CLIP = 4.0
_MAD_TO_SIGMA = 1.482602
_ROWS = 256
_PARTS = 256
_SAMPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of an exposure.

    Parameters
    ----------
    place
        Row and column of each tile in the common plane, ``(2, k)``.
    level
        Clipped median of its pixels without sources, ``(k,)``.
    number
        How many pixels these are, ``(k,)``.
    noise
        Standard deviation of a pixel.
    """

    place: Array
    level: Doubles
    number: Array
    noise: float


def tile_side(shape: tuple[int, int]) -> int:
    """Return the side of a tile [pixel] for exposures of some shape: two tiles fit into 1/64 of their side."""
    return int(np.clip(-(-min(shape) // 128), 8, 32))


def measure_tiles(exposure: Exposure, plane: Plane, side: int, objects: ObjectMask | None = None) -> Tiles:
    """Return the clipped medians of the tiles of an exposure, sources masked.

    Parameters
    ----------
    exposure
        ``(ny, nx)``, with a WCS.
    plane
        In which the tiles are squares.
    side
        Of a tile [pixel].
    objects
        Objects that the user knows.
    """
    index, offsets, corner, columns = _index(exposure, plane, side)
    values = exposure.data
    if objects is not None:
        values = np.where(objects.of_exposure(exposure), np.float32(np.nan), values)
    sorter = _Sorter(index.ravel(), values)
    whole = sorter.counts >= _WHOLE * np.percentile(sorter.counts[sorter.counts > 0], 90)
    level = sorter.medians(values)[0]
    rest = values - level.astype(np.float32)[index]
    sources = find_sources(rest)
    noise = _noise(rest[~sources])
    values = np.where(sources, np.float32(np.nan), values)
    level, number = sorter.medians(values)
    level = _in_the_middle(level, _centroids(index, offsets, np.isfinite(values)), columns)
    (used,) = np.nonzero(whole & (number >= _USABLE * sorter.counts) & np.isfinite(level))
    place = np.stack(np.divmod(used, columns)) + corner[:, np.newaxis]
    return Tiles(place, level[used], number[used], noise)


def _index(exposure: Exposure, plane: Plane, side: int) -> tuple[Array, Array, Array, int]:
    """Return the tile of each pixel, its place in it, row and column of the first tile, and tiles in a row.

    The place is that of x and y, ``(2, ny, nx)``, in 1/256 of the side, as uint8.
    """
    pixels = PixelMap.of(plane, exposure.wcs, exposure.shape)
    low, high = (
        np.floor(extreme(pixels.nodes, axis=(1, 2)) / side).astype(np.int64) + margin
        for extreme, margin in ((np.min, -1), (np.max, 1))
    )
    columns, rows = (int(one) for one in high - low + 1)
    index = np.empty(exposure.shape, dtype=np.uint16 if rows * columns < 2**16 else np.int32)
    offsets = np.empty((2, *exposure.shape), dtype=np.uint8)
    for where in _bands(exposure.shape[0]):
        places = pixels.rows(where) / side
        x, y = whole = np.floor(places)
        index[where] = (y - low[1]) * columns + (x - low[0])
        offsets[:, where] = np.minimum((places - whole) * _PARTS, _PARTS - 1)
    return index, offsets, low[::-1], columns


def _centroids(index: Array, offsets: Array, used: Mask) -> Doubles:
    """Return how far the mean place of the used pixels of each tile is from its middle, in sides, ``(2, tiles)``."""
    tiles, size = index[used], int(index.max()) + 1
    number = np.maximum(np.bincount(tiles, minlength=size), 1)
    sums = np.stack([np.bincount(tiles, one[used], minlength=size) for one in offsets])
    return np.asarray((sums / number + 0.5) / _PARTS - 0.5)


def _in_the_middle(level: Doubles, centroid: Doubles, columns: int) -> Doubles:
    """Return the levels in the middles of tiles: exposures have their pixels at other places of a gradient."""
    padded = np.append(level, np.full(-level.size % columns, np.nan)).reshape(-1, columns)
    moved = level.copy()
    for axis, shift in zip((1, 0), centroid, strict=True):
        moved -= shift * _slope(padded, axis).ravel()[: level.size]
    return moved


def _slope(level: Doubles, axis: int) -> Doubles:
    """Return the slope of each tile to its neighbours that are known; 0 where none is."""
    grid = np.moveaxis(np.pad(level, 1, constant_values=np.nan), axis, -1)
    before, here, after = grid[1:-1, :-2], grid[1:-1, 1:-1], grid[1:-1, 2:]
    sides = np.stack([here - before, after - here])
    known = np.isfinite(sides)
    slope = np.where(known, sides, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.moveaxis(slope, -1, axis))


def _bands(height: int) -> Iterator[slice]:
    return (slice(start, min(start + _ROWS, height)) for start in range(0, height, _ROWS))


class _Sorter:
    """Brings the pixels of an image into tables of tiles, a row for each."""

    def __init__(self, index: Array, values: Image) -> None:
        self.order = np.argsort(index, kind="stable")
        self.counts = np.bincount(index, minlength=int(index.max()) + 1)
        self.starts = np.cumsum(self.counts) - self.counts

    def medians(self, values: Image) -> tuple[Doubles, Array]:
        """Return the clipped median of each tile, NaN where it has no pixels, and the number of its pixels."""
        ordered = values.ravel()[self.order]
        level = np.full(self.counts.size, np.nan)
        number = np.zeros(self.counts.size, dtype=np.int64)
        (there,) = np.nonzero(self.counts)
        for tiles in np.array_split(there, max(1, ordered.size >> 20)):
            level[tiles], number[tiles] = clipped_medians(self._table(ordered, tiles))
        return level, number

    def _table(self, ordered: Image, tiles: Array) -> Image:
        column = np.arange(self.counts[tiles].max(initial=1))
        inside = column < self.counts[tiles, np.newaxis]
        table = np.full(inside.shape, np.nan, dtype=np.float32)
        table[inside] = ordered[self.starts[tiles[0]] : self.starts[tiles[-1]] + self.counts[tiles[-1]]]
        return table


def clipped_medians(table: Image) -> tuple[Doubles, Array]:
    """Return the clipped median of each row of a table, and the number of values that are left.

    The standard deviation is that of the values below the median: light of sources only adds.

    Parameters
    ----------
    table
        ``(rows, values)``; NaN is ignored; it is sorted in place.
    """
    table.sort(axis=1)
    low, high = np.zeros(len(table), dtype=np.int64), np.isfinite(table).sum(axis=1)
    for _ in range(3):
        level = _middle(table, low, high)
        below = table[np.arange(len(table)), np.minimum(low + ((high - low) * 0.158655).astype(np.int64), _last(table))]
        width = _CLIP * (level - below)
        low, high = (
            (table < (level - width)[:, np.newaxis]).sum(axis=1),
            (table <= (level + width)[:, np.newaxis]).sum(axis=1),
        )
    return _middle(table, low, high), high - low


def _last(table: Image) -> int:
    return int(table.shape[1]) - 1


def _middle(table: Image, low: Array, high: Array) -> Doubles:
    """Return the medians of the values `low` to `high` of sorted rows; NaN where there are none."""
    row, last = np.arange(len(table)), _last(table)
    pair = [table[row, np.clip(one, 0, last)].astype(np.float64) for one in ((low + high - 1) // 2, (low + high) // 2)]
    return np.where(high > low, (pair[0] + pair[1]) / 2, np.nan)


def find_sources(rest: Image) -> Mask:
    """Return where there is light of sources in an image without sky; NaN is none.

    Parameters
    ----------
    rest
        ``(ny, nx)``: the image minus the level of its sky.
    """
    from scipy.ndimage import maximum_filter1d, uniform_filter

    smooth = uniform_filter(np.where(np.isfinite(rest), rest, np.float32(0)), 3, mode="constant")
    noise = _noise(smooth)
    found = smooth > (_DETECT * noise or np.inf)
    for axis in (0, 1):
        found = maximum_filter1d(found, 2 * _GROW + 1, axis=axis, mode="constant")
    return np.asarray(found, dtype=np.bool_)


def _noise(rest: Image) -> float:
    """Return the standard deviation of values about 0, from those below 0: sources are above."""
    values = rest.ravel()[:: max(1, rest.size // _SAMPLE)]
    below = values[values < 0]
    if not below.size:
        return 0.0
    # The median deviation from the median of few pixels is too small; the mean square is not.
    return float(
        np.sqrt(np.mean(np.square(below[below >= _CLIP * _MAD_TO_SIGMA * np.median(below)], dtype=np.float64)))
    )
