"""The background stage: subtracts the sky, from background exposures or from the exposure itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from iris_background._clip import FEWEST_TO_CLIP, PAIR, consistent, count_kept, middle
from iris_background._frame import Frame
from iris_background._level import (
    Level,
    Residual,
    is_too_dark,
    measure_level,
    measure_residual,
    step_of,
    thinned_exposure,
    widened,
)
from iris_background._noise import MAD_TO_SIGMA, Noise
from iris_background._sky import MeanSky, Sky, net_variance, shared_components, without_sky
from iris_background._stack import Counts, Stack, combine
from iris_core import DQ, Exposure, Params, Removal, StageSkipped, by_rows, parameter, stage, unit_string

__all__ = [
    "FEWEST_TO_CLIP",
    "MAD_TO_SIGMA",
    "PAIR",
    "BackgroundParams",
    "Frame",
    "Level",
    "Noise",
    "Residual",
    "Sky",
    "Stack",
    "check_background",
    "combine",
    "consistent",
    "count_kept",
    "measure_level",
    "measure_residual",
    "middle",
    "net_variance",
    "shared_components",
    "subtract_background",
]

log = logging.getLogger(__name__)

# Values of the parameter that version 0.1 called scale.
_SCALES = {"none": "none", "median": "factor"}


class BackgroundParams(Params):
    """Parameters of background."""

    method: Literal["exposures", "from_science"] = parameter(
        "exposures",
        "Mean of the background exposures, or the smooth background of the exposure itself (sparse fields).",
    )
    sigma: float = parameter(4.0, "Clipping threshold in standard deviations.", gt=0)
    match: Literal["none", "factor", "offset"] = parameter(
        "none",
        "How each background exposure is brought to the level of the exposure's sky: multiplied (airglow; only once "
        "the dark current is removed), or shifted (thermal light).",
    )
    box_size: int = parameter(
        64, "Side of the boxes of method from_science, about 10 times the FWHM of a star.", "pixel", ge=4
    )

    @model_validator(mode="before")
    @classmethod
    def _take_scale(cls, given: Any) -> Any:
        """Understand ``scale`` of version 0.1, the name of what ``match`` says."""
        if isinstance(given, Mapping) and given.get("scale") in _SCALES and "match" not in given:
            rest = {name: value for name, value in given.items() if name != "scale"}
            return {**rest, "match": _SCALES[given["scale"]]}
        return given


def check_background(
    exposure: Exposure, params: BackgroundParams, background_exposures: Sequence[Exposure]
) -> Exposure:
    """Refuse background exposures that are not fit for the exposure; return it with the method in its header.

    Raises
    ------
    InputError
        When one of them differs in a way that matters.
    StageSkipped
        When there is none and the method needs them.
    """
    from iris_background._match import check_backgrounds

    if params.method == "exposures":
        if not background_exposures:
            raise StageSkipped("no background exposures")
        check_backgrounds(exposure, background_exposures)
    return exposure.with_keywords(_method_card(params))


def _method_card(params: BackgroundParams) -> Mapping[str, tuple[str, str]]:
    """Return BKGMETH, by which flat_field knows a sky that had to be subtracted after it."""
    return {"BKGMETH": (params.method, "where the background came from")}


def _removes(params: BackgroundParams) -> Mapping[str, Removal]:
    """Return how much of the dark current is subtracted with the background: all of it, or its smooth part."""
    return {"dark": Removal.WHOLE if params.method == "exposures" else Removal.PART}


def _by_integration(params: BackgroundParams) -> bool:
    """Whether the integrations are treated alone: they share the level of their sky."""
    return params.method == "from_science" or params.match == "none"


@stage(
    "background",
    params=BackgroundParams,
    dq=DQ.OTHER_BAD_PIXEL,
    check=check_background,
    by_integration=_by_integration,
    removes=_removes,
)
def subtract_background(
    exposure: Exposure, params: BackgroundParams, background_exposures: Sequence[Exposure]
) -> Exposure:
    """Subtract the background and add its variance as component ``background``.

    Parameters
    ----------
    exposure
        In any unit.
    params
        Where the background comes from.
    background_exposures
        In the same state of calibration as `exposure`; their bad pixels are ignored. `Exposures` are read row by row.

    Returns
    -------
    Exposure
        In the same unit. NaN with DO_NOT_USE where no background is known.

    Raises
    ------
    InputError
        When no background can be found.
    """
    sky = _find_sky(exposure, params, background_exposures)
    # Levels and scatter are those of a sample, so that all else can be done row by row.
    step = step_of(exposure.data)
    known = sky.thinned(step)
    sample = without_sky(thinned_exposure(exposure, step), known)
    residual = measure_residual(sample, known.data)
    alone = params.method == "exposures" and len(background_exposures) == 1
    reach = widened(sample, residual.left) if alone and exposure.variance else np.inf
    counts, dark = list[Counts](), list[int]()

    def subtract(rows: Exposure, found: Sky) -> Exposure:
        counts.extend([found.counts] if found.counts else [])
        left = without_sky(rows, found)
        if np.isfinite(reach):
            too_dark = is_too_dark(left, residual.left, reach)
            dark.append(int(np.count_nonzero(too_dark)))
            left = left.flag(too_dark, DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL)
        return left.mask_invalid()

    subtracted = by_rows(subtract, exposure, sky)
    notes = sky.describe(counts)
    warnings = tuple(_warnings(exposure, params, residual, sum(dark)))
    for warning in warnings:
        log.warning("%s: background: %s", exposure.name, warning)
    cards = {**_method_card(params), **residual.cards(unit_string(exposure.unit))}
    return subtracted.replace(notes=(*exposure.notes, *notes, *warnings)).with_keywords(cards)


def _warnings(exposure: Exposure, params: BackgroundParams, residual: Residual, dark: int) -> Iterator[str]:
    from iris_background._notes import warn_of_residual, warn_of_sources, warn_of_too_dark

    yield from warn_of_residual(residual, exposure, params.method, params.match)
    if params.method == "exposures":
        yield from warn_of_sources(residual.lifted)
    yield from warn_of_too_dark(dark, exposure.name)


def _find_sky(exposure: Exposure, params: BackgroundParams, background_exposures: Sequence[Exposure]) -> Sky | MeanSky:
    if params.method == "from_science":
        from iris_background._own import sky_from_science

        return sky_from_science(exposure, params.box_size, params.sigma, unused=len(background_exposures))
    from iris_background._sky import sky_from_exposures

    return sky_from_exposures(exposure, background_exposures, params.sigma, params.match)
