"""The arithmetic of a dark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["rate_and_variance"]

Plane = NDArray[np.float32]


def rate_and_variance(dark: Plane, err: Plane | None) -> tuple[Plane, Plane, NDArray[np.bool_]]:
    """Return what is to be subtracted, its variance, and where the dark is not known.

    Parameters
    ----------
    dark
        The dark rate, ``(ny, nx)``.
    err
        Its standard deviation, in the unit of `dark`; None where the file gives none.

    Returns
    -------
    rate, variance
        ``(ny, nx)``; both 0 where the dark is not known.
    unknown
        Where `dark` or `err` is not finite.
    """
    unknown = ~np.isfinite(dark)
    if err is not None:
        unknown |= ~np.isfinite(err)
    rate = np.where(unknown, np.float32(0), dark)
    variance = np.zeros_like(rate) if err is None else np.where(unknown, np.float32(0), err * err)
    return rate, variance, unknown
