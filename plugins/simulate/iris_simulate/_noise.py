"""Noise of an exposure, and the variance that is true of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_core import DQ, Flags, Image

__all__ = ["Noisy", "expose"]


@dataclass(frozen=True, slots=True)
class Noisy:
    """Pixels of an exposure, electron / s.

    Parameters
    ----------
    data
        ``(ny, nx)`` or ``(nint, ny, nx)``.
    variance
        Components ``poisson`` and ``rnoise``, shape of `data`.
    saturated
        DQ of the pixels that filled their well, shape of `data`.
    """

    data: Image
    variance: dict[str, Image]
    saturated: Flags


def expose(
    rate: Image,
    seconds: float,
    integrations: int,
    read_noise: float,
    saturation: float,
    rng: np.random.Generator,
) -> Noisy:
    """Return one noisy exposure of an expected rate.

    A rate is the difference of two reads over the time between them: Poisson noise of all electrons, sky and dark
    included, and read noise twice. ``VAR_POISSON = rate / t`` with the *expected* rate: with the measured one a pixel
    that came out low would claim a small error, and weighted means would be biased. ``VAR_RNOISE = 2 r^2 / t^2``.

    Parameters
    ----------
    rate
        Expected electron / s, ``(ny, nx)``.
    seconds
        Time of one integration.
    integrations
        Their number; 0 for a 2-D result.
    read_noise, saturation
        In electrons.
    rng
        Source of the noise.
    """
    shape = (integrations, *rate.shape) if integrations else rate.shape
    data = rng.standard_normal(shape, dtype=np.float32)
    data *= np.float32(np.sqrt(2) * read_noise)
    data += rng.poisson(np.broadcast_to(rate * np.float32(seconds), shape))
    full = data > saturation
    data[full] = saturation
    data /= np.float32(seconds)
    variance = {
        "poisson": np.broadcast_to(rate / np.float32(seconds), shape),
        "rnoise": np.broadcast_to(np.float32(2 * (read_noise / seconds) ** 2), shape),
    }
    return Noisy(data, variance, np.where(full, np.uint32(DQ.SATURATED | DQ.DO_NOT_USE), np.uint32(0)))
