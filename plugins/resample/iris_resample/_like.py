"""The grid of another product, for a mosaic that is to be compared with it pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import InputError, Reference, read_fits
from iris_resample._grid import Grid, pixel_to_sky
from iris_resample._layout import Pointing, check_touch
from iris_resample._params import GridParams

if TYPE_CHECKING:
    from astropy.modeling import Model

__all__ = ["grid_like", "read_grid"]

# Parameters that say what the other product's grid says already.
_OF_THE_GRID = ("pixel_scale_ratio", "pixel_scale", "rotation", "output_shape", "crval", "crpix_fits")
# What only a product of resample or mosaic has.
_MARK = "PXSCLRT"


def read_grid(path: Path) -> Model | None:
    """Return the grid of a product of resample or mosaic as a model, pixel to sky; None for any other file.

    What describes the grid is in the ``meta`` of the model, under ``grid``.
    """
    from astropy.wcs import WCS
    from astropy.wcs.utils import wcs_to_celestial_frame

    if ".fits" not in path.suffixes:
        return None
    product = read_fits(path, pixels=False)
    header = product.sci_header
    if _MARK not in header or not str(header.get("CTYPE1", "")).endswith("-TAN"):
        return None
    known: dict[str, Any] = {
        "crval": (float(header["CRVAL1"]), float(header["CRVAL2"])),
        "origin": (float(header["CRPIX1"]) - 1, float(header["CRPIX2"]) - 1),
        "matrix": np.array([[header[f"CD{row}_{column}"] for column in (1, 2)] for row in (1, 2)], dtype=np.float64),
        "shape": product.shape,
    }
    model = pixel_to_sky(known["origin"], known["matrix"], known["crval"])
    model.meta["grid"] = {**known, "frame": wcs_to_celestial_frame(WCS(header.copy()))}
    return model


def grid_like(reference: Reference, images: Sequence[Pointing], params: GridParams) -> Grid:
    """Return the grid of a reference that `read_grid` has read.

    Raises
    ------
    InputError
        When it is no such product, has another sky frame, or none of the images touches it; or when parameters
        describe the grid, too.
    """
    name = reference.path.name
    if doubled := [one for one in _OF_THE_GRID if getattr(params, one) != type(params).model_fields[one].default]:
        raise InputError(f"the grid is that of {name}; omit {', '.join(doubled)}")
    known = dict(reference.model().meta).get("grid")
    if known is None:
        raise InputError(f"{name} is no product of resample or mosaic: its grid is not known")
    frame = images[0].wcs.output_frame.reference_frame
    theirs = known.pop("frame")
    if not frame.is_equivalent_frame(theirs):
        raise InputError(f"the grid of {name} has the sky frame {theirs.name}, and {images[0].name} {frame.name}")
    grid = Grid(sky=images[0].wcs, **known)
    check_touch(images, grid)
    return grid
