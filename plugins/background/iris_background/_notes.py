"""The notes on a stack in the record of the stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iris_background._noise import Noise
from iris_background._stack import FEWEST_TO_CLIP, Stack

__all__ = ["clipped", "describe"]

# Errors that are too small by less than this need no note.
_TOO_SMALL = 1.1


def describe(stack: Stack, names: Sequence[str], sigma: float, scaled: bool) -> tuple[str, ...]:
    """Return how a stack of images called `names` was combined, and what to beware of."""
    noise = stack.noise
    if noise is None:
        return (f"one background exposure: {names[0]}",)
    each = zip(names, noise.levels, stack.clipped, stack.rejected, strict=True)
    listed = "; ".join(f"{name}: level {level:.4g}, {clipped(lost, part)}" for name, level, lost, part in each)
    notes = [f"mean of {len(names)} background exposures, {_method(len(names), sigma, noise)}: {listed}"]
    return (*notes, *_cautions(noise, scaled or not any(stack.rejected)))


def _method(number: int, sigma: float, noise: Noise) -> str:
    if number < FEWEST_TO_CLIP:
        return "not clipped since of two values nothing tells which is wrong"
    origin = "from their errors" if noise.known else "measured from the scatter between them"
    widened = f", widened {noise.inflation:.2f} times" if noise.inflation > 1 else ""
    return f"clipped at {sigma:g} standard deviations of typically {noise.deviation:.3g} {origin}{widened}"


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
            "the levels of the background exposures differ by more than the noise of a pixel, so that pixels with a "
            "clipped value are off the level of their neighbours; scale: median takes this out"
        )


def clipped(number: int, fraction: float) -> str:
    """Return in words how many values of an image were clipped, and which fraction they are."""
    return f"{number} {'value' if number == 1 else 'values'} clipped ({100 * fraction:.2f} %)"
