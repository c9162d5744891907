"""The arithmetic of a flat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iris_core import DQ

__all__ = ["error_of_product", "error_of_quotient", "response"]

Plane = NDArray[np.float32]


def response(flat: Plane, dq: NDArray[np.uint32]) -> Plane:
    """Return the flat with NaN where it cannot be used.

    Parameters
    ----------
    flat
        Response of each pixel, without unit, near 1.
    dq
        Its `iris_core.DQ` bits.

    Returns
    -------
    ndarray
        NaN where `flat` is not finite, not above 0, NO_FLAT_FIELD or DO_NOT_USE.
    """
    unusable = (dq & np.uint32(DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE)) != 0
    return np.where(np.isfinite(flat) & (flat > 0) & ~unusable, flat, np.float32(np.nan))


def error_of_quotient(quotient: Plane, flat: Plane, err: Plane) -> Plane:
    """Return the variance that the error of the flat F brings into data / F: (data / F / F)^2 err^2."""
    change = quotient / flat * err
    return change * change


def error_of_product(data: Plane, err: Plane) -> Plane:
    """Return the variance that the error of the flat F brings into data x F: data^2 err^2."""
    change = data * err
    return change * change
