"""The notes in the record of the stage: how a stack was combined, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from iris_background._clip import FEWEST_TO_CLIP, PAIR
from iris_background._level import Residual
from iris_background._noise import Noise
from iris_background._stack import Clipped
from iris_core import Exposure, Removal, unit_string

__all__ = ["clipped", "describe", "warn_of_residual", "warn_of_sources", "warn_of_too_dark"]

# Errors that are too small by less than this need no note.
_TOO_SMALL = 1.1
# Part of the pixels of the mean sky that may be above it before the field counts as one of sources.
_MANY_LIFTED = 0.02


def describe(
    stack: Clipped, names: Sequence[str], sigma: float, *, matched: bool, dark_first: bool = False
) -> tuple[str, ...]:
    """Return how a stack of images called `names` was combined, and what to beware of.

    Parameters
    ----------
    stack, names
        What was clipped of the stack, and what to call each image.
    sigma
        The threshold of the clip.
    matched
        Whether the images were brought to one level.
    dark_first
        Whether a factor was asked for and not applied, because the dark current is in the data.
    """
    noise, number = stack.noise, len(names)
    few = list(_few(number))
    if dark_first:
        few.append(
            "match: factor is used to compare the exposures and not to multiply them, because the dark current is "
            "still in them and does not change with the sky; use the recipe image2-dark-first, or match: offset"
        )
    if noise is None:
        return (f"one background exposure, nothing can be rejected: {names[0]}", *few)
    each = zip(names, noise.levels, stack.clipped, stack.rejected, strict=True)
    listed = "; ".join(f"{name}: level {level:.4g}, {clipped(lost, part)}" for name, level, lost, part in each)
    notes = [f"mean of {number} background exposures, {_method(number, sigma, noise)}: {listed}"]
    return (*notes, *_cautions(noise, matched or not any(stack.rejected)), *few)


def _method(number: int, sigma: float, noise: Noise) -> str:
    rule = f"clipped at {sigma:g}"
    if number < FEWEST_TO_CLIP:
        rule = f"the lower value kept where the two differ by more than {PAIR * sigma:g}"
    origin = "from their errors" if noise.known else "measured from the scatter between them"
    widened = f", widened {noise.inflation:.2f} times" if noise.inflation > 1 else ""
    return f"objects not masked, {rule} standard deviations of typically {noise.deviation:.3g} {origin}{widened}"


def _few(number: int) -> Iterator[str]:
    """Yield what few background exposures assume; a dither of n has n - 1."""
    if number < FEWEST_TO_CLIP:
        what = "it holds" if number == 1 else "they hold and the clip does not find"
        yield (
            f"{number} background exposure{'s' if number > 1 else ''}: light f of a source that {what} is taken off as "
            f"f / {number}; of a dither take at least 4 exposures"
        )


def _cautions(noise: Noise, level: bool) -> Iterator[str]:
    """Yield what to beware of; `level` is whether each pixel is at the level of its neighbours, come what may."""
    if not noise.known:
        yield (
            f"the errors of the background exposures are not known; a standard deviation of {noise.deviation:.3g} "
            f"was measured from the scatter between them"
        )
    if noise.inflation > _TOO_SMALL:
        yield f"the background exposures scatter {noise.inflation:.2f} times as much as their errors say"
    if not level and noise.levels.max() - noise.levels.min() > noise.deviation:
        yield (
            "the levels of the background exposures differ by more than the noise of a pixel: their drift is taken off "
            "to compare them, and pixels with a clipped value are brought to the level of the mean; match: factor or "
            "offset brings all to that of the exposure, best in the recipe image2-dark-first"
        )


def clipped(number: int, fraction: float) -> str:
    """Return in words how many values of an image were clipped, and which fraction they are."""
    return f"{number} {'value' if number == 1 else 'values'} clipped ({100 * fraction:.2f} %)"


def warn_of_residual(residual: Residual, exposure: Exposure, method: str, match: str) -> Iterator[str]:
    """Yield a warning where a subtraction has left sky, and what would take it out."""
    if not residual.is_significant:
        return
    amount = f"{residual.left:.3g} +- {residual.error:.1g} {unit_string(exposure.unit)}"
    share = abs(residual.left / residual.subtracted) if residual.subtracted else np.inf
    compared = "brighter" if residual.left > 0 else "fainter"
    remedy = "sources fill the field, or a smaller box_size is needed"
    if method == "exposures":
        remedy = f"the sky is {compared} than in the background exposures, or sources fill the field"
        if match == "none" or exposure.removed.get("dark") is not Removal.WHOLE:
            remedy += "; match: factor (airglow) or offset (thermal light) takes it out"
        if exposure.removed.get("dark") is not Removal.WHOLE:
            remedy += ", best in the recipe image2-dark-first"
    yield f"a residual sky of {amount} is left ({100 * share:.2g} % of what was subtracted): {remedy}"


def warn_of_sources(fraction: float) -> Iterator[str]:
    """Yield a warning where sources have lifted a `fraction` of the pixels of the mean of background exposures."""
    if fraction > _MANY_LIFTED:
        yield (
            f"sources in the background exposures cover {100 * fraction:.1f} % of the pixels and are not masked: light "
            f"like theirs is taken off the exposure; give exposures of a field without sources"
        )


def warn_of_too_dark(number: int, name: str) -> Iterator[str]:
    """Yield a warning where pixels were lost because the only background exposure holds light there."""
    if number:
        yield (
            f"{number} pixel{'s are' if number > 1 else ' is'} lost (OTHER_BAD_PIXEL): there the only background "
            f"exposure is brighter than {name} by more than 5 errors, by light of a source or a cosmic ray"
        )
