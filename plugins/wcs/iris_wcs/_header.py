"""The celestial WCS of a FITS header, as astropy models.

astropy.wcs reads the keywords (CD, PC, CROTA2, CUNIT, LONPOLE, SIP, RADECSYS ...), the models take what it understood.
FITS counts pixels from 1, gWCS from 0.
"""

from __future__ import annotations

import re
import warnings
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.io.fits import VerifyError
from astropy.modeling import models, projections
from astropy.wcs import WCS

from iris_core import Doubles, Exposure, InputError
from iris_wcs._frames import angles_to_icrs, frame_of
from iris_wcs._keywords import (
    FITTED,
    SCAMP,
    WCS_CARD,
    ctype_of,
    is_celestial,
    refuse_distortion,
    refuse_incomplete,
    refuse_unreadable,
)

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame
    from astropy.io.fits import Header
    from astropy.modeling import Model
    from astropy.wcs import Sip

__all__ = ["HeaderWcs", "find_header", "parse_fits", "positions", "read_header", "rotation", "wcs_cards"]

_FURTHER_AXIS = re.compile(r"(CTYPE|CRPIX|CRVAL|CUNIT|CDELT)[3-9]|(PC|CD)(\d_[3-9]|[3-9]_\d)")


@dataclass(frozen=True, slots=True)
class HeaderWcs:
    """The WCS of a header.

    Parameters
    ----------
    crpix
        Reference pixel, 0-based.
    matrix
        Degrees per pixel; rows are longitude and latitude, whichever axis of the header they are.
    sip
        Its SIP polynomials, or None.
    sky
        Projection plane [deg] to longitude and latitude [deg].
    frame
        Of these: ICRS, FK5 or FK4 with its equinox, Galactic.
    is_whole
        Whether that is all; otherwise `sky` is the gnomonic projection about the reference point, and a distortion or
        another projection is to be fitted.
    """

    crpix: tuple[float, float]
    matrix: Doubles
    sip: Sip | None
    sky: Model
    frame: BaseCoordinateFrame
    is_whole: bool

    @property
    def scale(self) -> float:
        """Degrees per pixel at the reference point, the square root of the area."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))


def find_header(exposure: Exposure) -> Header | None:
    """Return the header that has a celestial WCS, whether or not it can be represented.

    That of the science extension takes precedence over the primary one.

    Raises
    ------
    InputError
        When a card of a WCS cannot be read or is no number where one is needed, or the reference point is missing.
    """
    try:
        found = next((header for header in (exposure.sci_header, exposure.header) if is_celestial(header)), None)
    except VerifyError as error:
        raise InputError(f"{exposure.name}: CTYPE in the header cannot be read: {error}") from error
    if found is not None:
        refuse_unreadable(found, exposure.name)
        refuse_incomplete(found, exposure.name)
    return found


def wcs_cards(header: Header, name: str) -> Header:
    """Return the cards that make the WCS of the first two axes, made to say what astropy.wcs understands.

    Parameters
    ----------
    header
        One that `find_header` returned.
    name
        Of the exposure, for messages.

    Raises
    ------
    InputError
        When it has a distortion or a projection that the models cannot represent.
    """
    refuse_distortion(header, name)
    cards = type(header)([copy(card) for card in header.cards if WCS_CARD.fullmatch(card.keyword)])
    cards.insert(0, ("WCSAXES", 2, "number of WCS axes"))
    if isinstance(header.get("WCSERR"), float):  # what its writer knows that it misses, as the distortion of NIRC2
        cards["WCSERR"] = (header["WCSERR"], header.comments["WCSERR"])
    if header.get("A_ORDER", 0) > 1:
        for axis in (1, 2):
            cards[f"CTYPE{axis}"] = ctype_of(header, axis).removesuffix("-SIP") + "-SIP"
        _drop_scamp(cards)
    return cards


def _drop_scamp(cards: Header) -> None:
    """Drop the PV cards that repeat the SIP polynomials; SIP takes precedence (Shupe et al. 2012, section 7)."""
    if any(map(SCAMP.fullmatch, cards)):
        for keyword in cards["PV*"]:
            del cards[keyword]


def parse_fits(header: Header, name: str) -> WCS:
    """Return astropy's WCS of the first two axes.

    Raises
    ------
    InputError
        When astropy cannot read it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what astropy mends (RADECSYS, dates) is of no consequence here
            fits = WCS(header, naxis=2 if _has_further_axis(header) else None)
            fits.wcs.set()
    except Exception as error:
        raise InputError(f"{name}: the WCS of the header cannot be read: {_reason(error)}") from error
    return fits


