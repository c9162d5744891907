"""The world coordinates of a frame, from the pointing of the telescope."""

from __future__ import annotations

from math import cos, radians, sin
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["position_angle", "tangent_plane"]


def position_angle(header: Mapping[str, Any]) -> float | None:
    """Return the position angle of the detector's y axis, degrees from north through east.

    None where it cannot be known: the rotator follows neither sky nor vertical, or the image is flipped.

    Parameters
    ----------
    header
        ROTMODE, ROTPOSN, INSTANGL, and PARANG for the vertical angle mode.
    """
    mode = str(header.get("ROTMODE", "")).strip().casefold()
    flipped = str(header.get("INSTFLIP", "no")).strip().casefold() != "no"
    needed = {"position angle": ("ROTPOSN",), "vertical angle": ("ROTPOSN", "PARANG")}.get(mode)
    if flipped or needed is None or not all(key in header for key in (*needed, "INSTANGL")):
        return None
    return sum(float(header[key]) for key in needed) - float(header["INSTANGL"])


def tangent_plane(
    ra: float, dec: float, angle: float, scale: float, shape: tuple[int, int], equinox: float = 2000.0
) -> dict[str, tuple[Any, str]]:
    """Return the FITS cards of a tangent projection about the centre of the array.

    Parameters
    ----------
    ra, dec
        Pointing, degrees: the sky at the centre, as the Keck Observatory Archive takes it.
    angle
        Position angle of the y axis, degrees from north through east; with 0 north is up and east is left.
    scale
        arcsec per pixel.
    shape
        Rows and columns.
    equinox
        Of the pointing, years; FK5.
    """
    step = scale / 3600
    c, s = step * cos(radians(angle)), step * sin(radians(angle))
    rows, columns = shape
    return {
        "WCSAXES": (2, "from RA and DEC of the telescope"),
        "CTYPE1": ("RA---TAN", ""),
        "CTYPE2": ("DEC--TAN", ""),
        "CUNIT1": ("deg", ""),
        "CUNIT2": ("deg", ""),
        "CRPIX1": ((columns + 1) / 2, "centre of the array"),
        "CRPIX2": ((rows + 1) / 2, "centre of the array"),
        "CRVAL1": (ra, "[deg]"),
        "CRVAL2": (dec, "[deg]"),
        "CD1_1": (-c, "[deg/pixel]"),
        "CD1_2": (s, "[deg/pixel]"),
        "CD2_1": (s, "[deg/pixel]"),
        "CD2_2": (c, "[deg/pixel]"),
        "RADESYS": ("FK5", ""),
        "EQUINOX": (equinox, "[yr]"),
    }
