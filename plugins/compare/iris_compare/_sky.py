"""How far apart on the sky two WCS put the same pixel."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from iris_core import Exposure

__all__ = ["SkyOffset", "measure_sky_offset"]

_POINTS = 9  # along each side


@dataclass(frozen=True, slots=True)
class SkyOffset:
    """How far apart on the sky the two places of one pixel are.

    Parameters
    ----------
    arcsec
        The largest distance [arcsec].
    pixels
        The same over the distance of neighbouring pixels of the first WCS.
    rms
        Root of the mean square of the distances [arcsec].
    """

    arcsec: float
    pixels: float
    rms: float


def measure_sky_offset(first: Exposure, other: Exposure) -> SkyOffset | None:
    """Compare two gWCS on a grid of pixels that reaches the corners.

    Parameters
    ----------
    first, other
        Of one shape.

    Returns
    -------
    SkyOffset or None
        None unless both have a gWCS that is defined in this frame, or both only WCS cards.
    """
    here_wcs, there_wcs = first.wcs, other.wcs
    if here_wcs is None and there_wcs is None:
        here_wcs, there_wcs = _of_cards(first), _of_cards(other)
    if here_wcs is None or there_wcs is None:
        return None
    rows, columns = first.shape
    x, y = (grid.ravel() for grid in np.meshgrid(*(np.linspace(0, size - 1, _POINTS) for size in (columns, rows))))
    here = here_wcs.pixel_to_world(x, y)
    apart = here.separation(there_wcs.pixel_to_world(x, y)).arcsec
    # The bounding box ends half a pixel beyond the last centre: a step inwards stays inside.
    inwards = np.where(x < columns / 2, x + 1, x - 1)
    step = here.separation(here_wcs.pixel_to_world(inwards, y)).arcsec
    if not np.isfinite(apart).any():
        return None
    rms = float(np.sqrt(np.nanmean(np.square(apart))))
    return SkyOffset(float(np.nanmax(apart)), float(np.nanmax(apart / step)), rms)


def _of_cards(exposure: Exposure) -> Any:
    """Return the celestial WCS of the header, None where it has none."""
    from astropy.wcs import WCS

    if "CTYPE1" not in exposure.sci_header:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cards that are odd and mean the same
        wcs = WCS(exposure.sci_header).celestial
    return wcs if wcs.has_celestial else None
