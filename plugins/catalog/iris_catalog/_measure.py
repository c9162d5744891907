"""Find the sources of an image and measure them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from photutils.segmentation import SourceCatalog

from iris_catalog._apertures import Background, Sums, measure_background, measure_sums
from iris_catalog._correction import Correction, choose_correction
from iris_catalog._detect import Detection, find_sources
from iris_catalog._noise import autocorrelation, phase_scatter, segment_variances
from iris_catalog._scene import Scene
from iris_catalog._shapes import Shapes, measure_shapes, refine_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._params import CatalogParams
    from iris_core import Doubles, Mask, Reference

__all__ = ["Measurement", "Outlines", "measure_sources", "measure_stars"]


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
    boxes: NDArray[np.intp]


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
        inner, outer = self.sums[0], self.sums[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            index = outer.flux / inner.flux
            # noise of the inner pixels is in both fluxes
            error = index * np.hypot(outer.error / outer.flux, inner.error / inner.flux)
            usual = self._index_of_stars(index)
            return np.asarray(index - usual > np.maximum(0.1 * usual, 3 * error))

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
    catalog = _catalog_of(scene, found)
    places = refine_places(found.flat, bad, _centroids(catalog), fwhm)
    ring = (params.sky_inner * fwhm, params.sky_outer * fwhm)
    background = measure_background(scene, labels, places, ring, own=np.arange(1, len(places) + 1))
    core, _ = _bits(scene, places, fwhm)
    correction = choose_correction(scene, places, core, background, fwhm, params, psf)
    flags, edge = _bits(scene, places, correction.radii[-1])
    return Measurement(
        detection=found,
        places=places,
        background=background,
        sums=tuple(measure_stars(scene, places, radius, background, fwhm) for radius in correction.radii),
        correction=correction,
        outlines=_outlines(scene, found, catalog, _without_own(scene, labels, places, ring, background)),
        shapes=measure_shapes(found.flat, found.convolved, bad, places, fwhm),
        flags=flags,
        edge=edge,
    )


def measure_stars(scene: Scene, places: Doubles, radius: float, background: Background, fwhm: float) -> Sums:
    """Return fluxes in apertures; their errors have the place of a star in its pixel, which changes its share."""
    sums = measure_sums(scene, places, radius, background)
    return replace(sums, error=np.hypot(sums.error, sums.flux * phase_scatter(radius, fwhm)))


def _catalog_of(scene: Scene, found: Detection) -> Any:
    if found.segments is None:
        return None
    return SourceCatalog(found.flat, found.segments, convolved_data=found.convolved, mask=scene.frame.bad)


def _centroids(catalog: Any) -> Doubles:
    if catalog is None:
        return np.empty((0, 2))
    return np.column_stack([np.atleast_1d(catalog.x_centroid), np.atleast_1d(catalog.y_centroid)])


def _bits(scene: Scene, places: Doubles, radius: float) -> tuple[NDArray[np.uint32], Mask]:
    """Return all DQ bits in circles, and whether these reach a pixel that is not covered."""
    found = [_bits_at(scene, x, y, radius) for x, y in places]
    return np.array([bits for bits, _ in found], dtype=np.uint32), np.array([edge for _, edge in found], dtype=np.bool_)


def _bits_at(scene: Scene, x: float, y: float, radius: float) -> tuple[int, bool]:
    low, high = (np.array([y, x]) - radius, np.array([y, x]) + radius)
    shape = np.array(scene.frame.shape)
    rows, columns = (
        slice(max(int(np.ceil(first - 0.5)), 0), min(int(np.floor(last + 0.5)) + 1, size))
        for first, last, size in zip(low, high, shape, strict=True)
    )
    down, across = np.ogrid[rows, columns]
    inside = np.hypot(down - y, across - x) < radius + 0.5
    bits = int(np.bitwise_or.reduce(scene.dq[rows, columns][inside], initial=0))
    outside = bool(np.any(low < -0.5) or np.any(high > shape - 0.5))
    return bits, outside or bool(np.any(scene.uncovered[rows, columns] & inside))


def _without_own(
    scene: Scene, labels: Any, places: Doubles, ring: tuple[float, float], background: Background
) -> Background:
    """Return the backgrounds without the sources' own pixels: another one only where these reach into the ring."""
    rows, columns = np.nonzero(labels)
    own = labels[rows, columns] - 1
    far = np.hypot(columns - places[own, 0], rows - places[own, 1]) >= ring[0]
    reaching = np.unique(own[far])
    again = measure_background(scene, labels != 0, places[reaching], ring)
    level, error = background.level.copy(), background.error.copy()
    level[reaching], error[reaching] = again.level, again.error
    return replace(background, level=level, error=error)


def _outlines(scene: Scene, found: Detection, catalog: Any, background: Background) -> Outlines:
    """Return the isophotal quantities; their error is that of the pixels and of the background, as in an aperture."""
    if catalog is None:
        nothing = np.empty(0)
        return Outlines(
            flux=nothing, error=nothing, area=nothing, major=nothing, minor=nothing, ellipticity=nothing,
            angle=nothing, boxes=np.empty((0, 4), dtype=np.intp),
        )  # fmt: skip
    labels = found.labels
    flat, size = labels.ravel(), catalog.n_labels + 1
    area, total = (
        np.bincount(flat, weights=weights, minlength=size)[1:] for weights in (None, scene.frame.data.ravel())
    )
    variance = segment_variances(labels, scene.variance, autocorrelation(scene.corrfac))
    edges = (catalog.bbox_xmin, catalog.bbox_xmax, catalog.bbox_ymin, catalog.bbox_ymax)
    numbers = (catalog.semimajor_axis, catalog.semiminor_axis, catalog.ellipticity, catalog.orientation)
    major, minor, ellipticity, angle = (np.atleast_1d(getattr(one, "value", one)) for one in numbers)
    return Outlines(
        flux=total - area * background.level,
        error=np.hypot(np.sqrt(variance), area * background.error),
        area=np.asarray(area, dtype=np.float64),
        major=major,
        minor=minor,
        ellipticity=ellipticity,
        angle=angle,
        boxes=np.column_stack([np.atleast_1d(edge) for edge in edges]),
    )
