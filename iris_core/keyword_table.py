"""The FITS keywords that are read and written, each with its meaning: one declaration for code and documentation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

__all__ = ["KEYWORDS", "REFERENCE_KEYWORDS", "WCS_KEYWORDS", "Keyword", "to_integer", "to_time"]

_UNIX_EPOCH_MJD = 40587.0
_JD_MINUS_MJD = 2400000.5


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: `field` is where its value goes in `Meta`, `aliases` other names that are understood."""

    name: str
    meaning: str
    unit: str = ""
    field: str = ""
    parse: Callable[[Any], Any] | None = None
    aliases: tuple[str, ...] = ()


def to_text(value: Any) -> str:
    return str(value).strip()


def to_number(value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def to_integer(value: Any) -> int:
    """Return a whole number; ValueError where it is none."""
    number = int(value)
    if number != float(value):
        raise ValueError(value)
    return number


def to_time(value: Any) -> datetime:
    """Parse ISO 8601, a modified Julian date or a Julian date."""
    if isinstance(value, int | float):
        mjd = value - _JD_MINUS_MJD if value > _JD_MINUS_MJD else value
        return datetime.fromtimestamp(0, UTC) + timedelta(days=mjd - _UNIX_EPOCH_MJD)
    when = datetime.fromisoformat(to_text(value))
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _degrees(per_unit: float) -> Callable[[Any], float]:
    """Return a parser of degrees: a number as it is, ``hh:mm:ss`` or ``dd:mm:ss`` times `per_unit`."""

    def parse(value: Any) -> float:
        first, *sixtieths = parts = re.split(r"[:\s]+", to_text(value))
        if not sixtieths:
            return to_number(first)
        if len(parts) > 3 or not all(0 <= float(part) < 60 for part in sixtieths):
            raise ValueError(value)
        size = sum(abs(float(part)) / 60.0**power for power, part in enumerate(parts))
        return per_unit * (-size if parts[0].startswith("-") else size)

    return parse


KEYWORDS: tuple[Keyword, ...] = (
    Keyword("TELESCOP", "telescope", field="telescope", parse=to_text),
    Keyword("INSTRUME", "instrument; chooses the mode", field="instrument", parse=to_text),
    Keyword("DETECTOR", "detector; chooses the mode and the reference files", field="detector", parse=to_text),
    Keyword("FILTER", "filter; chooses flat, photom and distortion", field="filter", parse=to_text),
    Keyword("PUPIL", "element in the pupil wheel", field="pupil", parse=to_text),
    Keyword("READMODE", "read mode; chooses the dark", field="read_mode", parse=to_text),
    Keyword("IMTYPE", "what was observed: SCI, SKY, DARK ...", field="image_type", parse=to_text),
    Keyword("OBJECT", "target", field="target", parse=to_text),
    Keyword("PROGNUM", "program", field="program", parse=to_text),
    Keyword("EXPTIME", "exposure time", "s", "exposure_time", to_number),
    Keyword("DATE-OBS", "start of the exposure, UTC", "", "start_time", to_time, ("EXPDTST", "MJD-OBS", "EXPJDST")),
    Keyword("TIME-OBS", "time of day, where DATE-OBS is a date alone"),
    Keyword("RA", "pointing, right ascension", "deg", "ra", _degrees(15.0)),
    Keyword("DEC", "pointing, declination", "deg", "dec", _degrees(1.0)),
    Keyword("SUBARRAY", "which part of the detector was read: FULL, CUSTOM, GENERIC, N/A"),
    Keyword("SUBARRID", "number of the subarray; 0 is the full frame", "", "subarray_id", to_integer),
    Keyword("SUBSTRT1", "first column of the window, 1-based", "pixel"),
    Keyword("SUBSTRT2", "first row of the window, 1-based", "pixel"),
    Keyword("SUBSIZE1", "columns of the window", "pixel"),
    Keyword("SUBSIZE2", "rows of the window", "pixel"),
    Keyword("FASTAXIS", "axis that is read fast, negative against the pixel order"),
    Keyword("SLOWAXIS", "axis that is read slowly, negative against the pixel order"),
    Keyword("BUNIT", "unit of the data", aliases=("UNIT",)),
    Keyword("DATALVL", "1 rate, 2 calibrated"),
    Keyword("FILENAME", "name of this file"),
    Keyword("DRSVER", "version of iris-core that wrote the file"),
    Keyword("RECIPE", "recipe that made the product"),
    Keyword(
        "S_<STEP>", "COMPLETE or SKIPPED, one for each stage; the reason stands in HISTORY and in the ASDF extension"
    ),
    Keyword("R_<TYPE>", "reference file that was used, one for each type"),
    Keyword("BKG_DARK", "the dark went with the background"),
    Keyword("BKG_METH", "how the background was removed, where a part of the dark went with it"),
    Keyword("PHOTMJSR", "flux density per rate", "MJy/sr per electron/s or DN/s"),
    Keyword("PHOTUJA2", "flux density per rate", "uJy/arcsec2 per electron/s or DN/s"),
    Keyword("PIXAR_SR", "mean area of a pixel", "sr"),
    Keyword("PIXAR_A2", "mean area of a pixel", "arcsec2"),
    Keyword("PHOTUNC", "relative uncertainty of PHOTMJSR, common to all pixels"),
    Keyword("S_REGION", "footprint on the sky"),
    Keyword("WCSERR", "largest error of the FITS WCS against the gWCS", "pixel"),
    Keyword("PXSCLRT", "scale of the rectified grid over that of the detector"),
    Keyword("PIXFRAC", "linear size of the drop over that of the pixel"),
    Keyword("KERNEL", "drizzle kernel"),
    Keyword("RESWHT", "weights of the input pixels"),
    Keyword("CORRFAC", "noise of a large aperture over what ERR says, from correlated pixels"),
)

# What a reference file says of itself, beside the selectors above; a store keeps it.
REFERENCE_KEYWORDS: tuple[Keyword, ...] = (
    Keyword("REFTYPE", "type of the reference file: dark, flat, photom ..."),
    Keyword("USEAFTER", "start of the first exposure it is for, UTC"),
    Keyword("REFVER", "version of the file"),
    Keyword("PEDIGREE", "what it was made from"),
    Keyword("DESCRIP", "what it is"),
    Keyword("AUTHOR", "who made it"),
    Keyword("DETXSIZE", "columns of the whole detector, where not as the instrument mode says", "pixel"),
    Keyword("DETYSIZE", "rows of the whole detector, where not as the instrument mode says", "pixel"),
)

# Numbers stand for axes and powers; all are read from the primary header or that of the image, and written beside it.
WCS_KEYWORDS: tuple[Keyword, ...] = (
    Keyword("WCSAXES", "number of axes"),
    Keyword("WCSNAME", "what kind of WCS it is"),
    Keyword("CTYPE1", "axis and projection: RA---TAN, RA---TAN-SIP ..."),
    Keyword("CRPIX1", "reference point", "pixel, 1-based"),
    Keyword("CRVAL1", "its coordinate", "CUNIT1"),
    Keyword("CUNIT1", "unit of CRVAL and CDELT"),
    Keyword("CDELT1", "scale of an axis", "CUNIT1/pixel"),
    Keyword("PC1_1", "rotation, scaled by CDELT"),
    Keyword("CD1_1", "rotation and scale", "CUNIT1/pixel"),
    Keyword("CROTA2", "rotation, where there is neither PC nor CD", "deg"),
    Keyword("PV1_1", "parameters of the projection"),
    Keyword("LONPOLE", "native longitude of the celestial pole", "deg"),
    Keyword("LATPOLE", "native latitude of the celestial pole", "deg"),
    Keyword("RADESYS", "ICRS, FK5 ...", aliases=("RADECSYS",)),
    Keyword("EQUINOX", "of FK5", "yr", aliases=("EPOCH",)),
    Keyword("A_ORDER", "degree of the SIP polynomial; also B, AP, BP"),
    Keyword("A_0_2", "coefficient of the SIP polynomial; also B, AP, BP"),
)
