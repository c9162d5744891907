"""What was found, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iris_destripe._image import Lines

__all__ = ["describe"]


def describe(name: str, found: Sequence[Lines], unit: str, min_pixels: int) -> list[str]:
    """Return notes on all rows, or columns, of an exposure.

    Parameters
    ----------
    name
        ``rows`` or ``columns``.
    found
        Those of each channel and integration; empty where this direction is not looked at.
    unit
        Of the data.
    min_pixels
        How many pixels an offset needs.
    """
    if not found:
        return []
    measured, left = (sum(numbers) for numbers in zip(*((one.offsets.size, one.left) for one in found), strict=True))
    notes = [_stripes(name, [one for one in found if one.offsets.size], unit)] if measured else []
    if left:
        notes.append(
            f"{name}: {left} of {left + measured} left as they are and flagged UNRELIABLE_ERROR: "
            f"too few of their pixels are sky for certain (min_pixels: {min_pixels})"
        )
    return notes


def _stripes(name: str, found: Sequence[Lines], unit: str) -> str:
    rms = [np.sqrt(one.stripes) for one in found]
    noise = np.sqrt(np.mean(np.concatenate([one.variances for one in found])))
    size = f"{max(rms):.3g}" if len(rms) == 1 else f"{min(rms):.3g} to {max(rms):.3g}"
    seen = f"stripes of {size} {unit} rms" if max(rms) > 0 else "no stripes beyond the noise"
    return f"{name}: {seen}; their offsets are measured to {noise:.3g} {unit}"
