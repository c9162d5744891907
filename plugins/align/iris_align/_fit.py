"""All exposures at once: the maps of the exposures and the positions of the stars by least squares.

    minimise sum_ks |A_k x_ks - X_s|^2 / sigma_ks^2     over A_k and X_s

The positions are eliminated, so that the normal equations have only the parameters of the maps. Without a catalogue
they leave open where all lie together: the mean shift is 0, and so is the mean rotation (scale, shear).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from iris_align._affine import Affine, basis, parameters, small
from iris_align._match import Ints
from iris_align._plane import Plane, projected
from iris_core import Doubles, Mask

__all__ = ["CATALOG", "Fit", "Rows", "Setup", "fit_all", "robust_fit"]

# The unit of a row that is not measured in an exposure.
CATALOG = -1
_ITERATIONS = 6
_CONVERGED = 1e-7  # arcsec
_ROUNDS = 6
# Condition number of the scaled normal equations beyond which nothing is determined.
_SINGULAR = 1e13
# Excess of chi squared, in standard deviations, at which the errors are no longer believed.
_SIGNIFICANT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Measured positions of stars, a row for each.

    Parameters
    ----------
    unit
        What moves as one: the index of an exposure, or of the detectors that share a map; `CATALOG` of a catalogue.
    star
        Index of the star.
    place
        [arcsec] ``(n, 2)``, in the plane of the unit; that of the catalogue in the common one.
    sigma
        Standard deviation along one axis [arcsec].
    """

    unit: Ints
    star: Ints
    place: Doubles
    sigma: Doubles

    def __len__(self) -> int:
        return len(self.unit)

    def take(self, which: Any) -> Rows:
        """Return some of the rows, by mask or index."""
        return Rows(unit=self.unit[which], star=self.star[which], place=self.place[which], sigma=self.sigma[which])

    def with_excess(self, excess: float) -> Rows:
        """Return the rows with `excess` [arcsec] added in quadrature to what was measured in exposures."""
        sigma = np.where(self.unit == CATALOG, self.sigma, np.hypot(self.sigma, excess))
        return replace(self, sigma=sigma)

    def shared(self) -> Mask:
        """Return which rows are of stars that were measured more than once."""
        return np.bincount(self.star, minlength=1)[self.star] > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is to be fitted.

    Parameters
    ----------
    planes
        Of the units.
    common
        The plane in which stars have their positions.
    free
        Number of free parameters of each unit, see `KINDS`; 0 keeps it as it is.
    gauges
        Groups of units, and the parameters whose mean over the group is to be 0.
    """

    planes: tuple[Plane, ...]
    common: Plane
    free: tuple[int, ...]
    gauges: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]

    def columns(self) -> Ints:
        """Return the column of each parameter of each unit, ``(n, 6)``, -1 where it is fixed."""
        counts = np.asarray(self.free, dtype=np.intp)
        first = np.cumsum(counts) - counts
        number = np.arange(6)
        return np.where(number < counts[:, None], first[:, None] + number, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The maps that were found.

    Parameters
    ----------
    affines
        Of each unit, in its plane.
    covariance
        Of the parameters, ``(n, 6, 6)``; 0 for those that are fixed.
    residual
        ``(rows, 2)`` [arcsec], in the common plane, of position minus that of the star.
    stars
        Positions of the stars, ``(s, 2)`` [arcsec].
    freedom
        Degrees of freedom.
    excess
        What had to be added in quadrature to the errors [arcsec].
    used
        Which rows were used.
    """

    affines: tuple[Affine, ...]
    covariance: Doubles
    residual: Doubles
    stars: Doubles
    freedom: int
    excess: float
    used: Mask


def places_of(rows: Rows, affines: tuple[Affine, ...], setup: Setup) -> tuple[Doubles, Doubles, Doubles]:
    """Return where the rows are after the maps, in their own planes and in the common one, and how that moves."""
    matrix = np.stack([*(one.matrix for one in affines), np.eye(2)])
    shift = np.stack([*(one.shift for one in affines), np.zeros(2)])
    axes = np.stack([*(plane.axes for plane in setup.planes), setup.common.axes])
    own = np.einsum("nij,nj->ni", matrix[rows.unit], rows.place) + shift[rows.unit]
    return own, *projected(axes[rows.unit], own, setup.common)


