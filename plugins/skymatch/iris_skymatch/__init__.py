"""The stage sky_match: overlapping exposures are brought to one level of the sky."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from iris_objects import objects_of

from iris_core import Exposure, InputError, Params, References, parameter, stage
from iris_skymatch.hookspecs import sky_match

if TYPE_CHECKING:
    from iris_core import Exposures

__all__ = ["SkyMatchParams", "check_overlaps", "match_sky", "sky_match"]

log = logging.getLogger(__name__)


class SkyMatchParams(Params):
    """Parameters of ``sky_match``."""

    order: Literal[0, 1] = parameter(0, "What is fitted to each exposure: 0, a level; 1, a plane.")
    gauge: Literal["mean", "lowest"] = parameter(
        "mean", "What the levels are relative to: the mean of the exposures that overlap, or the lowest of them."
    )
    unconnected: Literal["leave", "global"] = parameter(
        "leave",
        "Groups of exposures without a common overlap: leave the level of each group, or bring it to the level of the "
        "sky in the largest group.",
    )
    subtract: bool = parameter(True, "Subtract the levels; if false they are only written into the headers.")
    tile: int | None = parameter(
        None,
        "Side of the tiles of the sky that are compared; by default 1/128 of the exposures, 8 to 32.",
        "pixel",
        ge=4,
    )


def check_overlaps(exposures: Exposures, references: References) -> None:
    """Refuse exposures that cannot be compared.

    Raises
    ------
    InputError
        When they differ in unit or in the frame of their WCS, one has no WCS, or is a cube; or the objects cannot be
        placed on one.
    """
    exposures.check_alike("unit")
    for one in exposures.outlines:
        _check_one(one)
    frames = {one.name: str(one.wcs.output_frame.reference_frame) for one in exposures.outlines if one.wcs is not None}
    if len(set(frames.values())) > 1:
        raise InputError(f"sky_match: the exposures have different celestial frames: {frames}; give all the same")
    objects_of(references, exposures.outlines)


def _check_one(outline: Exposure) -> None:
    if outline.is_integrations:
        raise InputError(f"{outline.name}: sky_match takes single images; run average_integrations before it")
    if outline.wcs is None and "assign_wcs" not in outline.done:
        raise InputError(f"{outline.name}: sky_match needs a WCS and there is none; run assign_wcs before it")
    if outline.wcs is not None and getattr(outline.wcs.output_frame, "reference_frame", None) is None:
        raise InputError(f"{outline.name}: sky_match needs a WCS from pixels to the sky")


@stage("sky_match", params=SkyMatchParams, optional=("objects",), check=check_overlaps)
def match_sky(exposures: Exposures, params: SkyMatchParams, references: References) -> Exposures:
    """Subtract from each exposure the level by which its sky differs from that of the others.

    Parameters
    ----------
    exposures
        Images in one unit, each with a gWCS.
    params
        See there.
    references
        ``objects``, where the user knows of them: left out besides the sources that are found.

    Returns
    -------
    Exposures
        In the same unit, with the keywords BKGLEVEL, BKGLERR and BKGSUB. A single exposure, and one that overlaps no
        other, is not changed; neither is one whose sky was subtracted before and whose level is below its error.

    Notes
    -----
    The clipped medians of tiles of the sky, without sources, by weighted least squares; the errors from the normal
    matrix.
    """
    from iris_skymatch._apply import corrections_of, subtract_level
    from iris_skymatch._levels import find_levels

    check_overlaps(exposures, references)
    if len(exposures) < 2:
        return exposures.changed([one.note("one exposure, nothing to match") for one in exposures.outlines])
    found = find_levels(exposures, params, objects_of(references, exposures.outlines))
    for warning in found.warnings:
        log.warning("sky_match: %s", warning)
    corrections = corrections_of(exposures.outlines, found, subtract=params.subtract)
    if not any(one.subtracts for one in corrections):
        changed = [one.describe(outline) for one, outline in zip(corrections, exposures.outlines, strict=True)]
        return exposures.changed(changed)
    return exposures.changed(subtract_level, per={"correction": corrections}, plane=found.plane)
