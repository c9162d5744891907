"""The pixels that are not used: which output pixels lack them, by how much, and for what reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from iris_core import DQ, Doubles, Flags, Image, Mask

__all__ = ["LayOut", "Unused", "lay_out_with"]

# Rows and columns of pixels to where their centres fall, (n, 2): x and y.
Places = Callable[[NDArray[np.intp], NDArray[np.intp]], Doubles]
# Lays out the drops of pixels: rows and columns in their band, flags, points along a side, size over that of a pixel,
# and the planes of a grid that get the share of each point and the flags.
LayOut = Callable[[NDArray[np.intp], NDArray[np.intp], Flags, int, float, Image, Flags], None]

# A drop is laid out as so many points squared at least: its share of an output pixel is known to some per cent.
_POINTS = 4
# Pixels that are laid out at a time.
_CHUNK = 1 << 13
# Bits that say nothing of the pixel itself, or only of this exposure.
_NOT_HANDED_ON = DQ.DO_NOT_USE | DQ.OUTLIER


@dataclass(slots=True)
class Unused:
    """What the pixels that are not used would have given to the pixels of a grid.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    share
        By output pixel, the sum of the parts of unused pixels that fall there; empty as long as there are none.
    bits
        By output pixel, the OR of their `iris_core.DQ` bits, without DO_NOT_USE and OUTLIER.
    """

    shape: tuple[int, int]
    share: Image = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    bits: Flags = field(default_factory=lambda: np.empty(0, dtype=np.uint32))

    def add(self, unused: Mask, dq: Flags, lay_out: LayOut, own: slice, width: float, ratio: float) -> None:
        """Add the unused pixels of a band.

        Parameters
        ----------
        unused, dq
            ``(rows, nx)``.
        lay_out
            Lays out drops of the band.
        own
            The rows of the band that are its own; the others are their neighbours.
        width
            Size of a drop over that of a pixel; 0 for a point.
        ratio
            Size of an output pixel over that of a pixel.
        """
        # np.nonzero takes ten times as long for a plane with little in it.
        y, x = np.unravel_index(np.flatnonzero(unused[own]), unused[own].shape)
        if not y.size:
            return
        if not self.share.size:
            self.share, self.bits = np.zeros(self.shape, np.float32), np.zeros(self.shape, np.uint32)
        y += own.start
        inside = _surrounded(unused)[y, x]
        # Among their like they leave nothing but pixels without value: each of these has to get one point.
        fewest = int(np.ceil(2 / ratio))
        for part, points in ((~inside, max(_POINTS, fewest)), (inside, fewest)):
            flags = dq[y[part], x[part]] & ~np.uint32(_NOT_HANDED_ON)
            lay_out(y[part], x[part], flags, points if width else 1, width, self.share, self.bits)

    def flag(self, dq: Flags, weight: Image, blank: Mask, typical: float) -> None:
        """Add to the flags of the output pixels those of the pixels they lack.

        Parameters
        ----------
        dq, weight
            Flags and weight of the output pixels.
        blank
            Those without value: they get the bits of all unused pixels there.
        typical
            Weight of an input pixel. Output pixels with a value get the bits where the unused pixels would have given
            more than half of the weight; OTHER_BAD_PIXEL where these have none.
        """
        if not self.share.size:
            return
        at = np.unravel_index(np.flatnonzero((self.share > 0) | (self.bits != 0)), dq.shape)
        lost, bits = blank[at], self.bits[at]
        lacking = (self.share[at] * np.float32(typical) > weight[at]) & ~lost
        bits[lacking & (bits == 0)] = DQ.OTHER_BAD_PIXEL
        dq[at] |= np.where(lost | lacking, bits, np.uint32(DQ.GOOD))

    def merge(self, other: Unused, where: tuple[slice, slice], weight: float) -> None:
        """Add what the unused pixels of an image would have given to a part of the grid, in units of `weight`."""
        if not other.share.size:
            return
        if not self.share.size:
            self.share, self.bits = np.zeros(self.shape, np.float32), np.zeros(self.shape, np.uint32)
        self.share[where] += other.share * np.float32(weight)
        self.bits[where] |= other.bits

    def part(self, rows: slice, columns: slice) -> Unused:
        """Return what is in a part of the grid."""
        shape = rows.stop - rows.start, columns.stop - columns.start
        return Unused(shape, self.share[rows, columns], self.bits[rows, columns]) if self.share.size else Unused(shape)


def lay_out_with(places: Places, shape: tuple[int, ...]) -> LayOut:
    """Return what lays out drops of a band of `shape`, whose pixels fall onto `places`."""

    def lay_out(
        y: NDArray[np.intp], x: NDArray[np.intp], flags: Flags, points: int, size: float, share: Image, bits: Flags
    ) -> None:
        offsets = ((np.arange(points) + 0.5) / points - 0.5) * size
        v, u = (plane.reshape(-1, 1, 1) for plane in np.meshgrid(offsets, offsets))
        for start in range(0, len(y), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            at = y[chunk], x[chunk]
            found = places(*at) + u * _slope(places, shape, *at, 1) + v * _slope(places, shape, *at, 0) + 0.5
            column, row = found[..., 0].astype(np.int64), found[..., 1].astype(np.int64)
            on = (found > 0).all(axis=-1) & (row < share.shape[0]) & (column < share.shape[1])
            index = (row * share.shape[1] + column)[on]
            np.add.at(share.reshape(-1), index, np.float32(1 / points**2))
            np.bitwise_or.at(bits.reshape(-1), index, np.broadcast_to(flags[chunk], on.shape)[on])

    return lay_out


def _surrounded(unused: Mask) -> Mask:
    """Return which pixels have none but unused pixels around them."""
    all_three = unused.copy()
    all_three[:, 1:] &= unused[:, :-1]
    all_three[:, :-1] &= unused[:, 1:]
    result = all_three.copy()
    result[1:] &= all_three[:-1]
    result[:-1] &= all_three[1:]
    return result


def _slope(places: Places, shape: tuple[int, ...], y: NDArray[np.intp], x: NDArray[np.intp], axis: int) -> Doubles:
    """Return by how much the place of some pixels changes per row (axis 0) or column (axis 1), ``(n, 2)``."""
    low, high = [y, x], [y, x]
    low[axis] = np.maximum(low[axis] - 1, 0)
    high[axis] = np.minimum(high[axis] + 1, shape[axis] - 1)
    step = (high[axis] - low[axis])[:, np.newaxis]
    return np.asarray((places(high[0], high[1]) - places(low[0], low[1])) / step, dtype=np.float64)
