"""What the kernel takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Doubles", "Flags", "Grid", "Image", "Plane", "SplineMap", "Survey", "Weight"]

Plane = NDArray[np.float32]
Flags = NDArray[np.uint32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """The weight of a pixel: `constant`, or one over `constant` plus the variance components `over`.

    A pixel whose weight is not positive and finite is not used.
    """

    constant: float = 1.0
    over: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What falls onto a grid.

    Parameters
    ----------
    data
        ``(ny, nx)``, at least 3 x 3; pixels that are not finite are not used.
    dq
        ``(ny, nx)``, flags.
    variance
        Components by name, ``(ny, nx)``; pixels without finite sum are not used.
    unusable
        Bits of `dq` whose pixels are not used.
    hidden
        Bits of `dq` that the grid does not get.
    weight
        The weight of a pixel.
    """

    data: Plane
    dq: Flags
    variance: Mapping[str, Plane]
    unusable: int = 0
    hidden: int = 0
    weight: Weight = Weight()

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or min(self.data.shape) < 3:
            raise ValueError(f"an image of at least 3 x 3 pixels is needed; this one is {self.data.shape}")
        for name, plane in {"dq": self.dq, **self.variance}.items():
            if plane.shape != self.data.shape:
                raise ValueError(f"{name} is {plane.shape}, and the data are {self.data.shape}")
        unknown = set(self.weight.over or ()) - self.variance.keys()
        if unknown:
            known = ", ".join(self.variance) or "none"
            raise ValueError(f"no variance {', '.join(sorted(unknown))} to weigh with; there are: {known}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.data.shape[0], self.data.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplineMap:
    """Where the centres of the pixels of an image fall: a cubic spline along each of its columns.

    Parameters
    ----------
    coefficients
        ``(4, pieces, nx, 2)``, highest power first, of x and y: those of `scipy.interpolate.PPoly`.
    breaks
        Rows between which the pieces lie, ``(pieces + 1,)``.
    quantum
        Coordinates are rounded to whole multiples of it, a power of 2: an aligned image is then aligned exactly.
    """

    coefficients: Doubles
    breaks: Doubles
    quantum: float = 2.0**-16

    def __post_init__(self) -> None:
        if self.coefficients.ndim != 4 or (self.coefficients.shape[0], self.coefficients.shape[3]) != (4, 2):
            raise ValueError(f"coefficients are (4, pieces, nx, 2), not {self.coefficients.shape}")
        if self.breaks.shape != (self.pieces + 1,):
            raise ValueError(f"{self.pieces} pieces have {self.pieces + 1} breaks, not {self.breaks.shape}")

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return int(self.coefficients.shape[1])

    def at(self, rows: Doubles) -> tuple[NDArray[np.int32], Doubles]:
        """Return for each row in which piece it is, and how far from the beginning of that."""
        piece = np.clip(np.searchsorted(self.breaks, rows, side="right") - 1, 0, self.pieces - 1)
        return piece.astype(np.int32), rows - self.breaks[piece]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What comes out: `data`, `weight`, `dq`, and each component of `variance`, ``(ny, nx)``; 0 where nothing fell."""

    data: Plane
    weight: Plane
    dq: Flags
    variance: Mapping[str, Plane]

    @classmethod
    def empty(cls, shape: tuple[int, int], names: list[str]) -> Grid:
        """Return a grid whose memory has still to be written."""

        def plane(kind: Any) -> Any:
            return np.empty(shape, dtype=kind)

        variance = {name: plane(np.float32) for name in names}
        return cls(data=plane(np.float32), weight=plane(np.float32), dq=plane(np.uint32), variance=variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The pixels of some rows before they fall.

    Parameters
    ----------
    unused
        Which have no weight, ``(rows, nx)``.
    total
        Sum of the weights of each row, ``(rows,)``.
    weighted
        How many pixels of each row have a weight.
    unweighted
        How many are usable and have no weight.
    """

    unused: NDArray[np.bool_]
    total: Doubles
    weighted: NDArray[np.int64]
    unweighted: NDArray[np.int64]
