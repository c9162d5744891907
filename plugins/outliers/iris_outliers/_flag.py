"""One exposure compared with the median of all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from iris_core import DQ, Array, Exposure, Image, InputError, Mask
from iris_outliers._median import Cut
from iris_outliers._noise import foretold_error
from iris_outliers._resample import blot
from iris_outliers._stars import around, find_peaks, measure_fwhm, sources_of

if TYPE_CHECKING:
    from iris_objects import ObjectMask

    from iris_outliers import OutlierParams

__all__ = ["flag_exposure", "outliers_of", "steepness"]

log = logging.getLogger(__name__)

# Below this FWHM [pixel] the cores of stars depend on where in a pixel they are: slopes are raised to this.
_SAMPLED, _RAISED = 2.2, 2.0
# More than this part of the pixels of stars is not due to rays.
_SUSPICIOUS = 0.01
# Median of the largest difference to 8 neighbours in noise of 1, and a factor above which nearly none of it lies.
_STEEP, _MARGIN = 2.2, 2.0


def flag_exposure(
    exposure: Exposure, cut: Cut, level: float, params: OutlierParams, objects: ObjectMask | None = None
) -> Exposure:
    """Return an exposure with its outliers flagged.

    Parameters
    ----------
    exposure
        ``(ny, nx)``.
    cut
        The median, and where the exposure lies on it.
    level
        That of the sky in the exposure over that of the median.
    params
        See there.
    objects
        Where nothing is flagged.

    Raises
    ------
    InputError
        When more than `max_fraction` would be flagged.
    """
    median, count = blot(cut.median, cut.count, cut.pixels)
    if objects is not None:
        count[objects.of_exposure(exposure)] = 0  # what is not compared is not flagged
    # In place from here on: each of these planes is as large as the exposure.
    difference = exposure.data - median
    difference -= np.float32(level)
    err = foretold_error(exposure, difference)
    typical = _typical(err)
    peaks = find_peaks(median, typical)
    fwhm = params.fwhm or measure_fwhm(exposure.data, peaks)
    slopes = _slopes(params, fwhm)
    sources = sources_of(median, typical) if np.any(count == 2) else None
    steep = without_noise(steepness(median), err, count)
    found = outliers_of(difference, steep, err, count, (params.sigma, params.sigma_beside), slopes, sources)
    _check_fraction(exposure, found, params)
    return _flagged(exposure, found, count, _remark(exposure, found, peaks, fwhm, slopes[0] != params.slope))


def _typical(err: Image) -> float:
    sample = err.ravel()[:: max(1, err.size // 100_000)]
    sample = sample[np.isfinite(sample)]
    return float(np.median(sample)) if sample.size else np.nan


def _slopes(params: OutlierParams, fwhm: float) -> tuple[float, float]:
    if not fwhm < _SAMPLED:
        return params.slope, params.slope_beside
    return max(params.slope, _RAISED), max(params.slope_beside, _RAISED)


def steepness(image: Image) -> Image:
    """Return the largest difference of each pixel to its 8 neighbours, ``(ny, nx)``; NaN where all are NaN."""
    steep = np.full(image.shape, np.nan, dtype=np.float32)
    up, down, left, right = slice(1, None), slice(None, -1), slice(None, -1), slice(1, None)
    whole = slice(None)
    pairs = (((down, whole), (up, whole)), ((whole, left), (whole, right)), ((down, left), (up, right)),
             ((down, right), (up, left)))  # fmt: skip
    for before, after in pairs:
        step = np.abs(image[after] - image[before])
        for part in (before, after):
            np.fmax(steep[part], step, out=steep[part])
    return steep


def without_noise(steep: Image, err: Image, count: Array) -> Image:
    """Return the steepness beyond that of noise: of a median of few values it would hide faint rays.

    Parameters
    ----------
    steep
        As `steepness` returns it; changed in place.
    err
        Standard deviation of the image.
    count
        How many values the median is of.
    """
    step = max(1, steep.size // 1_000_000)
    known, values = (plane.ravel()[::step] for plane in (steep / err, count))
    good = np.isfinite(known) & (values > 1)
    if good.any():
        # In a crowded field most of it is stars: no more than the noise of a median can be.
        expected = _STEEP * np.sqrt(np.pi / 2 / np.median(values[good]))
        steep -= np.float32(_MARGIN * min(float(np.median(known[good])), expected)) * err
    return np.maximum(steep, 0, out=steep)


def outliers_of(
    difference: Image,
    steep: Image,
    err: Image,
    count: Array,
    sigma: tuple[float, float],
    slope: tuple[float, float],
    sources: Mask | None = None,
) -> Mask:
    """Return where an image differs from the median.

    Where its distance is above ``slope steep + sigma err`` by the first numbers, and by the second ones in the eight
    pixels around such a pixel. Of two values the higher one is the outlier, if it is above by sqrt(2) times as many
    standard deviations, and not in a source.

    Parameters
    ----------
    difference
        Image minus median.
    steep
        Largest difference of the median to its neighbours.
    err
        Standard deviation of the image.
    count
        How many values the median is of.
    sigma, slope
        Two numbers each.
    sources
        Where there are sources, for the rule of two; None where there are nowhere two values.
    """
    distance, two = np.abs(difference), count == 2
    distance[count < 2] = np.nan
    if sources is not None:
        distance[two] = np.where(sources[two] | (difference[two] < 0), np.float32(np.nan), distance[two])
    error = np.where(two, err * np.float32(np.sqrt(2)), err) if sources is not None else err
    first, second = (
        distance > np.float32(one) * error + np.float32(other) * steep for one, other in zip(sigma, slope, strict=True)
    )
    beside = around(np.argwhere(first), 1.5, first.shape)
    return np.asarray((beside & second) | first)


def _check_fraction(exposure: Exposure, found: Mask, params: OutlierParams) -> None:
    if found.mean() > params.max_fraction:
        raise InputError(
            f"{exposure.name}: outlier_detection would flag {found.mean():.1%} of the pixels (max_fraction: "
            f"{params.max_fraction:.0%}); its level, its WCS or its errors may not fit the others: "
            f"run align and sky_match before it"
        )


def _remark(exposure: Exposure, found: Mask, peaks: Array, fwhm: float, raised: bool) -> str:
    text = f"{np.count_nonzero(found)} pixels differ from the other exposures"
    if not np.isfinite(fwhm):
        return text + "; no stars tell the FWHM"
    text += f"; FWHM {fwhm:.2f} pixels" + (f", slopes raised to {_RAISED:g}" if raised else "")
    if len(peaks):
        close = around(peaks, fwhm, found.shape)
        share = float(found[close].mean())
        text += f"; {share:.2%} of the pixels within 1 FWHM of {len(peaks)} sources"
        if share > _SUSPICIOUS:
            log.warning("%s: outlier_detection flags %.1f %% of the pixels of sources; is it aligned, or is the image "
                        "quality another? see 'slope'", exposure.name, 100 * share)  # fmt: skip
    return text


def _flagged(exposure: Exposure, found: Mask, count: Array, remark: str) -> Exposure:
    alone = float(np.mean(count < 2))
    remark += f"; {alone:.1%} of the pixels have no other to be compared with" if alone else ""
    card = {"FRACREJ": (float(f"{found.mean():.4g}"), "fraction of pixels rejected as outliers")}
    return exposure.flag(found, DQ.OUTLIER | DQ.DO_NOT_USE).with_keywords(card).note(remark)
