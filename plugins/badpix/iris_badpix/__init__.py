"""The stage flag_bad_pixels: flags the pixels that are bad in a mask of the detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iris_badpix.hookspecs import flag_bad_pixels
from iris_core import (
    Exposure,
    InputError,
    Params,
    Reference,
    References,
    ReferenceType,
    StageSkipped,
    by_rows,
    hookimpl,
    parameter,
    stage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iris_core import Flags, Mask

__all__ = ["MaskParams", "apply_mask", "check_mask", "flag_bad_pixels"]


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the type ``mask``: an image that is not 0 where a pixel is bad, chosen by detector."""
    return [ReferenceType(name="mask", selectors=("INSTRUME", "DETECTOR"), has_errors=False)]


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipe ``image2-masked``."""
    return {"image2-masked": Path(__file__).with_name("image2-masked.yaml")}


class MaskParams(Params):
    """Parameters of ``flag_bad_pixels``."""

    max_fraction: float = parameter(
        0.5, "A mask in which a larger part of the pixels is bad is refused: it may mark the good ones.", gt=0, le=1
    )


def check_mask(exposure: Exposure, references: References) -> None:
    """Refuse a mask that has a unit, or does not cover the exposure.

    Raises
    ------
    StageSkipped
        When there is no mask.
    InputError
        When it is no mask of this exposure.
    """
    reference = _chosen(exposure, references)
    mask = reference.image(exposure)
    if mask.unit is not None and mask.unit.physical_type != "dimensionless":
        raise InputError(
            f"the mask {reference.path.name} for {exposure.name} is in {mask.unit}; a mask has no unit, "
            f"what is not 0 is bad: is it the right file? If so, remove its BUNIT"
        )


@stage("flag_bad_pixels", params=MaskParams, optional=("mask",), check=check_mask)
def apply_mask(exposure: Exposure, params: MaskParams, references: References) -> Exposure:
    """Flag DO_NOT_USE and OTHER_BAD_PIXEL where the mask is not zero, and add the mask's own DQ.

    Parameters
    ----------
    exposure
        In any unit, ``(ny, nx)`` or ``(nint, ny, nx)``: every integration gets the same mask.
    params
        See there.
    references
        `mask`, ``(ny, nx)``, without unit.

    Returns
    -------
    Exposure
        In the same unit; NaN where a pixel is not to be used.

    Raises
    ------
    StageSkipped
        When there is no mask.
    InputError
        When more than `max_fraction` of the pixels are bad.
    """
    from iris_badpix._dq import bad_pixels, flags_of

    reference = _chosen(exposure, references)
    mask = reference.image(exposure)
    bad = bad_pixels(mask.data)
    if bad.mean() > params.max_fraction:
        raise InputError(
            f"in the mask {reference.path.name} {bad.mean():.1%} of the pixels are bad (max_fraction: "
            f"{params.max_fraction:.0%}); bad pixels are those that are not 0: is it the other way round?"
        )

    def flagged(rows: Exposure, bad: Mask, dq: Flags) -> Exposure:
        return rows.replace(dq=rows.dq | flags_of(bad, dq)).mask_invalid()

    return by_rows(flagged, exposure, bad, mask.dq).note(f"{int(bad.sum())} pixels of the mask are bad")


def _chosen(exposure: Exposure, references: References) -> Reference:
    if (reference := references.get("mask")) is None:
        raise StageSkipped(f"no mask of {exposure.meta.detector or 'the detector'} was found")
    return reference
