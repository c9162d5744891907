"""World coordinates: the header's own WCS, or a distortion reference that the header points at the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import (
    Exposure,
    InstrumentMode,
    Params,
    Reference,
    References,
    ReferenceType,
    hookimpl,
    parameter,
    stage,
)
from iris_wcs._plane import PixelMap, Plane, choose_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.io.fits import Header
    from gwcs import WCS

__all__ = [
    "PixelMap",
    "Plane",
    "WcsParams",
    "assign_wcs",
    "check_reference",
    "check_wcs",
    "choose_plane",
    "fits_keywords",
    "reference_types",
]


class WcsParams(Params):
    """Parameters of assign_wcs; a WCS that the header gives in full needs none of them."""

    position_angle: float | None = parameter(
        None,
        "Position angle of the detector's y axis, from north through east, for a distortion reference "
        "and a header without WCS; by default the keyword PA.",
        unit="deg",
    )
    sip_max_error: float = parameter(
        0.01, "Largest error at which a lower degree of the SIP polynomial suffices (degree 6 at most).", "pixel", gt=0
    )


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the type ``distortion``: a model from pixel to arcsec, chosen by detector and filter."""
    selectors = ("INSTRUME", "DETECTOR", "FILTER")
    return [ReferenceType(name="distortion", kind="model", selectors=selectors, stated=selectors)]


def check_wcs(exposure: Exposure, params: WcsParams, references: References, instrument: InstrumentMode) -> Exposure:
    """Return an outline with the WCS that `assign_wcs` will attach, without the FITS keywords that are fitted to it.

    Raises
    ------
    InputError
        As `assign_wcs` does before it fits them.
    """
    from iris_wcs import _build

    reference = references.get("distortion")
    if reference is None:
        return _build.from_header(exposure, instrument)
    exposure, wcs = _build.pointed(exposure, reference, instrument, params.position_angle)
    return exposure.replace(wcs=wcs)


@stage(
    "assign_wcs",
    params=WcsParams,
    optional=("distortion",),
    check=check_wcs,
    headers_only=True,
    by_integration=True,
)
def assign_wcs(exposure: Exposure, params: WcsParams, references: References, instrument: InstrumentMode) -> Exposure:
    """Attach `wcs`, a gWCS from 0-based detector pixel to sky, and `fits_wcs`, the equivalent FITS keywords.

    Units: unchanged; no pixel is touched. With a `distortion` reference that is the geometry and the header gives
    the reference point on the sky and the orientation; without one the header's own WCS is used in full.

    Raises
    ------
    InputError
        When there is no celestial WCS, one without reference point or of another pixel scale than the instrument's, or
        one that cannot be represented to 0.01 pixel, and when the distortion reference is no invertible map of the
        detector.
    """
    from iris_wcs import _build

    reference = references.get("distortion")
    if reference is None:
        return _build.from_header(exposure, instrument)
    return _build.from_distortion(exposure, reference, instrument, params.position_angle, params.sip_max_error)


@hookimpl
def check_reference(reference: Reference) -> list[str]:
    """Return what is wrong with a distortion that is being added to a store."""
    if reference.reftype != "distortion":
        return []
    model = reference.model()
    if (model.n_inputs, model.n_outputs) != (2, 2):
        return [f"its model takes {model.n_inputs} and gives {model.n_outputs} coordinates; 2 and 2 are needed"]
    return []


def fits_keywords(wcs: WCS, max_error: float, name: str) -> Header:
    """Return the FITS keywords of a gWCS, TAN or TAN-SIP, for whoever changes the WCS of an exposure.

    Parameters
    ----------
    wcs
        Detector pixel (0-based) to sky, with a bounding box.
    max_error
        At which a lower degree of the polynomials suffices [pixel]; the best of degree 6 at most is taken.
    name
        Of the exposure, for messages.

    Returns
    -------
    Header
        For `Exposure.fits_wcs`; WCSERR is its largest error [pixel].

    Raises
    ------
    InputError
        When astropy cannot read what was fitted.

    Examples
    --------
    >>> exposure = exposure.replace(wcs=wcs, fits_wcs=fits_keywords(wcs, 0.01, exposure.name))  # doctest: +SKIP
    """
    from iris_wcs._fits import fit_sip

    return fit_sip(wcs, max_error, name)
