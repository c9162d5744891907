"""The dark_current stage: subtracts the dark rate of the detector."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from iris_core import (
    DQ,
    Exposure,
    InputError,
    InstrumentMode,
    ReferenceImage,
    References,
    ReferenceType,
    agree,
    by_rows,
    hookimpl,
    parse_unit,
    stage,
    unit_string,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_dark", "reference_types", "subtract_dark"]


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the type ``dark``: a rate, chosen by detector and read mode, best of the same exposure time."""
    selectors = ("INSTRUME", "DETECTOR", "READMODE")
    preferred = ("EXPTIME", "COADDS")
    return [
        ReferenceType(
            name="dark", selectors=selectors, stated=selectors, firm=selectors, preferred=preferred, quantity="rate"
        )
    ]


def check_dark(exposure: Exposure, references: References, instrument: InstrumentMode | None = None) -> None:
    """Refuse a dark of another or an unknown unit, detector or read mode, or one that does not cover the exposure.

    Raises
    ------
    InputError
        With what differs.
    """
    dark = references["dark"].image(exposure)
    _seconds(exposure, dark, instrument)
    for keyword, field in (("DETECTOR", "detector"), ("READMODE", "read_mode")):
        theirs, ours = getattr(dark.meta, field), getattr(exposure.meta, field)
        if not agree(theirs, ours):
            raise InputError(
                f"the dark {dark.meta.filename} is for {keyword} {theirs} but the exposure {exposure.name} "
                f"has {keyword} {ours}; give a dark with {keyword} {ours}"
            )


def _seconds(exposure: Exposure, dark: ReferenceImage, instrument: InstrumentMode | None) -> float:
    """Return what a dark is divided by: 1 for a rate, its exposure time for counts.

    Raises
    ------
    InputError
        When its unit is neither, or nobody knows which of them it is.
    """
    from astropy.units import second

    name, counts = f"the dark {dark.meta.filename}", exposure.unit * second
    may_be_counts = instrument is not None and parse_unit(instrument.unit) == counts
    if dark.unit == exposure.unit or (dark.unit is None and not may_be_counts):
        return 1.0
    if dark.unit is None:
        raise InputError(
            f"{name} has no BUNIT, and where exposures are counts it may be counts, or a rate: write "
            f"BUNIT = '{unit_string(counts)}', with its EXPTIME, or BUNIT = '{unit_string(exposure.unit)}' into it"
        )
    if dark.unit != counts:
        raise InputError(
            f"{name} is in {dark.unit} but the exposure {exposure.name} is in {exposure.unit}; "
            f"convert the reference with its gain first"
        )
    if not dark.meta.exposure_time:
        raise InputError(f"{name} is in {dark.unit}, and {exposure.name} in {exposure.unit}: the dark needs EXPTIME")
    return dark.meta.exposure_time


@stage("dark_current", references=("dark",), check=check_dark, by_integration=True)
def subtract_dark(exposure: Exposure, references: References, instrument: InstrumentMode | None = None) -> Exposure:
    """Subtract the dark; add its variance as component ``dark`` and its DQ.

    Parameters
    ----------
    exposure
        In electron/s or DN/s.
    references
        With ``dark``, a rate in the unit of the exposure, or counts, which are divided by its exposure time.
    instrument
        Its unit tells whether a dark without one may be counts.

    Returns
    -------
    Exposure
        In the same unit. Where the dark is not finite nothing is subtracted and UNRELIABLE_DARK is set.
    """
    dark = references["dark"].image(exposure)
    seconds = _seconds(exposure, dark, instrument)
    subtracted = _note_assumptions(by_rows(partial(_subtract, seconds), exposure, dark), dark)
    if seconds == 1:
        return subtracted
    return subtracted.note(f"the dark {dark.meta.filename}, in {dark.unit}, was divided by {seconds:g} s, its EXPTIME")


def _subtract(seconds: float, exposure: Exposure, dark: ReferenceImage) -> Exposure:
    from iris_dark._dark import rate_and_variance

    rate, variance, unknown = rate_and_variance(dark.data / np.float32(seconds), dark.err / np.float32(seconds))
    subtracted = exposure.replace(data=exposure.data - rate, dq=exposure.dq | dark.dq).add_variance("dark", variance)
    return subtracted.flag(unknown, DQ.UNRELIABLE_DARK).mask_invalid()


def _note_assumptions(exposure: Exposure, dark: ReferenceImage) -> Exposure:
    """Note what the file of the dark leaves open, and what is assumed."""
    if dark.unit is None:
        exposure = exposure.note(f"the dark {dark.meta.filename} has no unit; taken to be in {exposure.unit}")
    if not dark.has_errors and exposure.variance:
        exposure = exposure.note(f"the dark {dark.meta.filename} has no errors; taken to be zero")
    return exposure
