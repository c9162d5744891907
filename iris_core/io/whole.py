"""Whether a product is whole, and what it was made of and with: without its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from iris_core.errors import InputError
from iris_core.io.asdf_files import read_asdf, restore_tree
from iris_core.io.fits_open import open_fits

__all__ = ["provenance_of", "records_of", "require_whole"]


def records_of(path: Path) -> Mapping[str, Any]:
    """Return what a product keeps of its making: ``provenance``, and the `StageRecord` of each stage as ``history``.

    Nothing where it is no image. Pixels are not read.

    Raises
    ------
    InputError
        When the file is damaged or cut, or is no product.
    """
    if path.suffix == ".asdf":
        outline = read_asdf(path, pixels=False)
        return {"provenance": outline.provenance, "history": outline.history}
    if path.suffix != ".fits":
        return {}
    with open_fits(path, pixels=False) as hdus:
        if "ASDF" not in hdus:
            raise InputError(f"{path}: no extension ASDF")
        content = np.asarray(hdus["ASDF"].data["ASDF_METADATA"]).tobytes()
    return restore_tree(content, path, wcs=False)


def provenance_of(path: Path) -> Mapping[str, Any]:
    """Return what the provenance of a product keeps of the run that made it; nothing where it is no image.

    Raises
    ------
    InputError
        When the file is damaged or cut.
    """
    provenance: Mapping[str, Any] = records_of(path).get("provenance", {})
    return provenance


def require_whole(path: Path) -> None:
    """Raise `InputError` for a product that is not whole, as far as its structure tells: its pixels are not read."""
    if path.suffix == ".asdf":
        read_asdf(path, pixels=False)
    elif path.suffix == ".fits":
        with open_fits(path, pixels=False):
            pass
