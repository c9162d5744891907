"""Objects in the stack, and masks that hold their halos."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np
from iris_background import MAD_TO_SIGMA, measure_level

from iris_core import in_threads, row_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_core import Array, Doubles, Image, Mask

__all__ = ["Brightest", "Objects", "find_objects"]

# Outer radii of the rings around an object, pixels: about sqrt(2) apart.
_RINGS = np.array([1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512])
# A mask goes at least so far beyond what was detected.
_LEAST = 2
# Pixels that tell the noise of a stack, and how many standard deviations below the level they may lie.
_SAMPLE, _CLIP = 1_000_000, 4.0
# A kernel with less of its weight on pixels that have a value tells nothing.
_COVERED = 0.25
# Rows that are smoothed at a time.
_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Brightest:
    """The halo of the object with the largest mask.

    Parameters
    ----------
    radius
        Of a circle as large as its mask, pixels.
    kept
        Light inside of the mask, in the unit of the stack.
    taken
        Light found in the rings beyond it, which is subtracted as sky.
    """

    radius: float
    kept: float
    taken: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """What was found in a stack.

    Parameters
    ----------
    mask
        ``(ny, nx)``: the pixels of objects, to the isophote of the halo.
    number
        How many there are.
    deviation
        Standard deviation of the stack in pixels with most values.
    brightest
        None where nothing was found.
    """

    mask: Mask
    number: int
    deviation: float
    brightest: Brightest | None


def find_objects(image: Image, relative: Image, *, threshold: float, isophote: float, fwhm: float) -> Objects:
    """Return the objects of a stack.

    Detected is what lies above `threshold` standard deviations of the image smoothed with a Gaussian, in as many
    connected pixels as the kernel is wide. A mask grows ring by ring until the mean of a ring is below `isophote`.

    Parameters
    ----------
    image
        The stack, NaN where it is empty.
    relative
        Variance of each of its pixels, up to a factor.
    threshold
        Standard deviations of the smoothed image, as they are measured.
    isophote
        Standard deviations of a pixel of the stack, as they are measured.
    fwhm
        Of the Gaussian, pixels.
    """
    from scipy.ndimage import label

    root: Image = np.sqrt(relative)
    pulls: Image = image / root
    level, scatter = _sky(pulls)
    pulls -= np.float32(level)
    smooth = _smoothed(pulls, fwhm)
    level, narrow = _sky(smooth)
    bright = smooth > np.float32(level + threshold * narrow)
    labels, number = label(bright, structure=np.ones((3, 3), dtype=int))
    labels, number = _large(labels, number, max(3, round(fwhm**2 / 2)))
    deviation = scatter * float(np.sqrt(np.nanmin(relative)))
    if not number:
        return Objects(mask=np.zeros(image.shape, dtype=np.bool_), number=0, deviation=deviation, brightest=None)
    mask, brightest = _grown(pulls, root, labels, number, np.float32(isophote * scatter))
    return Objects(mask=mask, number=number, deviation=deviation, brightest=brightest)


def _sky(values: Image) -> tuple[float, float]:
    """Return level and standard deviation of the sky of a stack: neither objects nor the holes they leave count."""
    step = isqrt(max(1, values.size // _SAMPLE)) | 1
    seen = values[::step, ::step]
    level, scatter = measure_level(seen).value, np.inf
    below = np.sort(level - seen[seen <= level])
    for _ in range(10):
        near = below[: np.searchsorted(below, _CLIP * scatter)]
        scatter = MAD_TO_SIGMA * float(np.median(near))
    return level, scatter


def _smoothed(image: Image, fwhm: float) -> Image:
    """Return an image smoothed with a Gaussian over the pixels that have a value; NaN where hardly any has."""
    from scipy.ndimage import gaussian_filter

    sigma, smooth = fwhm / 2.3548, np.empty_like(image)
    # To where gaussian_filter cuts the Gaussian off: 4 standard deviations.
    reach = int(4 * sigma + 0.5)

    def put(start: int) -> None:
        own = slice(start, min(start + _ROWS, len(image)))
        above = max(0, start - reach)
        values, valid = _without_nan(image[above : own.stop + reach])
        weight, total = (
            gaussian_filter(one, sigma)[start - above :][: own.stop - start]
            for one in (valid.astype(np.float32), values)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            smooth[own] = np.where(weight > _COVERED, total / weight, np.float32(np.nan))

    list(in_threads(put, range(0, len(image), _ROWS)))
    return smooth


def _large(labels: NDArray[np.int32], number: int, least: int) -> tuple[NDArray[np.int32], int]:
    """Return labels, 1 and up, of the objects that have as many pixels as `least`; `labels` are changed."""
    flat = labels.reshape(-1)
    pixels = np.flatnonzero(flat)
    found = flat[pixels]
    large = np.bincount(found, minlength=number + 1) >= least
    large[0] = False
    flat[pixels] = np.where(large, np.cumsum(large), 0).astype(np.int32)[found]
    return labels, int(large.sum())


def _grown(
    pulls: Image, root: Image, labels: NDArray[np.int32], number: int, isophote: np.float32
) -> tuple[Mask, Brightest]:
    """Return the mask of all objects, each grown to its isophote, and the halo of the largest."""
    squares, owner = _nearest(labels)
    radii = _radii(*_profiles(pulls, squares, owner, number), float(isophote))
    mask = squares <= np.square(radii).astype(np.int32)[owner]
    return mask, _halo(pulls, root, mask, owner, squares, radii)


def _nearest(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the square of each pixel's distance from the nearest object, and the label of that."""
    from scipy.ndimage import distance_transform_edt

    row, column = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    y, x = np.ogrid[: labels.shape[0], : labels.shape[1]]
    for part in row_blocks(labels.shape):
        owner = labels[row[part], column[part]]
        row[part] = np.square(row[part] - y[part]) + np.square(column[part] - x)
        column[part] = owner
    return row, column


