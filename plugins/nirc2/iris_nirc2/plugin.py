"""Keck NIRC2: a reader for raw frames, a mode for each camera, a stage for linearity, a dither recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Exposure, InputError, InstrumentMode, StageSkipped, hookimpl, stage
from iris_nirc2.hookspecs import linearity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["check_linearity", "correct_linearity", "linearity"]


@hookimpl
def instrument_modes() -> Sequence[InstrumentMode]:
    """Return the modes ``nirc2-narrow``, ``nirc2-medium`` and ``nirc2-wide``."""
    from iris_nirc2._camera import camera_modes

    return camera_modes()


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipe ``nirc2-dither``."""
    return {"nirc2-dither": Path(__file__).with_name("nirc2-dither.yaml")}


@hookimpl
def read_exposure(path: Path, pixels: bool, reftype: str) -> Exposure | None:
    """Return a raw NIRC2 frame, or a calibration made of such frames, as an exposure; None for other files."""
    from iris_nirc2._reader import read_nirc2

    return read_nirc2(path, pixels, reftype)


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
