"""The background stage: subtracts the sky, from background exposures or from the exposure itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from iris_core import Exposure, Params, Removal, StageSkipped, parameter, stage

if TYPE_CHECKING:
    from iris_background._sky import Sky

__all__ = ["BackgroundParams", "check_background", "subtract_background"]


class BackgroundParams(Params):
    """Parameters of background."""

    method: Literal["exposures", "from_science"] = parameter(
        "exposures",
        "Mean of the background exposures, or the smooth background of the exposure itself (sparse fields).",
    )
    sigma: float = parameter(3.0, "Clipping threshold in standard deviations.", gt=0)
    scale: Literal["none", "median"] = parameter(
        "none", "Whether each background exposure is multiplied to the level of the exposure's sky."
    )
    box_size: int = parameter(
        64, "Side of the boxes of method from_science, about 10 times the FWHM of a star.", "pixel", ge=4
    )


def check_background(exposure: Exposure, params: BackgroundParams, background_exposures: Sequence[Exposure]) -> None:
    """Refuse background exposures that are not fit for the exposure.

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


def _removes(params: BackgroundParams) -> Mapping[str, Removal]:
    """Return how much of the dark current is subtracted with the background: all of it, or it is scaled or smoothed."""
    whole = params.method == "exposures" and params.scale == "none"
    return {"dark": Removal.WHOLE if whole else Removal.PART}


def _by_integration(params: BackgroundParams) -> bool:
    """Whether the integrations are treated alone: they share the level of their sky."""
    return params.method == "from_science" or params.scale == "none"


@stage("background", params=BackgroundParams, check=check_background, by_integration=_by_integration, removes=_removes)
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
        In the same state of calibration as `exposure`; their bad pixels are ignored.

    Returns
    -------
    Exposure
        In the same unit. NaN with DO_NOT_USE where no background is known.

    Raises
    ------
    InputError
        When no background can be found.
    """
    from iris_background._sky import net_variance

    sky = _find_sky(exposure, params, background_exposures)
    subtracted = exposure.replace(
        data=exposure.data - sky.data, variance=net_variance(exposure, sky), notes=(*exposure.notes, *sky.notes)
    )
    return (subtracted if sky.variance is None else subtracted.add_variance("background", sky.variance)).mask_invalid()


def _find_sky(exposure: Exposure, params: BackgroundParams, background_exposures: Sequence[Exposure]) -> Sky:
    if params.method == "from_science":
        from iris_background._own import sky_from_science

        return sky_from_science(exposure, params.box_size, params.sigma, unused=len(background_exposures))
    from iris_background._sky import sky_from_exposures

    return sky_from_exposures(exposure, background_exposures, params.sigma, params.scale == "median")
