"""The stage level_flats: flats of several detectors relative to one level, that of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Exposure, InputError, Params, parameter, stage

if TYPE_CHECKING:
    from iris_core import Exposures

__all__ = ["TogetherParams", "bring_together", "check_together"]


class TogetherParams(Params):
    """Parameters of level_flats."""

    farthest: float = parameter(
        3.0,
        "Largest ratio of the level of a detector to that of all: beyond, its flat would be refused.",
        gt=1,
    )


def check_together(exposures: Exposures, params: TogetherParams) -> None:
    """Refuse flats whose levels cannot be compared; only headers are looked at.

    Raises
    ------
    InputError
        When one has no level (FLATNORM), there is not one of each detector, they were taken of other light, or the
        level of one is too far from that of all.
    """
    outlines = exposures.outlines
    if len(exposures) < 2:
        raise InputError(f"level_flats brings the flats of several detectors together; there is {len(exposures)}")
    exposures.check_alike("unit", "instrument", "filter", "pupil", "exposure_time", "FLATSTAT")
    detectors = [one.meta.detector for one in outlines]
    if twice := [one.name for one in outlines if detectors.count(one.meta.detector) > 1]:
        raise InputError(f"level_flats takes one flat of each detector; of the same are {', '.join(twice)}")
    levels = levels_of(outlines)
    for one, ratio in zip(outlines, levels / levels.mean(), strict=True):
        if not 1 / params.farthest <= ratio <= params.farthest:
            raise InputError(
                f"level_flats: the level of {one.name} is {ratio:.3g} times that of all, beyond 'farthest', "
                f"{params.farthest:g}: was it taken of the same light?"
            )


def levels_of(outlines: Sequence[Exposure]) -> np.ndarray:
    """Return the levels by which flats were divided, FLATNORM.

    Raises
    ------
    InputError
        When one has none.
    """
    levels = [one.sci_header.get("FLATNORM", one.header.get("FLATNORM")) for one in outlines]
    for one, level in zip(outlines, levels, strict=True):
        if not isinstance(level, int | float) or not level > 0:
            raise InputError(f"{one.name}: no FLATNORM above 0, the level by which it was divided: run normalize first")
    return np.array(levels, dtype=np.float64)


@stage("level_flats", params=TogetherParams, check=check_together)
def bring_together(exposures: Exposures) -> Exposures:
    """Multiply each flat by its own level over the mean level of all detectors.

    Parameters
    ----------
    exposures
        A flat of each detector as `normalize` leaves it, of the same light in the same time.

    Returns
    -------
    Exposures
        The same, relative to the mean level: FLATNORM, with FLATNERR, are those of all.
    """
    outlines = exposures.outlines
    levels = levels_of(outlines)
    errors = [one.sci_header.get("FLATNERR", one.header.get("FLATNERR")) for one in outlines]
    known = all(isinstance(error, int | float) for error in errors)
    error = float(np.sqrt(np.sum(np.square(errors)))) / len(errors) if known else None
    level = float(levels.mean())
    return exposures.changed(
        relevel, per={"factor": (levels / level).tolist()}, level=level, error=error, number=len(exposures)
    )


def relevel(exposure: Exposure, factor: float, level: float, error: float | None, number: int) -> Exposure:
    """Return a flat relative to the level of all detectors."""
    cards = {"FLATNORM": (float(f"{level:.9g}"), "mean level of all detectors")}
    if error is not None:
        cards["FLATNERR"] = (float(f"{error:.4g}"), "its error, common to all pixels")
    note = f"{factor:.6g} times the mean level of {number} detectors"
    return exposure.scale(factor).with_keywords(cards).note(note)
