"""Scenes with known truth."""

from __future__ import annotations

import numpy as np
from iris_core import Exposure, Image
from iris_testkit import make_exposure


def alternating(length: int, amplitude: float = 1.0) -> Image:
    """Return stripes of which no part is smooth."""
    return np.where(np.arange(length) % 2, np.float32(amplitude), np.float32(-amplitude))


def noise(shape: tuple[int, ...], seed: int) -> Image:
    """Return normal noise with a standard deviation of 1."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def observed(truth: Image | float, shape: tuple[int, int], seed: int, variance: float = 1.0) -> Exposure:
    """Return an exposure of a truth with noise, half of it in each component."""
    return make_exposure(shape, value=truth, poisson=variance / 2, rnoise=variance / 2, seed=seed)


def star(shape: tuple[int, int], row: float, column: float, flux: float, sigma: float = 2.0) -> Image:
    """Return a Gaussian star, with a halo of the seeing that holds a tenth of its flux."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    square = (rows - row) ** 2 + (columns - column) ** 2
    core = np.exp(-square / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    halo = 2 / (np.pi * 12.0**2) / (1 + square / 12.0**2) ** 3
    return np.asarray(flux * (0.9 * core + 0.1 * halo), dtype=np.float32)
