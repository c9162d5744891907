"""The stage align: makes the WCS of many exposures agree, by the stars that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from iris_align.hookspecs import align
from iris_core import (
    InstrumentMode,
    Params,
    Reference,
    References,
    ReferenceType,
    StageSkipped,
    hookimpl,
    parameter,
    stage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iris_core import Exposures

__all__ = ["AlignParams", "align", "align_exposures", "check_align", "check_reference", "reference_types"]


class AlignParams(Params):
    """Parameters of align."""

    fit: Literal["shift", "rshift", "rscale", "general"] = parameter(
        "rshift",
        "What is corrected: the shift; the rotation, too; the scale, too; or any affine map, where each exposure "
        "shares 20 stars with others.",
    )
    search: float | None = parameter(
        None, "Largest error of the pointing; by default 75 pixels, at most 2 arcsec.", "arcsec", gt=0
    )
    max_rotation: float = parameter(
        0.2, "Largest rotation between two exposures, or an exposure and the refcat.", "deg", gt=0, le=5
    )
    tolerance: float = parameter(0.5, "How far apart one star may be in two aligned exposures.", "FWHM", gt=0, le=3)
    min_matches: int = parameter(
        3, "Stars that an exposure has to share with others; 1 or 2 are enough for a shift in an empty field.", ge=1
    )
    threshold: float = parameter(
        5.0, "Standard deviations of the smoothed image above which something is taken for a star.", gt=0
    )
    fwhm: float | None = parameter(None, "Of the stars; by default it is measured.", "pixel", gt=0.5)
    max_stars: int = parameter(300, "The brightest stars of an exposure are used, at most so many.", ge=1)
    clip: float = parameter(4.0, "Stars that are off by more than this number of errors are not used.", gt=1)
    free: bool = parameter(False, "Correct each detector of an exposure by itself, not all by one rotation and shift.")
    sip_max_error: float = parameter(
        0.01, "Largest error at which a lower degree of the FITS WCS suffices (degree 6 at most).", "pixel", gt=0
    )


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the types ``refcat``, a table of stars, and ``offsets``, a table of corrections by file."""
    return [
        ReferenceType(name=name, kind="table", selectors=(), stated=(), firm=(), has_errors=False)
        for name in ("refcat", "offsets")
    ]


@hookimpl
def check_reference(reference: Reference) -> list[str]:
    """Return what is wrong with a catalogue or a table of offsets that is being added to a store."""
    from iris_align import _catalog, _offsets

    faults = {"refcat": _catalog.faults_of, "offsets": _offsets.faults_of}.get(reference.reftype)
    return faults(reference.table()) if faults else []


def check_align(exposures: Exposures, references: References) -> None:
    """Refuse references that cannot be used, and an exposure that has nothing to be aligned with.

    Raises
    ------
    InputError
        When the refcat or the offsets cannot be used, or the offsets lack an exposure.
    StageSkipped
        For one exposure without catalogue and offsets.
    """
    from iris_align import _catalog, _offsets

    catalog, offsets = references.get("refcat"), references.get("offsets")
    if catalog is not None:
        _catalog.read_catalog(catalog.table(), catalog.path.name, None)
    if offsets is not None:
        _offsets.read_offsets(offsets.table(), offsets.path.name, [one.name for one in exposures.outlines])
    if len(exposures) < 2 and catalog is None and offsets is None:
        raise StageSkipped("there is one exposure, and neither a refcat nor offsets to align it with")


@stage("align", params=AlignParams, optional=("refcat", "offsets"), check=check_align)
def align_exposures(
    exposures: Exposures, params: AlignParams, references: References, instrument: InstrumentMode
) -> Exposures:
    """Return the exposures with a WCS that puts each star to one place; no pixel is touched.

    Parameters
    ----------
    exposures
        With a gWCS; in any unit, with or without sky.
    params
        What is corrected, and how large an error of the pointing may be.
    references
        ``refcat``, positions to align with; ``offsets``, corrections that take the place of a match.
    instrument
        Gives the pixel scale.

    Returns
    -------
    Exposures
        One whose stars cannot be matched keeps its pointing: S_TWKREG is SKIPPED, with the numbers in a note.

    Raises
    ------
    InputError
        When an exposure has no celestial WCS, or a reference cannot be used.
    StageSkipped
        When no exposure can be aligned.
    """
    from iris_align._group import align_group

    return align_group(exposures, params, references.get("refcat"), references.get("offsets"))
