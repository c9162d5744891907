"""Whether background exposures are fit for an exposure: known from their headers, before any pixel is read."""

from __future__ import annotations

from collections.abc import Sequence

from iris_core import Exposure, Exposures, InputError, Window, agree

__all__ = ["calibrations", "check_backgrounds", "outlines_of", "overlap", "window_of"]

Part = tuple[slice, slice]

# These do not change the values of pixels, or have a rule of their own.
_OTHER = ("parse_subarray_map", "assign_wcs", "background")


def calibrations(exposure: Exposure) -> frozenset[str]:
    """Return the stages that have changed the values of the pixels of an exposure."""
    return exposure.done.difference(_OTHER)


def outlines_of(exposures: Sequence[Exposure]) -> Sequence[Exposure]:
    """Return what is known of exposures without their pixels: those that are in files are not read for it."""
    return exposures.outlines if isinstance(exposures, Exposures) else exposures


def check_backgrounds(exposure: Exposure, backgrounds: Sequence[Exposure]) -> None:
    """Check all that can be known without pixels.

    Parameters
    ----------
    exposure
        The science exposure, or its outline.
    backgrounds
        One background exposure or more, or their outlines.

    Raises
    ------
    InputError
        When a background exposure is not calibrated alike, is in another unit or of another detector or filter, does
        not overlap, or has errors that cannot be known.
    """
    backgrounds = outlines_of(backgrounds)
    _check_states(exposure, backgrounds)
    for background in backgrounds:
        _check_unit(exposure, background)
        _check_keywords(exposure, background)
        overlap(exposure, background)
    _check_errors(exposure, backgrounds)


def _check_states(exposure: Exposure, backgrounds: Sequence[Exposure]) -> None:
    different = [one for one in backgrounds if calibrations(one) != calibrations(exposure)]
    if different:
        states = "; ".join(f"{one.name}: {_state(one)}" for one in (exposure, *different))
        raise InputError(
            f"{exposure.name} and its background exposures are not calibrated alike ({states}); calibrate all "
            f"with a recipe that has dark_current before background, or give background exposures in the same state"
        )
    subtracted = [one.name for one in backgrounds if "background" in one.done - exposure.done]
    if subtracted:
        raise InputError(
            f"the background has been subtracted from the background exposures {', '.join(subtracted)} already; "
            f"give them as they were before"
        )


def _state(exposure: Exposure) -> str:
    return ", ".join(sorted(calibrations(exposure))) or "no stage done"


def _check_unit(exposure: Exposure, background: Exposure) -> None:
    if background.unit != exposure.unit:
        raise InputError(
            f"the background exposure {background.name} is in {background.unit} but {exposure.name} is in "
            f"{exposure.unit}; give background exposures in {exposure.unit}"
        )


def _check_keywords(exposure: Exposure, background: Exposure) -> None:
    fields = {"DETECTOR": "detector", "FILTER": "filter", "PUPIL": "pupil"}
    if "dark_current" not in exposure.done:
        # The dark current is subtracted with the background, and depends on the read mode.
        fields["READMODE"] = "read_mode"
    for keyword, field in fields.items():
        ours, theirs = getattr(exposure.meta, field), getattr(background.meta, field)
        if not agree(ours, theirs):
            raise InputError(
                f"the background exposure {background.name} has {keyword} {theirs} but {exposure.name} has "
                f"{keyword} {ours}; give background exposures with {keyword} {ours}"
            )


def _check_errors(exposure: Exposure, backgrounds: Sequence[Exposure]) -> None:
    """Refuse a single image without errors: there is nothing from which to measure its variance."""
    first = backgrounds[0]
    alone = len(backgrounds) == 1 and (not first.is_integrations or len(first.data) == 1)
    if alone and exposure.variance and not first.variance:
        raise InputError(
            f"the background exposure {first.name} has no errors but {exposure.name} has; "
            f"give one that has, or two and more: their errors are then measured from their scatter"
        )


def overlap(exposure: Exposure, background: Exposure) -> tuple[Part, Part]:
    """Return where a background exposure lies in an exposure: rows and columns in this one, and in that one.

    Raises
    ------
    InputError
        When they have no pixel in common, or the headers do not give their windows.
    """
    ours, theirs = window_of(exposure), window_of(background)
    _check_placed(exposure, background, ours, theirs)
    left, bottom = max(ours.xstart, theirs.xstart), max(ours.ystart, theirs.ystart)
    right = min(ours.xstart + ours.xsize, theirs.xstart + theirs.xsize)
    top = min(ours.ystart + ours.ysize, theirs.ystart + theirs.ysize)
    if left >= right or bottom >= top:
        raise InputError(
            f"the background exposure {background.name} ({theirs}) has no pixel in common with {exposure.name} ({ours})"
        )
    common = Window(left, bottom, right - left, top - bottom)
    return common.slices_in(ours), common.slices_in(theirs)


def window_of(exposure: Exposure) -> Window:
    """Return the window of an exposure; without one in its header it starts at the first pixel."""
    return exposure.meta.window or Window(1, 1, exposure.shape[1], exposure.shape[0])


def _check_placed(exposure: Exposure, background: Exposure, ours: Window, theirs: Window) -> None:
    """Take an exposure without a window in its header for the whole detector: the other one has to be inside it."""
    silent = [one.name for one in (exposure, background) if one.meta.window is None]
    if len(silent) == 2:
        placed = ours.shape == theirs.shape
    else:
        placed = not silent or (_holds(theirs, ours) if background.meta.window is None else _holds(ours, theirs))
    if not placed:
        raise InputError(
            f"{exposure.name} has shape {exposure.shape} and the background exposure {background.name} "
            f"{background.shape}, and their place on the detector is not known: "
            f"SUBSTRT1/2 and SUBSIZE1/2 are missing in {' and '.join(silent)}"
        )


def _holds(outer: Window, inner: Window) -> bool:
    try:
        inner.slices_in(outer)
    except InputError:
        return False
    return True
