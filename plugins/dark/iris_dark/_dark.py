"""The arithmetic of a dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Image, Mask

__all__ = ["rate_and_variance"]


def rate_and_variance(dark: Image, err: Image) -> tuple[Image, Image, Mask]:
    """Return what is to be subtracted, its variance, and where the dark is not known.

    Parameters
    ----------
    dark
        The dark rate, ``(ny, nx)``.
    err
        Its standard deviation, in the unit of `dark`.

    Returns
    -------
    rate, variance
        ``(ny, nx)``; both 0 where the dark is not known.
    unknown
        Where `dark` or `err` is not finite.
    """
    unknown = ~(np.isfinite(dark) & np.isfinite(err))
    rate = np.where(unknown, np.float32(0), dark)
    variance = np.where(unknown, np.float32(0), err * err)
    return rate, variance, unknown