def fit_all(rows: Rows, start: tuple[Affine, ...], setup: Setup) -> Fit:
    """Return the maps that minimise the sum, the errors being as they are.

    Parameters
    ----------
    rows
        Those of stars with one position are of no use and are not counted.
    start
        Maps to begin with.
    setup
        What is free.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the stars do not determine the parameters.
    """
    affines, used = start, rows.shared()
    known = rows.take(used)
    rays = _gauge(setup)
    for _ in range(_ITERATIONS):
        own, place, slope = places_of(known, affines, setup)
        design = _design(known, own, slope, setup)
        normal, right = _normal(known, place, design)
        open_ends = -np.array([_values(affines, setup) @ ray for ray in rays])
        step, covariance = _solved(normal, right, rays, open_ends)
        affines = _moved(affines, step, setup)
        if not len(step) or np.abs(step).max() < _CONVERGED:
            break
    return _result(rows, affines, covariance, setup, used)


def _gauge(setup: Setup) -> Doubles:
    """Return the rows of the conditions that means are 0, ``(c, p)``."""
    columns, total = setup.columns(), sum(setup.free)
    rays = []
    for units, numbers in setup.gauges:
        for number in numbers:
            where = columns[list(units), number]
            ray = np.zeros(total)
            ray[where[where >= 0]] = 1.0
            if ray.any():
                rays.append(ray)
    return np.array(rays).reshape(len(rays), total)


def _values(affines: tuple[Affine, ...], setup: Setup) -> Doubles:
    """Return the free parameters of the maps, ``(p,)``."""
    columns = setup.columns()
    values = np.zeros(sum(setup.free))
    for one, where in zip(affines, columns, strict=True):
        values[where[where >= 0]] = parameters(one)[where >= 0]
    return values


def _design(rows: Rows, own: Doubles, slope: Doubles, setup: Setup) -> tuple[Any, Any]:
    """Return how both coordinates in the common plane move with the parameters, two sparse ``(n, p)``."""
    from scipy.sparse import csr_matrix

    moves = np.einsum("nij,njk->nik", slope, basis(own))
    columns = np.vstack([setup.columns(), np.full((1, 6), -1)])[rows.unit]
    at, number = np.nonzero(columns >= 0)
    shape = (len(rows), sum(setup.free))
    one, other = (csr_matrix((moves[at, axis, number], (at, columns[at, number])), shape=shape) for axis in (0, 1))
    return one, other


def _normal(rows: Rows, place: Doubles, design: tuple[Any, Any]) -> tuple[Doubles, Doubles]:
    """Return the normal equations of the parameters, the positions of the stars being eliminated."""
    from scipy.sparse import csr_matrix, diags

    weight = 1 / rows.sigma**2
    ones = np.ones(len(rows))
    stars = int(rows.star.max(initial=-1)) + 1
    member = csr_matrix((ones, (rows.star, np.arange(len(rows)))), shape=(stars, len(rows)))
    total = np.maximum(member @ weight, 1e-300)
    size = design[0].shape[1]
    normal, right = np.zeros((size, size)), np.zeros(size)
    for axis in (0, 1):
        weighted = diags(weight) @ design[axis]
        sums = member @ weighted
        normal += (design[axis].T @ weighted - sums.T @ diags(1 / total) @ sums).toarray()
        mean = (member @ (weight * place[:, axis])) / total
        right -= weighted.T @ (place[:, axis] - mean[rows.star])
    return normal, right


def _solved(normal: Doubles, right: Doubles, rays: Doubles, open_ends: Doubles) -> tuple[Doubles, Doubles]:
    """Return the solution under the conditions ``rays @ step = open_ends``, and its covariance."""
    size, count = len(normal), len(rays)
    scale = 1 / np.sqrt(np.maximum(normal.diagonal(), 1e-300))
    bordered = np.zeros((size + count, size + count))
    bordered[:size, :size] = scale[:, None] * normal * scale
    rays = rays * scale
    norm = np.linalg.norm(rays, axis=1, keepdims=True)
    bordered[size:, :size] = rays / norm
    bordered[:size, size:] = bordered[size:, :size].T
    inverse = np.linalg.inv(bordered)
    if size and np.abs(bordered).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max() > _SINGULAR:
        raise np.linalg.LinAlgError("the stars do not determine the maps")
    ends = open_ends / norm[:, 0]
    step = inverse[:size, :size] @ (scale * right) + inverse[:size, size:] @ ends
    return scale * step, scale[:, None] * inverse[:size, :size] * scale


def _moved(affines: tuple[Affine, ...], step: Doubles, setup: Setup) -> tuple[Affine, ...]:
    padded = np.append(step, 0.0)
    return tuple(small(padded[where]).after(one) for one, where in zip(affines, setup.columns(), strict=True))


