"""Values of an image between its pixels: bilinear, or copied where the pixels of both images agree."""

from __future__ import annotations

from collections.abc import Iterator

import iris_drizzle
import numpy as np
from iris_drizzle import LineMap, instructions
from iris_wcs import PixelMap

from iris_core import Array, Doubles, Image, in_threads

__all__ = ["bands", "blot", "interpolate", "rows_needed"]

# Pixels that are worked on at a time: what is made of them stays in a processor's cache.
_VALUES = 1 << 15
_HALF = 0.5


def bands(where: slice, width: int) -> Iterator[slice]:
    """Yield rows, so many at a time that what is made of them stays in a processor's cache."""
    step = max(1, _VALUES // max(width, 1))
    return (slice(start, min(start + step, where.stop)) for start in range(where.start, where.stop, step))


def rows_needed(places: PixelMap, where: slice, height: int) -> slice:
    """Return the rows of an image of some `height` on which some rows of another one depend; it may be empty."""
    low, high = places.span(where)
    start = int(np.clip(np.floor(low) - 1, 0, height))
    return slice(start, int(np.clip(np.ceil(high) + 2, start, height)))


def interpolate(image: Image, places: PixelMap, where: slice, first: int = 0, least: float = 1.0) -> Image:
    """Return the values of an image at the places of some rows of another one, ``(rows, columns)``, float32.

    Parameters
    ----------
    image
        ``(ny, nx)``, NaN where there is no value.
    places
        Pixels of the other to those of this one.
    where
        Rows of the other.
    first
        Row of the first row of `image`, as `places` counts them.
    least
        NaN where valid pixels have less than this part of the weight.
    """
    made = np.full((where.stop - where.start, places.shape[1]), np.nan, dtype=np.float32)
    if image.size == 0:
        return made
    if places.shift is not None:
        _copy(image, made, (places.shift[1] + where.start - first, places.shift[0]))
        return made
    if instructions():
        return iris_drizzle.interpolate(np.ascontiguousarray(image), _lines(places, where), first=first, least=least)[0]
    for band in bands(where, places.shape[1]):
        at = places.rows(band)
        at[1] -= first
        made[band.start - where.start : band.stop - where.start] = _bilinear(image, at, least)
    return made


def _lines(places: PixelMap, where: slice) -> LineMap:
    along, cell, share = places.lines(where)
    return LineMap(along=along, cell=cell.astype(np.int32), share=share, quantum=places.quantum)


def _copy(image: Array, made: Array, start: tuple[int, int]) -> None:
    """Copy into `made` what an image has from row and column `start` on."""
    pairs = zip(start, image.shape, made.shape, strict=True)
    ranges = [(max(begin, 0), min(begin + wanted, size), begin) for begin, size, wanted in pairs]
    if all(high > low for low, high, _ in ranges):
        inner = tuple(slice(low - begin, high - begin) for low, high, begin in ranges)
        made[inner] = image[tuple(slice(low, high) for low, high, _ in ranges)]


def _bilinear(image: Image, at: Doubles, least: float) -> Image:
    """Return the values of an image at places x and y, ``(2, ...)``; NaN beyond it.

    What lies on the outer half of the outermost pixels is on the image, and has their values.
    """
    on, image = _on_image(at, image.shape), np.ascontiguousarray(image)
    whole = np.floor(on)
    x, y = (on - whole).astype(np.float32)
    index, width = _index(whole, image.shape), image.shape[1]
    # Beyond the last row or column the weight is 0: any pixel will do.
    corners = [image.take(index + step, mode="clip") for step in (0, 1, width, width + 1)]
    low, high = (before + x * (after - before) for before, after in (corners[:2], corners[2:]))
    values: Image = low + y * (high - low)
    missing = np.isnan(values)
    if missing.any():
        # Most of what is missing has no valid pixel around it, where exposures do not overlap.
        missing &= np.logical_or.reduce([np.isfinite(one) for one in corners])
        values[missing] = _of_valid([one[missing] for one in corners], x[missing], y[missing], least)
    if on is not at:
        values[np.any(np.abs(at - on) > _HALF, axis=0)] = np.nan
    return values


def _on_image(at: Doubles, shape: tuple[int, ...]) -> Doubles:
    """Return places, and in place of those beyond the middles of the outermost pixels the nearest ones that are not."""
    last = np.array(shape[::-1]) - 1
    if np.all(at.min(axis=(1, 2)) >= 0) and np.all(at.max(axis=(1, 2)) <= last):
        return at
    return np.clip(at, 0, last[:, np.newaxis, np.newaxis])


def _index(whole: Doubles, shape: tuple[int, ...]) -> Array:
    return np.asarray(whole[1] * shape[1] + whole[0], dtype=np.intp)


def _of_valid(corners: list[Image], x: Image, y: Image, least: float) -> Image:
    """Return the means of those of the four pixels around each place that are valid; NaN where their weight is less."""
    pixels, known = np.stack(corners), np.isfinite(corners)
    weights = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]) * known
    weight = weights.sum(axis=0)
    enough = weight >= least
    values = np.sum(weights * np.where(known, pixels, 0), axis=0) / np.where(enough, weight, 1)
    return np.where(enough, values, np.float32(np.nan))


def blot(image: Image, count: Array, places: PixelMap) -> tuple[Image, Array]:
    """Return the values of an image, and of the nearest pixels of another one, at the pixels of an exposure.

    Parameters
    ----------
    image
        ``(ny, nx)``, NaN where there is no value; so is what has less than half of its weight from values.
    count
        ``(ny, nx)``, integers; 0 beyond it.
    places
        The pixels of the exposure to those of the images.
    """
    values = np.full(places.shape, np.nan, dtype=np.float32)
    counts = np.zeros(places.shape, dtype=count.dtype)
    if places.shift is not None:
        for one, made in ((image, values), (count, counts)):
            _copy(one, made, places.shift[::-1])
        return values, counts

    image, count = np.ascontiguousarray(image), np.ascontiguousarray(count)

    def put(band: slice) -> None:
        values[band], counts[band] = _blot_rows(image, count, places, band)

    list(in_threads(put, bands(slice(0, places.shape[0]), places.shape[1])))
    return values, counts


def _blot_rows(image: Image, count: Array, places: PixelMap, band: slice) -> tuple[Image, Array | None]:
    """Return what `blot` does, of some rows."""
    if instructions():
        return iris_drizzle.interpolate(image, _lines(places, band), least=_HALF, count=count)
    needed, shape = rows_needed(places, band, image.shape[0]), (band.stop - band.start, places.shape[1])
    if needed.stop <= needed.start:
        return np.full(shape, np.nan, dtype=np.float32), np.zeros(shape, dtype=count.dtype)
    at = places.rows(band)
    at[1] -= needed.start
    return _bilinear(image[needed], at, _HALF), _nearest(count[needed], at)


def _nearest(image: Array, at: Doubles) -> Array:
    """Return the values of an image in the pixels nearest to places; 0 beyond it."""
    on = _on_image(at, image.shape)
    values = image.take(_index(np.floor(on + _HALF), image.shape))
    if on is not at:
        values[np.any(np.abs(at - on) > _HALF, axis=0)] = 0
    return np.asarray(values)
