"""Cosmic rays: straight tracks of electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Array, Doubles, Image

__all__ = ["Rays", "draw_rays"]

_ELECTRONS = (200.0, 20000.0)
_MEAN_LENGTH = 3.0  # pixels
_SAMPLES = 32


@dataclass(frozen=True, slots=True)
class Rays:
    """The rays of one exposure of a detector, ``(n,)`` each.

    Parameters
    ----------
    x, y
        0-based pixel in which a track begins.
    electrons
        What it leaves, in all its pixels together, of which some may lie outside of the detector.
    length
        In pixels.
    angle
        Of the track from the x axis, rad.
    """

    x: Doubles
    y: Doubles
    electrons: Doubles
    length: Doubles
    angle: Doubles

    def add_to(self, image: Image, factor: float = 1.0) -> None:
        """Add the electrons times `factor` to an image ``(ny, nx)``, in place."""
        along = (np.arange(_SAMPLES) + 0.5) / _SAMPLES * self.length[:, np.newaxis]
        columns = self._pixels(self.x, along * np.cos(self.angle)[:, np.newaxis])
        rows = self._pixels(self.y, along * np.sin(self.angle)[:, np.newaxis])
        inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
        share = np.broadcast_to((self.electrons * factor / _SAMPLES)[:, np.newaxis], rows.shape)
        np.add.at(image, (rows[inside], columns[inside]), share[inside].astype(np.float32))

    @staticmethod
    def _pixels(start: Doubles, along: Array) -> Array:
        return np.rint(start[:, np.newaxis] + along).astype(np.intp)


def draw_rays(shape: tuple[int, int], mean: float, rng: np.random.Generator) -> Rays:
    """Return the rays of one exposure: on average `mean` of them, with electrons uniform in the logarithm.

    Parameters
    ----------
    shape
        Rows and columns.
    mean
        Expected number.
    rng
        Source of all that is random.
    """
    number = int(rng.poisson(mean))
    low, high = np.log(_ELECTRONS)
    return Rays(
        x=rng.uniform(-0.5, shape[1] - 0.5, number),
        y=rng.uniform(-0.5, shape[0] - 0.5, number),
        electrons=np.exp(rng.uniform(low, high, number)),
        length=rng.exponential(_MEAN_LENGTH, number),
        angle=rng.uniform(0, 2 * np.pi, number),
    )
