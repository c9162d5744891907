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
from iris_wcs._frames import PAIRS, angles_to_icrs, frame_of

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame
    from astropy.io.fits import Header
    from astropy.modeling import Model
    from astropy.wcs import Sip

__all__ = ["WCS_CARD", "HeaderWcs", "find_header", "parse_fits", "positions", "read_header", "rotation", "wcs_cards"]

WCS_CARD = re.compile(
    r"WCSNAME|(CTYPE|CRPIX|CRVAL|CUNIT|CDELT|CROTA)[12]|(PC|CD)[12]_[12]|PV[12]_\d+|LONPOLE|LATPOLE"
    r"|RADESYS|RADECSYS|EQUINOX|EPOCH|[AB]P?_(ORDER|DMAX|\d_\d)|WAT[0-2]_\d{3}"
)
# The polynomial distortions of SCAMP and of IRAF, and a projection whose radius is a polynomial: no model has these.
_FITTED = ("TPV", "TNX", "ZPN", "ZPX")
_TEXT = re.compile(r"WCSNAME|CTYPE\d|CUNIT\d|RADE(C)?SYS|EQUINOX|EPOCH|WAT\d_\d+")  # years too: 'J2000'
_MATRIX = re.compile(r"(PC|CD)[12]_[12]")
_LINEAR = re.compile(r"(PC|CD)[12]_[12]|CDELT[12]")
_LOOKUP = re.compile(r"(CPDIS|CQDIS|D2IMDIS)\d|AXISCORR")
_FURTHER_AXIS = re.compile(r"(CTYPE|CRPIX|CRVAL|CUNIT|CDELT)[3-9]|(PC|CD)(\d_[3-9]|[3-9]_\d)")
_COUPLING = re.compile(r"(PC|CD)[12]_[3-9]")
_SCAMP = re.compile(r"PV[12]_([5-9]|\d\d+)")


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
        found = next((header for header in (exposure.sci_header, exposure.header) if _is_celestial(header)), None)
    except VerifyError as error:
        raise InputError(f"{exposure.name}: CTYPE in the header cannot be read: {error}") from error
    if found is not None:
        _refuse_unreadable(found, exposure.name)
        _refuse_incomplete(found, exposure.name)
    return found


def _refuse_unreadable(header: Header, name: str) -> None:
    for card in header.cards:
        if WCS_CARD.fullmatch(card.keyword):
            try:
                value = card.value
            except Exception as error:
                raise InputError(f"{name}: the header card {card.keyword} cannot be read: {error}") from error
            if _TEXT.fullmatch(card.keyword):
                continue
            if not isinstance(value, int | float) or not np.isfinite(value):
                raise InputError(f"{name}: {card.keyword} = {value!r} is not a number")


def _refuse_incomplete(header: Header, name: str) -> None:
    """Refuse the defaults of FITS for what makes a pointing: 0 for CRVAL and CRPIX, 1 degree for one of two CDELT."""
    needed = ["CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2"]
    if not any(map(_MATRIX.fullmatch, header)):
        needed += ["CDELT1", "CDELT2"]
    missing = [keyword for keyword in needed if keyword not in header]
    if missing:
        raise InputError(
            f"{name}: the WCS of the header has no {', '.join(missing)}: nobody knows where it points; "
            f"give the header CRPIX, CRVAL and CD, PC or CDELT of both axes"
        )


def _is_celestial(header: Header) -> bool:
    pair = {_ctype(header, axis)[:4].rstrip("-") for axis in (1, 2)}
    return pair in PAIRS and any(_LINEAR.fullmatch(keyword) for keyword in header)


def _ctype(header: Header, axis: int) -> str:
    return str(header.get(f"CTYPE{axis}", "")).strip().upper()


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
    _refuse_distortion(header, name)
    cards = type(header)([copy(card) for card in header.cards if WCS_CARD.fullmatch(card.keyword)])
    cards.insert(0, ("WCSAXES", 2, "number of WCS axes"))
    if isinstance(header.get("WCSERR"), float):  # what its writer knows that it misses, as the distortion of NIRC2
        cards["WCSERR"] = (header["WCSERR"], header.comments["WCSERR"])
    if header.get("A_ORDER", 0) > 1:
        for axis in (1, 2):
            cards[f"CTYPE{axis}"] = _ctype(header, axis).removesuffix("-SIP") + "-SIP"
        _drop_scamp(cards)
    return cards


def _drop_scamp(cards: Header) -> None:
    """Drop the PV cards that repeat the SIP polynomials; SIP takes precedence (Shupe et al. 2012, section 7)."""
    if any(map(_SCAMP.fullmatch, cards)):
        for keyword in cards["PV*"]:
            del cards[keyword]


def _refuse_distortion(header: Header, name: str) -> None:
    for keyword in header:
        if _LOOKUP.fullmatch(keyword):
            raise InputError(f"{name}: the WCS has a distortion by lookup table ({keyword}): it cannot be represented")
        if _COUPLING.fullmatch(keyword) and header[keyword]:
            raise InputError(f"{name}: {keyword} is not zero: a sky that turns along the integrations is not one WCS")
    for axis in (1, 2):
        _refuse_projection(_ctype(header, axis), f"{name}: CTYPE{axis}")


def _refuse_projection(ctype: str, where: str) -> None:
    code, distortion = ctype[5:8], ctype[8:]
    known = sorted({*projections.projcodes, *_FITTED})
    if code not in known:
        raise InputError(
            f"{where} = '{ctype}': the projection {code or '(none)'} cannot be represented; "
            f"these can, with or without -SIP: {', '.join(known)}"
        )
    if distortion not in ("", "-SIP"):
        raise InputError(f"{where} = '{ctype}': the distortion {distortion[1:]} cannot be represented; only SIP can")


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
        _ctype(cards, 1)[5:8] in _FITTED
        or any(map(_SCAMP.fullmatch, cards))
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
