"""Files of objects: regions of DS9, and FITS images."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from iris_core import InputError, open_fits
from iris_objects._mask import ObjectMask, celestial_wcs

__all__ = ["read_mask"]

_SHAPES = ("circle", "ellipse", "box", "polygon", "annulus", "point")


def read_mask(path: Path) -> ObjectMask:
    """Return the objects in a file, see `iris_objects.read_objects`."""
    return _read_regions(path) if path.suffix == ".reg" else _read_image(path)


def _read_regions(path: Path) -> ObjectMask:
    from regions import PixelRegion, Regions

    text = _text(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = list(Regions.parse(text, format="ds9"))
        except Exception as error:
            raise InputError(f"the objects {path} are no region file of DS9: {error}") from error
    faults = sorted({str(one.message) for one in caught})
    if faults or not found:
        problem = "; ".join(faults) or "it has no region"
        raise InputError(
            f"the objects {path} cannot be used as they are: {problem}; known are {', '.join(_SHAPES)} in fk5, icrs or "
            f"image"
        )
    pixels = [one for one in found if isinstance(one, PixelRegion)]
    return ObjectMask(path, on_sky=[one for one in found if not isinstance(one, PixelRegion)], in_image=pixels)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the objects {path} cannot be read: {error}") from error


def _read_image(path: Path) -> ObjectMask:
    with open_fits(path) as hdus:
        images = [hdu for hdu in hdus if hdu.data is not None and getattr(hdu.data, "ndim", 0) == 2]
        if not images:
            raise InputError(f"the objects {path} have no image (ny, nx); it is not 0 where objects are")
        plane = np.nan_to_num(np.asarray(images[0].data)) != 0
        return ObjectMask(path, plane=plane, wcs=celestial_wcs(images[0].header))
