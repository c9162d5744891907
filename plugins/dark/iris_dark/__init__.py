"""The dark_current stage: subtracts the dark rate of the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import (
    DQ,
    Exposure,
    InputError,
    ReferenceImage,
    References,
    ReferenceType,
    agree,
    by_rows,
    hookimpl,
    stage,
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


def check_dark(exposure: Exposure, references: References) -> None:
    """Refuse a dark of another unit, detector or read mode, or one that does not cover the exposure.

    Raises
    ------
    InputError
        With what differs.
    """
    dark = references["dark"].image(exposure)
    if dark.unit is not None and dark.unit != exposure.unit:
        raise InputError(
            f"the dark {dark.meta.filename} is in {dark.unit} but the exposure {exposure.name} is in {exposure.unit}; "
            f"convert the reference with its gain first"
        )
    for keyword, field in (("DETECTOR", "detector"), ("READMODE", "read_mode")):
        theirs, ours = getattr(dark.meta, field), getattr(exposure.meta, field)
        if not agree(theirs, ours):
            raise InputError(
                f"the dark {dark.meta.filename} is for {keyword} {theirs} but the exposure {exposure.name} "
                f"has {keyword} {ours}; give a dark with {keyword} {ours}"
            )


@stage("dark_current", references=("dark",), check=check_dark, by_integration=True)
def subtract_dark(exposure: Exposure, references: References) -> Exposure:
    """Subtract the dark; add its variance as component ``dark`` and its DQ.

    Parameters
    ----------
    exposure
        In electron/s or DN/s.
    references
        With ``dark``, a rate in the unit of the exposure.

    Returns
    -------
    Exposure
        In the same unit. Where the dark is not finite nothing is subtracted and UNRELIABLE_DARK is set.
    """
    dark = references["dark"].image(exposure)
    return _note_assumptions(by_rows(_subtract, exposure, dark), dark)


def _subtract(exposure: Exposure, dark: ReferenceImage) -> Exposure:
    from iris_dark._dark import rate_and_variance

    rate, variance, unknown = rate_and_variance(dark.data, dark.err)
    subtracted = exposure.replace(data=exposure.data - rate, dq=exposure.dq | dark.dq).add_variance("dark", variance)
    return subtracted.flag(unknown, DQ.UNRELIABLE_DARK).mask_invalid()


def _note_assumptions(exposure: Exposure, dark: ReferenceImage) -> Exposure:
    """Note what the file of the dark leaves open, and what is assumed."""
    if dark.unit is None:
        exposure = exposure.note(f"the dark {dark.meta.filename} has no unit; taken to be in {exposure.unit}")
    if not dark.has_errors and exposure.variance:
        exposure = exposure.note(f"the dark {dark.meta.filename} has no errors; taken to be zero")
    return exposure
