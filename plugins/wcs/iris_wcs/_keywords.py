"""The keywords of a celestial WCS: which they are, and what in them is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from astropy.modeling import projections

from iris_core import InputError
from iris_wcs._frames import LATITUDES, PAIRS

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = [
    "FITTED",
    "SCAMP",
    "WCS_CARD",
    "ctype_of",
    "is_celestial",
    "refuse_distortion",
    "refuse_incomplete",
    "refuse_unreadable",
]

WCS_CARD = re.compile(
    r"WCSNAME|(CTYPE|CRPIX|CRVAL|CUNIT|CDELT|CROTA)[12]|(PC|CD)[12]_[12]|PV[12]_\d+|LONPOLE|LATPOLE"
    r"|RADESYS|RADECSYS|EQUINOX|EPOCH|[AB]P?_(ORDER|DMAX|\d_\d)|WAT[0-2]_\d{3}"
)
# The polynomial distortions of SCAMP and of IRAF, and a projection whose radius is a polynomial: no model has these.
FITTED = ("TPV", "TNX", "ZPN", "ZPX")
_OLD = ("GLS", "NCP")  # of AIPS; wcslib makes SFL and SIN of them
_TEXT = re.compile(r"WCSNAME|CTYPE\d|CUNIT\d|RADE(C)?SYS|EQUINOX|EPOCH|WAT\d_\d+")  # years too: 'J2000'
_MATRIX = re.compile(r"CD[12]_[12]")
_LINEAR = re.compile(r"(PC|CD)[12]_[12]|CDELT[12]")
_LOOKUP = re.compile(r"(CPDIS|CQDIS|D2IMDIS)\d|AXISCORR")
_COUPLING = re.compile(r"(PC|CD)[12]_[3-9]")
SCAMP = re.compile(r"PV[12]_([5-9]|\d\d+)")


def is_celestial(header: Header) -> bool:
    """Whether a header has longitude and latitude, and a scale."""
    pair = {ctype_of(header, axis)[:4].rstrip("-") for axis in (1, 2)}
    return pair in PAIRS and any(_LINEAR.fullmatch(keyword) for keyword in header)


def ctype_of(header: Header, axis: int) -> str:
    """Return CTYPE of an axis, ``""`` where there is none."""
    return str(header.get(f"CTYPE{axis}", "")).strip().upper()


def refuse_unreadable(header: Header, name: str) -> None:
    """Refuse cards of a WCS that cannot be read, or are no number where one is needed."""
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


def refuse_incomplete(header: Header, name: str) -> None:
    """Refuse the defaults of FITS for a pointing: 0 for CRVAL and CRPIX, 1 degree for the scale of an axis."""
    missing = [keyword for keyword in ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2") if keyword not in header]
    has_matrix = any(map(_MATRIX.fullmatch, header))
    for axis in (1, 2):
        scale = (f"CD{axis}_1", f"CD{axis}_2") if has_matrix else (f"CDELT{axis}", f"PC{axis}_1", f"PC{axis}_2")
        if not any(keyword in header for keyword in scale):
            missing.append(scale[0])
    if missing:
        raise InputError(
            f"{name}: the WCS of the header has no {', '.join(missing)}: nobody knows where it points; "
            f"give the header CRPIX, CRVAL and CD, PC or CDELT of both axes"
        )


def refuse_distortion(header: Header, name: str) -> None:
    """Refuse a distortion or a projection that cannot be represented."""
    for keyword in header:
        if _LOOKUP.fullmatch(keyword):
            raise InputError(f"{name}: the WCS has a distortion by lookup table ({keyword}): it cannot be represented")
        if _COUPLING.fullmatch(keyword) and header[keyword]:
            raise InputError(f"{name}: {keyword} is not zero: a sky that turns along the integrations is not one WCS")
    for axis in (1, 2):
        _refuse_projection(ctype_of(header, axis), f"{name}: CTYPE{axis}")
    ctype = ctype_of(header, 1)
    is_tpv = ctype[5:8] == "TPV" or (any(map(SCAMP.fullmatch, header)) and not ctype.endswith("-SIP"))
    if is_tpv and ctype[:4].rstrip("-") in LATITUDES:
        raise InputError(f"{name}: CTYPE1 = '{ctype}': TPV is defined for axes in the order longitude, latitude only")


def _refuse_projection(ctype: str, where: str) -> None:
    code, distortion = ctype[5:8], ctype[8:]
    known = sorted({*projections.projcodes, *_OLD, *FITTED})
    if code not in known:
        raise InputError(
            f"{where} = '{ctype}': the projection {code or '(none)'} cannot be represented; "
            f"these can, with or without -SIP: {', '.join(known)}"
        )
    if distortion not in ("", "-SIP"):
        raise InputError(f"{where} = '{ctype}': the distortion {distortion[1:]} cannot be represented; only SIP can")
