"""One exposure compared with the median of all."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import DQ, Array, Exposure, Image, InputError, Mask, thread_safe
from iris_outliers._median import Cut
from iris_outliers._noise import Noise, noise_of
from iris_outliers._resample import bands, blot
from iris_outliers._stars import around, find_peaks, measure_fwhm, near_sources, sky_of, steepness, thinned

if TYPE_CHECKING:
    from iris_objects import ObjectMask

    from iris_outliers import OutlierParams

__all__ = ["Compared", "flag_exposure", "noise_steepness", "outliers_of", "without_noise"]

log = logging.getLogger(__name__)

# Below this FWHM [pixel] the cores of stars depend on where in a pixel they are: slopes are raised to this.
_SAMPLED, _RAISED = 2.2, 2.0
# More than this part of the pixels of stars is not due to rays.
_SUSPICIOUS = 0.01
# Median of the largest difference to 8 neighbours in noise of 1, and a factor above which nearly none of it lies.
_STEEP, _MARGIN = 2.2, 2.0


@thread_safe
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
    noise = noise_of(exposure)
    some = _compared(exposure, median, level, noise, thinned(median))
    typical = sky_of(some.err)
    peaks = find_peaks(median, typical)
    fwhm = params.fwhm or measure_fwhm(exposure.data, peaks)
    slopes = _slopes(params, fwhm)
    far = _far(exposure, median, level, noise, min(params.sigma, params.sigma_beside))
    steep = without_noise(steepness(median, far.index), far.err, noise_steepness(median, count, some))
    sources = near_sources(median, far.index, typical)
    sigmas = params.sigma, params.sigma_beside
    found = outliers_of(far, steep, count, sigmas, slopes, sources)
    _check_fraction(exposure, found, params)
    return _flagged(exposure, found, count, _remark(exposure, found, peaks, fwhm, slopes[0] != params.slope))


@dataclass(frozen=True, slots=True)
class Compared:
    """Some pixels of an exposure compared with the median, ``(k,)`` each.

    Parameters
    ----------
    index
        Which, as they are counted in a row.
    difference
        Image minus median.
    err
        Standard deviation that the image would have at the value of the median.
    """

    index: Array
    difference: Image
    err: Image


def _compared(exposure: Exposure, median: Image, level: float, noise: Noise, where: slice) -> Compared:
    index = np.arange(*where.indices(median.size))
    difference = exposure.data.ravel()[where] - median.ravel()[where]
    difference -= np.float32(level)
    return Compared(index, difference, noise.error(where, difference))


def _far(exposure: Exposure, median: Image, level: float, noise: Noise, sigma: float) -> Compared:
    """Return the few pixels that may be outliers: what is steep around them only makes it less likely."""
    parts, width = [], exposure.shape[1]
    for rows in bands(slice(0, exposure.shape[0]), width):
        here = _compared(exposure, median, level, noise, slice(rows.start * width, rows.stop * width))
        far = np.flatnonzero(np.abs(here.difference) > np.float32(sigma) * here.err)
        parts.append((here.index[far], here.difference[far], here.err[far]))
    return Compared(*map(np.concatenate, zip(*parts, strict=True)))


def _slopes(params: OutlierParams, fwhm: float) -> tuple[float, float]:
    if not fwhm < _SAMPLED:
        return params.slope, params.slope_beside
    return max(params.slope, _RAISED), max(params.slope_beside, _RAISED)


def noise_steepness(median: Image, count: Array, some: Compared) -> float:
    """Return the steepness that is due to noise, in standard deviations of the exposure.

    Parameters
    ----------
    median
        ``(ny, nx)``.
    count
        How many values it is of.
    some
        Pixels that tell it.
    """
    known, values = steepness(median, some.index) / some.err, count.take(some.index)
    good = np.isfinite(known) & (values > 1)
    if not good.any():
        return 0.0
    # In a crowded field most of it is stars: no more than the noise of a median can be.
    expected = _STEEP * np.sqrt(np.pi / 2 / np.median(values[good]))
    return _MARGIN * min(float(np.median(known[good])), float(expected))


def without_noise(steep: Image, err: Image, noise: float) -> Image:
    """Return the steepness beyond that of noise: of a median of few values it would hide faint rays.

    Parameters
    ----------
    steep
        As `steepness` returns it.
    err
        Standard deviation of the image.
    noise
        As `noise_steepness` returns it.
    """
    return np.maximum(steep - np.float32(noise) * err, np.float32(0))


def outliers_of(
    far: Compared,
    steep: Image,
    count: Array,
    sigma: tuple[float, float],
    slope: tuple[float, float],
    sources: Mask,
) -> Mask:
    """Return where an image differs from the median, ``(ny, nx)``.

    Where its distance is above ``slope steep + sigma err`` by the first numbers, and by the second ones in the eight
    pixels around such a pixel. Of two values the higher one is the outlier, if it is above by sqrt(2) times as many
    standard deviations, and not in a source.

    Parameters
    ----------
    far
        All pixels that may be outliers.
    steep
        Largest difference of the median to its neighbours, of each of them.
    count
        How many values the median is of, ``(ny, nx)``.
    sigma, slope
        Two numbers each.
    sources
        Which of them are in sources, for the rule of two.
    """
    distance, values = np.abs(far.difference), count.take(far.index)
    two = values == 2
    distance[(values < 2) | (two & (sources | (far.difference < 0)))] = np.nan
    error = np.where(two, np.float32(np.sqrt(2)), np.float32(1)) * far.err
    first, second = (
        distance > np.float32(one) * error + np.float32(other) * steep for one, other in zip(sigma, slope, strict=True)
    )
    places = np.stack(np.unravel_index(far.index[first], count.shape), axis=-1)
    beside = around(places, 1.5, count.shape).take(far.index)
    found = np.zeros(count.shape, dtype=np.bool_)
    found.put(far.index[first | (beside & second)], True)
    return found


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
    alone = np.count_nonzero(count < 2) / count.size
    remark += f"; {alone:.1%} of the pixels have no other to be compared with" if alone else ""
    card = {"FRACREJ": (float(f"{found.mean():.4g}"), "fraction of pixels rejected as outliers")}
    return exposure.flag(found, DQ.OUTLIER | DQ.DO_NOT_USE).with_keywords(card).note(remark)
