"""The median of exposures on their common grid, by strips of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from iris_background import count_kept, middle
from iris_wcs import PixelMap

from iris_core import Array, Exposure, Exposures, Image, in_threads
from iris_outliers._grid import Grid, Place
from iris_outliers._resample import interpolate, rows_needed

__all__ = ["Cut", "Median", "levels_of", "median_of", "take_median"]

# What the values that are sorted at a time may take [bytes]: they stay in a processor's cache.
_BLOCK = 1 << 21


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of the median that an exposure lies on.

    Parameters
    ----------
    median
        See `Median`.
    count
        See `Median`.
    pixels
        The pixels of the exposure to those of this part.
    """

    median: Image
    count: Array
    pixels: PixelMap


@dataclass(frozen=True, slots=True)
class Median:
    """The median of exposures.

    Parameters
    ----------
    median
        ``(ny, nx)``; of two values the lower, as light of rays only adds; NaN where there are fewer.
    count
        How many values there are, uint8; 255 stands for more, too.
    """

    median: Image
    count: Array

    def cut(self, place: Place) -> Cut:
        """Return the part that an exposure lies on; it takes no memory."""
        return Cut(self.median[place.cut], self.count[place.cut], place.pixels)


def levels_of(outlines: Sequence[Exposure]) -> list[float]:
    """Return the level of the sky of each exposure that is known and has not been subtracted: sky_match records it."""
    headers = [one.sci_header for one in outlines]
    return [0.0 if one.get("BKGSUB", True) else float(one.get("BKGLEVEL", 0.0)) for one in headers]


def take_median(exposures: Exposures, grid: Grid, levels: Sequence[float], least: float) -> Median:
    """Return the median of exposures; of each only the rows are read that a strip needs.

    The values of all exposures in a strip take what the run allows for rows.

    Parameters
    ----------
    exposures
        Two or more.
    grid
        Their grid.
    levels
        What to subtract from each.
    least
        Least weight of the valid pixels of an interpolated value.
    """
    rows, columns = grid.shape
    made = Median(np.full(grid.shape, np.nan, dtype=np.float32), np.zeros(grid.shape, dtype=np.uint8))
    step = max(1, min(rows, exposures.pool.budget // (4 * len(exposures) * columns)))
    places = [(place, place.pixels.inverse(place.shape)) for place in grid.places]
    stack = np.empty((len(exposures), step, columns), dtype=np.float32)
    for start in range(0, rows, step):
        strip = slice(start, min(start + step, rows))
        values = stack[:, : strip.stop - start]
        _fill(values, exposures, places, strip, levels, least)
        for part, those in _parts(grid.places, strip):
            made.median[strip, part], made.count[strip, part] = median_of([values[index][:, part] for index in those])
    return made


def _parts(places: Sequence[Place], strip: slice) -> Iterator[tuple[slice, list[int]]]:
    """Yield the columns between edges of exposures, and which exposures a strip has there: few of a wide dither."""
    cuts = {index: one.cut for index, one in enumerate(places)}
    there = {
        index: columns
        for index, (rows, columns) in cuts.items()
        if max(rows.start, strip.start) < min(rows.stop, strip.stop)
    }
    edges = sorted({edge for one in there.values() for edge in (one.start, one.stop)})
    for start, stop in pairwise(edges):
        those = [index for index, one in there.items() if one.start <= start and stop <= one.stop]
        if those:
            yield slice(start, stop), those


def _fill(
    values: Image,
    exposures: Exposures,
    places: Sequence[tuple[Place, PixelMap]],
    strip: slice,
    levels: Sequence[float],
    least: float,
) -> None:
    """Put the values of all exposures into a strip of the grid, several at a time."""

    def put(index: int) -> None:
        _put(values[index], exposures, index, places[index], strip, levels[index], least)

    list(in_threads(put, range(len(exposures))))


def _put(
    values: Image,
    exposures: Exposures,
    index: int,
    where: tuple[Place, PixelMap],
    strip: slice,
    level: float,
    least: float,
) -> None:
    """Put the values of one exposure into its columns of a strip of the grid."""
    place, back = where
    (row, _), columns = place.corner, place.cut[1]
    own = slice(max(strip.start - row, 0), min(strip.stop - row, place.shape[0]))
    if own.stop <= own.start:
        return
    values[:, columns] = np.nan
    needed = rows_needed(back, own, exposures.outlines[index].shape[0])
    if needed.stop <= needed.start:
        return
    image = exposures.members[index].rows("data", needed)
    made = interpolate(np.asarray(image), back, own, needed.start, least)
    first = own.start + row - strip.start
    np.subtract(made, np.float32(level), out=values[first : first + len(made), columns])


def median_of(images: Sequence[Image]) -> tuple[Image, Array]:
    """Return the median of images and the number of values; NaN is no value.

    Parameters
    ----------
    images
        ``(rows, columns)`` each.

    Returns
    -------
    median
        ``(rows, columns)``; the lower of two values, NaN where there is one or none.
    count
        uint8, 255 at most.
    """
    number, (rows, columns) = len(images), images[0].shape
    median = np.empty((rows, columns), dtype=np.float32)
    count = np.empty((rows, columns), dtype=np.uint8)

    def put(start: int) -> None:
        block = np.stack([one[start : start + step] for one in images])
        found = count_kept(~np.isnan(block))
        low, high = middle(block, found)
        np.copyto(high, low, where=found == 2)
        median[start : start + step] = np.where(found > 1, (low + high) / 2, np.float32(np.nan))
        count[start : start + step] = np.minimum(found, 255)

    step = max(1, _BLOCK // (4 * number * columns))
    list(in_threads(put, range(0, rows, step)))
    return median, count
