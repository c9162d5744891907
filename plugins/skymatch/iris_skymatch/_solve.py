"""The levels of exposures, or planes, that overlapping tiles agree on best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Array, Doubles, Mask
from iris_skymatch._tiles import Tiles

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Levels", "Samples", "islands_of", "samples_of", "solve", "without_sources"]

# Tiles whose residual is larger by this factor than its error are left out: variable stars, rays.
_OUTLIER = 5.0
# Tiles that scatter by more than this factor more than their noise make the errors larger.
_EXCESS = 1.2
_ROUNDS = 4
# Eigenvalues below this fraction of the largest stand for what overlaps do not tell.
_RANK = 1e-9
_MAD_TO_SIGMA = 1.482602
# Tiles whose light is above that of the sky by so many standard deviations of a pixel, or errors, are sources.
_BRIGHT, _CERTAIN = 0.3, 3.5
# How often a plane is fitted to the tiles that are not above it, and how many these are at least.
_PLANES, _PLANE = 10, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The tiles of all exposures that two exposures or more have.

    Parameters
    ----------
    exposure
        Index of the exposure, ``(k,)``.
    tile
        Index of the tile, ``(k,)``.
    place
        x and y of the tile in units of the common plane, ``(2, k)``.
    level, variance
        Clipped median and its variance, ``(k,)``.
    noise
        Standard deviation of a pixel of each exposure, ``(n,)``.
    number
        Pixels of each tile, ``(k,)``.
    excess
        Light above the sky of the exposure, ``(k,)``.
    """

    exposure: Array
    tile: Array
    place: Doubles
    level: Doubles
    variance: Doubles
    noise: Doubles
    number: Array
    excess: Doubles

    def __len__(self) -> int:
        return len(self.noise)

    def keep(self, which: Mask) -> Samples:
        """Return some of the tiles, without those that only one exposure is left with."""
        many = np.bincount(self.tile[which], minlength=int(self.tile.max(initial=0)) + 1) > 1
        kept = which & many[self.tile]
        names = ("exposure", "tile", "level", "variance", "number", "excess")
        columns = {name: getattr(self, name)[kept] for name in names}
        return replace(self, place=self.place[:, kept], **columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What is to be subtracted from each exposure.

    Parameters
    ----------
    terms
        Constant, and slopes along x and y of the common plane, ``(n, 1)`` or ``(n, 3)``.
    covariance
        Of all terms, exposure by exposure, ``(n terms, n terms)``.
    islands
        The exposures that hang together by overlaps, largest first.
    scatter
        That of the tiles over their noise.
    rejected
        Number of tiles that were left out.
    rank
        Number of terms that the overlaps tell.
    """

    terms: Doubles
    covariance: Doubles
    islands: tuple[tuple[int, ...], ...]
    scatter: float
    rejected: int
    rank: int

    @property
    def is_determined(self) -> bool:
        """Whether the overlaps tell every term."""
        return bool(self.rank == self.terms.shape[1] * (len(self.terms) - len(self.islands)))

    def at(self, places: Doubles) -> tuple[Doubles, Doubles]:
        """Return the level of each exposure at a place of its own, ``(2, n)``, and its standard deviation."""
        count = self.terms.shape[1]
        design = np.vstack([np.ones(len(self.terms)), places]).T[:, :count]
        blocks = self.covariance.reshape(len(self.terms), count, len(self.terms), count)
        own = blocks[np.arange(len(self.terms)), :, np.arange(len(self.terms))]
        variance = np.einsum("np,npq,nq->n", design, own, design)
        return (design * self.terms).sum(axis=1), np.sqrt(np.maximum(variance, 0))


def samples_of(measured: Sequence[Tiles], unit: float) -> Samples:
    """Return the tiles that two exposures or more have; `unit` is that of their places, in tiles."""
    place = np.concatenate([one.place for one in measured], axis=1).astype(np.int32)
    row, column = place - place.min(axis=1, initial=0, keepdims=True)
    _, tile = np.unique(row * np.int64(column.max(initial=0) + 1) + column, return_inverse=True)
    noise = np.array([one.noise for one in measured])
    number = np.concatenate([one.number for one in measured])
    exposure = np.repeat(np.arange(len(measured), dtype=np.int32), [one.level.size for one in measured])
    # A median of Gaussian values has pi/2 times the variance of their mean, of few values a little less.
    variance = np.pi / 2 * noise[exposure] ** 2 / (number + 1)
    level = np.concatenate([one.level for one in measured])
    samples = Samples(
        exposure=exposure,
        tile=tile.astype(np.int32),
        place=np.asarray((place[::-1] + 0.5) / unit, dtype=np.float64),
        level=level,
        variance=variance,
        noise=noise,
        number=number,
        excess=np.concatenate([one.level - _sky(one) for one in measured]),
    )
    return samples.keep(np.ones(level.size, dtype=np.bool_))


def islands_of(samples: Samples) -> tuple[tuple[int, ...], ...]:
    """Return the exposures that hang together by common tiles, the largest group first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count, tiles = len(samples), int(samples.tile.max(initial=0)) + 1
    edges = (np.ones(samples.tile.size), (samples.exposure, count + samples.tile))
    _, label = connected_components(coo_array(edges, shape=(count + tiles,) * 2), directed=False)
    groups = [tuple(np.nonzero(label[:count] == one)[0].tolist()) for one in dict.fromkeys(label[:count].tolist())]
    return tuple(sorted(groups, key=lambda group: (-len(group), group)))


def without_sources(samples: Samples) -> tuple[Samples, int]:
    """Return the tiles without light of extended sources, and how many were left out.

    All are kept where the exposures would not hang together without them: their light cancels in the differences,
    as far as the exposures agree in transparency and image quality.

    Whether a tile is one of sources is decided by its mean over the exposures, which does not depend on what is
    measured, the differences.
    """
    if not samples.tile.size:
        return samples, 0
    weight = np.bincount(samples.tile)
    mean = np.bincount(samples.tile, samples.excess) / np.maximum(weight, 1)
    error = np.sqrt(np.bincount(samples.tile, samples.variance)) / np.maximum(weight, 1)
    noise = np.bincount(samples.tile, samples.noise[samples.exposure]) / np.maximum(weight, 1)
    bright = (mean > np.maximum(_BRIGHT * noise, _CERTAIN * error)) & (noise > 0)
    kept = samples.keep(~bright[samples.tile])
    if islands_of(kept) != islands_of(samples):
        return samples, 0
    return kept, int(np.count_nonzero(bright))


def _sky(tiles: Tiles) -> Doubles:
    """Return a plane through the tiles of an exposure that are of sky; sources are above it."""
    level = tiles.level
    design = np.vstack([np.ones(level.size), tiles.place / max(tiles.place.max(initial=1), 1)])
    sky: Doubles = np.full(level.size, np.median(level) if level.size else np.nan)
    kept = level <= sky
    for _ in range(_PLANES):
        if np.count_nonzero(kept) >= _PLANE:
            sky = np.asarray(np.linalg.lstsq(design[:, kept].T, level[kept], rcond=None)[0] @ design)
        rest = level - sky
        below = rest[rest <= 0]
        scatter = _MAD_TO_SIGMA * float(-np.median(below)) if below.size else 0.0
        kept = rest <= 2 * scatter
    return sky


def solve(samples: Samples, order: int) -> Levels:
    """Return the levels (order 0) or planes (order 1) of exposures; the mean of those that hang together is 0.

    Each tile t of the sky has a level s_t that is not known, and m_it = s_t + b_i in exposure i. Least squares over
    s and b, s eliminated. Where a tile lies in two exposures this is ``sum_ij N_ij (b_i - b_j - d_ij)^2`` of their
    differences; where it lies in more, the errors of the differences are not independent, and this allows for it.

    Parameters
    ----------
    samples
        The common tiles.
    order
        0 or 1.
    """
    whole, scale = samples.level.size, 1.0
    terms: Doubles = np.zeros(len(samples) * (1 + 2 * order))
    for _ in range(_ROUNDS):
        fit = _Fit(samples, order)
        inverse, rank = fit.inverse()
        for _ in range(2):  # the second time for the rounding errors of the first
            terms = terms + inverse @ fit.gradient(terms)
        scatter = fit.scatter(terms)
        scale = _MAD_TO_SIGMA * float(np.median(scatter)) if scatter.size else 1.0
        kept = scatter <= _OUTLIER * max(scale, 1.0)
        if kept.all():
            break
        samples = samples.keep(kept)
    known = bool(np.any(samples.variance > 0))
    # The scatter of few tiles is not known well enough to tell an excess.
    independent = max(samples.level.size - np.unique(samples.tile).size, 1)
    excess = scale if scale > max(_EXCESS, 1 + 4 / np.sqrt(independent)) else 1.0
    return Levels(
        terms=terms.reshape(len(samples), -1),
        covariance=inverse * (known * excess**2),
        islands=islands_of(samples),
        scatter=scale,
        rejected=whole - samples.level.size,
        rank=rank,
    )


class _Fit:
    """The equations of the least squares."""

    def __init__(self, samples: Samples, order: int) -> None:
        self.samples, self.design = samples, _design(samples, order)
        variance = np.maximum(samples.variance, 1e-6 * samples.variance.max(initial=0.0))
        self.known = bool(np.any(variance > 0))
        self.weight = 1 / variance if self.known else samples.number.astype(np.float64)
        self.total = np.bincount(samples.tile, self.weight)

    def inverse(self) -> tuple[Doubles, int]:
        """Return the pseudo-inverse of the normal matrix, the covariance of the terms, and its rank."""
        from scipy.linalg import pinvh
        from scipy.sparse import coo_array

        weighted = self.design.multiply(self.weight[:, np.newaxis]).tocsr()
        rows = (self.samples.tile, np.arange(self.weight.size))
        of_tiles = coo_array((np.ones(self.weight.size), rows), shape=(self.total.size, self.weight.size)).tocsr()
        sums = of_tiles @ weighted
        shares = sums.multiply((1 / np.where(self.total > 0, self.total, 1))[:, np.newaxis])
        normal = (self.design.T @ weighted - sums.T @ shares).toarray()
        inverse, rank = pinvh((normal + normal.T) / 2, rtol=_RANK, return_rank=True)
        return inverse, int(rank)

    def gradient(self, terms: Doubles) -> Doubles:
        """Return what the normal matrix makes of the correction of `terms`."""
        return np.asarray(self.design.T @ (self.weight * self.residual(terms)))

    def residual(self, terms: Doubles) -> Doubles:
        """Return how far each tile is from the mean of its exposures, ``(k,)``."""
        samples = self.samples
        rest = samples.level - self.design @ terms
        # About one of the values: the weighted mean of equal values is not that value to the last digit.
        base = np.zeros(self.total.size)
        base[samples.tile] = rest
        rest = rest - base[samples.tile]
        mean = np.bincount(samples.tile, self.weight * rest) / np.where(self.total > 0, self.total, 1)
        return np.asarray(rest - mean[samples.tile])

    def scatter(self, terms: Doubles) -> Doubles:
        """Return the residuals over their standard deviations, without sign; 0 where there is no noise."""
        if not self.known:
            return np.zeros(self.weight.size)
        own = 1 / self.weight - 1 / self.total[self.samples.tile]
        return np.asarray(np.abs(self.residual(terms)) / np.sqrt(np.maximum(own, 1e-12 * own.max(initial=1e-300))))


def _design(samples: Samples, order: int) -> csr_array:
    """Return the terms that make up each tile, ``(k, n terms)``."""
    from scipy.sparse import coo_array

    count = 1 + 2 * order
    values = np.vstack([np.ones(samples.level.size), samples.place])[:count]
    columns = samples.exposure * count + np.arange(count)[:, np.newaxis]
    rows = np.broadcast_to(np.arange(samples.level.size), values.shape)
    shape = (samples.level.size, count * len(samples))
    return coo_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()