def _profiles(
    pulls: Image, squares: NDArray[np.int32], owner: NDArray[np.int32], number: int
) -> tuple[Doubles, NDArray[np.int64]]:
    """Return the light in each ring around each object, and the number of pixels with a value there."""
    # Which ring a square lies in; one number more for the pixels of objects, and for those beyond all.
    rings = np.searchsorted(np.square(_RINGS), np.arange(_RINGS[-1] ** 2 + 2))
    rings[0] = len(_RINGS)
    width = len(_RINGS) + 1
    sums, counts = np.zeros((number + 1) * width), np.zeros((number + 1) * width, dtype=np.int64)
    for part in row_blocks(squares.shape):
        valid = np.isfinite(pulls[part])
        key = owner[part][valid] * width + rings[np.minimum(squares[part][valid], len(rings) - 1)]
        sums += np.bincount(key, pulls[part][valid], len(sums))
        counts += np.bincount(key, minlength=len(sums))
    return sums.reshape(-1, width)[:, :-1], counts.reshape(-1, width)[:, :-1]


def _without_nan(values: Image) -> tuple[Image, Mask]:
    """Return values with 0 for NaN, and which they are not."""
    valid = np.isfinite(values)
    return np.where(valid, values, np.float32(0)), valid


def _radii(sums: Array, counts: Array, isophote: float) -> Doubles:
    """Return how far each object reaches beyond what was detected: to the first ring that is fainter."""
    faint = sums <= isophote * counts
    faint[:, -1] = True
    first = np.argmax(faint, axis=1)
    inner = np.concatenate([[0.0], _RINGS])[first]
    return np.asarray(np.maximum(inner, _LEAST))


def _halo(
    pulls: Image,
    root: Image,
    mask: Mask,
    owner: NDArray[np.int32],
    squares: NDArray[np.int32],
    radii: Doubles,
) -> Brightest:
    """Return the halo of the object with the largest mask."""
    area = np.bincount(owner[mask], minlength=len(radii))
    area[0] = 0
    largest = int(np.argmax(area))
    radius = float(np.sqrt(area[largest] / np.pi))
    own = np.flatnonzero(owner == largest)
    light = np.nan_to_num(pulls.ravel()[own] * root.ravel()[own], copy=False)
    inside, distance = mask.ravel()[own], np.sqrt(squares.ravel()[own])
    beyond = ~inside & (distance <= radii[largest] + radius)
    return Brightest(
        radius=radius,
        kept=float(light[inside].sum(dtype=np.float64)),
        taken=float(max(0.0, light[beyond].sum(dtype=np.float64))),
    )
