"""Where the reference point is on the sky, and how the detector is turned: what a distortion reference leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.coordinates import ICRS
from astropy.modeling import models

from iris_core import Doubles, Exposure, InputError
from iris_wcs import _header

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame
    from astropy.modeling import Model

__all__ = ["Pointing", "find", "no_wcs"]


@dataclass(frozen=True, slots=True)
class Pointing:
    """From the focal plane to the sky.

    Parameters
    ----------
    matrix
        Focal plane (x, y) to projection plane (east, north): orientation and parity only, its determinant is 1 or -1.
    sky
        Projection plane [deg] to longitude and latitude [deg].
    frame
        Their frame.
    crpix
        The pixel (x, y), 0-based, that the header puts at the reference point; None where it has no WCS.
    """

    matrix: Doubles
    sky: Model
    frame: BaseCoordinateFrame
    crpix: tuple[float, float] | None = None


def find(exposure: Exposure, position_angle: float | None) -> tuple[Exposure, Pointing]:
    """Return the exposure, with notes, and its pointing.

    From the WCS of the header; else TAN at RA and DEC, with the y axis at `position_angle` [deg] or at the keyword PA,
    and seen as on the sky: with north up east is on the left.

    Raises
    ------
    InputError
        When neither is known.
    """
    header = _header.find_header(exposure)
    if header is None:
        return _from_telescope(exposure, position_angle)
    own = _header.read_header(_header.wcs_cards(header, exposure.name), exposure.name)
    if own.sip is not None:
        exposure = exposure.note("the distortion reference takes the place of the header's SIP polynomials")
    if position_angle is not None:
        exposure = exposure.note("position_angle is not used: the header has a WCS")
    scale = np.sqrt(abs(np.linalg.det(own.matrix)))
    return exposure, Pointing(matrix=own.matrix / scale, sky=own.sky, frame=own.frame, crpix=own.crpix)


def _from_telescope(exposure: Exposure, position_angle: float | None) -> tuple[Exposure, Pointing]:
    ra, dec = exposure.meta.ra, exposure.meta.dec
    angle = _position_angle(exposure) if position_angle is None else position_angle
    if ra is None or dec is None or angle is None:
        raise InputError(
            f"{no_wcs(exposure)}; a distortion reference then needs RA, DEC and PA, or the parameter position_angle"
        )
    sky = models.Pix2Sky_TAN() | _header.rotation(ra, dec)
    note = f"no WCS in the header: pointed by RA {ra:.7f}, DEC {dec:.7f}, position angle {angle:g} deg"
    return exposure.note(note), Pointing(matrix=_matrix(np.deg2rad(angle)), sky=sky, frame=ICRS())


def _matrix(angle: float) -> Doubles:
    """Return focal plane to sky for a position angle [rad]: columns are the x and the y axis, rows east and north."""
    return np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _position_angle(exposure: Exposure) -> float | None:
    value = exposure.sci_header.get("PA", exposure.header.get("PA"))
    if value is None or isinstance(value, int | float):
        return value
    raise InputError(f"{exposure.name}: PA = {value!r} is not a number of degrees")


def no_wcs(exposure: Exposure) -> str:
    """Return the message for a header without WCS, with what it has instead."""
    types = [
        f"{keyword} = '{header[keyword]}'"
        for header in (exposure.sci_header, exposure.header)
        for keyword in ("CTYPE1", "CTYPE2")
        if keyword in header
    ]
    found = ", ".join(types) or "no CTYPE"
    return (
        f"{exposure.name}: no WCS with RA and DEC (or GLON and GLAT, ELON and ELAT, SLON and SLAT) "
        f"and a scale (CD, PC or CDELT); the header has {found}"
    )
