"""Where a source is, how large and along which axes, how sharp and round.

From the pixels of its segment, and from a small square around it, which knows the place to a fraction of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import find_objects

from iris_catalog._around import stamps_around
from iris_catalog._detect import SIGMA
from iris_catalog._noise import autocorrelation, segment_variances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._apertures import Background
    from iris_catalog._scene import Scene
    from iris_core import Array, Doubles, Image, Mask

    Indices = NDArray[np.intp]

__all__ = ["Outlines", "Segments", "Shapes", "measure_outlines", "measure_shapes", "refine_places"]

_ROUNDS = 20
# What a pixel adds to a variance along an axis: a segment one pixel wide is as wide as that.
_PIXEL = 1 / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """What the segments say, ``(n,)``: `boxes` are the first and last column, the first and last row, ``(n, 4)``.

    `flux` and `error` are of all pixels of a segment above the background, `area` their number; the axes are those of
    second moments, in pixels, `angle` that of the longer one from x to y, in degrees.
    """

    flux: Doubles
    error: Doubles
    area: Doubles
    major: Doubles
    minor: Doubles
    ellipticity: Doubles
    angle: Doubles
    boxes: Indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """The pixels of sources, row by row, ``(p,)``: where they are, and the index of the source of each."""

    rows: Indices
    columns: Indices
    source: Indices
    number: int

    @classmethod
    def of(cls, labels: NDArray[np.integer[Any]]) -> Segments:
        """Return the pixels that have a label, ``(ny, nx)``; 0 is none."""
        place = np.flatnonzero(labels)
        rows, columns = np.divmod(place, labels.shape[1])
        source = labels.take(place).astype(np.intp) - 1
        return cls(rows=rows, columns=columns, source=source, number=int(labels.max(initial=0)))

    def sums(self, values: Array) -> Doubles:
        """Return the sums of values of the pixels, ``(p,)``, over each source, ``(n,)``."""
        return np.asarray(np.bincount(self.source, weights=values, minlength=self.number), dtype=np.float64)

    def centroids(self, light: Image) -> Doubles:
        """Return the centroids of the light above 0, ``(n, 2)``: x and y, 0-based."""
        weight = self._weight(light)
        return np.column_stack([self.sums(weight * axis) for axis in (self.columns, self.rows)]) / self._total(weight)

    def moments(self, light: Image) -> tuple[Doubles, Doubles, Doubles]:
        """Return the second moments of the light above 0 around its centroid: xx, xy, yy, ``(n,)``."""
        weight, middle = self._weight(light), self.centroids(light)
        x, y = self.columns - middle[self.source, 0], self.rows - middle[self.source, 1]
        xx, xy, yy = (
            np.column_stack([self.sums(weight * one) for one in (x * x, x * y, y * y)]).T / self._total(weight).T
        )
        # as in SourceExtractor; a second time is never needed: with it the product of the axes is at least this
        thin = np.where(xx * yy - xy**2 < _PIXEL**2, _PIXEL, 0.0)
        return xx + thin, xy, yy + thin

    def _weight(self, light: Image) -> Doubles:
        return np.maximum(light[self.rows, self.columns], 0).astype(np.float64)

    def _total(self, weight: Doubles) -> Doubles:
        return self.sums(weight)[:, None]


def measure_outlines(
    scene: Scene, labels: NDArray[np.int32], segments: Segments, light: Image, background: Background
) -> Outlines:
    """Return the isophotal quantities; their error is that of the pixels and of the background, as in an aperture.

    Parameters
    ----------
    scene
        The image.
    labels, segments
        Which pixels are of which source, ``(ny, nx)``, and these pixels.
    light
        The image whose moments are measured, ``(ny, nx)``.
    background
        Of each source.
    """
    area = np.bincount(segments.source, minlength=segments.number).astype(np.float64)
    total = segments.sums(scene.frame.data[segments.rows, segments.columns])
    variance = segment_variances(labels, scene.variance, autocorrelation(scene.corrfac))
    xx, xy, yy = segments.moments(light)
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    major, minor = np.sqrt(middle + half), np.sqrt(np.maximum(middle - half, 0))
    boxes = [(x.start, x.stop - 1, y.start, y.stop - 1) for y, x in find_objects(labels)]
    return Outlines(
        flux=total - area * background.level,
        error=np.hypot(np.sqrt(variance), area * background.error),
        area=area,
        major=major,
        minor=minor,
        ellipticity=1 - minor / major,
        angle=np.rad2deg(np.arctan2(2 * xy, xx - yy)) / 2 % 360,
        boxes=np.array(boxes, dtype=np.intp).reshape(-1, 4),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """Sharpness and roundness as DAOFIND has them (Stetson 1987, PASP 99, 191), ``(n,)``; NaN where not known."""

    sharpness: Doubles
    roundness: Doubles


def refine_places(flat: Image, bad: Mask, places: Doubles, fwhm: float) -> Doubles:
    """Return windowed centroids: of the light times a Gaussian as wide as a star, around where that finds itself.

    Where they move by more than half a FWHM, or the window has bad pixels, the places are left as they are.

    Parameters
    ----------
    flat
        The image without background, ``(ny, nx)``.
    bad
        Its pixels without a value.
    places
        Isophotal centroids, 0-based ``(n, 2)``.
    fwhm
        Of a star in pixels.
    """
    if not len(places):
        return places
    half = int(np.ceil(1.5 * fwhm)) + 1
    stamps = stamps_around(flat, bad, places, half)
    whole = np.asarray(np.isfinite(stamps).all(axis=(1, 2)))
    offset = np.arange(-half, half + 1)
    start = np.clip(np.rint(places), 0, np.array(flat.shape[::-1]) - 1)
    now, width = places - start, (fwhm / SIGMA) ** 2
    for _ in range(_ROUNDS):
        across, down = offset - now[:, :1], offset - now[:, 1:]
        window = np.exp(-0.5 * across**2 / width)[:, None, :] * np.exp(-0.5 * down**2 / width)[:, :, None]
        light = np.where(whole[:, None, None], stamps, 0) * window
        total = light.sum(axis=(1, 2))
        total = np.where(total > 0, total, np.inf)
        moved = np.column_stack(
            [np.einsum("nij,nj->n", light, across) / total, np.einsum("nij,ni->n", light, down) / total]
        )
        now = now + np.clip(2 * moved, -half, half)
    refined = start + now
    good = whole & (np.hypot(*(refined - places).T) < fwhm / 2)
    return np.where(good[:, None], refined, places)


def measure_shapes(flat: Image, convolved: Image, bad: Mask, places: Doubles, fwhm: float) -> Shapes:
    """Return sharpness and roundness of sources.

    Sharpness is the pixel in the middle less the mean of those around it, over the height H of the star that fits best;
    roundness is ``2 sum2 / sum4`` of the convolved image: the difference between opposite quadrants and the two others,
    over the sum of all four.
    """
    half = max(2, round(1.5 * fwhm / SIGMA))
    if not len(places):
        return Shapes(sharpness=np.empty(0), roundness=np.empty(0))
    stamps = stamps_around(flat, bad, places, half)
    down, across = np.mgrid[-half : half + 1, -half : half + 1]
    inside = np.hypot(down, across) <= half + 0.5
    star = np.exp(-0.5 * (across**2 + down**2) / (fwhm / SIGMA) ** 2)
    kernel = np.where(inside, star - star[inside].mean(), 0)
    height = np.einsum("nij,ij->n", stamps, kernel) / np.sum(kernel * star)
    around = inside & ((down != 0) | (across != 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        sharpness = (stamps[:, half, half] - stamps[:, around].mean(axis=1)) / height
        # Quadrants that follow each other by 90 degrees, with alternating signs.
        sign = np.where(((across > 0) & (down >= 0)) | ((across < 0) & (down <= 0)), 1.0, -1.0)
        light = stamps_around(convolved, bad, places, half)
        roundness = 2 * np.einsum("nij,ij->n", light, sign * around) / np.abs(light[:, around]).sum(axis=1)
    known = height > 0
    return Shapes(sharpness=np.where(known, sharpness, np.nan), roundness=np.where(known, roundness, np.nan))
