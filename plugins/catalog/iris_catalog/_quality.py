"""What an image is worth: the numbers for its header."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.stats import mad_std
from scipy.ndimage import zoom

from iris_catalog._apertures import measure_background, measure_sums
from iris_catalog._around import stamps_around
from iris_catalog._magnitudes import zero_point
from iris_catalog._measure import Measurement
from iris_catalog._noise import autocorrelation, summed_variance
from iris_catalog._scene import MAD_TO_SIGMA, Scene
from iris_core import DQ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_catalog._params import CatalogParams
    from iris_core import Doubles, Mask

__all__ = ["Cards", "quality_of", "strehl_of"]

Cards = dict[str, tuple[Any, str]]

# Standard deviations of a source at the limit; empty apertures that are tried, and how many are enough to compare.
_LIMIT = 5.0
_MOST_EMPTY, _LEAST_EMPTY = 1000, 100
_RATIO = (0.9, 1.2)
_FINER = 5


def quality_of(scene: Scene, found: Measurement, params: CatalogParams) -> tuple[Cards, list[str]]:
    """Return the keywords of the science header, and warnings.

    A number that is not known has no keyword; those that earlier stages have written (NEXP, TOTEXP, FRACREJ, MASKFRAC)
    stay.
    """
    occupied = scene.frame.bad | (found.detection.labels != 0)
    blank = scene.frame.data[~occupied]
    level, spread = np.nan, np.nan
    if blank.size:
        level = float(np.median(blank))
        spread = MAD_TO_SIGMA * float(np.median(np.abs(blank - level)))
    cards: Cards = {
        "FWHM": (_width(scene, found) * scene.pixel_scale, "[arcsec] width of a star"),
        "ELLIPT": (_ellipticity(found), "1 - b/a of stars, from second moments"),
        "SKYLEV": (level, "median between sources, unit of the image"),
        "SKYRMS": (spread, "scatter between sources, unit of the image"),
        "NSTARS": (int(np.count_nonzero(found.is_pointlike())), "sources that look like stars"),
        "FRACNAN": (float(scene.frame.bad.mean()), "share of the pixels without a value"),
        **{key: card for key, card in _shares(scene, found).items() if key not in scene.header},
    }
    if scene.is_janskys:
        cards["ZPAB"] = (zero_point(scene.factor), "[mag] AB of a source of 1 MJy/sr in a pixel")
    limit, warnings = _limit(scene, found, occupied, params)
    cards |= limit | strehl_of(scene, found)
    return {key: card for key, card in cards.items() if isinstance(card[0], int) or np.isfinite(card[0])}, warnings


def _shares(scene: Scene, found: Measurement) -> Cards:
    rejected = np.uint32(DQ.OUTLIER | DQ.JUMP_DET)
    return {
        "NEXP": (1, "exposures in the image"),
        "TOTEXP": (float(scene.header.get("EXPTIME", np.nan)), "[s] exposure time"),
        "FRACREJ": (float(np.mean((scene.dq & rejected) != 0)), "share of the pixels hit by rays or outliers"),
        "MASKFRAC": (float(np.mean(found.detection.labels != 0)), "share of the pixels in sources"),
    }


def _width(scene: Scene, found: Measurement) -> float:
    """Return the mean width of the stars in the curve of growth, of all pixels above half the peak, drawn finely."""
    stars, fwhm = found.correction.stars, found.detection.fwhm
    if not len(stars):
        return fwhm if len(found) else np.nan
    half = int(np.ceil(1.5 * fwhm)) + 1
    areas = []
    for stamp in stamps_around(found.detection.flat, scene.frame.bad, found.places[stars], half):
        fine = zoom(np.nan_to_num(stamp), _FINER, order=3, grid_mode=True, mode="nearest")
        areas.append(np.count_nonzero(fine > fine.max() / 2) / _FINER**2)
    return float(2 * np.sqrt(np.mean(areas) / pi))


def _ellipticity(found: Measurement) -> float:
    stars = found.correction.stars
    which = stars if len(stars) else np.flatnonzero(found.is_pointlike())
    values = found.outlines.ellipticity[which]
    return float(np.median(values)) if len(values) else np.nan


def _limit(scene: Scene, found: Measurement, occupied: Mask, params: CatalogParams) -> tuple[Cards, list[str]]:
    """Return the magnitude of a source of 5 sigma in the best of the apertures, checked in empty ones."""
    good = ~occupied
    if not good.any():
        return {}, []
    variance = float(np.median(scene.variance[good]))
    radii, factor = found.correction.radii, found.correction.factor
    noise = np.array([_noise(scene, radius, variance) for radius in radii])
    correction = np.where(np.isfinite(factor), factor, np.inf if np.isfinite(factor).any() else 1.0)
    best = int(np.argmin(noise * correction)) if np.isfinite(factor).any() else len(radii) - 1
    limit = _LIMIT * noise[best] * correction[best] * scene.factor
    cards: Cards = {"MAGLIMAP": (radii[best] * scene.pixel_scale, "[arcsec] radius of the aperture of MAGLIM")}
    known = "all light" if np.isfinite(factor[best]) else "in the aperture alone"
    if limit > 0:
        cards["FLUXLIM"] = (float(limit), f"[{scene.flux_unit}] 5 sigma, {known}")
    if limit > 0 and scene.is_janskys:
        cards["MAGLIM"] = (zero_point(limit), f"[mag AB] 5 sigma, {known}")
    ratio, number = _empty_ratio(scene, occupied, radii[best], params, found.detection.fwhm)
    if number < _LEAST_EMPTY:
        return cards, [f"the limit is not checked: {number} empty apertures have room, {_LEAST_EMPTY} are needed"]
    cards["MAGRAT"] = (ratio, f"scatter of {number} empty apertures / their errors")
    if _RATIO[0] <= ratio <= _RATIO[1]:
        return cards, []
    return cards, [
        f"{number} empty apertures scatter by {ratio:.2f} times their errors (MAGRAT; {_RATIO[0]:g} to {_RATIO[1]:g} "
        f"is usual): the errors of the image, or CORRFAC, are wrong by about that, or faint sources fill the field"
    ]


def _noise(scene: Scene, radius: float, variance: float) -> float:
    """Return the noise of an empty aperture."""
    from photutils.aperture import CircularAperture

    share = CircularAperture((0.0, 0.0), radius).to_mask(method="exact").data
    return sqrt(float(summed_variance(share, np.full_like(share, variance), autocorrelation(scene.corrfac))))


def _empty_ratio(scene: Scene, occupied: Mask, radius: float, params: CatalogParams, fwhm: float) -> tuple[float, int]:
    """Return the scatter of empty apertures over their errors, and how many there are."""
    places = _empty_places(occupied, radius)
    ring = (params.sky_inner * fwhm, params.sky_outer * fwhm)
    background = measure_background(scene, occupied & ~scene.frame.bad, places, ring)
    sums = measure_sums(scene, places, radius, background)
    known = np.isfinite(sums.flux) & (sums.error > 0)
    pulls = sums.flux[known] / sums.error[known]
    return (float(mad_std(pulls)) if len(pulls) else np.nan), len(pulls)


def _empty_places(occupied: Mask, radius: float) -> Doubles:
    """Return places of apertures that do not overlap, on no source and no invalid pixel, ``(n, 2)``."""
    reach = int(np.ceil(radius + 1))
    rows, columns = (np.arange(reach, size - reach, 2 * reach + 1) for size in occupied.shape)
    places = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    order: NDArray[np.intp] = np.random.default_rng(20000320).permutation(len(places))
    found: list[Any] = []
    for x, y in places[order]:
        if not occupied[y - reach : y + reach + 1, x - reach : x + reach + 1].any():
            found.append((x, y))
        if len(found) == _MOST_EMPTY:
            break
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def strehl_of(scene: Scene, found: Measurement) -> Cards:
    """Return the Strehl ratio: (peak / flux) of the isolated stars over that by diffraction alone, in the same circle.

    The model has the same pixels and the same phase in its pixel; on a resampled grid it is as blurred by the drops.
    """
    growth, stars, apertures = found.correction.growth, found.correction.stars, found.correction.apertures
    model = scene.diffraction
    if model is None or growth is None or apertures is None or not len(stars):
        return {}
    flux = measure_sums(scene, found.places[stars], apertures.star, found.background.of(stars)).flux
    flux = flux * growth.stars[growth.used, -1]
    pixel = np.rint(found.places[stars]).astype(int)
    peak = scene.frame.data[pixel[:, 1], pixel[:, 0]] - found.background.level[stars]
    scale, circle, ring = scene.pixel_scale, apertures.total, apertures.total_sky
    in_pixel = model.in_pixel((pixel - found.places[stars]) * scale, scale, _drop(scene))
    foretold = in_pixel / model.above_ring(circle * scale, ring[1] * scale)
    ratios = peak / flux / foretold
    return {
        "STREHL": (float(np.median(ratios)), f"{len(stars)} stars; {model}"),
        "STREHRAD": (circle * scale, "[arcsec] circle of the flux in STREHL"),
    }


def _drop(scene: Scene) -> float:
    """Return the side of the drops [arcsec] where they fell on several pixels, which CORRFAC tells; else 0."""
    if not scene.corrfac > 1:
        return 0.0
    ratio, fraction = (float(scene.header.get(key, 1.0)) for key in ("PXSCLRT", "PIXFRAC"))
    return scene.pixel_scale / ratio * fraction
