"""Keck NIRC2: a reader for raw frames, a mode for each camera, stages for bad pixels and linearity, a dither recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iris_core import (
    DQ,
    Exposure,
    InputError,
    InstrumentMode,
    Params,
    References,
    ReferenceType,
    StageSkipped,
    hookimpl,
    parameter,
    stage,
)
from iris_nirc2.hookspecs import flag_bad_pixels, linearity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MaskParams",
    "apply_mask",
    "check_linearity",
    "check_mask",
    "correct_linearity",
    "flag_bad_pixels",
    "linearity",
]

BAD = DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL


@hookimpl
def instrument_modes() -> Sequence[InstrumentMode]:
    """Return the modes ``nirc2-narrow``, ``nirc2-medium`` and ``nirc2-wide``."""
    from iris_nirc2._camera import camera_modes

    return camera_modes()


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the type ``mask``: an image that is not 0 where a pixel is bad, chosen by detector."""
    return [ReferenceType(name="mask", selectors=("INSTRUME", "DETECTOR"), has_errors=False)]


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipe ``nirc2-dither``."""
    return {"nirc2-dither": Path(__file__).with_name("nirc2-dither.yaml")}


@hookimpl
def read_exposure(path: Path, pixels: bool, reftype: str) -> Exposure | None:
    """Return a raw NIRC2 frame, or a calibration made of such frames, as an exposure; None for other files."""
    from iris_nirc2._reader import read_nirc2

    return read_nirc2(path, pixels, reftype)


class MaskParams(Params):
    """Parameters of ``flag_bad_pixels``."""

    max_fraction: float = parameter(
        0.5, "A mask in which a larger part of the pixels is bad is refused: it may mark the good ones.", gt=0, le=1
    )


def check_mask(exposure: Exposure, references: References) -> None:
    """Refuse a mask that has a unit, or does not cover the exposure."""
    mask = references["mask"].image(exposure)
    if mask.unit is not None and mask.unit.physical_type != "dimensionless":
        raise InputError(
            f"the mask {references['mask'].path.name} for {exposure.name} is in {mask.unit}; a mask has no unit, "
            f"what is not 0 is bad: is it the right file? If so, remove its BUNIT"
        )


@stage("flag_bad_pixels", params=MaskParams, references=("mask",), check=check_mask)
def apply_mask(exposure: Exposure, params: MaskParams, references: References) -> Exposure:
    """Flag DO_NOT_USE and OTHER_BAD_PIXEL where the mask is not zero, and add the mask's own DQ.

    Raises
    ------
    InputError
        When more than `max_fraction` of the pixels are bad.
    """
    mask = references["mask"].image(exposure)
    bad = mask.data != 0
    if bad.mean() > params.max_fraction:
        raise InputError(
            f"in the mask {references['mask'].path.name} {bad.mean():.1%} of the pixels are bad (max_fraction: "
            f"{params.max_fraction:.0%}); bad pixels are those that are not 0: is it the other way round?"
        )
    dq = exposure.dq | mask.dq | np.where(bad, np.uint32(BAD), np.uint32(0))
    return exposure.replace(dq=dq).mask_invalid().note(f"{int(bad.sum())} pixels of the mask are bad")


def check_linearity(exposure: Exposure, instrument: InstrumentMode) -> None:
    """Refuse exposures that are no longer counts per second as the detector gave them.

    Raises
    ------
    StageSkipped
        For other cameras, and for the electronics of 2024, whose linearity has not been published.
    InputError
        For another unit, or an unknown exposure time.
    """
    from iris_nirc2._camera import number

    until, when = number("electronics_changed"), exposure.meta.start_time
    if instrument.instrument != "NIRC2" or (when is not None and when.date() >= until):
        raise StageSkipped(f"the linearity of NIRC2 is known until {until}, that of other cameras not at all")
    if str(exposure.unit) != "DN / s" or not exposure.meta.exposure_time:
        raise InputError(
            f"{exposure.name}: the linearity depends on the counts of a coadd, so that DN/s and EXPTIME are needed; "
            f"it is in {exposure.unit} with EXPTIME = {exposure.meta.exposure_time}"
        )


@stage("linearity", check=check_linearity, by_integration=True)
def correct_linearity(exposure: Exposure) -> Exposure:
    """Divide by the response at the counts of one coadd; the variance follows the slope of the correction."""
    from iris_nirc2._linearity import linear_counts, slope

    seconds = np.float32((exposure.meta.exposure_time or 0) / int(exposure.header.get("COADDS", 1)))
    counts = exposure.data * seconds
    square = slope(counts) ** 2
    corrected = exposure.replace(
        data=linear_counts(counts) / seconds,
        variance={name: plane * square for name, plane in exposure.variance.items()},
    )
    return corrected.mask_invalid()