def _has_further_axis(header: Header) -> bool:
    return header.get("WCSAXES", 2) > 2 or any(map(_FURTHER_AXIS.fullmatch, header))


def _reason(error: Exception) -> str:
    """Return the message of an error without the source lines that wcslib puts first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("ERROR")]
    return lines[0] if lines else type(error).__name__


def read_header(cards: Header, name: str) -> HeaderWcs:
    """Return the models of a WCS.

    Parameters
    ----------
    cards
        From `wcs_cards`.
    name
        Of the exposure, for messages.

    Raises
    ------
    InputError
        When it is no WCS after all.
    """
    fits = parse_fits(cards, name)
    x, y = fits.wcs.crpix
    is_whole = _is_whole(cards, fits)
    native = _sky(fits) if is_whole else _tangent_plane(fits)
    turn = _to_icrs(fits)
    return HeaderWcs(
        crpix=(float(x) - 1, float(y) - 1),
        matrix=np.asarray(fits.pixel_scale_matrix, dtype=float)[[fits.wcs.lng, fits.wcs.lat]],
        sip=fits.sip if fits.sip is not None and fits.sip.a is not None else None,
        sky=native if turn is None else native | turn,
        frame=frame_of(fits, name),
        is_whole=is_whole,
    )


def _is_whole(cards: Header, fits: WCS) -> bool:
    """Whether the models say all: no distortion but SIP, and a projection that is among them."""
    return not (
        ctype_of(cards, 1)[5:8] in FITTED
        or any(map(SCAMP.fullmatch, cards))
        or fits.wcs.cel.prj.code not in projections.projcodes
    )


def _tangent_plane(fits: WCS) -> Model:
    longitude, latitude = (float(fits.wcs.crval[axis]) for axis in (fits.wcs.lng, fits.wcs.lat))
    return projections.Pix2Sky_TAN() | rotation(longitude, latitude)


def positions(fits: WCS, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """Return longitude and latitude [deg] that astropy gives to 0-based pixels, in the frame of the gWCS.

    Parameters
    ----------
    fits
        From `parse_fits`.
    x, y
        Pixels, of one shape.
    """
    world = fits.all_pix2world(x.ravel(), y.ravel(), 0)
    longitude, latitude = (np.reshape(world[axis], x.shape) for axis in (fits.wcs.lng, fits.wcs.lat))
    turn = _to_icrs(fits)
    return (longitude, latitude) if turn is None else turn(longitude, latitude)


def _to_icrs(fits: WCS) -> Model | None:
    angles = angles_to_icrs(fits)
    return None if angles is None else rotation(*angles)


def _sky(fits: WCS) -> Model:
    """Return projection plane to sky, whose inverse knows native longitudes from -180 to 180 deg.

    Those of RotateCelestial2Native go from 0 to 360 deg: half of each map that is not zenithal would lie one turn away.
    """
    plane, (longitude, latitude, lonpole) = _projection(fits), _pole(fits)
    sky = plane | rotation(longitude, latitude, lonpole)
    if not isinstance(plane, projections.Zenithal):
        angles = map(_settled, (90 + longitude, 90 - latitude, 90 - lonpole))
        sky.inverse = models.EulerAngleRotation(*angles, axes_order="zxz") | plane.inverse
    return sky


def _projection(fits: WCS) -> Model:
    prj = fits.wcs.cel.prj
    kind = getattr(projections, f"Pix2Sky_{prj.code}")
    return kind(*(_settled(prj.pv[index + 1]) for index in range(len(kind.param_names))))


def _pole(fits: WCS) -> tuple[float, float, float]:
    """Return longitude and latitude of the native pole, and the native longitude of the celestial pole [deg].

    These are the Euler angles of Calabretta & Greisen (2002), section 2.3; they hold LONPOLE and LATPOLE.
    """
    longitude, colatitude, lonpole = fits.wcs.cel.euler[:3]
    return longitude, 90.0 - colatitude, lonpole


def rotation(longitude: float, latitude: float, lonpole: float = 180.0) -> Model:
    """Return the rotation from native to celestial coordinates [deg] about a native pole."""
    return models.RotateNative2Celestial(*map(_settled, (longitude, latitude, lonpole)))


def _settled(angle: float) -> float:
    """Return the angle, within its rounding, that the models keep through radian and back: ASDF holds degrees."""
    return float(np.rad2deg(np.deg2rad(angle)))
