"""The areas of pixels: those of the table against those of the WCS."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Exposure, InputError, InstrumentMode, area_map, mean_solid_angle, solid_angle
from iris_photom._conversion import Conversion

if TYPE_CHECKING:
    from gwcs import WCS

__all__ = ["attach_wcs_area", "match_pixel_area", "pixel_area"]

# Above this the area of the table is not that of the WCS, and the fluxes of cal and i2d would differ by as much.
_NOTED = 1e-3
_DIGITS = 5
# A factor between the areas that is no difference of two calibrations, but another pixel or another unit.
_MOST = 2.0
# Over a detector the areas of pixels do not change by more: a WCS that says so is not made for all of it.
_DISTORTED = 0.2
# What resample promises of the flux of a star: areas that vary by less are one number.
_VARIATION = 1e-4


def pixel_area(exposure: Exposure, instrument: InstrumentMode | None) -> float | None:
    """Return the mean solid angle of the pixels of the whole detector, by the WCS [sr]; None where it is not known.

    Of the whole detector, also for a window of it: the areas of its corner are not those of the table.
    """
    wcs, window = _celestial(exposure), exposure.meta.window
    if wcs is None:
        return None
    detector = None if instrument is None else instrument.detectors.get(exposure.meta.detector)
    own = mean_solid_angle(wcs, exposure.shape)
    if window is None or detector is None:
        return own
    whole = mean_solid_angle(wcs, detector.shape, (1 - window.ystart, 1 - window.xstart))
    return whole if abs(whole / own - 1) < _DISTORTED else None


def _celestial(exposure: Exposure) -> WCS | None:
    wcs = exposure.wcs
    known = wcs is not None and getattr(wcs.output_frame, "reference_frame", None) is not None
    return wcs if known else None


def match_pixel_area(conversion: Conversion, area: float | None, name: str) -> tuple[Conversion, str]:
    """Return a conversion with the pixel area of the WCS, in which the flux of a star is that of the table; and a note.

    A table is made from stars: their flux is ``rate x PHOTMJSR x PIXAR_SR``. Where another area is put into it,
    PHOTMJSR is changed by as much: ``cal`` then gives the flux of the table, and so does ``i2d``, whose pixels are
    those of the WCS. To 0.1 % the table is left as it is.

    Parameters
    ----------
    conversion
        Of the table.
    area
        Mean area of a pixel by the WCS [sr]; None where it is not known.
    name
        What to call the table in a message.

    Raises
    ------
    InputError
        When the areas differ by more than a factor of 2.
    """
    if area is None or not np.isfinite(area):
        return conversion, ""
    if conversion.pixar_sr is None:
        return replace(conversion, pixar_sr=area), f"{name} gives no pixel area; PIXAR_SR is that of the WCS"
    # Rounded, so that a window and the whole detector are multiplied by the same number to the last bit.
    ratio = round(conversion.pixar_sr / area, _DIGITS)
    both = f"PIXAR_SR of {name} is {conversion.pixar_sr:.5g} sr, and a pixel of the WCS has {area:.5g} sr"
    if not 1 / _MOST <= ratio <= _MOST:
        raise InputError(f"{both}; give a table that was made for these pixels, or correct the WCS or the unit")
    if abs(ratio - 1) <= _NOTED:
        return conversion, ""
    uncertainty = None if conversion.uncertainty is None else conversion.uncertainty * ratio
    matched = replace(
        conversion,
        photmjsr=conversion.photmjsr * ratio,
        uncertainty=uncertainty,
        pixar_sr=conversion.pixar_sr / ratio,
    )
    return (
        matched,
        f"{both}, which is written; PHOTMJSR is {ratio:.5g} times that of the table, so that fluxes are kept",
    )


def attach_wcs_area(exposure: Exposure, pixar_sr: float | None) -> Exposure:
    """Return an exposure with the areas of its pixels over PIXAR_SR, where these are not all 1.

    They are where the areas in the exposure differ by less than 1e-4, and from PIXAR_SR by less than 1e-3.
    """
    wcs = _celestial(exposure)
    if wcs is None or pixar_sr is None or exposure.area is not None or not _varies(wcs, exposure.shape, pixar_sr):
        return exposure
    mean, area = area_map(wcs, exposure.shape)
    area *= np.float32(mean / pixar_sr)
    return exposure.replace(area=area).note("no area reference: AREA is that of the pixels of the WCS over PIXAR_SR")


def _varies(wcs: WCS, shape: tuple[int, int], pixar_sr: float) -> bool:
    y, x = (np.linspace(0, size - 1, 17) for size in shape)
    area = solid_angle(wcs, *np.meshgrid(x, y)) / pixar_sr
    varies = np.ptp(area) > _VARIATION or np.max(np.abs(area - 1)) > _NOTED
    return bool(np.all(np.isfinite(area)) and varies)
