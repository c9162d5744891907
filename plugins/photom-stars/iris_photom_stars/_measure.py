"""The zero point of an exposure, from the stars in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iris_core import Doubles, Exposure, InputError
from iris_photom_stars._aperture import Apertures
from iris_photom_stars._area import area_map, solid_angle
from iris_photom_stars._catalog import Catalog
from iris_photom_stars._detect import Detections, find_stars
from iris_photom_stars._field import place_stars, require_stars, shift_in_pixels
from iris_photom_stars._frame import Frame, frame_of
from iris_photom_stars._growth import Growth, best_growth, given_growth
from iris_photom_stars._match import Match, match_standard, match_stars
from iris_photom_stars._params import LEAST_STARS
from iris_photom_stars._psf import psf_growth
from iris_photom_stars._result import POGSON, ZeroPoint
from iris_photom_stars._robust import Mean, combine
from iris_photom_stars._sample import USED, Sample, measure_sample

if TYPE_CHECKING:
    from astropy.table import Table

    from iris_core import Reference
    from iris_photom_stars._params import ZeroPointParams

__all__ = ["measure_zero_point"]

# A star of this signal over noise in its aperture can tell something of the curve of growth.
_BRIGHT = 50.0
# With more than this share of the stars off, it is not sure that the others are right.
_MOST_CLIPPED = 1 / 3
_REMEDIES = {
    "blended": "; the field is too crowded for apertures: take the zero point of another field, or a table of factors",
    "not found": "; is the catalogue deeper than the exposure? 'detection' finds fainter stars",
    "faint": "; 'min_snr' lets fainter stars in",
}


def measure_zero_point(
    exposure: Exposure, catalog: Catalog, params: ZeroPointParams, psf: Reference | None = None
) -> ZeroPoint:
    """Return the zero point of an exposure with a gWCS.

    Parameters
    ----------
    exposure
        A rate, or integrations, whose mean is measured; surface brightness in any unit.
    catalog
        AB magnitudes of stars in its band.
    params
        See there.
    psf
        An image of a star, for the aperture correction; not needed where that is given or measured.

    Raises
    ------
    InputError
        When the stars do not give one, with what was found.
    """
    assert exposure.wcs is not None
    frame = frame_of(exposure)
    found = find_stars(frame, params.detection, params.fwhm, exposure.name)
    radii = _radii(found.fwhm, params)
    pixel_area, area = area_map(exposure.wcs, frame.shape)
    max_shift = shift_in_pixels(exposure.wcs, frame.shape, params.max_shift)
    known, places = place_stars(catalog, exposure.wcs, frame.shape, radii.total_sky[1] + max_shift)
    match = _match(known, places, found, frame, params, max_shift, exposure.name)
    relative_area = solid_angle(exposure.wcs, *places.T) / pixel_area
    sample = measure_sample(frame, found, known, places, relative_area, match, radii)
    sample = sample.without("faint", ~(sample.expected() > params.min_snr * sample.fluxes.error))
    _require(sample, params, exposure.name)
    bright, growth, radii = _grow(frame, sample, radii, params, psf, exposure.name)
    blend = sample.neighbours(2 * radii.total, lambda distance: growth.share_in_aperture(distance, radii.star))
    sample = sample.without("blended", blend > params.max_blend)
    _require(sample, params, exposure.name)
    mean, sample = _combine(sample, growth, blend, params)
    _require(sample, params, exposure.name)
    _refuse_scatter(mean, sample, params, exposure.name)
    return ZeroPoint(
        mean=mean,
        pixel_area=pixel_area,
        area=area,
        fwhm=found.fwhm,
        apertures=radii,
        growth=growth,
        shift=match.shift,
        stars=_table(sample, blend, growth, bright),
    )


def _radii(fwhm: float, params: ZeroPointParams) -> Apertures:
    sky = (fwhm * params.sky_inner, fwhm * params.sky_outer)
    return Apertures(star=fwhm * params.aperture, sky=sky, total=0.0, total_sky=sky).within(fwhm * params.total)


def _match(
    known: Catalog,
    places: Doubles,
    found: Detections,
    frame: Frame,
    params: ZeroPointParams,
    max_shift: float,
    name: str,
) -> Match:
    there = require_stars(known, places, frame.shape, max_shift, params, name)
    detected, radius = np.column_stack([found.x, found.y]), params.match_radius * found.fwhm
    if len(there) < LEAST_STARS:
        match = match_standard(places[there], detected, found.peak, max_shift, radius)
    else:
        match = match_stars(places[there], detected, max_shift, radius, frame.bad.size)
    if len(match.catalog) < params.min_stars or not match.is_significant:
        raise InputError(
            f"{name}: no match between the {len(found)} stars found in it and the {len(there)} of {known.name} that "
            f"fall on it, or next to it by up to 'max_shift' ({params.max_shift:g} arcsec): the best shift, "
            f"({match.shift[0]:+.1f}, {match.shift[1]:+.1f}) pixels, pairs {len(match.catalog)}, at least "
            f"{params.min_stars} are needed and {match.by_chance:.1f} are expected by chance; is the WCS off by more, "
            f"or turned?"
        )
    return match.reindexed(there)


def _require(sample: Sample, params: ZeroPointParams, name: str) -> None:
    """Raise `InputError` where too few stars are left, with what became of the others."""
    left = int(np.count_nonzero(sample.good))
    if left >= params.min_stars:
        return
    lost = ", ".join(f"{number} {reason}" for reason, number in sample.counts().most_common() if reason != USED)
    worst = max(sample.counts().items(), key=lambda item: (item[0] != USED, item[1]))[0]
    raise InputError(
        f"{name}: {left} stars of band '{sample.catalog.band}' of {sample.catalog.name} are left for the zero point, "
        f"{params.min_stars} are needed; of the others on the detector {lost or 'none'}{_REMEDIES.get(worst, '')}"
    )


def _grow(
    frame: Frame, sample: Sample, radii: Apertures, params: ZeroPointParams, psf: Reference | None, name: str
) -> tuple[NDArray[np.intp], Growth, Apertures]:
    """Return the stars of the curve of growth (none where it is given, or that of a PSF), the curve, its radii."""
    if params.correction is not None:
        correction = 10 ** (-0.4 * params.correction)
        given = given_growth(correction, correction * params.correction_error / POGSON, radii)
        return np.empty(0, dtype=np.intp), given, radii
    if psf is not None:
        of_psf, radii = psf_growth(psf, params.psf_sampling, radii)
        _refuse_correction(of_psf, params, name)
        return np.empty(0, dtype=np.intp), of_psf, radii
    bright = np.flatnonzero(sample.good & (sample.expected() > _BRIGHT * sample.fluxes.error))
    best = best_growth(frame, bright, sample.sources(), sample.fluxes.flux[bright], radii, params.max_blend)
    if best is None:
        raise InputError(
            f"{name}: no curve of growth: {LEAST_STARS} stars are needed that are bright (signal over noise of "
            f"{_BRIGHT:g}), have no neighbours with more than {params.max_blend:g} of their light within "
            f"{radii.sky[1]:.0f} pixels and a whole ring of sky around that; of {np.count_nonzero(sample.good)} good "
            f"stars {len(bright)} are bright; if the aperture correction is known, give it with its error "
            f"('correction', 'correction_error'), or a PSF file ('psf')"
        )
    _refuse_correction(best[1], params, name)
    return best


def _refuse_correction(growth: Growth, params: ZeroPointParams, name: str) -> None:
    magnitudes = -2.5 * np.log10(growth.correction)
    if magnitudes < -params.max_correction or magnitudes > 3 * POGSON * growth.uncertainty + 0.02:
        raise InputError(
            f"{name}: the stars give an aperture correction of {magnitudes:+.2f} mag; it has to be between "
            f"{-params.max_correction:g} ('max_correction') and 0: the sky or neighbours are in the curve of growth"
        )


def _combine(sample: Sample, growth: Growth, blend: Doubles, params: ZeroPointParams) -> tuple[Mean, Sample]:
    good = np.flatnonzero(sample.good)
    zero_points, errors = _zero_points(sample, growth, blend)
    mean = combine(zero_points[good], errors[good], params.clip)
    clipped = np.zeros(len(sample.catalog), dtype=np.bool_)
    clipped[good] = ~mean.used
    return mean, sample.without("clipped", clipped)


def _zero_points(sample: Sample, growth: Growth, blend: Doubles) -> tuple[Doubles, Doubles]:
    """Return the zero point of each star, and its error without the intrinsic scatter and the aperture correction."""
    zero_points = sample.catalog.mag - sample.magnitude + 2.5 * np.log10(growth.correction)
    noise = POGSON * np.hypot(sample.fluxes.error / sample.expected(), blend)
    return zero_points, np.hypot(noise, sample.catalog.mag_err)


def _refuse_scatter(mean: Mean, sample: Sample, params: ZeroPointParams, name: str) -> None:
    """Raise `InputError` where the stars do not agree on one zero point."""
    counts, catalog = sample.counts(), sample.catalog
    used, clipped = counts[USED], counts["clipped"]
    why = (
        f"band '{catalog.band}' of {catalog.name} is not that of the filter, the field is too crowded, or these are "
        f"other stars"
    )
    if mean.intrinsic > params.max_scatter:
        raise InputError(
            f"{name}: the zero points of {used} stars scatter by {mean.intrinsic:.2f} mag beyond their errors, more "
            f"than 'max_scatter' ({params.max_scatter:g}): {why}"
        )
    if clipped > _MOST_CLIPPED * (used + clipped):
        raise InputError(
            f"{name}: the zero points of {clipped} of {used + clipped} stars are more than {params.clip:g} standard "
            f"deviations ('clip') off that of the others, {mean.value:.3f} mag: {why}"
        )


def _table(sample: Sample, blend: Doubles, growth: Growth, bright: NDArray[np.intp]) -> Table:
    """Return a row for each star of the catalogue in the image."""
    from astropy.table import Table

    zero_points, errors = _zero_points(sample, growth, blend)
    in_growth = np.zeros(len(sample.catalog), dtype=np.bool_)
    in_growth[bright[growth.used]] = True
    catalog = sample.catalog
    columns = {
        "ra": catalog.ra,
        "dec": catalog.dec,
        "x": sample.places[:, 0],
        "y": sample.places[:, 1],
        "dx": sample.offset[:, 0],
        "dy": sample.offset[:, 1],
        "mag": catalog.mag,
        "mag_err": catalog.mag_err,
        "flux": sample.fluxes.flux * growth.correction * sample.area,
        "snr": sample.expected() / sample.fluxes.error,
        "blend": blend,
        "zero_point": zero_points,
        "error": errors,
        "status": sample.status,
        "growth": in_growth,
    }
    return Table(columns)[sample.status != ""]
