"""The photom stage: converts rates to surface brightness with a zero point measured from stars in the exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import (
    Exposure,
    InputError,
    Reference,
    References,
    ReferenceType,
    hookimpl,
    parse_unit,
    stage,
    unit_string,
)
from iris_photom_stars._params import ZeroPointParams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iris_photom_stars._catalog import Catalog

__all__ = ["ZeroPointParams", "calibrate_with_stars", "check_reference", "check_stars", "reference_types"]

_FILTER = ("INSTRUME", "DETECTOR", "FILTER")
PSF = ReferenceType(name="psf", selectors=(*_FILTER, "PUPIL"), stated=_FILTER)
_RATES = ("electron/s", "DN/s")
_RESULT = "MJy/sr"


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the types ``catalog``, a table of stars with positions and magnitudes, and ``psf``, an image of a star."""
    return [ReferenceType(name="catalog", kind="table"), PSF]


def check_stars(exposure: Exposure, params: ZeroPointParams, references: References) -> Exposure:
    """Return the outline with its unit after photom.

    Raises
    ------
    InputError
        When the exposure is no rate or has no WCS, the catalogue cannot be understood, or too few of its stars fall
        on the exposure.
    """
    from iris_photom_stars._field import place_stars, require_stars, shift_in_pixels

    _check_exposure(exposure)
    catalog = _catalog_for(exposure, params, references)
    if exposure.wcs is not None:
        margin = shift_in_pixels(exposure.wcs, exposure.shape, params.max_shift)
        known, places = place_stars(catalog, exposure.wcs, exposure.shape, margin)
        require_stars(known, places, exposure.shape, margin, params, exposure.name)
    return exposure.replace(unit=parse_unit(_RESULT))


@stage(
    "photom",
    params=ZeroPointParams,
    references=("catalog",),
    optional=("psf",),
    check=check_stars,
    only_by_name=True,
)
def calibrate_with_stars(exposure: Exposure, params: ZeroPointParams, references: References) -> Exposure:
    """Multiply by the conversion factor that stars of known magnitude in the exposure give.

    Parameters
    ----------
    exposure
        In electron/s or DN/s, with a gWCS. Of integrations the mean is measured, and all get the same factor.
    params
        See there.
    references
        With ``catalog``, a table of stars; with ``psf``, an image of a star, for the aperture correction.

    Returns
    -------
    Exposure
        In MJy/sr, with the relative pixel areas of its WCS and the keywords PHOTMJSR, PHOTUJA2, PHOTUNC, PIXAR_SR,
        PIXAR_A2 and ZP_*. The uncertainty of the factor is common to all pixels and not in their errors.

    Raises
    ------
    InputError
        When the stars do not give a zero point: too few, no match, too crowded, too scattered.
    """
    from iris_photom_stars._measure import measure_zero_point
    from iris_photom_stars._report import keywords_of, notes_of

    catalog = _catalog_for(exposure, params, references)
    zero, unit = measure_zero_point(exposure, catalog, params, references.get("psf")), unit_string(exposure.unit)
    calibrated = exposure.scale(zero.photmjsr).replace(unit=parse_unit(_RESULT), area=zero.area).mask_invalid()
    for note in (*_notes_before(exposure, catalog), *notes_of(zero, catalog, unit, _origin(params, references))):
        calibrated = calibrated.note(note)
    return calibrated.with_keywords(keywords_of(zero, unit, catalog.band))


@hookimpl
def check_reference(reference: Reference) -> list[str]:
    """Return what is wrong with a catalogue that is being added to a store, in any of its bands."""
    if reference.reftype != "catalog":
        return []
    from iris_photom_stars._catalog import find_faults

    return find_faults(reference.table(), reference.path.name)


def _origin(params: ZeroPointParams, references: References) -> str:
    """Return where an aperture correction that no star gave is from."""
    psf = references.get("psf")
    return "as given" if psf is None or params.correction is not None else f"from the PSF {psf.path.name}"


def _check_exposure(exposure: Exposure) -> None:
    """Raise `InputError` unless an exposure, or its outline, is a rate with a WCS."""
    unit = exposure.unit
    if unit is None or not any(unit.is_equivalent(parse_unit(rate)) for rate in _RATES):
        already = " already" if unit is not None and unit.is_equivalent(parse_unit(_RESULT)) else ""
        state = "has no unit" if unit is None else f"is in {unit}{already}"
        raise InputError(f"{exposure.name} {state}; photom converts {' or '.join(_RATES)}")
    if exposure.wcs is None and "assign_wcs" not in exposure.done:
        raise InputError(
            f"{exposure.name} has no WCS, without which its stars cannot be found in the catalogue; "
            f"put assign_wcs before photom in the recipe"
        )


def _catalog_for(exposure: Exposure, params: ZeroPointParams, references: References) -> Catalog:
    from iris_photom_stars._catalog import catalog_of

    reference = references["catalog"]
    return catalog_of(reference.table(), reference.path.name, exposure, params)


def _notes_before(exposure: Exposure, catalog: Catalog) -> list[str]:
    notes = []
    if catalog.band != exposure.meta.filter:
        notes.append(f"magnitudes in band {catalog.band} were taken for the filter {exposure.meta.filter}")
    if "flat_field" not in exposure.done:
        notes.append("the exposure is not flat-fielded: the zero point is a mean over the places of the stars")
    if not exposure.variance:
        notes.append("the errors of the exposure are unknown: the scatter of the sky stands for them")
    return notes
