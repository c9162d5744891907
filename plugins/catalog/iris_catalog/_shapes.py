"""Where a source is to a fraction of a pixel, and how sharp and round: numbers from a small square around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_catalog._around import stamps_around
from iris_catalog._detect import SIGMA

if TYPE_CHECKING:
    from iris_core import Doubles, Image, Mask

__all__ = ["Shapes", "measure_shapes", "refine_places"]

_ROUNDS = 20


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
