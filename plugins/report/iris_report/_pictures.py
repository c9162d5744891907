"""Small pictures of large planes: means of blocks on a stretch that several pictures share, as JPEG."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from iris_verify import Plane

from iris_core import Array

__all__ = ["BAD", "Stretch", "data_uri", "encode", "find_stretch", "mean_of_blocks", "median_of"]

BAD = (64, 110, 160)  # what has no valid value: a colour that no grey is
_SOFT = 0.1  # of the range: linear below, logarithmic above
_QUALITIES = (85, 70, 50, 30)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The values that are black and white; between them the stretch is asinh."""

    low: float
    high: float

    def at(self, level: float, factor: float = 1.0) -> Stretch:
        """Return the same stretch in a unit that is `factor` times smaller, as far below `level` as before."""
        return Stretch(level, level + (self.high - self.low) * factor)

    def grey(self, image: Array) -> Array:
        """Return 0 to 255 for each value."""
        width = self.high - self.low or 1.0
        part = np.clip((image - self.low) / width, 0.0, 1.0)
        return np.asarray(np.nan_to_num(255 * np.arcsinh(part / _SOFT) / np.arcsinh(1 / _SOFT)), dtype=np.uint8)


def mean_of_blocks(plane: Plane, most: int) -> Array:
    """Return the means of what is valid in square blocks, NaN where nothing is; no side has more than `most` blocks.

    Of a cube that of its first integration. The plane is read by strips of rows.
    """
    rows, columns = plane.shape[-2:]
    side = -(-max(rows, columns) // most)
    first = (0,) * (len(plane.shape) - 2)
    step = side * max(1, 64 // side)
    strips = (plane[(*first, slice(row, min(row + step, rows)))] for row in range(0, rows, step))
    return np.concatenate([_means(strip, side) for strip in strips])


def _means(strip: Array, side: int) -> Array:
    if side == 1:
        return strip.astype(np.float64)
    rows, columns = strip.shape
    fill = ((0, -rows % side), (0, -columns % side))
    padded = np.pad(strip, fill, constant_values=np.nan) if any(after for _, after in fill) else strip
    finite = np.isfinite(padded)
    total, count = _sums(np.where(finite, padded, np.float32(0)), side), _sums(finite, side)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _sums(plane: Array, side: int) -> Array:
    """Return the sums of square blocks: first down the columns, which is quick, then along what is left."""
    down = plane.reshape(-1, side, plane.shape[1]).sum(axis=1, dtype=np.float64)
    return np.asarray(down.reshape(len(down), -1, side).sum(axis=2))


def median_of(image: Array) -> float:
    """Return the median of what is finite, 0 where nothing is."""
    values = image[np.isfinite(image)]
    return float(np.median(values)) if values.size else 0.0


def find_stretch(image: Array) -> Stretch:
    """Return the limits that zscale finds, which are those of the sky and of faint sources."""
    from astropy.visualization import ZScaleInterval

    values = image[np.isfinite(image)]
    if not values.size:
        return Stretch(0.0, 1.0)
    low, high = ZScaleInterval(n_samples=10000).get_limits(values)
    return Stretch(float(low), float(high) if high > low else float(low) + 1.0)


def encode(image: Array, stretch: Stretch, budget: int, side: int = 0) -> bytes:
    """Return an image as JPEG, its first row at the bottom.

    Parameters
    ----------
    image
        The values; NaN takes the colour of what is bad.
    stretch
        What is black and white.
    budget
        Bytes, at most: quality is given up for it, and then size.
    side
        Pixels of the longer side; 0 for one of each value.
    """
    from PIL import Image

    grey = stretch.grey(image)
    colours = np.repeat(grey[::-1, :, np.newaxis], 3, axis=2)
    colours[~np.isfinite(image[::-1])] = BAD
    picture = Image.fromarray(colours)
    if side:
        picture = picture.resize(_fitted(picture.size, side), Image.Resampling.BOX)
    while True:
        for quality in _QUALITIES:
            buffer = BytesIO()
            picture.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= budget or max(picture.size) <= 16:
                return buffer.getvalue()
        picture = picture.resize(_fitted(picture.size, max(picture.size) * 3 // 4), Image.Resampling.BOX)


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    most = max(size)
    width, height = (max(1, round(one * side / most)) for one in size)
    return width, height


def data_uri(jpeg: bytes) -> str:
    """Return a picture as the address of an image that a page carries itself."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
