"""An exposure as clipped medians of tiles of the sky: all that is needed of its pixels to compare levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from iris_objects import ObjectMask
from iris_wcs import PixelMap, Plane

from iris_core import Array, Doubles, Exposure, Image, Mask, thread_safe
from iris_skymatch._cells import Cells, lay_cells

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
_SAMPLE = 300_000


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


@thread_safe
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
    values = exposure.data
    if objects is not None:
        values = np.where(objects.of_exposure(exposure), np.float32(np.nan), values)
    cells = lay_cells(PixelMap.of(plane, exposure.wcs, exposure.shape), side)
    medians = _Medians(cells)
    rest = medians.measure(values, np.arange(len(cells)))
    counts = medians.inside.copy()
    whole = counts >= _WHOLE * np.percentile(counts[counts > 0], 90)
    sources = find_sources(rest)
    noise = _noise(rest, sources)
    medians.measure(np.where(sources, np.float32(np.nan), values), cells.touched(sources))
    level = _in_the_middle(medians.level, medians.centroid, cells.shape[1])
    (used,) = np.nonzero(whole & (medians.number >= _USABLE * counts) & np.isfinite(level))
    place = np.stack(np.unravel_index(used, cells.shape)) + np.array(cells.corner)[:, np.newaxis]
    return Tiles(place, level[used], medians.number[used], noise)


class _Medians:
    """What is measured in each tile.

    Attributes
    ----------
    level, number
        Clipped median, and of how many pixels, ``(tiles,)``.
    inside
        Pixels that the exposure has there, ``(tiles,)``.
    centroid
        How far the mean place of the pixels with values is from the middle, in sides, ``(2, tiles)``.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells, size = cells, len(cells)
        self.level, self.centroid = np.empty(size), np.empty((2, size))
        self.number, self.inside = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)

    def measure(self, values: Image, tiles: Array) -> Image:
        """Measure some tiles, and return the image without their medians, NaN elsewhere."""
        rest = np.full(values.size + 1, np.nan, dtype=np.float32)
        for part in self.cells.parts(tiles):
            index, inside, places = self.cells.pixels(part)
            table = values.take(index)
            np.copyto(table, np.float32(np.nan), where=~inside)
            used = np.isfinite(table)
            total = np.maximum(count(used), 1)
            self.centroid[:, part] = [np.einsum("ij,ij->i", one, used) / total for one in places]
            self.level[part], self.number[part] = clipped_medians(table.copy())
            self.inside[part] = count(inside)
            np.copyto(index, values.size, where=~inside)  # what is in no tile goes to a place of its own
            rest[index] = table - self.level[part, np.newaxis].astype(np.float32)
        return rest[:-1].reshape(values.shape)


def count(table: Mask) -> Array:
    """Return how many values of each row are true, as `numpy.count_nonzero` does, in half the time."""
    return np.asarray(table.view(np.uint8).sum(axis=1, dtype=np.uint32), dtype=np.int32)


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


def clipped_medians(table: Image) -> tuple[Doubles, Array]:
    """Return the clipped median of each row of a table, and the number of values that are left.

    The standard deviation is that of the values below the median: light of sources only adds.

    Parameters
    ----------
    table
        ``(rows, values)``; NaN is ignored; it is sorted in place.
    """
    table.sort(axis=1)
    row, number = np.arange(len(table)), count(np.isfinite(table))
    low, high = np.zeros_like(number), number
    for _ in range(3):
        level = _middle(table, low, high)
        below = table[row, np.minimum(low + ((high - low) * 0.158655).astype(np.int64), _last(table))]
        width = _CLIP * (level - below)
        (some,) = np.nonzero((table[:, 0] < level - width) | (table[row, number - 1] > level + width))
        low, high = np.zeros_like(number), number.copy()
        low[some] = count(table[some] < (level - width)[some, np.newaxis])
        high[some] = count(table[some] <= (level + width)[some, np.newaxis])
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
    smooth = _smoothed(np.where(np.isfinite(rest), rest, np.float32(0)))
    found = smooth > (_DETECT * _noise(smooth) or np.inf)
    for axis in (0, 1):
        found = _grown(found, axis)
    return found


def _smoothed(image: Image) -> Image:
    """Return the sums over 3 x 3 pixels; beyond the edge there is nothing."""
    for axis in (0, 1):
        before, after = (slice(None),) * axis + (slice(None, -1),), (slice(None),) * axis + (slice(1, None),)
        total = image.copy()
        total[after] += image[before]
        total[before] += image[after]
        image = total
    return image


def _grown(found: Mask, axis: int) -> Mask:
    grown = found.copy()
    for step in range(1, _GROW + 1):
        before, after = (slice(None),) * axis + (slice(None, -step),), (slice(None),) * axis + (slice(step, None),)
        grown[after] |= found[before]
        grown[before] |= found[after]
    return grown


def _noise(rest: Image, sources: Mask | None = None) -> float:
    """Return the standard deviation of values about 0, from those below 0: sources are above."""
    some = slice(None, None, (rest.size // _SAMPLE) | 1)  # of all columns
    values = rest.ravel()[some]
    below = values[values < 0 if sources is None else (values < 0) & ~sources.ravel()[some]]
    if not below.size:
        return 0.0
    # The median deviation from the median of few pixels is too small; the mean square is not.
    return float(
        np.sqrt(np.mean(np.square(below[below >= _CLIP * _MAD_TO_SIGMA * np.median(below)], dtype=np.float64)))
    )
