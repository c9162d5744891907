"""All light of stars: a halo fitted to the rings around several of them at once, each on a sky of its own.

A curve of growth adds up pixels, and the error of the sky times the area of a large circle soon exceeds the light that
is left outside of it. A profile that is the same for all stars tells sky and halo apart by their shapes, as in DAOGROW
(Stetson 1990, PASP 102, 932). Where the pupil is known, so is the shape of the light that it diffracts,
of which 2 % is beyond 10 lambda/D: how much there is of it is fitted with the halo.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from iris_catalog._rings import Rings, measure_rings, per_pixel

if TYPE_CHECKING:
    from iris_photom_stars import Sources
    from numpy.typing import NDArray

    from iris_catalog._scene import Scene
    from iris_core import Doubles

__all__ = ["Halo", "fit_halo", "measure_halo"]

# Scales, over the innermost radius, and slopes that are tried: those of halos of seeing are 11/6 to 5.
_SCALES, _SLOPES = np.geomspace(0.25, 8.0, 90), np.linspace(11 / 6, 5.0, 90)
# Standard deviations of a ring's light, of all stars together, above which it is measured and not foretold.
_MEASURED = 3.0
# Part of the outermost radius at which the profile is well known.
_WELL_MEASURED = 0.5
# Part of the light in a ring by which it may differ from a smooth profile.
_SMOOTH = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Halo:
    """The profile ``height ((1 + r^2/scale^2) / (1 + core^2/scale^2))^-slope`` of a star of flux 1 outside of its core.

    Diffracted light is added to it.

    Parameters
    ----------
    core
        The innermost radius, in pixels.
    height, scale, slope
        See above: the light in a pixel at that radius, and the shape; `scale` in pixels.
    diffracted
        Diffracted light of a star of flux 1, in the core and outside.
    outside
        Light between the innermost radius and the outermost that is measured.
    error
        Standard deviation of all light but that of the halo beyond: of `outside`, of diffracted light beyond, and of
        the sky in the core, which follows from these.
    wings
        Light beyond that radius, if the profile goes on.
    wings_error
        Standard deviation of the part of the halo in it: anything between none and twice as much, and where the pupil
        is not known what it would be more if it fell with r^-3 from half of that radius on, as diffracted light does.
    sky
        Around each star, and the light of its neighbours in its core, ``(n,)``.
    reach
        The outermost radius, in pixels.
    """

    core: float
    height: float
    scale: float
    slope: float
    diffracted: float
    outside: float
    error: float
    wings: float
    wings_error: float
    sky: Doubles
    reach: float


def measure_halo(scene: Scene, sources: Sources, stars: NDArray[np.intp], edges: Doubles) -> Halo:
    """Return the halo of stars, whose neighbours have the same.

    Parameters
    ----------
    scene
        The image.
    sources
        All, with their fluxes in cores.
    stars
        Which of them are fitted.
    edges
        Radii between rings, in pixels; the first is that of a core.
    """
    return fit_halo(measure_rings(scene, sources, stars, edges), sources.flux[stars])


def fit_halo(rings: Rings, fluxes: Doubles) -> Halo:
    """Return the halo that stars have in common, the mean over all shapes.

    Each shape is as probable as the rings say, times the square of the share of the light that is in the core then.

    For each scale and slope, the height, the diffracted light and the skies are a linear problem; errors grow by the
    root of chi squared over the degrees of freedom where that is above 1.

    Parameters
    ----------
    rings
        Around the stars.
    fluxes
        Of the stars, ``(n,)``.
    """
    core = rings.edges[0]
    shape = tuple(axis.ravel() for axis in np.meshgrid(_SCALES * core, _SLOPES))
    outside, seen = _light(rings, fluxes, shape)
    fit = _fit(rings, seen[:, 1:])
    freedom = int(np.count_nonzero(np.isfinite(rings.variance))) - len(fluxes) - 3
    factor = max(1.0, float(fit.chi.min()) / max(freedom, 1))
    # Any share of the light in the core is as probable as another: most of what is far out may only be possible.
    whole = 1 + np.sum(fit.amounts * outside[:, 0], axis=0)
    probable = np.exp(-0.5 * (fit.chi - fit.chi.min()) / factor) / whole**2
    probable /= probable.sum()
    best = int(np.argmin(fit.chi))
    last = _reach(rings, fluxes, fit.amounts[:, best] @ -per_pixel(outside[..., best].T, rings.edges).T)
    unit, beyond = outside[:, 0] - outside[:, last], outside[:, last]
    # all light of a star goes with these by that outside, and by the sky that is taken from its core
    lifted = fit.usual - np.stack(np.broadcast_arrays(seen[:, 0], rings.diffracted[:, :1]))
    lever = unit + pi * core**2 * np.einsum("n,cns->cs", fluxes, lifted) / (fluxes @ fluxes)
    lever[1] += beyond[1]
    change = np.sum(fit.amounts * lever, axis=0)
    variance = np.einsum("cs,cds,ds->s", lever, fit.covariance, lever)
    halo, diffracted = (fit.amounts * beyond) @ probable
    return Halo(
        core=float(core),
        height=float(fit.amounts[0, best]),
        scale=float(shape[0][best]),
        slope=float(shape[1][best]),
        diffracted=float(fit.amounts[1] @ probable),
        outside=float(np.sum(fit.amounts * unit, axis=0) @ probable),
        error=sqrt(float(probable @ (factor * variance + (change - probable @ change) ** 2))),
        wings=float(halo + diffracted),
        wings_error=max(halo / sqrt(3), _more_beyond(rings, last, fit.amounts[0] * probable, shape) - halo),
        sky=fit.sky - np.einsum("cs,cns->n", fit.amounts * probable, lifted),
        reach=float(rings.edges[last]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Of a halo and of diffracted light, for each shape of the halo.

    Parameters
    ----------
    amounts, covariance
        The height of the halo and the diffracted light, ``(2, s)`` and ``(2, 2, s)``.
    chi
        Chi squared, ``(s,)``.
    sky, usual
        Weighted means of each star's rings, ``(n,)``, and of the light in them for amounts of 1, ``(2, n, s)``.
    """

    amounts: Doubles
    covariance: Doubles
    chi: Doubles
    sky: Doubles
    usual: Doubles


