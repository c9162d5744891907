"""The dark_current stage: subtracts the dark rate of the detector."""

from __future__ import annotations

from iris_core import DQ, Exposure, InputError, ReferenceImage, References, stage

__all__ = ["check_dark", "subtract_dark"]

_ANY = {"", "ANY", "N/A"}


def check_dark(exposure: Exposure, references: References) -> None:
    """Raise what `subtract_dark` would raise, from the headers of the exposure and of the dark alone."""
    _check_order(exposure)
    _check_match(exposure, references["dark"].image(exposure, pixels=False))


def _check_order(exposure: Exposure) -> None:
    """Refuse an exposure from which a part of the dark, or who knows how much of it, went with the background."""
    method = exposure.sci_header.get("BKG_METH")
    if method is not None:
        raise InputError(
            f"{exposure.name}: a part of the dark went with the background (BKG_METH is {method}), so the dark cannot "
            f"be subtracted any more; put dark_current before background"
        )
    done = [keyword for keyword in ("S_BKDSUB", "S_SKYSUB") if exposure.status.get(keyword) == "COMPLETE"]
    unknown = _went_with_background(exposure) is None
    if unknown and done and exposure.status.get("S_DARK") != "COMPLETE":
        raise InputError(
            f"{exposure.name}: its background is subtracted ({done[0]} is COMPLETE) and nothing says whether the dark "
            f"went with it, so subtracting the dark may remove it twice; start before that with a recipe that has "
            f"dark_current before background (image2-dark-first), or write BKG_DARK into the header: T if the dark is "
            f"gone, F if it is still in"
        )


def _went_with_background(exposure: Exposure) -> bool | None:
    """Return what BKG_DARK says, in the science header first; None where it is in neither."""
    said = exposure.sci_header.get("BKG_DARK", exposure.header.get("BKG_DARK"))
    if said is None or isinstance(said, bool):
        return said
    raise InputError(f"{exposure.name}: BKG_DARK = {said!r} is neither T nor F; write it as a FITS logical")


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
        Where the dark went with the background, only its DQ is applied.

    Raises
    ------
    InputError
        When the dark is of another unit, detector or read mode, or does not cover the exposure; when a part of it
        went with the background, or nothing says whether it did.
    """
    from iris_dark._dark import rate_and_variance

    _check_order(exposure)
    dark = references["dark"].image(exposure)
    _check_match(exposure, dark)
    flagged = exposure.replace(dq=exposure.dq | dark.dq)
    if _went_with_background(exposure):
        return flagged.note("dark removed with the background").mask_invalid()
    rate, variance, unknown = rate_and_variance(dark.data, dark.err)
    subtracted = flagged.replace(data=exposure.data - rate).add_variance("dark", variance)
    return _note_assumptions(subtracted, dark).flag(unknown, DQ.UNRELIABLE_DARK).mask_invalid()


def _check_match(exposure: Exposure, dark: ReferenceImage) -> None:
    if dark.unit is not None and dark.unit != exposure.unit:
        raise InputError(
            f"the dark {dark.meta.filename} is in {dark.unit} but the exposure {exposure.name} is in {exposure.unit}; "
            f"convert the reference with its gain first"
        )
    for keyword, field in (("DETECTOR", "detector"), ("READMODE", "read_mode")):
        theirs, ours = getattr(dark.meta, field), getattr(exposure.meta, field)
        if theirs.casefold() != ours.casefold() and not _ANY & {theirs.upper(), ours.upper()}:
            raise InputError(
                f"the dark {dark.meta.filename} is for {keyword} {theirs} but the exposure {exposure.name} "
                f"is of {keyword} {ours}; give a dark of {keyword} {ours}"
            )


def _note_assumptions(exposure: Exposure, dark: ReferenceImage) -> Exposure:
    """Say what the dark's file leaves open, and what is taken for it."""
    if dark.unit is None:
        exposure = exposure.note(f"the dark {dark.meta.filename} has no unit; taken to be in {exposure.unit}")
    if dark.err is None and exposure.variance:
        exposure = exposure.note(f"the dark {dark.meta.filename} has no errors; taken to be zero")
    return exposure
