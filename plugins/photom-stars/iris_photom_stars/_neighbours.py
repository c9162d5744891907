"""The light that neighbours bring into the aperture of a star."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from iris_core import Doubles, Mask

__all__ = ["Sources", "is_structure"]

# A detection close to a star this many times brighter is taken to be structure of that star's image.
_STRUCTURE = 20.0


@dataclass(frozen=True, slots=True)
class Sources:
    """All known sources: 0-based pixels ``(n, 2)``, and their flux ``(n,)``, the stars of the catalogue first."""

    places: Doubles
    flux: Doubles

    def light_around(self, stars: NDArray[np.intp], reach: float, share: Callable[[Doubles], Doubles]) -> Doubles:
        """Return for some of the sources the light of all others within `reach`, over their own.

        Parameters
        ----------
        stars
            Indices of the sources that are asked about.
        reach
            In pixels.
        share
            From distances in pixels to the share of a neighbour's light that counts.
        """
        near = cKDTree(self.places).query_ball_point(self.places[stars], reach)
        return np.array([self._light(star, others, share) for star, others in zip(stars, near, strict=True)])

    def _light(self, star: int, others: list[int], share: Callable[[Doubles], Doubles]) -> float:
        index = np.array([other for other in others if other != star], dtype=np.intp)
        distance = np.hypot(*(self.places[index] - self.places[star]).T)
        return float(np.sum(self.flux[index] * share(distance)) / self.flux[star])


def is_structure(places: Doubles, peak: Doubles, stars: Doubles, star_peak: Doubles, reach: float) -> Mask:
    """Return which detections are close to a much brighter star, so that they are taken for a part of its image.

    Parameters
    ----------
    places, peak
        The detections, ``(n, 2)`` and ``(n,)``.
    stars, star_peak
        The stars, ``(m, 2)`` and ``(m,)``.
    reach
        How close, in pixels.
    """
    near = cKDTree(stars).query_ball_point(places, reach) if len(stars) else [[]] * len(places)
    brightest = np.array([max((star_peak[star] for star in found), default=0.0) for found in near])
    return np.asarray(brightest > _STRUCTURE * peak, dtype=np.bool_)
