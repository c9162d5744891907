"""The stage outlier_detection: cosmic rays are what one of several dithered exposures has and the others have not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from iris_objects import objects_of

from iris_core import Exposure, InputError, Params, References, parameter, stage
from iris_outliers.hookspecs import outlier_detection

if TYPE_CHECKING:
    from iris_core import Exposures

__all__ = ["OutlierParams", "check_group", "flag_outliers", "outlier_detection"]


class OutlierParams(Params):
    """Parameters of ``outlier_detection``."""

    sigma: float = parameter(5.0, "Threshold of an outlier, in standard deviations.", gt=0)
    sigma_beside: float = parameter(4.0, "Threshold of a pixel beside an outlier, in standard deviations.", gt=0)
    slope: float = parameter(
        1.2,
        "Part of the largest difference to the 4 neighbours that is added to the threshold: what a small error of the "
        "WCS changes.",
        ge=0,
    )
    slope_beside: float = parameter(0.7, "The same for a pixel beside an outlier.", ge=0)
    fwhm: float | None = parameter(
        None, "Of stars; by default measured. Below 2.2 pixels both slopes are raised to 2.", "pixel", gt=0
    )
    min_weight: float = parameter(
        0.7, "Least weight that the valid pixels have of an interpolated value that is used.", gt=0, le=1
    )
    protect: Literal["", "refcat", "objects"] = parameter(
        "", "What is not flagged, since it may move or vary: stars of the refcat, or the objects that the user marked."
    )
    protect_radius: float = parameter(3.0, "How far around the stars of the refcat.", "pixel", gt=0)
    max_fraction: float = parameter(
        0.1, "An exposure of which a larger part would be flagged is refused: it does not fit the others.", gt=0, le=1
    )


def check_group(exposures: Exposures, params: OutlierParams, references: References) -> None:
    """Refuse exposures that cannot be compared.

    Raises
    ------
    InputError
        When they differ in unit or celestial frame, one is a cube or has no WCS, one lies far from the others, or the
        catalogue of the stars, or the objects to protect are missing, or cannot be placed.
    """
    from iris_outliers._grid import choose_grid
    from iris_outliers._protect import places_of

    exposures.check_alike("unit")
    for one in exposures.outlines:
        _check_one(one)
    if params.protect == "refcat":
        places_of(references["refcat"].table(), "refcat")
    if params.protect == "objects":
        references["objects"]  # refuses a run without
    objects_of(references, exposures.outlines)
    if all(one.wcs is not None for one in exposures.outlines) and len(exposures) > 1:
        choose_grid(exposures.outlines)


def _check_one(outline: Exposure) -> None:
    if outline.is_integrations:
        raise InputError(f"{outline.name}: outlier_detection takes single images; run average_integrations before it")
    if outline.wcs is None and "assign_wcs" not in outline.done:
        raise InputError(f"{outline.name}: outlier_detection needs a WCS and there is none; run assign_wcs before it")
    if outline.wcs is not None and getattr(outline.wcs.output_frame, "reference_frame", None) is None:
        raise InputError(f"{outline.name}: outlier_detection needs a WCS from pixels to the sky")


@stage("outlier_detection", params=OutlierParams, optional=("refcat", "objects"), check=check_group)
def flag_outliers(exposures: Exposures, params: OutlierParams, references: References) -> Exposures:
    """Flag OUTLIER and DO_NOT_USE where an exposure differs from the median of all.

    Parameters
    ----------
    exposures
        Images in one unit, each with a gWCS, at one level of the sky (sky_match) and aligned to a tenth of a pixel.
    params
        What counts as an outlier.
    references
        ``refcat``, ra, dec [deg] of stars, and ``objects``, where they are to be protected.

    Returns
    -------
    Exposures
        In the same unit. A single exposure is not changed.

    Raises
    ------
    InputError
        When more than `max_fraction` of an exposure would be flagged.

    Notes
    -----
    The median is taken in the pixels of the first exposure, by strips of rows; it is then interpolated in each
    detector. The rule of two steps is that of jwst's outlier_detection.
    """
    from iris_outliers._flag import flag_exposure
    from iris_outliers._grid import choose_grid
    from iris_outliers._median import levels_of, take_median
    from iris_outliers._protect import places_of, protect_stars

    check_group(exposures, params, references)
    if len(exposures) < 2:
        note = "one exposure, nothing can be compared; cosmic_rays looks at single exposures"
        return exposures.changed([one.note(note) for one in exposures.outlines])
    grid, levels = choose_grid(exposures.outlines), levels_of(exposures.outlines)
    median = take_median(exposures, grid, levels, params.min_weight)
    if params.protect == "refcat":
        places = places_of(references["refcat"].table(), "refcat")
        protect_stars(median.count, grid.plane.of_sky(*places), params.protect_radius)
    per: dict[str, list[Any]] = {"cut": [median.cut(place) for place in grid.places], "level": levels}
    objects = objects_of(references, exposures.outlines) if params.protect == "objects" else None
    return exposures.changed(flag_exposure, per=per, params=params, objects=objects)
