"""Fit a known point-spread function to all stars of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from iris_simulate._psf import PSF, add_stars

if TYPE_CHECKING:
    from iris_core import Doubles

__all__ = ["FittedStars", "fit_stars"]

_STEP = 1e-3  # of the numerical derivatives, pixel and pixel squared
_ROUNDS = 12
_CONVERGED = 1e-3  # of each parameter's error


@dataclass(frozen=True, slots=True)
class FittedStars:
    """Stars as measured; all ``(n,)``, NaN where a star could not be fitted.

    Parameters
    ----------
    flux, flux_err
        In the unit of the image.
    x, y
        0-based pixels.
    x_err, y_err
        Pixels.
    broadening
        Variance added to the PSF, pixel squared.
    """

    flux: Doubles
    flux_err: Doubles
    x: Doubles
    y: Doubles
    x_err: Doubles
    y_err: Doubles
    broadening: Doubles


def fit_stars(
    image: ArrayLike, error: ArrayLike, psf: PSF, x: ArrayLike, y: ArrayLike, *, broaden: bool = False
) -> FittedStars:
    """Fit flux and position of each star by least squares with weights 1 / error^2, on a constant local background.

    In each round a Gauss-Newton step is made for each star, on the image without the model of all stars: neighbours,
    whose halos overlap, do not disturb.

    Parameters
    ----------
    image, error
        ``(ny, nx)``; pixels that are not finite are ignored.
    psf
        On these pixels.
    x, y
        0-based pixels to start at; good to a pixel.
    broaden
        Fit the width as well, for an image that was resampled.
    """
    flat, sigma = np.asarray(image, dtype=np.float64), np.asarray(error, dtype=np.float64)
    places = np.column_stack([np.ravel(x), np.ravel(y)]).astype(np.float64)
    stars = np.column_stack([np.zeros(len(places)), places, np.zeros(len(places))])
    errors = np.full_like(stars, np.nan)
    narrowest = -0.5 * np.min(psf.sigma) ** 2
    for turn in range(_ROUNDS):
        rest = flat - _model(flat.shape, psf, stars)
        free = 1 if turn == 0 else 4 if broaden else 3
        steps = np.zeros_like(stars)
        for star, step, err in zip(stars, steps, errors, strict=True):
            step[:free], err[:free] = _step(rest, sigma, psf, star, free)
        stars += steps
        stars[:, 3] = np.maximum(stars[:, 3], narrowest)
        if turn and np.nanmax(np.abs(steps[:, :free] / errors[:, :free]), initial=0.0) < _CONVERGED:
            break
    return FittedStars(stars[:, 0], errors[:, 0], stars[:, 1], stars[:, 2], errors[:, 1], errors[:, 2], stars[:, 3])


def _model(shape: tuple[int, ...], psf: PSF, stars: Doubles) -> Doubles:
    model = np.zeros(shape)
    flux, x, y, broadening = stars[np.isfinite(stars).all(axis=1)].T
    add_stars(model, psf, x, y, flux, broadening)
    return model


def _step(rest: Doubles, error: Doubles, psf: PSF, star: Doubles, free: int) -> tuple[Doubles, Doubles]:
    """Return the change of the first `free` of flux, x, y and broadening, and their errors; NaN where that fails."""
    nothing = np.full(free, np.nan)
    if not np.isfinite(star).all():
        return nothing, nothing
    # The core to where it has fallen to 1e-6, and sky enough to tell it from the halo.
    half = min(int(np.ceil(6 * psf.sigma[0])), psf.half)
    column, row = round(star[1]), round(star[2])
    rows, columns = (slice(centre - half, centre + half + 1) for centre in (row, column))
    if min(rows.start, columns.start) < 0 or rows.stop > rest.shape[0] or columns.stop > rest.shape[1]:
        return nothing, nothing
    design = _design(psf, star, star[1] - column, star[2] - row, half, free)
    values, weights = rest[rows, columns].ravel(), 1 / error[rows, columns].ravel()
    good = np.isfinite(values) & np.isfinite(weights)
    if np.count_nonzero(good) < design.shape[1] * 4:
        return nothing, nothing
    return _solve(design[good] * weights[good, np.newaxis], values[good] * weights[good], free)


def _solve(design: Doubles, values: Doubles, free: int) -> tuple[Doubles, Doubles]:
    normal = design.T @ design
    if np.linalg.cond(normal / np.sqrt(np.outer(np.diag(normal), np.diag(normal)))) > 1e12:
        return np.full(free, np.nan), np.full(free, np.nan)
    covariance = np.linalg.inv(normal)
    step = covariance @ (design.T @ values)
    # A start that is a pixel off must not throw a star out of its window.
    step[1:free] = np.clip(step[1:free], -1, 1)
    return step[:free], np.sqrt(np.diag(covariance))[:free]


def _design(psf: PSF, star: Doubles, dx: float, dy: float, half: int, free: int) -> Doubles:
    """Return the derivatives of the window by the parameters, and a column of ones for the background."""
    flux, broadening = star[0], star[3]

    def share(x: float = 0.0, y: float = 0.0, width: float = 0.0) -> Doubles:
        return psf.pixels(dx + x, dy + y, half=half, broadening=broadening + width).ravel()

    columns = [share()]
    if free > 1:
        steps = ({"x": _STEP}, {"y": _STEP}, {"width": _STEP})[: free - 1]
        minus = ({name: -size for name, size in step.items()} for step in steps)
        columns += [flux * (share(**up) - share(**down)) / (2 * _STEP) for up, down in zip(steps, minus, strict=True)]
    return np.column_stack([*columns, np.ones(len(columns[0]))])
