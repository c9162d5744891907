"""The planes of a product, read by blocks of rows: a whole exposure takes ten times the memory of one plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iris_core import Array, Exposure, open_fits, read_asdf, read_exposure

__all__ = ["Index", "Planes", "open_planes"]

Index = tuple[int | slice, ...]


@dataclass(frozen=True, slots=True)
class Planes:
    """The planes of an image, or of a cube of integrations.

    Parameters
    ----------
    shape
        ``(ny, nx)``, or ``(nint, ny, nx)``.
    names
        Those that are there, of ``SCI``, ``ERR`` and ``DQ``.
    read
        Returns a part of one of them, as the index that is given cuts it out.
    """

    shape: tuple[int, ...]
    names: frozenset[str]
    read: Callable[[str, Index], Array]


@contextmanager
def open_planes(path: Path) -> Iterator[Planes]:
    """Open the planes of a product, or of an exposure; of FITS with an extension SCI only what is asked for is read.

    Raises
    ------
    InputError
        When the file is damaged, or has no image.
    """
    if path.suffix == ".fits":
        with open_fits(path, pixels=False) as hdus:
            if "SCI" in hdus:
                found = frozenset(name for name in ("SCI", "ERR", "DQ") if name in hdus)
                yield Planes(tuple(hdus["SCI"].shape), found, lambda name, index: _native(hdus[name].section[index]))
                return
    yield _of_exposure(read_asdf(path) if path.suffix == ".asdf" else read_exposure(path))


def _native(values: Any) -> Array:
    """Return numbers in the byte order of this machine."""
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _of_exposure(exposure: Exposure) -> Planes:
    planes: dict[str, Array] = {"SCI": exposure.data, "DQ": exposure.dq}
    if (err := exposure.err) is not None:
        planes["ERR"] = err
    return Planes(exposure.data.shape, frozenset(planes), lambda name, index: planes[name][index])