def _result(rows: Rows, affines: tuple[Affine, ...], covariance: Doubles, setup: Setup, used: Mask) -> Fit:
    _, place, _ = places_of(rows, affines, setup)
    weight = np.where(used, 1 / rows.sigma**2, 0.0)
    # A star of which no row is used lies where it was measured.
    lone = ~np.isin(rows.star, rows.star[used])
    weight[lone] = 1 / rows.sigma[lone] ** 2
    total = np.maximum(np.bincount(rows.star, weight), 1e-300)
    stars = np.stack([np.bincount(rows.star, weight * axis) / total for axis in place.T], axis=-1)
    columns = setup.columns()
    padded = np.pad(covariance, ((0, 1), (0, 1)))
    freedom = 2 * np.count_nonzero(used) - 2 * len(np.unique(rows.star[used])) - sum(setup.free) + len(_gauge(setup))
    return Fit(
        affines=affines,
        covariance=np.stack([padded[np.ix_(where, where)] for where in columns]).reshape(-1, 6, 6),
        residual=place - stars[rows.star],
        stars=stars,
        freedom=int(freedom),
        excess=0.0,
        used=used,
    )


def robust_fit(rows: Rows, start: tuple[Affine, ...], setup: Setup, clip: float) -> Fit:
    """Return the fit without rows that are off by more than `clip` of their errors.

    Where the residuals are larger than the errors foretell (chi squared by 4 of its own standard deviations), what is
    missing is added to all errors in quadrature, so that the errors of the result are true. Where the rows that are
    left do not determine the maps, they are those of the fit before, and `used` tells what is left.

    Parameters
    ----------
    rows, start, setup
        See `fit_all`.
    clip
        In standard deviations along one axis.
    """
    kept = rows.shared()
    excess, fit = 0.0, fit_all(rows, start, setup)
    for _ in range(_ROUNDS):
        excess_before, kept_before = excess, kept
        excess = _excess(rows.take(kept), fit.residual[kept], fit.freedom)
        off = np.abs(fit.residual).max(axis=1, initial=0.0)
        sigma = rows.with_excess(max(excess, _core_excess(rows.take(kept), fit.residual[kept]))).sigma
        kept = off <= clip * sigma
        try:
            fit = _fit_kept(rows.with_excess(excess), fit.affines, setup, kept)
        except np.linalg.LinAlgError:  # of some unit nearly no row is left: the caller sees it by `used`
            fit = replace(fit, used=kept)
            break
        if np.array_equal(kept, kept_before) and abs(excess - excess_before) <= 0.01 * excess:
            break
    return replace(fit, excess=excess)


def _fit_kept(rows: Rows, start: tuple[Affine, ...], setup: Setup, kept: Mask) -> Fit:
    """Return the fit to some of the rows, with residuals of all."""
    part = fit_all(rows.take(kept), start, setup)
    used = np.zeros(len(rows), dtype=np.bool_)
    used[np.flatnonzero(kept)[part.used]] = True
    return replace(
        _result(rows, part.affines, np.zeros((sum(setup.free),) * 2), setup, used), covariance=part.covariance
    )


def _core_excess(rows: Rows, residual: Doubles) -> float:
    """Return the excess that makes the median of the pulls what it is for Gaussian errors: outliers do not count."""
    measured = rows.unit != CATALOG
    square, off = rows.sigma[measured] ** 2, np.abs(residual[measured])
    if len(square) < 3:
        return 0.0
    return _root(lambda extra: float(np.median(off / np.sqrt(square + extra)[:, None])) / 0.6745 - 1, off)


def _excess(rows: Rows, residual: Doubles, freedom: int) -> float:
    """Return the excess that brings chi squared down to the degrees of freedom; 0 where it is not significant."""
    if freedom < 1:
        return 0.0
    measured = (rows.unit != CATALOG).astype(float)
    off = np.sum(residual**2, axis=1)

    def surplus(extra: float) -> float:
        return float(np.sum(off / (rows.sigma**2 + extra * measured))) - freedom

    if surplus(0.0) < _SIGNIFICANT * np.sqrt(2 * freedom):
        return 0.0
    return _root(surplus, residual)


def _root(function: Any, residual: Doubles) -> float:
    """Return the root of the variance at which a falling function is 0; 0 where it never is positive."""
    low, high = 0.0, 10 * float(np.max(residual**2, initial=0.0)) + 1e-30
    if function(low) <= 0:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return float(np.sqrt(high))
