"""The background stage: subtracts the sky, from background exposures or from the exposure itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from iris_core import Exposure, Params, StageSkipped, parameter, stage

if TYPE_CHECKING:
    from iris_background._sky import Sky

__all__ = ["BackgroundParams", "check_background", "subtract_background"]


class BackgroundParams(Params):
    """Parameters of background."""

    method: Literal["exposures", "from_science"] = parameter(
        "exposures",
        "Mean of the background exposures, or the smooth background of the exposure itself (sparse fields).",
    )
    sigma: float = parameter(3.0, "How many standard deviations a value may be off before it is clipped.", gt=0)
    scale: Literal["none", "median"] = parameter(
        "none", "Whether each background exposure is multiplied to the level of the exposure's sky."
    )
    box_size: int = parameter(
        64, "Side of the boxes of method from_science, about 10 times the FWHM of a star.", "pixel", ge=4
    )


def check_background(
    exposure: Exposure, params: BackgroundParams, background_exposures: Sequence[Exposure]
) -> Exposure:
    """Return the outline with its keywords after background; raise what can be known without pixels.

    Raises
    ------
    InputError
        When a background exposure is not fit for the exposure.
    StageSkipped
        When there is none and none can be made.
    """
    from iris_background._match import calibrations, check_backgrounds

    if params.method == "exposures":
        if not background_exposures:
            raise StageSkipped("no background exposures")
        check_backgrounds(exposure, background_exposures)
    return exposure if "S_DARK" in calibrations(exposure) else exposure.with_keywords(_fate_of_the_dark(params))


def _fate_of_the_dark(params: BackgroundParams) -> dict[str, tuple[bool | str, str]]:
    """Return the keyword that tells dark_current how much of the dark has gone with the background."""
    if params.method == "exposures" and params.scale == "none":
        return {"BKG_DARK": (True, "the dark went with the background")}
    method = "scaled" if params.method == "exposures" else params.method
    return {"BKG_METH": (method, "a part of the dark went with the background")}


def _by_integration(params: BackgroundParams) -> bool:
    """Whether the integrations are treated alone: they share the level of their sky."""
    return params.method == "from_science" or params.scale == "none"


@stage("background", params=BackgroundParams, check=check_background, by_integration=_by_integration)
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
        In the state of calibration of `exposure`; their bad pixels are left out.

    Returns
    -------
    Exposure
        In the same unit. NaN with DO_NOT_USE where no background is known. Where the dark was still in all exposures
        it is gone too, and the keyword BKG_DARK says so.

    Raises
    ------
    InputError
        When a background exposure is not fit for the exposure, or no background can be found.
    StageSkipped
        When there are no background exposures and the method asks for them.
    """
    from iris_background._sky import net_variance

    marked = check_background(exposure, params, background_exposures)
    sky = _find_sky(exposure, params, background_exposures)
    subtracted = marked.replace(
        data=exposure.data - sky.data, variance=net_variance(exposure, sky), notes=(*exposure.notes, *sky.notes)
    )
    if "BKG_DARK" in subtracted.sci_header:
        subtracted = subtracted.note("the dark goes with the background (BKG_DARK)")
    return (subtracted if sky.variance is None else subtracted.add_variance("background", sky.variance)).mask_invalid()


def _find_sky(exposure: Exposure, params: BackgroundParams, background_exposures: Sequence[Exposure]) -> Sky:
    if params.method == "from_science":
        from iris_background._own import sky_from_science

        return sky_from_science(exposure, params.box_size, params.sigma, unused=len(background_exposures))
    from iris_background._sky import sky_from_exposures

    return sky_from_exposures(exposure, background_exposures, params.sigma, params.scale == "median")
