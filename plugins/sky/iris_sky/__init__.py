"""The stage dither_sky: subtracts from each dithered exposure the sky that the others show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from iris_core import Params, Removal, parameter, stage
from iris_sky.hookspecs import dither_sky

if TYPE_CHECKING:
    from iris_core import Exposures, References

__all__ = ["SkyParams", "check_dither", "dither_sky", "subtract_dither_sky"]


class SkyParams(Params):
    """Parameters of dither_sky."""

    match: Literal["factor", "offset"] = parameter(
        "factor",
        "How the sky of another exposure is brought to the level of one: multiplied (airglow), or shifted (thermal "
        "light, K and L).",
    )
    exposures: int = parameter(8, "How many of the others, the nearest in time, show the sky of an exposure.", ge=1)
    minutes: float = parameter(15.0, "Longest time between them; three are taken however far they are.", "min", gt=0)
    passes: int = parameter(
        2, "1 masks nothing, 2 masks objects found after the first, 3 those found after the second.", ge=1, le=5
    )
    sigma: float = parameter(4.0, "Clipping threshold in standard deviations of a value, from the known errors.", gt=0)
    threshold: float = parameter(
        2.5, "Detection threshold in standard deviations of the smoothed stack; 1.5 to 3 is usual.", gt=0
    )
    isophote: float = parameter(
        0.1, "A mask reaches to where the halo is so many standard deviations of a pixel of the stack.", gt=0
    )
    fwhm: float = parameter(4.0, "FWHM of the Gaussian with which the stack is smoothed.", "pixel", gt=0)
    min_dither: float = parameter(
        10.0, "Exposures nearer to each other than this show the same objects on the same pixels.", "pixel", gt=0
    )


def check_dither(exposures: Exposures, params: SkyParams, references: References) -> None:
    """Refuse exposures of which the sky cannot be measured from each other.

    Raises
    ------
    InputError
        When there is one exposure only, or they are not alike, not dithered, or without WCS; or when the objects cannot
        be placed on them.
    """
    from iris_sky._dither import plan_dither

    science = exposures.with_role("science")
    for part in science.apart("detector") or [science]:
        plan_dither(part, params, references)


def _removes(params: SkyParams) -> dict[str, Removal]:
    """Return how much of the dark current goes with the sky: the same is in all exposures, a factor leaves part."""
    return {"dark": Removal.PART if params.match == "factor" else Removal.WHOLE}


@stage("dither_sky", params=SkyParams, optional=("objects",), check=check_dither, removes=_removes)
def subtract_dither_sky(exposures: Exposures, params: SkyParams, references: References) -> Exposures:
    """Subtract the sky of each exposure, and add its variance as component ``background``.

    Parameters
    ----------
    exposures
        Two dithered exposures of one detector or more, in one unit, with WCS; those that are not ``science`` stay as
        they are.
    params
        See there.
    references
        ``objects``, where the user knows of them: masked besides those that are found.

    Returns
    -------
    Exposures
        In the same unit and order. NaN with DO_NOT_USE where no other exposure shows the sky.

    Raises
    ------
    InputError
        As `check_dither`, and when the level of a sky cannot be known.
    """
    from iris_sky._dither import subtract_skies

    return subtract_skies(exposures, params, references)
