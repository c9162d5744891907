"""The response of the array: how many counts there would be if it were linear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_nirc2._camera import number

if TYPE_CHECKING:
    from iris_core import Image

__all__ = ["linear_counts", "slope"]


def linear_counts(counts: Image) -> Image:
    """Return counts / (c0 + c1 counts + c2 counts**2), after Metchev & Hillenbrand 2009, ApJS 181, 62.

    Parameters
    ----------
    counts
        ``(ny, nx)``, DN of one coadd. Above saturation, where they are no longer a measure of the light, the factor is
        that of saturation; below zero, that of zero.
    """
    linear: Image = counts / _response(_within(counts))
    return linear


def slope(counts: Image) -> Image:
    """Return the derivative of `linear_counts`: what noise is multiplied by."""
    within = _within(counts)
    response = _response(within)
    result: Image = response - within * _derivative(within)
    result /= response * response
    return result


def _within(counts: Image) -> Image:
    within: Image = np.clip(counts, np.float32(0), np.float32(number("saturation")))
    return within


def _response(counts: Image) -> Image:
    constant, linear, square = (np.float32(value) for value in number("linearity"))
    response: Image = constant + counts * (linear + counts * square)
    return response


def _derivative(counts: Image) -> Image:
    _, linear, square = (np.float32(value) for value in number("linearity"))
    derivative: Image = linear + np.float32(2) * counts * square
    return derivative
