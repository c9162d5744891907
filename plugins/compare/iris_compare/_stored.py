"""Two products that are compared: their planes stay in their files, so that at most one is in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from iris_verify import Plane, StoredPlane, stored_planes

from iris_core import Array, Exposure, outline_of, planes_of, row_blocks

__all__ = ["Planes", "leave_in_file"]

_NAMES = {"data": "SCI", "dq": "DQ", "area": "AREA"}


@dataclass(frozen=True, slots=True)
class Planes:
    """An exposure without its planes, and its planes by name: ``data``, ``dq``, ``variance:poisson`` ..."""

    outline: Exposure
    planes: Mapping[str, Plane]

    @classmethod
    def of(cls, exposure: Exposure | Planes) -> Planes:
        """Return an exposure that is in memory as its planes."""
        return exposure if isinstance(exposure, Planes) else cls(exposure, planes_of(exposure))

    @property
    def data(self) -> Plane:
        """The data."""
        return self.planes["data"]

    @property
    def dq(self) -> Plane:
        """The flags."""
        return self.planes["dq"]

    @property
    def variance(self) -> dict[str, Plane]:
        """The components of the variance, by name."""
        mark = "variance:"
        return {name.removeprefix(mark): one for name, one in self.planes.items() if name.startswith(mark)}

    def err(self, block: Any) -> Array:
        """Return the err of some rows; one NaN where it is not known."""
        components = [plane[block] for plane in self.variance.values()]
        return np.sqrt(sum(components, np.zeros(1, dtype=np.float32))) if components else np.full(1, np.nan)


def leave_in_file(exposure: Exposure) -> Planes:
    """Return an exposure that was read from a file without those planes that stand in it as they were read.

    Raises
    ------
    InputError
        When the file cannot be read again.
    """
    path = exposure.meta.path
    stored = stored_planes(path) if path.suffix == ".fits" else {}
    planes: dict[str, Plane] = {}
    for name, plane in planes_of(exposure).items():
        one = stored.get(_NAMES.get(name, name.replace("variance:", "VAR_").upper()))
        planes[name] = one if one is not None and _holds(one, plane) else plane
    return Planes(outline_of(exposure), planes)


def _holds(stored: StoredPlane, plane: Array) -> bool:
    """Whether a file has the very bits of a plane."""
    if (stored.shape, stored.dtype) != (plane.shape, plane.dtype):
        return False
    return all(stored[block].tobytes() == plane[block].tobytes() for block in row_blocks(plane.shape))
