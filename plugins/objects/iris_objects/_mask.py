"""Objects that the user knows: places on the sky, or pixels that are the same in every exposure."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from iris_wcs import PixelMap, choose_plane

from iris_core import Array, Doubles, Exposure, InputError, Mask

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["ObjectMask", "celestial_wcs"]

# Pixels of an exposure whose places on the sky are computed at a time.
_ROWS = 64
_AXES = {"galactic": ("GLON", "GLAT")}


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """What a user has marked.

    Parameters
    ----------
    path
        The file.
    on_sky, in_image
        Regions of DS9.
    plane
        A FITS image that is not 0 where there are objects.
    wcs
        Its celestial WCS; None where it has none, and its pixels are those of every exposure.
    meta
        Keywords by which the framework would select a file: none.
    """

    path: Path
    on_sky: Sequence[Any] = ()
    in_image: Sequence[Any] = ()
    plane: Array | None = None
    wcs: WCS | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def check(self, outline: Exposure) -> None:
        """Refuse an exposure on which the objects cannot be placed.

        Raises
        ------
        InputError
            When the image has no WCS and not the shape of the exposure, or their frames differ.
        """
        if self.plane is not None and self.wcs is None and self.plane.shape != outline.shape:
            raise InputError(
                f"the objects {self.path.name} have no WCS and shape {self.plane.shape}, {outline.name} "
                f"{outline.shape}; give the image a WCS, or the shape of the exposures"
            )
        if self.wcs is not None and outline.wcs is not None and _frame_of(self.wcs) != _frame(outline):
            raise InputError(
                f"the objects {self.path.name} are in {_frame_of(self.wcs)}, {outline.name} in {_frame(outline)}; "
                f"give the image a WCS in that frame"
            )

    def of_exposure(self, exposure: Exposure) -> Mask:
        """Return where there are objects in an exposure, ``(ny, nx)``; it needs a gWCS where they are on the sky."""
        found = self.of_image(exposure.shape)
        masked: Mask = np.zeros(exposure.shape, dtype=np.bool_) if found is None else found
        if self.wcs is not None:
            masked |= self._under(exposure)
        if self.on_sky:
            masked |= self._painted(exposure)
        return masked

    def of_image(self, shape: tuple[int, int]) -> Mask | None:
        """Return the pixels that are marked in every exposure, ``(ny, nx)``; None where there are none."""
        if self.plane is not None and self.wcs is None:
            return np.asarray(self.plane != 0)
        if not self.in_image:
            return None
        masked = np.zeros(shape, dtype=np.bool_)
        _paint(masked, [(one, one) for one in self.in_image])
        return masked

    def paint(self, masked: Mask, wcs: WCS) -> None:
        """Mark the pixels of an image whose centres lie in the regions on the sky; those that are excluded are freed.

        Parameters
        ----------
        masked
            ``(ny, nx)``, changed in place.
        wcs
            Of the image.
        """
        _paint(masked, [(one.to_pixel(wcs), one) for one in self.on_sky])

    def _painted(self, exposure: Exposure) -> Mask:
        """Return the regions on the sky in an exposure: painted on its tangent plane, so that distortion counts."""
        from astropy.wcs import WCS

        plane = choose_plane([exposure])
        pixels = PixelMap.of(plane, exposure.wcs, exposure.shape)
        low, high = (np.rint(one(pixels.nodes, axis=(1, 2))).astype(np.int64) for one in (np.min, np.max))
        columns, rows = high - low + 1
        painted = np.zeros((rows, columns), dtype=np.bool_)
        self.paint(painted, WCS(_tangent(plane.crval, plane.matrix, low, _frame(exposure))))
        found = np.empty(exposure.shape, dtype=np.bool_)
        for start in range(0, exposure.shape[0], _ROWS):
            where = slice(start, min(start + _ROWS, exposure.shape[0]))
            x, y = np.rint(pixels.rows(where)).astype(np.int64) - low[:, np.newaxis, np.newaxis]
            found[where] = painted[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)]
        return found

    def _under(self, exposure: Exposure) -> Mask:
        """Return where the FITS image is not 0; beyond it there are no objects."""
        height, width = exposure.shape
        found = np.zeros(exposure.shape, dtype=np.bool_)
        for start in range(0, height, _ROWS):
            y, x = np.mgrid[start : min(start + _ROWS, height), :width].astype(np.float64)
            found[start : start + _ROWS] = self._at(*exposure.wcs(x, y, with_bounding_box=False))  # type: ignore[misc]
        return found

    def _at(self, longitude: Doubles, latitude: Doubles) -> Mask:
        assert self.plane is not None
        assert self.wcs is not None
        column, row = (np.rint(np.nan_to_num(one, nan=-1)) for one in self.wcs.all_world2pix(longitude, latitude, 0))
        rows, columns = self.plane.shape
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        there: Mask = np.zeros(inside.shape, dtype=np.bool_)
        there[inside] = self.plane[row[inside].astype(np.intp), column[inside].astype(np.intp)]
        return there


def celestial_wcs(header: Any) -> WCS | None:
    """Return the celestial WCS of a header; None where there is none."""
    if not str(header.get("CTYPE1", "")).strip():
        return None
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on cards that astropy mends
        found = WCS(header)
    return found.celestial if found.has_celestial else None


def _frame(outline: Exposure) -> str:
    return str(outline.wcs.output_frame.reference_frame.name) if outline.wcs is not None else ""


def _frame_of(wcs: WCS) -> str:
    from astropy.wcs.utils import wcs_to_celestial_frame

    return str(wcs_to_celestial_frame(wcs).name)


def _tangent(crval: tuple[float, float], matrix: Doubles, low: Array, frame: str) -> Any:
    """Return the FITS keywords of a tangent plane, of pixels per degree, whose first pixel lies at `low`."""
    from astropy.io.fits import Header

    longitude, latitude = _AXES.get(frame, ("RA--", "DEC-"))
    cards = {"CTYPE1": f"{longitude}-TAN", "CTYPE2": f"{latitude}-TAN", "CUNIT1": "deg", "CUNIT2": "deg"}
    cards |= {} if frame in _AXES else {"RADESYS": frame.upper()}
    numbers = {"CRVAL1": crval[0], "CRVAL2": crval[1], "CRPIX1": 1.0 - low[0], "CRPIX2": 1.0 - low[1]}
    degrees = np.linalg.inv(matrix)
    numbers |= {f"CD{i + 1}_{j + 1}": degrees[i, j] for i in (0, 1) for j in (0, 1)}
    return Header(list({**cards, **{name: float(one) for name, one in numbers.items()}}.items()))


def _paint(masked: Mask, regions: Sequence[tuple[Any, Any]]) -> None:
    """Mark the pixels whose centres lie in regions; of one that is excluded ("-circle") they become free."""
    for region, source in regions:
        cut = region.to_mask(mode="center").to_image(masked.shape)
        if cut is not None:
            masked[np.asarray(cut) > 0] = bool(int(source.meta.get("include", 1)))
