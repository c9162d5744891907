"""Masks that the user gives: regions of DS9, or a FITS image."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import Array, Exposure, InputError, open_fits
from iris_sky._place import Placement, celestial_wcs, linear_map, onto_grid, tangent_header

if TYPE_CHECKING:
    from iris_core import Mask
    from iris_sky._place import Grid

__all__ = ["GivenMask", "read_mask"]

_SHAPES = ("circle", "ellipse", "box", "polygon", "annulus", "point")


@dataclass(frozen=True, slots=True)
class GivenMask:
    """What a user has masked: places on the sky, and pixels that are masked in every exposure.

    Parameters
    ----------
    path
        The file.
    on_sky, in_image
        Regions of DS9.
    plane, header
        A FITS image that is not 0 where masked, and its header.
    """

    path: Path
    on_sky: Sequence[Any] = ()
    in_image: Sequence[Any] = ()
    plane: Array | None = None
    header: Any = field(default=None, compare=False)

    @property
    def has_sky(self) -> bool:
        """Whether the FITS image has a WCS; without one its pixels are those of every exposure."""
        return self.plane is not None and celestial_wcs(self.header) is not None

    def check(self, outline: Exposure) -> None:
        """Refuse an image without WCS that has not the shape of the exposures."""
        if self.plane is not None and not self.has_sky and self.plane.shape != outline.shape:
            raise InputError(
                f"the mask {self.path.name} has no WCS and shape {self.plane.shape}, {outline.name} {outline.shape}; "
                f"give it a WCS, or the shape of the exposures"
            )

    def of_grid(self, grid: Grid, first: Exposure) -> Mask:
        """Return the masked pixels of the grid."""
        masked = np.zeros(grid.shape, dtype=np.bool_)
        if self.plane is not None and self.has_sky:
            masked |= onto_grid(self.plane, self._pixels(grid, first), grid.shape)
        if self.on_sky:
            from astropy.wcs import WCS

            wcs = WCS(tangent_header(first, grid))
            _paint(masked, [(one.to_pixel(wcs), one) for one in self.on_sky])
        return masked

    def of_image(self, shape: tuple[int, int]) -> Mask | None:
        """Return the pixels that are masked in every exposure; None where there are none."""
        if self.plane is not None and not self.has_sky:
            return np.asarray(self.plane != 0)
        if not self.in_image:
            return None
        masked = np.zeros(shape, dtype=np.bool_)
        _paint(masked, [(one, one) for one in self.in_image])
        return masked

    def _pixels(self, grid: Grid, first: Exposure) -> Placement:
        """Return where the grid lies among the pixels of the FITS image."""
        assert self.plane is not None
        shape = (int(self.plane.shape[0]), int(self.plane.shape[1]))
        wcs = celestial_wcs(self.header)
        theirs, at = linear_map(lambda x, y: wcs.all_pix2world(x, y, 0), shape, first)
        ours, here = linear_map(None, first.shape, first)
        back = np.linalg.inv(theirs)
        return Placement(back @ ours, back @ (here + ours @ grid.origin - at), grid.shape)


def _paint(masked: Mask, regions: Sequence[tuple[Any, Any]]) -> None:
    """Mask the pixels whose centres lie in regions; of one that is excluded ("-circle") they become free."""
    for region, source in regions:
        cut = region.to_mask(mode="center").to_image(masked.shape)
        if cut is not None:
            masked[np.asarray(cut) > 0] = bool(int(source.meta.get("include", 1)))


def read_mask(path: Path) -> GivenMask:
    """Return the mask in a file: ``.reg`` of DS9 (fk5, icrs ... or image), everything else FITS.

    Raises
    ------
    InputError
        When it cannot be read, has no region of a shape and frame that are known, or no image.
    """
    return _read_regions(path) if path.suffix == ".reg" else _read_image(path)


def _read_regions(path: Path) -> GivenMask:
    from regions import PixelRegion, Regions

    text = _text(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = list(Regions.parse(text, format="ds9"))
        except Exception as error:
            raise InputError(f"the mask {path} is no region file of DS9: {error}") from error
    faults = sorted({str(one.message) for one in caught})
    if faults or not found:
        problem = "; ".join(faults) or "it has no region"
        raise InputError(
            f"the mask {path} cannot be used as it is: {problem}; known are {', '.join(_SHAPES)} in fk5, icrs or image"
        )
    pixels = [one for one in found if isinstance(one, PixelRegion)]
    return GivenMask(path, on_sky=[one for one in found if not isinstance(one, PixelRegion)], in_image=pixels)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the mask {path} cannot be read: {error}") from error


def _read_image(path: Path) -> GivenMask:
    with open_fits(path) as hdus:
        images = [hdu for hdu in hdus if hdu.data is not None and getattr(hdu.data, "ndim", 0) == 2]
        if not images:
            raise InputError(f"the mask {path} has no image (ny, nx); it is not 0 where objects are")
        plane = np.nan_to_num(np.asarray(images[0].data)) != 0
        return GivenMask(path, plane=plane, header=images[0].header.copy())
