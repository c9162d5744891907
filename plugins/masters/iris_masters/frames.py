"""The stage combine_frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from iris_core import Exposure, InputError, Params, parameter, stage

if TYPE_CHECKING:
    from iris_core import Exposures
    from iris_masters._combine import Combined

__all__ = ["CombineParams", "assemble", "check_frames", "combine_exposures"]

ALIKE = ("unit", "removed", "shape", "window", "detector", "read_mode", "NREADS", "COADDS")


class CombineParams(Params):
    """Parameters of combine_frames."""

    method: Literal["mean", "wmean", "median", "wmedian"] = parameter(
        "mean", "How the values of a pixel are combined; with w each exposure counts by the inverse of its variance."
    )
    sigma: float | None = parameter(
        4.0,
        "Values further than so many expected standard deviations from the median of their pixel are clipped; "
        "null for no clip.",
        gt=0,
    )
    low: float | None = parameter(
        None, "Values further below the median of their pixel are clipped, too.", "unit of the exposures", ge=0
    )
    high: float | None = parameter(
        None, "Values further above the median of their pixel are clipped, too.", "unit of the exposures", ge=0
    )
    max_low: int | None = parameter(None, "At most so many values of a pixel are clipped below the median.", ge=0)
    max_high: int | None = parameter(None, "At most so many values of a pixel are clipped above the median.", ge=0)
    error: Literal["propagate", "measure"] = parameter(
        "propagate",
        "Errors from those of the exposures, or these times the scatter between the exposures over them.",
    )
    skip_first: int = parameter(
        0, "Frames at the beginning of a sequence that are not used: integrations of each cube, or exposures.", ge=0
    )
    noisy: float | None = parameter(
        5.0,
        "Pixels of five frames or more that scatter by more than so many times their error are TELEGRAPH and not to "
        "be used; null for none.",
        gt=0,
    )
    leak: float = parameter(
        0.1, "A dark whose level differs by a larger part from the median of the darks is refused.", gt=0
    )


def check_frames(exposures: Exposures, params: CombineParams) -> None:
    """Refuse exposures that are no repetitions of one another.

    Raises
    ------
    InputError
        With what differs; or when there is none, or `skip_first` leaves none.
    """
    from iris_masters._stack import check_components

    if not len(exposures):
        raise InputError("combine_frames: there is no exposure; one at least is needed")
    images = not any(one.is_integrations for one in exposures.outlines)
    if images and params.skip_first >= len(exposures):
        raise InputError(
            f"combine_frames: skip_first: {params.skip_first} leaves none of {len(exposures)} exposures; take fewer"
        )
    optics = () if set(exposures.roles) == {"dark"} else ("filter", "pupil")
    exposures.check_alike(*ALIKE, "exposure_time", *optics)
    check_components(exposures)


@stage("combine_frames", params=CombineParams, check=check_frames)
def combine_exposures(exposures: Exposures, params: CombineParams) -> Exposure:
    """Combine the same pixels of many exposures; what does not agree with the others of its pixel is clipped.

    Parameters
    ----------
    exposures
        Alike in detector, window, read mode, reads, exposure time and coadds; in filter and pupil if not all darks.
    params
        How.

    Returns
    -------
    Exposure
        ``(ny, nx)``, in the same unit, with the headers of all merged.

    Raises
    ------
    InputError
        When an exposure has no valid pixel, or a dark has another level than the others.
    """
    from iris_masters._keep import Clip
    from iris_masters._leak import note_levels
    from iris_masters._stack import combine_rows, describe, open_stack, rule_of

    images = not any(one.is_integrations for one in exposures.outlines)
    stack = open_stack(exposures, params.skip_first)
    notes = note_levels(stack, params.leak)
    clip = Clip(sigma=params.sigma, low=params.low, high=params.high, max_low=params.max_low, max_high=params.max_high)
    rule, unknown = rule_of(stack, clip, method=params.method, error=params.error, noisy=params.noisy)
    combined = combine_rows(stack, rule, unknown)
    used = exposures[params.skip_first :] if images else exposures
    return assemble(used, combined, [*notes, *describe(stack, rule, combined, params.method)])


def assemble(exposures: Exposures, combined: Combined, notes: list[str]) -> Exposure:
    """Return the combination with the headers of all exposures."""
    variance = {**combined.variance, **{name: np.square(error) for name, error in combined.errors.items()}}
    made = exposures.merged().replace(data=combined.data, dq=combined.dq, variance=variance)
    header = made.header.copy()
    header["DATALVL"] = (3, "level of the data: combined")
    return made.replace(header=header, notes=(*made.notes, *notes)).mask_invalid()
