"""The arithmetic of a flat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_core import DQ

if TYPE_CHECKING:
    from iris_core import Flags, Image

__all__ = ["error_of_product", "error_of_quotient", "flags_of", "response"]


def response(flat: Image, dq: Flags) -> Image:
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
    unusable = (dq & (DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE)) != 0
    return np.where(np.isfinite(flat) & (flat > 0) & ~unusable, flat, np.float32(np.nan))


def flags_of(response: Image, err: Image, dq: Flags) -> Flags:
    """Return the DQ of a flat with what its response and its error say: as one plane, which the data's is given once.

    Parameters
    ----------
    response
        NaN where the flat cannot be used.
    err, dq
        Its error and its own bits.

    Returns
    -------
    ndarray
        With NO_FLAT_FIELD and DO_NOT_USE where there is no response, UNRELIABLE_FLAT where only the error is unknown.
    """
    bad = np.isnan(response)
    flags = dq | np.where(bad, np.uint32(DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE), np.uint32(0))
    return flags | np.where(~np.isfinite(err) & ~bad, np.uint32(DQ.UNRELIABLE_FLAT), np.uint32(0))


def error_of_quotient(quotient: Image, flat: Image, err: Image) -> Image:
    """Return the variance that the error of the flat F brings into data / F: (data / F / F)^2 err^2."""
    change = quotient / flat * err
    return change * change


def error_of_product(data: Image, err: Image) -> Image:
    """Return the variance that the error of the flat F brings into data x F: data^2 err^2."""
    change = data * err
    return change * change
