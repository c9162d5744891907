"""The aperture correction: from stars of the image, from a PSF file, or given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from iris_photom_stars import Apertures, Frame, Growth, Sources, best_growth, given_growth, psf_growth

from iris_catalog._apertures import Background, Sums, measure_sums
from iris_catalog._halo import measure_halo
from iris_catalog._scene import Scene
from iris_core import DQ

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from iris_catalog._params import CatalogParams
    from iris_core import Doubles, Mask, Reference

__all__ = ["Correction", "choose_correction"]

# A star of this signal over noise can tell something of the curve of growth.
_BRIGHT = 50.0
# The light of neighbours around a star in the curve of growth, over its own, at most.
_BLEND = 0.01
_SHARES = (0.3, 0.5, 0.7)
# Radii [FWHM] in which a Gaussian has these shares of its light, for want of a curve of growth.
_GAUSSIAN = tuple(0.5 * sqrt(-log(1 - share) / log(2)) for share in _SHARES)
# Radius in which stars are compared, and a PSF [FWHM].
_STAR = 2.0
# The larger the correction, the more it depends on the width of the stars in one place or another.
_SHARE_OF_CORRECTION = 0.01
# Standard deviations by which two ways to measure all light may differ.
_AGREE = 3.0
# Radii at which a curve of growth is drawn, and the part of a ring, to both sides of its middle, that tells its level.
_FINE, _STEP = 2000, 0.25
# Relative standard deviation above which all light of a star is not known.
_MOST_UNCERTAIN = 0.3
_REMEDY = (
    "fluxes in apertures are not corrected, aper_total is not known; give 'correction' and 'correction_error', or a "
    "PSF file (reference type psf)"
)
_NO_STARS = (
    "no aperture correction: fewer than 3 isolated stars are bright enough (signal over noise of {least:g}, with a "
    f"whole ring of sky); {_REMEDY}"
)
_NO_CURVE = (
    "no aperture correction: all light of {number} isolated stars is uncertain by {uncertainty:.0%}, of which their "
    f"neighbours, or the sky around them, leave too much open; {_REMEDY}"
)
_MARKS = DQ.SATURATED | DQ.NONLINEAR | DQ.PERSISTENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The apertures and what their fluxes are multiplied by.

    Parameters
    ----------
    radii
        The three, in pixels.
    factor, error
        Of each, and its standard deviation; NaN where it is not known.
    origin
        Where it is from, in words; the reason where there is none.
    stars
        Which sources are in the curve of growth.
    growth, apertures
        The curve, where there is one.
    """

    radii: tuple[float, ...]
    factor: Doubles
    error: Doubles
    origin: str
    stars: NDArray[np.intp]
    growth: Growth | None = None
    apertures: Apertures | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is one for the largest aperture."""
        return bool(np.isfinite(self.factor[-1]))


def choose_correction(
    scene: Scene,
    places: Doubles,
    touched: NDArray[np.uint32],
    background: Background,
    fwhm: float,
    params: CatalogParams,
    psf: Reference | None,
) -> Correction:
    """Return the aperture correction: as given, else of the PSF file, else of the isolated stars.

    Parameters
    ----------
    scene, places, background
        The image, its sources, 0-based ``(n, 2)``, and their backgrounds.
    touched
        DQ bits in the cores of the sources: one that is saturated does not count as a star.
    fwhm
        In pixels.
    params
        Of the stage.
    psf
        The PSF file.
    """
    sky = (params.sky_inner * fwhm, params.sky_outer * fwhm)
    star = min(_STAR, params.sky_inner) * fwhm
    apertures = Apertures(star=star, sky=sky, total=0.0, total_sky=sky).within(params.total * fwhm)
    if params.correction is not None:
        return _given(params, fwhm)
    if psf is not None:
        growth, apertures = psf_growth(psf, params.psf_sampling, apertures)
        return _of_psf(growth, apertures, f"from the PSF {psf.path.name}", fwhm, params)
    sums = measure_sums(scene, places, star, background)
    stars = _bright(sums, (touched & np.uint32(_MARKS)) == 0)
    known = Sources(places, np.nan_to_num(sums.flux))
    frame = _with_shared_noise(scene)
    best = best_growth(frame, stars, known, sums.flux[stars], apertures, _BLEND) if len(stars) else None
    if best is None or best[1].correction <= 0:
        return _unknown(fwhm, params, _NO_STARS.format(least=_BRIGHT))
    return _of_stars(scene, places, background, sums, best, fwhm, params)


def _unknown(fwhm: float, params: CatalogParams, reason: str) -> Correction:
    unknown = np.full(3, np.nan)
    return Correction(
        radii=tuple(fwhm * radius for radius in params.radii or _GAUSSIAN),
        factor=unknown,
        error=unknown,
        origin=reason,
        stars=np.empty(0, dtype=np.intp),
    )


def _with_shared_noise(scene: Scene) -> Frame:
    """Return the image with errors such that those of large circles are true."""
    err = scene.frame.err
    return replace(scene.frame, err=None if err is None else err * np.float32(scene.corrfac))


def _bright(sums: Sums, clean: Mask) -> NDArray[np.intp]:
    """Return the sources that are bright beside their error, the brightest first."""
    with np.errstate(invalid="ignore"):
        good = clean & (sums.flux > _BRIGHT * sums.error)
    found = np.flatnonzero(good)
    return found[np.argsort(-sums.flux[found], kind="stable")]


def _given(params: CatalogParams, fwhm: float) -> Correction:
    assert params.correction is not None
    factor = 10 ** (-0.4 * params.correction)
    error = factor * params.correction_error * log(10) / 2.5
    # what a curve would be outside of the largest aperture does not matter
    growth = given_growth(factor, error, Apertures(star=1.0, sky=(1.0, 2.0), total=2.0, total_sky=(2.0, 3.0)))
    return Correction(
        radii=tuple(fwhm * radius for radius in params.radii or _GAUSSIAN),
        factor=np.array([np.nan, np.nan, growth.correction]),
        error=np.array([np.nan, np.nan, growth.error]),
        origin="as given",
        stars=np.empty(0, dtype=np.intp),
    )


def _of_stars(
    scene: Scene,
    places: Doubles,
    background: Background,
    sums: Sums,
    best: tuple[NDArray[np.intp], Growth, Apertures],
    fwhm: float,
    params: CatalogParams,
) -> Correction:
    """Return the correction of isolated stars: all light over that in circles, above the same rings as all sources.

    The light of a star in the ring makes its background too high. The curve of growth, which has its sky farther out,
    does not have that; so its stars are measured again in the circles as all sources are.

    Parameters
    ----------
    scene, places, background
        The image, its sources, 0-based ``(n, 2)``, and their backgrounds.
    sums
        Of the sources, in the aperture in which the curve of growth is 1.
    best
        Which sources were tried, their curve of growth and its radii.
    fwhm
        In pixels.
    params
        Of the stage.
    """
    chosen, growth, apertures = best
    stars = chosen[growth.used]
    own = background.of(stars)
    total, uncertainty, reach = _all_light(scene, Sources(places, np.nan_to_num(sums.flux)), own, stars, best, fwhm)
    if not uncertainty <= _MOST_UNCERTAIN:
        return _unknown(fwhm, params, _NO_CURVE.format(uncertainty=uncertainty, number=len(stars)))
    radii = _radii(replace(growth, correction=total), fwhm, params)
    fluxes = np.array([measure_sums(scene, places[stars], radius, own).flux for radius in radii])
    ratio = sums.flux[stars] / fluxes
    factor = total * np.nanmedian(ratio, axis=1)
    scatter = np.nanstd(ratio, axis=1, ddof=1) / np.nanmedian(ratio, axis=1) / sqrt(len(stars))
    return Correction(
        radii=tuple(float(radius) for radius in radii),
        factor=factor,
        error=factor * np.hypot(uncertainty, scatter),
        origin=f"from {len(stars)} isolated stars and all their light within {reach:.1f} pixels",
        stars=stars,
        growth=growth,
        apertures=apertures,
    )


def _all_light(
    scene: Scene,
    sources: Sources,
    background: Background,
    stars: NDArray[np.intp],
    best: tuple[NDArray[np.intp], Growth, Apertures],
    fwhm: float,
) -> tuple[float, float, float]:
    """Return all light over that in the aperture, its relative standard deviation, and the radius that was measured.

    That of a fitted halo; that of the curve of growth where the two disagree: the halo is then of another shape, and
    one of them is wrong by what they differ. The curve ends where there is diffracted light still.
    """
    _, growth, apertures = best
    flux, core = sources.flux[stars], apertures.star
    edges = np.append(np.linspace(core, 3 * core, 9)[:-1], np.arange(3 * core, apertures.total_sky[1], fwhm))
    halo = measure_halo(scene, sources, stars, edges)
    inner = flux + pi * core**2 * (background.level - halo.sky)
    total = float(flux @ inner / (flux @ flux)) + halo.outside + halo.wings
    uncertainty = hypot(halo.error, halo.wings_error, _SHARE_OF_CORRECTION * total * log(max(total, 1.0))) / abs(total)
    curve = growth.correction + halo.diffracted * (1 - _above_ring(scene, apertures))
    apart = abs(total / curve - 1)
    if apart < _AGREE * hypot(uncertainty, growth.uncertainty):
        return total, uncertainty, halo.reach
    return curve, hypot(growth.uncertainty, apart), apertures.total


def _above_ring(scene: Scene, apertures: Apertures) -> float:
    """Return the share of diffracted light that a curve of growth has; all of it where the pupil is not known."""
    if scene.diffraction is None:
        return 1.0
    return scene.diffraction.above_ring(apertures.total * scene.pixel_scale, apertures.total_sky[1] * scene.pixel_scale)


def _of_psf(growth: Growth, apertures: Apertures, origin: str, fwhm: float, params: CatalogParams) -> Correction:
    """Return the correction of a PSF: its share in a circle, less that in the ring, which is taken for background.

    The median of a ring is the light at the radius that halves its area.
    """
    radii, share = _radii(growth, fwhm, params), _shares_within(growth)
    inner, outer = apertures.sky
    middle, step = sqrt((inner**2 + outer**2) / 2), _STEP * (outer - inner)
    ring = (share(middle + step) - share(middle - step)) / (4 * pi * middle * step)
    factor = 1 / (share(radii) - pi * radii**2 * ring)
    return Correction(
        radii=tuple(float(radius) for radius in radii),
        factor=factor,
        error=factor * growth.uncertainty,
        origin=origin,
        stars=np.empty(0, dtype=np.intp),
        growth=growth,
        apertures=apertures,
    )


def _radii(growth: Growth, fwhm: float, params: CatalogParams) -> Doubles:
    """Return the radii that were asked for, or those of 30, 50, 70 % of the light, in pixels."""
    if params.radii is not None:
        return np.array(params.radii) * fwhm
    fine = np.linspace(0, growth.radius[-1], _FINE)
    return np.asarray(np.interp(_SHARES, np.maximum.accumulate(_shares_within(growth)(fine)), fine))


def _shares_within(growth: Growth) -> Callable[[Doubles | float], Doubles]:
    """Return the share of the light as a smooth function of the radius: between the radii of the curve it bends."""
    from scipy.interpolate import PchipInterpolator

    smooth = PchipInterpolator(np.append(0.0, growth.radius), np.append(0.0, growth.curve / growth.correction))
    return lambda radius: np.asarray(smooth(np.minimum(radius, growth.radius[-1])))
