"""The image that is catalogued: pixels, noise, scale, and what its sums mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from iris_photom_stars import Frame, frame_of

from iris_catalog._diffraction import Diffraction, diffraction_of
from iris_core import Array, Doubles, Exposure, Flags, Image, InstrumentMode, Mask, mean_solid_angle, parse_unit

if TYPE_CHECKING:
    from astropy.units import UnitBase
    from numpy.typing import NDArray

__all__ = ["MAD_TO_SIGMA", "Scene", "scene_of"]

ARCSEC2 = float(np.deg2rad(1 / 3600) ** 2)
_SURFACE_BRIGHTNESS = "MJy/sr"
MAD_TO_SIGMA = 1.482602218505602
# Variance times weight of a bright source, over the median.
_BRIGHT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An image.

    Parameters
    ----------
    name
        Of the exposure.
    frame
        The image in the unit of the exposure, its errors, its bad pixels (those without weight too), ``(ny, nx)``.
    variance
        Of single pixels, ``(ny, nx)``, 0 in bad ones; that of the sky where the errors are unknown.
    dq
        All bits of all integrations, ``(ny, nx)``.
    uncovered
        Pixels on which no exposure fell, ``(ny, nx)``.
    context
        The bits of the exposures that each pixel has, ``(planes, ny, nx)``; None where there is one exposure.
    corrfac
        Noise of a large aperture over what the errors of its pixels add up to, mean over the image (CORRFAC).
    pattern
        Variance times weight over the mean of that, ``(ny, nx)``; None where nothing was resampled. Where pixels of the
        exposures fall into the middle of those of the grid it is high, and neighbours share little noise.
    factor
        Flux of a source, in `flux_unit`, for each unit of the sum of its pixels.
    flux_unit
        Jy, or the unit of the exposure.
    pixel_area
        Of the sky, sr.
    wcs
        Pixel (0-based) to sky.
    header
        Keywords of both headers.
    knows_errors
        Whether the exposure has errors.
    diffraction
        The image of a star by diffraction alone; None where the pupil or the band is not known.
    """

    name: str
    frame: Frame
    variance: Image
    dq: Flags
    uncovered: Mask
    context: Array | None
    corrfac: float
    pattern: Image | None
    factor: float
    flux_unit: UnitBase
    pixel_area: float
    wcs: Any
    header: dict[str, Any]
    knows_errors: bool
    diffraction: Diffraction | None

    @property
    def pixel_scale(self) -> float:
        """Arcsec."""
        return float(np.sqrt(self.pixel_area / ARCSEC2))

    @property
    def is_janskys(self) -> bool:
        """Whether fluxes are in Jy, so that there are magnitudes."""
        return str(self.flux_unit) == "Jy"

    def corrfac_in(self, pixel: NDArray[np.intp], where: Mask) -> Doubles:
        """Return the factors of some pixels each, ``(n,)``, of their places in a flat image, ``(n, p)``.

        The noise of a large sum does not depend on how pixels fall on the grid: its square times variance and weight is
        the same everywhere.
        """
        number = np.count_nonzero(where, axis=1)
        if self.pattern is None:
            return np.full(len(pixel), self.corrfac)
        mean = np.sum(self.pattern.take(pixel), axis=1, where=where, dtype=np.float64) / np.maximum(number, 1)
        factor = np.maximum(self.corrfac / np.sqrt(np.where(number > 0, mean, 1.0)), 1.0)
        return np.asarray(np.where(number > 0, factor, self.corrfac))


def scene_of(exposure: Exposure, mode: InstrumentMode | None = None) -> Scene:
    """Return the image of an exposure with a gWCS, whose mode may tell the pupil; of integrations their mean."""
    from astropy.units import Jy

    assert exposure.unit is not None
    uncovered = _uncovered(exposure)
    frame, header = _covered(exposure, uncovered), {**dict(exposure.header), **dict(exposure.sci_header)}
    calibrated = exposure.unit.is_equivalent(parse_unit(_SURFACE_BRIGHTNESS))
    area = float(header.get("PIXAR_SR") or mean_solid_angle(exposure.wcs, exposure.shape))
    # a rate after resampling is per mean pixel of the detector
    weight = _weight(exposure)
    variance = _variance(frame, weight)
    context = exposure.planes.get("CON")
    factor = 1e6 * area * exposure.unit.to(parse_unit(_SURFACE_BRIGHTNESS)) if calibrated else _pixel_ratio(header)
    return Scene(
        name=exposure.name,
        frame=frame,
        variance=variance,
        dq=reduce(np.bitwise_or, exposure.dq) if exposure.is_integrations else exposure.dq,
        uncovered=uncovered,
        context=None if context is None else context.reshape(-1, *exposure.shape),
        corrfac=max(float(header.get("CORRFAC", 1.0)), 1.0),
        pattern=_pattern(weight, variance, frame.bad, header),
        factor=factor,
        flux_unit=Jy if calibrated else exposure.unit,
        pixel_area=area,
        wcs=exposure.wcs,
        header=header,
        knows_errors=frame.err is not None,
        diffraction=None if mode is None else diffraction_of(mode, exposure.meta.filter, header),
    )


def _pixel_ratio(header: dict[str, Any]) -> float:
    return float(header.get("PXSCLRT", 1.0)) ** 2


def _uncovered(exposure: Exposure) -> Mask:
    weight = exposure.planes.get("WHT")
    if weight is None:
        return np.zeros(exposure.shape, dtype=np.bool_)
    return np.asarray(np.all(weight.reshape(-1, *exposure.shape) == 0, axis=0))


def _weight(exposure: Exposure) -> Array | None:
    """Return the weight of each pixel, the mean over the integrations; None where nothing was resampled."""
    weight = exposure.planes.get("WHT")
    return None if weight is None else weight.reshape(-1, *exposure.shape).mean(axis=0)


def _pattern(weight: Array | None, variance: Image, bad: Mask, header: dict[str, Any]) -> Image | None:
    if weight is None or bad.all() or not float(header.get("CORRFAC", 1.0)) > 1:
        return None
    weighted = variance * weight
    known = weighted[~bad]
    # without bright sources, whose photon noise is no matter of weights
    return np.asarray(weighted / known[known <= _BRIGHT * np.median(known)].mean(), dtype=np.float32)


def _covered(exposure: Exposure, uncovered: Mask) -> Frame:
    """Return the image, without the pixels that have no weight, times the relative area of the pixels."""
    frame, area = frame_of(exposure), exposure.area
    bad = frame.bad | uncovered
    if area is not None:
        frame = replace(frame, data=frame.data * area, err=None if frame.err is None else frame.err * area)
    return replace(frame, data=np.where(bad, np.float32(0), frame.data), bad=bad)


def _variance(frame: Frame, weight: Array | None) -> Image:
    """Return the variance; where it is unknown that of the sky, which goes as 1 / weight."""
    if frame.err is not None:
        return np.where(frame.bad, np.float32(0), np.square(frame.err))
    good = ~frame.bad
    share = np.ones(1) if weight is None else weight[good]
    values = frame.data[good]
    spread = MAD_TO_SIGMA * np.median(np.abs(values - np.median(values)) * np.sqrt(share)) if values.size else 0.0
    variance = np.zeros(frame.bad.shape, dtype=np.float32)
    variance[good] = np.square(spread) / share
    return variance
