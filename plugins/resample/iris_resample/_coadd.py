"""The planes of a mosaic, as they grow: one exposure after the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from iris_core import Array, Flags, Image, in_threads, row_blocks
from iris_resample._drizzle import Resampled
from iris_resample._layout import Place
from iris_resample._unused import Unused

__all__ = ["Coadd", "context_planes"]

# Bits of a plane of CON.
_BITS = 32


def context_planes(number: int) -> int:
    """Return how many planes CON has for some exposures."""
    return max(1, -(-number // _BITS))


class Coadd:
    """The weighted mean of exposures, each on its part of one grid.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    names
        Components of the variance.
    most
        How many exposures there may be.
    with_time
        Whether to keep the exposure time of each pixel.
    """

    def __init__(self, shape: tuple[int, int], names: Iterable[str], most: int, with_time: bool = False) -> None:
        self.data: Image = np.zeros(shape, dtype=np.float32)
        self.dq: Flags = np.zeros(shape, dtype=np.uint32)
        self.variance = {name: np.zeros(shape, dtype=np.float32) for name in names}
        self.weight: Image = np.zeros(shape, dtype=np.float32)
        self.time: Image | None = np.zeros(shape, dtype=np.float32) if with_time else None
        self.unused = Unused(shape)
        self.number = 0
        self.unweighted = 0
        self.program = "drizzle"
        self._context = np.zeros((context_planes(most), *shape), dtype=np.uint32)

    @property
    def context(self) -> Array:
        """CON, int32: bit ``k % 32`` of plane ``k // 32`` is set where the k-th exposure that was added contributes.

        One plane is ``(ny, nx)``, several are ``(planes, ny, nx)``.
        """
        planes = self._context[: context_planes(self.number)].view(np.int32)
        return planes if len(planes) > 1 else planes[0]

    def add(self, one: Resampled, place: Place, seconds: float = 0.0) -> bool:
        """Add an exposure, and return whether it has given anything; if not, it does not count.

        With its weights W_k the mean becomes ``I + q (I_k - I)`` and its variance ``(1 - q)^2 v + q^2 v_k``, where q
        is W_k over the sum of the weights: the variance is ``sum W^2 v / (sum W)^2``, exact for independent exposures.
        """
        where = place.rows, place.columns
        plane, bit = divmod(self.number, _BITS)
        self.unused.merge(one.unused[0], where, one.typical)
        self.unweighted += one.unweighted
        self.program = one.program
        context, flag = self._context[plane], np.uint32(1 << bit)

        def add(block: tuple[int | slice, ...]) -> bool:
            return self._add_rows(one, where, block, context, flag, seconds)

        given = any([*in_threads(add, row_blocks(place.shape))])
        self.number += given
        return given

    def _add_rows(
        self,
        one: Resampled,
        where: tuple[slice, slice],
        block: tuple[int | slice, ...],
        context: Flags,
        bit: np.uint32,
        seconds: float,
    ) -> bool:
        weight = one.weight[0][block]
        used = weight > 0
        if not used.any():
            return False
        total = self.weight[where][block]
        total += weight
        share = np.divide(weight, total, out=np.zeros_like(weight), where=used)
        mean = self.data[where][block]
        mean += share * (one.data[0][block] - mean)
        for name, plane in self.variance.items():
            variance = plane[where][block]
            variance *= np.square(1 - share)
            variance += np.square(share) * one.variance[name][0][block]
        self.dq[where][block] |= np.where(used, one.dq[0][block], np.uint32(0))
        context[where][block] |= np.where(used, bit, np.uint32(0))
        if self.time is not None:
            self.time[where][block] += np.where(used, np.float32(seconds), np.float32(0))
        return True

    def finished(self) -> Resampled:
        """Return the planes as those of one image; they are not copied."""
        return Resampled(
            data=self.data[np.newaxis],
            dq=self.dq[np.newaxis],
            variance={name: plane[np.newaxis] for name, plane in self.variance.items()},
            weight=self.weight[np.newaxis],
            unused=[self.unused],
            typical=1.0,
            unweighted=self.unweighted,
            program=self.program,
        )
