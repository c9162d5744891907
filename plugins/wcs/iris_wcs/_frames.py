"""Celestial frames of FITS: those that a file can hold, and the way to ICRS from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.coordinates import ICRS, BarycentricMeanEcliptic, SkyCoord, Supergalactic
from astropy.wcs.utils import wcs_to_celestial_frame

from iris_core import InputError

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["LATITUDES", "PAIRS", "angles_to_icrs", "frame_of"]

LATITUDES = ("DEC", "GLAT", "ELAT", "SLAT")
PAIRS = ({"RA", "DEC"}, {"GLON", "GLAT"}, {"ELON", "ELAT"}, {"SLON", "SLAT"})


def frame_of(fits: WCS, name: str) -> Any:
    """Return the frame of the gWCS of a header: its own, or ICRS where `angles_to_icrs` leads there.

    Parameters
    ----------
    fits
        A celestial WCS.
    name
        Of the exposure, for messages.

    Raises
    ------
    InputError
        When RADESYS is none that is known, or the ecliptic is that of FK4.
    """
    if fits.wcs.lngtyp.strip() == "ELON" and fits.wcs.radesys.startswith("FK4"):
        raise InputError(f"{name}: RADESYS = '{fits.wcs.radesys}': the ecliptic of FK4 is not known; ICRS and FK5 are")
    if _unwritten(fits) is not None:
        return ICRS()
    try:
        return wcs_to_celestial_frame(fits)
    except ValueError:
        raise InputError(f"{name}: RADESYS = '{fits.wcs.radesys}'; ICRS, FK5, FK4 and FK4-NO-E are known") from None


def angles_to_icrs(fits: WCS) -> tuple[float, float, float] | None:
    """Return the Euler angles [deg] from ecliptic or supergalactic coordinates to ICRS, None for other frames.

    No file can hold these two frames. Both are rotations of ICRS: the mean ecliptic of an equinox, as seen from the
    barycentre and without aberration. The angles are right ascension and declination of their pole, and the longitude
    of the pole of ICRS in them.
    """
    frame = _unwritten(fits)
    if frame is None:
        return None
    pole = SkyCoord(0, 90, unit="deg", frame=frame).icrs
    lonpole = SkyCoord(0, 90, unit="deg", frame="icrs").transform_to(frame).spherical.lon
    return float(pole.ra.deg), float(pole.dec.deg), float(lonpole.deg)


def _unwritten(fits: WCS) -> Any:
    kind, year = fits.wcs.lngtyp.strip(), fits.wcs.equinox
    if kind == "SLON":
        return Supergalactic()
    return BarycentricMeanEcliptic(equinox=f"J{year if np.isfinite(year) else 2000.0}") if kind == "ELON" else None