def _light(rings: Rings, fluxes: Doubles, shape: tuple[Doubles, ...]) -> tuple[Doubles, Doubles]:
    """Return the light of a star of flux 1 outside of the edges, and what stars see of halos.

    ``(2, 1 + r, s)`` for a halo of height 1 and for diffracted light of 1, and ``(n, 1 + r, s)`` in a pixel of each
    star's core, where it is that of the neighbours, and of its rings.
    """
    core = rings.edges[0]
    halo = np.array([_beyond(edge, core, *shape) for edge in rings.edges])
    seen = rings.neighbours @ _profile(rings.apart[:, None], core, *shape)
    seen[:, 1:] -= fluxes[:, None, None] * per_pixel(halo, rings.edges)
    return np.stack(np.broadcast_arrays(halo, 1 - rings.enclosed[:, None])), seen


def _fit(rings: Rings, light: Doubles) -> _Fit:
    """Return the best amounts of halo and diffracted light, none below 0.

    Each star's sky is eliminated: what is left are differences from the weighted mean of its rings. Where the rings
    tell nothing there is no diffracted light, with a standard deviation of 1 / sqrt(3) of what would have all light of
    the core.

    Parameters
    ----------
    rings
        Around the stars.
    light
        In them of halos of height 1, ``(n, r, s)``.
    """
    root = 1 / np.sqrt(_uncertain(rings))
    there, sky = _differences(root, rings.mean)
    disc, usual_disc = _differences(root, rings.diffracted[:, 1:])
    differs, usual = _differences(root, light)
    halo, both = np.einsum("nrs,nrs->s", differs, differs), np.einsum("nrs,nr->s", differs, disc)
    diffracted = np.full_like(halo, np.sum(disc**2) + 3 * rings.enclosed[0] ** 2)
    product = np.stack(np.broadcast_arrays(np.einsum("nr,nrs->s", there, differs), np.sum(there * disc)))
    precision, determinant = np.array([[halo, both], [both, diffracted]]), halo * diffracted - both**2
    covariance = np.array([[diffracted, -both], [-both, halo]]) / determinant
    alone, none = np.maximum(product / (halo, diffracted), 0), np.zeros_like(halo)
    tried = np.stack([np.einsum("cds,ds->cs", covariance, product), [alone[0], none], [none, alone[1]]])
    better = 2 * np.einsum("tcs,cs->ts", tried, product) - np.einsum("tcs,cds,tds->ts", tried, precision, tried)
    best = np.argmax(np.where(np.any(tried < 0, axis=1), -np.inf, better), axis=0)
    shapes = np.arange(best.size)
    return _Fit(
        amounts=tried[best, :, shapes].T,
        covariance=covariance,
        chi=np.sum(there**2) - better[best, shapes],
        sky=sky,
        usual=np.stack(np.broadcast_arrays(usual, usual_disc[:, None])),
    )


def _differences(root: Doubles, light: Doubles) -> tuple[Doubles, Doubles]:
    """Return light less its weighted mean in the rings of each star, over the errors, and that mean, ``(n, ...)``."""
    root = root.reshape(*root.shape, *[1] * (light.ndim - 2))
    usual = np.sum(root**2 * light, axis=1) / np.sum(root**2, axis=1)
    return root * (light - usual[:, None]), usual


def _more_beyond(rings: Rings, last: int, height: Doubles, shape: tuple[Doubles, ...]) -> float:
    """Return the light beyond a radius if it fell with r^-3 from half of it on; 0 where the pupil tells that light."""
    if rings.enclosed[0] < 1:
        return 0.0
    reach, core = rings.edges[last], rings.edges[0]
    start = max(_WELL_MEASURED * reach, core)
    return float(height @ _profile(start, core, *shape) * 2 * pi * start**3 / reach)


def _beyond(radius: float, core: float, scale: Doubles, slope: Doubles) -> Doubles:
    """Return the light of profiles of height 1 at the radius of the core, outside of a radius."""
    there, start = 1 + (radius / scale) ** 2, 1 + (core / scale) ** 2
    return np.asarray(pi * scale**2 / (slope - 1) * there * (there / start) ** -slope)


def _uncertain(rings: Rings) -> Doubles:
    """Return the variance of rings, and of what makes their light differ from a smooth profile: diffraction rings."""
    sky = np.median(rings.mean[:, -(-len(rings.edges) // 3) :], axis=1, keepdims=True)
    return np.asarray(rings.variance + (_SMOOTH * (rings.mean - sky)) ** 2)


def _profile(radius: Doubles, core: float, scale: Doubles, slope: Doubles) -> Doubles:
    """Return the light in a pixel at a radius, of profiles of height 1 at the radius of the core."""
    return np.asarray(((1 + (radius / scale) ** 2) / (1 + (core / scale) ** 2)) ** -slope)


def _reach(rings: Rings, fluxes: Doubles, light: Doubles) -> int:
    """Return the index of the radius beyond which no ring has light that stands out of its noise."""
    significance = light * np.sqrt(np.sum(fluxes[:, None] ** 2 / rings.variance, axis=0))
    bright = np.flatnonzero(significance >= _MEASURED)
    return int(bright[-1]) + 1 if len(bright) else 0
