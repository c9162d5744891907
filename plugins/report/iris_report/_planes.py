"""The planes of a product, read by blocks of rows: a whole exposure takes ten times the memory of one plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iris_core import Array, Exposure, InputError, open_fits, read_asdf

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
    """Open the planes of a product; of FITS only what is asked for is read, of ASDF everything.

    Raises
    ------
    InputError
        When the file is damaged, or has no image.
    """
    if path.suffix == ".asdf":
        yield _of_exposure(read_asdf(path))
        return
    with open_fits(path, pixels=False) as hdus:
        if "SCI" not in hdus:
            raise InputError(f"{path}: no extension SCI")
        found = frozenset(name for name in ("SCI", "ERR", "DQ") if name in hdus)
        yield Planes(tuple(hdus["SCI"].shape), found, lambda name, index: _native(hdus[name].section[index]))


def _native(values: Any) -> Array:
    """Return numbers in the byte order of this machine."""
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _of_exposure(exposure: Exposure) -> Planes:
    planes = {"SCI": exposure.data, "DQ": exposure.dq}
    if exposure.variance:
        planes["ERR"] = exposure.err
    return Planes(exposure.data.shape, frozenset(planes), lambda name, index: planes[name][index])
