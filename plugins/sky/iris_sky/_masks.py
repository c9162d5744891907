"""What is masked in dithered images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from iris_core import Array, Mask
    from iris_sky._place import Placement

__all__ = ["Masks"]


@dataclass(frozen=True, slots=True)
class Masks:
    """The pixels that are masked, on the grid and in every image: bits, since they travel to other processes."""

    bits: Array
    shape: tuple[int, int]
    image: Mask | None = None

    @classmethod
    def of(cls, grid: Mask, image: Mask | None = None) -> Self:
        """Return masks of the grid and of every image."""
        return cls(np.packbits(grid), (grid.shape[0], grid.shape[1]), image)

    def plane(self) -> Mask:
        """Return the mask of the grid."""
        number = self.shape[0] * self.shape[1]
        return np.unpackbits(self.bits, count=number).view(np.bool_).reshape(self.shape)

    def of_rows(self, plane: Mask, placement: Placement, rows: slice) -> Mask:
        """Return what is masked in some rows of an image; `plane` is the mask of the grid."""
        own = plane[placement.index(rows)]
        return own if self.image is None else own | self.image[rows]
