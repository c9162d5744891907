"""Find the sources of an image and measure them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from iris_catalog._apertures import Background, Sums, measure_background, measure_sums
from iris_catalog._around import disc, pixels_around
from iris_catalog._correction import Correction, choose_correction
from iris_catalog._detect import Detection, find_sources
from iris_catalog._noise import phase_scatter
from iris_catalog._scene import Scene
from iris_catalog._shapes import Outlines, Segments, Shapes, measure_outlines, measure_shapes, refine_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._params import CatalogParams
    from iris_core import Doubles, Mask, Reference

__all__ = ["Measurement", "measure_sources", "measure_stars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The sources of an image.

    Parameters
    ----------
    detection
        What was found.
    places
        0-based, ``(n, 2)``.
    background
        The local background of each.
    sums
        Of the three apertures, in the unit of the image.
    correction
        Of the apertures.
    outlines, shapes
        What their segments, and the pixels around them, say.
    flags
        All DQ bits in the largest aperture, uint32 ``(n,)``.
    edge
        Whether the largest aperture reaches a pixel that is not covered, or out of the image.
    """

    detection: Detection
    places: Doubles
    background: Background
    sums: tuple[Sums, ...]
    correction: Correction
    outlines: Outlines
    shapes: Shapes
    flags: NDArray[np.uint32]
    edge: Mask

    def __len__(self) -> int:
        return len(self.places)

    def total(self) -> tuple[Doubles, Doubles]:
        """Return all light of each source and its error: the flux in the largest aperture times its correction."""
        last, factor, error = self.sums[-1], self.correction.factor[-1], self.correction.error[-1]
        return last.flux * factor, np.hypot(last.error * factor, last.flux * error)

    def is_extended(self) -> Mask:
        """Whether a source has more light in the third aperture over the first than stars, by 10 % and 3 errors."""
        more, sure = self._broader()
        return more > sure

    def is_sharp(self) -> Mask:
        """Whether a source has less than stars by as much; nowhere, where neither stars nor a PSF tell that."""
        more, sure = self._broader()
        knows_stars = len(self.correction.stars) > 0 or bool(np.isfinite(self.correction.factor).all())
        return np.asarray(knows_stars & (-more > sure))

    def is_pointlike(self) -> Mask:
        """Whether a source may be a star: it is neither extended nor sharp."""
        return ~(self.is_extended() | self.is_sharp())

    def _broader(self) -> tuple[Doubles, Doubles]:
        """Return by how much the light of a source is broader than that of stars, and from where on that is sure."""
        inner, outer = self.sums[0], self.sums[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            index = outer.flux / inner.flux
            # noise of the inner pixels is in both fluxes
            error = np.abs(index) * np.hypot(outer.error / outer.flux, inner.error / inner.flux)
            usual = self._index_of_stars(index)
            return np.asarray(index - usual), np.maximum(0.1 * usual, 3 * error)

    def _index_of_stars(self, index: Doubles) -> float:
        factor = self.correction.factor
        if len(self.correction.stars):
            return float(np.nanmedian(index[self.correction.stars]))
        if np.isfinite(factor).all():
            return float(factor[0] / factor[-1])
        return float(np.nanmedian(index)) if np.isfinite(index).any() else np.nan


def measure_sources(scene: Scene, params: CatalogParams, psf: Reference | None) -> Measurement:
    """Return the sources of an image; none is a measurement, too.

    Parameters
    ----------
    scene
        The image.
    params
        Of the stage.
    psf
        A PSF file, for the aperture correction.
    """
    found = find_sources(scene, params)
    fwhm, labels, bad = found.fwhm, found.labels, scene.frame.bad
    segments = Segments.of(labels)
    places = refine_places(found.flat, bad, segments.centroids(found.convolved), fwhm)
    ring = (params.sky_inner * fwhm, params.sky_outer * fwhm)
    background = measure_background(scene, labels, places, ring, own=np.arange(1, len(places) + 1))
    core, _ = _bits(scene, places, fwhm)
    correction = choose_correction(scene, places, core, background, fwhm, params, psf)
    alone = _without_own(scene, labels, segments, places, ring, background)
    flags, edge = _bits(scene, places, correction.radii[-1])
    return Measurement(
        detection=found,
        places=places,
        background=background,
        sums=tuple(measure_stars(scene, places, radius, background, fwhm) for radius in correction.radii),
        correction=correction,
        outlines=measure_outlines(scene, labels, segments, found.convolved, alone),
        shapes=measure_shapes(found.flat, found.convolved, bad, places, fwhm),
        flags=flags,
        edge=edge,
    )


def measure_stars(scene: Scene, places: Doubles, radius: float, background: Background, fwhm: float) -> Sums:
    """Return fluxes in apertures; their errors have the place of a star in its pixel, which changes its share."""
    sums = measure_sums(scene, places, radius, background)
    return replace(sums, error=np.hypot(sums.error, sums.flux * phase_scatter(radius, fwhm)))


def _bits(scene: Scene, places: Doubles, radius: float) -> tuple[NDArray[np.uint32], Mask]:
    """Return all DQ bits in circles, and whether these reach a pixel that is not covered."""
    reach, size = radius + 0.5, np.array(scene.frame.shape[::-1])
    flags = np.zeros(len(places), dtype=np.uint32)
    edge = np.any((places - radius < -0.5) | (places + radius > size - 0.5), axis=1)
    for around in pixels_around(scene.frame.shape, places, disc(reach)):
        there = around.inside & (np.hypot(around.x, around.y) < reach)
        flags[around.part] = np.bitwise_or.reduce(np.where(there, around.of(scene.dq), 0), axis=1)
        edge[around.part] |= np.any(there & around.of(scene.uncovered), axis=1)
    return flags, edge


def _without_own(
    scene: Scene,
    labels: NDArray[np.int32],
    segments: Segments,
    places: Doubles,
    ring: tuple[float, float],
    background: Background,
) -> Background:
    """Return the backgrounds without the sources' own pixels: another one only where these reach into the ring."""
    x, y = places[segments.source].T
    far = np.hypot(segments.columns - x, segments.rows - y) >= ring[0]
    reaching = np.unique(segments.source[far])
    again = measure_background(scene, labels != 0, places[reaching], ring)
    level, error = background.level.copy(), background.error.copy()
    level[reaching], error[reaching] = again.level, again.error
    return replace(background, level=level, error=error)
