"""Stars in one image: sky and noise, what stands out of them, windowed centroids with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from iris_align._match import Ints
from iris_core import Doubles, Image, Mask, row_blocks

__all__ = ["FWHM", "Centroids", "find_peaks", "flattened", "measure_widths", "smoothed", "spread", "windowed"]

# FWHM of a Gaussian in standard deviations.
FWHM = 2.3548
# Boxes in which sky and noise are measured [pixel], and pixels taken of each in both directions.
_BOX, _STRIDE = 64, 2
_ITERATIONS = 12
# Pixels that are worked on at a time: what is made of them stays in a processor's cache.
_PIXELS = 1 << 15
# No star is sharper, whatever the camera [pixel]: a pixel alone is a ray, or bad.
_SHARP = 1.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Centroids:
    """Measured positions, ``(n,)`` each.

    Parameters
    ----------
    x, y
        0-based [pixel].
    error
        Standard deviation along one axis [pixel].
    flux
        Within the window, weighted by it.
    snr
        Of that flux.
    width
        FWHM [pixel].
    good
        Whether all this is known: the window holds a star, and no bad pixel near its middle.
    """

    x: Doubles
    y: Doubles
    error: Doubles
    flux: Doubles
    snr: Doubles
    width: Doubles
    good: Mask


def flattened(image: Image, usable: Mask) -> tuple[Image, Image]:
    """Return the image without its sky, 0 where it is not usable, and the noise of a pixel in boxes (see `spread`).

    Medians of boxes of 64 pixels, interpolated, and 1.4826 times the medians of the deviations from them.

    Parameters
    ----------
    image
        ``(ny, nx)``.
    usable
        Which pixels are.
    """
    sky, noise = _boxes(image, usable)
    flat = spread(sky, image.shape, 0.5)
    np.subtract(image, flat, out=flat)
    np.copyto(flat, np.float32(0), where=~usable)
    return flat, noise


def _boxes(image: Image, usable: Mask) -> tuple[Image, Image]:
    """Return the median and the robust scatter of each box; those of the whole image where a box has too few pixels."""
    (rows, in_rows), (columns, in_columns) = map(_cut, image.shape)
    inside = in_rows[:, np.newaxis, :, np.newaxis] & in_columns[:, np.newaxis]
    at = rows[:, np.newaxis, :, np.newaxis], columns[:, np.newaxis]
    values = np.where(inside & usable[at], image[at], np.float32(np.nan))
    values = values.reshape(*values.shape[:2], -1)
    sky, number = _medians(values)
    noise, _ = _medians(np.abs(values - sky[..., np.newaxis]))
    few = number < np.count_nonzero(inside, axis=(2, 3)) / 4
    grids = sky, np.float32(1.4826) * noise
    for grid in grids:
        grid[few] = np.median(grid[~few]) if not few.all() else 0
    return grids


def _cut(length: int) -> tuple[Ints, Mask]:
    """Return the rows, or columns, of each box that are looked at, and which of these numbers are in the box."""
    ends = np.arange((count := max(1, round(length / _BOX))) + 1) * length // count
    at = ends[:-1, np.newaxis] + np.arange(0, np.diff(ends).max(), _STRIDE if length > 4 * _BOX else 1)
    return np.minimum(at, length - 1), at < ends[1:, np.newaxis]


def _medians(values: Image) -> tuple[Image, Ints]:
    """Return the medians over the last axis, and of how many values they are; NaN is no value."""
    number = np.count_nonzero(np.isfinite(values), axis=-1)
    ordered = np.sort(values, axis=-1)  # NaN is sorted to the end
    middle = np.stack([np.maximum(number - 1, 0) // 2, number // 2], axis=-1)
    pair = np.take_along_axis(ordered, np.minimum(middle, values.shape[-1] - 1), axis=-1)
    return pair.mean(axis=-1, dtype=np.float32), number


def spread(grid: Image, shape: tuple[int, ...], beyond: float = 0.0) -> Image:
    """Return a grid of boxes interpolated to all pixels, past the middles of the outer ones by `beyond` of a box."""
    grid, steps, right, left = _spread_down(grid, shape, beyond)
    made = np.empty(shape, dtype=np.float32)
    for (rows,) in row_blocks((shape[0], shape[1]), _PIXELS):
        part = steps[rows].take(left, axis=1)
        part *= right
        np.add(part, grid[rows].take(left, axis=1), out=made[rows])
    return made


def _spread_at(grid: Image, shape: tuple[int, ...], rows: Ints, columns: Ints) -> Image:
    """Return what `spread` gives in some pixels."""
    grid, steps, right, left = _spread_down(grid, shape)
    box = left[columns]
    return np.asarray(steps[rows, box] * right[columns] + grid[rows, box])


def _spread_down(grid: Image, shape: tuple[int, ...], beyond: float = 0.0) -> tuple[Image, Image, Image, Ints]:
    """Return a grid interpolated to all rows, its steps to the right, and the places of columns: see `_places`."""
    (down, low), (right, left) = (
        _places(count, length, beyond) for count, length in zip(grid.shape, shape, strict=True)
    )
    grid = grid[low] * (1 - down[:, np.newaxis]) + grid[np.minimum(low + 1, len(grid) - 1)] * down[:, np.newaxis]
    return grid, np.diff(grid, axis=1, append=grid[:, -1:]), right, left


def _places(count: int, length: int, beyond: float) -> tuple[Image, Ints]:
    """Return how far each pixel is past the middle of a box, in boxes, and which box that is."""
    past = beyond if count > 1 else 0.0
    place = np.clip((np.arange(length) + 0.5) * count / length - 0.5, -past, count - 1 + past)
    lower = np.clip(np.floor(place), 0, max(count - 2, 0)).astype(np.intp)
    return (place - lower).astype(np.float32), lower


def find_peaks(flat: Image, usable: Mask, fwhm: float, threshold: float) -> tuple[Ints, Ints]:
    """Return rows and columns of the maxima of the smoothed image that are above `threshold` times its noise.

    Parameters
    ----------
    flat
        Without sky.
    usable
        Which pixels are.
    fwhm
        Of the Gaussian it is smoothed with [pixel].
    threshold
        In standard deviations of the *smoothed* image, as its scatter shows them.
    """
    smooth = smoothed(flat, fwhm / FWHM)
    _, noise = _boxes(smooth, usable)
    # The few that are above the least threshold anywhere: only of these the own one counts.
    somewhere = np.flatnonzero(smooth > max(threshold * float(noise.min()), 0.0))
    rows, columns = np.unravel_index(somewhere, flat.shape)
    limit = threshold * _spread_at(noise, flat.shape, rows, columns)
    above = usable[rows, columns] & (smooth[rows, columns] > limit)
    rows, columns = rows[above], columns[above]
    highest = _highest(smooth, rows, columns, max(1, round(fwhm / 2)))
    rows, columns = rows[highest], columns[highest]
    order = np.argsort(-smooth[rows, columns], kind="stable")
    return rows[order], columns[order]


def smoothed(image: Image, width: float) -> Image:
    """Return an image smoothed with a Gaussian of some standard deviation [pixel]; beyond the edge there is nothing."""
    reach = int(3 * width + 0.5)
    weights = np.exp(-np.square(np.arange(reach + 1) / width) / 2)
    weights = (weights / (2 * weights.sum() - 1)).astype(np.float32)
    height, columns = image.shape
    made, step = np.empty_like(image), max(1, _PIXELS // columns)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        part = np.zeros((rows.stop - start + 2 * reach, columns + 2 * reach), dtype=np.float32)
        known = slice(max(start - reach, 0), min(rows.stop + reach, height))
        first = known.start - start + reach
        part[first : first + known.stop - known.start, reach : reach + columns] = image[known]
        made[rows] = _along(_along(part, weights).T, weights).T
    return made


def _along(image: Image, weights: Image) -> Image:
    """Return the weighted means of rows, of the whole reach of the weights to both sides."""
    reach = len(weights) - 1
    size = len(image) - 2 * reach
    total: Image = weights[0] * image[reach : reach + size]
    for step, weight in enumerate(weights[1:], start=1):
        pair = image[reach - step : reach - step + size] + image[reach + step : reach + step + size]
        pair *= weight
        total += pair
    return total


def _highest(smooth: Image, rows: Ints, columns: Ints, reach: int) -> Mask:
    """Return which pixels are the highest of the square about them; of equal ones the first."""
    height, width = smooth.shape
    own, highest = smooth[rows, columns], np.ones(len(rows), dtype=np.bool_)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            y, x = rows + dy, columns + dx
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            other = np.where(inside, smooth[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], -np.inf)
            highest &= (other < own) if (dy, dx) < (0, 0) else (other <= own)
    return highest


def windowed(
    flat: Image, variance: Sequence[Image], usable: Mask, places: tuple[Doubles, Doubles], fwhm: float
) -> Centroids:
    """Return centroids in a Gaussian window of the FWHM of the stars, with their errors.

    x' = x + 2 sum(w I (x_i - x))/sum(w I), repeated until it stands (Bertin's XWIN); where the star is a Gaussian as
    wide as the window this is as precise as a fit. Its variance is (1 + s^2/w^2)^2 sum(w^2 v (x_i - x)^2)/sum(w I)^2
    for the widths s of the source and w of the window: a broad source is moved farther by the same noise.

    Parameters
    ----------
    flat
        Without sky.
    variance
        Of a pixel, by components.
    usable
        Which pixels are.
    places
        Where to begin: x and y [pixel].
    fwhm
        Of the window [pixel].
    """
    reach = max(2, int(np.ceil(1.5 * fwhm)))
    y0, x0 = (
        np.clip(np.rint(one).astype(np.intp), 0, size - 1) for one, size in zip(places[::-1], flat.shape, strict=True)
    )
    values, noise, known, off_x, off_y = _cutouts(flat, variance, usable, (y0, x0), reach)
    x, y = places[0] - x0, places[1] - y0
    for _ in range(_ITERATIONS):
        weight, total, dx, dy = _weighted(values, known, off_x, off_y, x, y, fwhm)
        step_x, step_y = (2 * np.sum(weight * values * d, axis=(1, 2)) / total for d in (dx, dy))
        x, y = x + np.clip(step_x, -1, 1), y + np.clip(step_y, -1, 1)
    weight, total, dx, dy = _weighted(values, known, off_x, off_y, x, y, fwhm)
    width = _width(weight, values, dx, dy, total, fwhm)
    moved = (1 + np.where(np.isfinite(width), width / fwhm, np.nan) ** 2) / total
    errors = [moved * np.sqrt(np.sum(weight**2 * noise * d**2, axis=(1, 2))) for d in (dx, dy)]
    snr = total / np.sqrt(np.maximum(np.sum(weight**2 * noise, axis=(1, 2)), 1e-30))
    near = np.hypot(dx, dy) <= max(fwhm, 1.5)
    settled = np.hypot(step_x, step_y) < 0.01
    good = settled & ~np.any(near & ~known, axis=(1, 2)) & (np.hypot(x, y) <= max(fwhm, 1.5)) & (total > 0)
    error = np.hypot(*errors) / np.sqrt(2)
    good &= np.isfinite(error) & np.isfinite(width) & (error > 0)
    return Centroids(x=x0 + x, y=y0 + y, error=error, flux=total, snr=snr, width=width, good=good)


def _cutouts(
    flat: Image, variance: Sequence[Image], usable: Mask, pixels: tuple[Ints, Ints], reach: int
) -> tuple[Doubles, Doubles, Mask, Doubles, Doubles]:
    """Return squares of each plane about some pixels, ``(n, m, m)``, and their coordinates."""
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    at_y, at_x = (one[:, None, None] + step for one, step in zip(pixels, (dy, dx), strict=True))
    height, width = flat.shape
    inside = (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width)
    at = np.clip(at_y, 0, height - 1), np.clip(at_x, 0, width - 1)
    total = np.sum([one[at] for one in variance], axis=0, dtype=float)
    known = inside & usable[at] & np.isfinite(total)
    values, noise = (np.where(known, plane, 0).astype(float) for plane in (flat[at], total))
    return values, noise, known, dx.astype(float), dy.astype(float)


def _weighted(
    values: Doubles, known: Mask, off_x: Doubles, off_y: Doubles, x: Doubles, y: Doubles, fwhm: float
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    dx, dy = off_x - x[:, None, None], off_y - y[:, None, None]
    weight = np.exp(-(dx**2 + dy**2) * (FWHM / fwhm) ** 2 / 2) * known
    total = np.sum(weight * values, axis=(1, 2))
    return weight, np.where(total > 0, total, np.nan), dx, dy


def _width(weight: Doubles, values: Doubles, dx: Doubles, dy: Doubles, total: Doubles, fwhm: float) -> Doubles:
    """Return the FWHM of the Gaussian whose windowed second moment is that of the star.

    1/m = 1/s^2 + 1/w^2 for the moment m, the star's s and the window's w.
    """
    moment = np.sum(weight * values * (dx**2 + dy**2), axis=(1, 2)) / (2 * total)
    window = (fwhm / FWHM) ** 2
    inverse = 1 / np.maximum(moment, 1e-3 * window) - 1 / window
    return np.where(inverse > 0, FWHM / np.sqrt(np.maximum(inverse, 1e-30)), np.inf)


def measure_widths(found: Centroids) -> float:
    """Return the FWHM of the stars, NaN where there are none: the lower quartile of the widths of the brightest 20.

    Rays are left out; what is broader than stars (galaxies, rings) is common.
    """
    good = np.flatnonzero(found.good & (found.snr > 10) & (found.width > _SHARP))[:20]
    return float(np.quantile(found.width[good], 0.25)) if len(good) else np.nan
