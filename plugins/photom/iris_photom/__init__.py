"""The photom stage: converts rates to surface brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_core import (
    Exposure,
    InputError,
    InstrumentMode,
    Reference,
    References,
    ReferenceType,
    by_rows,
    hookimpl,
    refuse_faults,
    selectors,
    stage,
    unit_faults,
    unit_string,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.units import UnitBase

    from iris_photom._conversion import Conversion

__all__ = ["check_conversion", "check_reference", "convert_to_surface_brightness", "reference_types"]

# A map of areas in arcsec2 or sr is far from 1; distortion changes the mean of a window by a few per cent.
_MEAN_AREA_TOLERANCE = 0.1
_DETECTOR, _FILTER = ("INSTRUME", "DETECTOR"), ("INSTRUME", "DETECTOR", "FILTER")
PHOTOM = ReferenceType(name="photom", kind="table", selectors=_DETECTOR, stated=_DETECTOR)
AREA = ReferenceType(name="area", selectors=_FILTER, stated=_FILTER, quantity="ratio", has_errors=False)


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the types ``photom``, a table of conversion factors, and ``area``, an image of relative pixel areas."""
    return [PHOTOM, AREA]


def check_conversion(exposure: Exposure, references: References, instrument: InstrumentMode | None = None) -> Exposure:
    """Return the outline with its unit after photom.

    Raises
    ------
    InputError
        When the table has no row or more than one for the exposure, or its unit does not fit, or its pixels are not
        those of the WCS by a factor of 2, or the exposure is in MJy/sr already.
    """
    from iris_photom._conversion import SURFACE_BRIGHTNESS

    if SURFACE_BRIGHTNESS.is_equivalent(exposure.unit):
        raise InputError(f"{exposure.name} is in {exposure.unit} already; photom converts electron/s or DN/s")
    _find_conversion(exposure, references["photom"], instrument)
    return exposure.replace(unit=SURFACE_BRIGHTNESS)


@stage("photom", references=("photom",), optional=("area",), check=check_conversion, by_integration=True)
def convert_to_surface_brightness(exposure: Exposure, references: References, instrument: InstrumentMode) -> Exposure:
    """Multiply by the conversion factor of the exposure's filter, detector and pupil.

    Parameters
    ----------
    exposure
        In electron/s or DN/s.
    references
        With ``photom``, a table of factors; and ``area``, an image of relative pixel areas.
    instrument
        Gives the size of the detector, over which the mean area of a pixel is taken.

    Returns
    -------
    Exposure
        In MJy/sr, with the keywords PHOTMJSR, PHOTUJA2, PHOTUNC, PIXAR_SR and PIXAR_A2, and the areas of its pixels:
        those of the reference, or of the WCS where they are not all alike.

    Raises
    ------
    InputError
        When the areas have a unit, or their mean is not near 1.
    """
    from iris_photom._area import attach_wcs_area
    from iris_photom._conversion import SURFACE_BRIGHTNESS

    conversion, note = _find_conversion(exposure, references["photom"], instrument)
    scaled = by_rows(lambda rows: rows.scale(conversion.photmjsr).mask_invalid(), exposure)
    calibrated = scaled.replace(unit=SURFACE_BRIGHTNESS)
    calibrated = calibrated.note(note) if note else calibrated
    if "area" in references:
        calibrated = _attach_area(calibrated, references["area"])
    else:
        calibrated = attach_wcs_area(calibrated, conversion.pixar_sr)
    return _document(calibrated, conversion, exposure.unit, references["photom"])


@hookimpl
def check_reference(reference: Reference) -> list[str]:
    """Return what is wrong with a table of factors that is being added to a store."""
    if reference.reftype != "photom":
        return []
    from iris_photom._table import find_faults, read_entries

    return find_faults(read_entries(reference.table(), f"the photom {reference.path.name}"))


def _find_conversion(
    exposure: Exposure, photom: Reference, instrument: InstrumentMode | None
) -> tuple[Conversion, str]:
    """Return the conversion of an exposure, with the pixel area of its WCS, and a note on what that changes."""
    from iris_photom._area import match_pixel_area, pixel_area
    from iris_photom._conversion import find_conversion

    name, cards = f"the photom {photom.path.name}", {**exposure.sci_header, **exposure.header}
    values = {**selectors(exposure.meta), "SUBARRAY": str(cards.get("SUBARRAY", ""))}
    found = find_conversion(
        photom.table(),
        {key.lower(): value for key, value in values.items()},
        exposure.unit,
        f"{name} for {exposure.name}",
        {key.lower() for key in cards},
    )
    return match_pixel_area(found, pixel_area(exposure, instrument), name)


def _attach_area(exposure: Exposure, reference: Reference) -> Exposure:
    image = reference.image(exposure)
    refuse_faults(f"the area {reference.path.name} for {exposure.name}", unit_faults(image, AREA))
    area = image.data
    mean = float(np.nanmean(area)) if np.isfinite(area).any() else np.nan
    if not abs(mean - 1) < _MEAN_AREA_TOLERANCE:
        raise InputError(
            f"the area {reference.path.name} has a mean of {mean:.4g} in {exposure.name}; "
            f"pixel areas are relative to their mean, so it has to be near 1"
        )
    return exposure.replace(area=area)


def _document(exposure: Exposure, conversion: Conversion, before: UnitBase, photom: Reference) -> Exposure:
    """Write the keywords; the factor's uncertainty is common to all pixels, so it does not go into their errors."""
    cards = {
        "PHOTMJSR": (conversion.photmjsr, f"MJy/sr per {unit_string(before)}"),
        "PHOTUJA2": (conversion.photuja2, f"uJy/arcsec2 per {unit_string(before)}"),
    }
    if conversion.uncertainty is None:
        exposure = exposure.note(f"the photom {photom.path.name} gives no uncertainty")
    else:
        cards["PHOTUNC"] = (conversion.uncertainty / conversion.photmjsr, "relative uncertainty of PHOTMJSR")
    if conversion.pixar_sr is None or conversion.pixar_a2 is None:
        exposure = exposure.note(f"the photom {photom.path.name} gives no pixel area")
    else:
        cards["PIXAR_SR"] = (conversion.pixar_sr, "mean area of a pixel, sr")
        cards["PIXAR_A2"] = (conversion.pixar_a2, "mean area of a pixel, arcsec2")
    return exposure.with_keywords(cards)
