"""From what is known of an exposure to its gWCS."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from astropy import units as u
from astropy.modeling import models
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D

from iris_core import Doubles, Exposure, InputError, InstrumentMode, Reference
from iris_wcs import _fits, _fitted, _header, _optics, _pointing
from iris_wcs._header import HeaderWcs
from iris_wcs._inverse import with_inverse

if TYPE_CHECKING:
    from astropy.coordinates import BaseCoordinateFrame
    from astropy.io.fits import Header
    from astropy.modeling import Model
    from astropy.wcs import WCS as FitsWcs  # noqa: N811 - there are two classes of this name
    from astropy.wcs import Sip

__all__ = ["from_distortion", "from_header", "pointed"]

log = logging.getLogger(__name__)

_TOLERANCE = 1e-6
_ARCSEC = 1 / 3600


def from_header(exposure: Exposure, instrument: InstrumentMode) -> Exposure:
    """Return the exposure with the WCS of its own header, that of the science extension first.

    In closed form where the models follow astropy.wcs to 1e-6 pixel, else as a fit whose error is noted, and is WCSERR.

    Parameters
    ----------
    exposure
        One whose header has a WCS.
    instrument
        Its pixel scale, where it has one, is what the header's is compared with.

    Raises
    ------
    InputError
        When there is none, or one that a fit cannot follow to 0.01 pixel.
    """
    header = _header.find_header(exposure)
    if header is None:
        raise InputError(f"{_pointing.no_wcs(exposure)}; give it one, or a distortion reference")
    cards = _header.wcs_cards(header, exposure.name)
    own = _header.read_header(cards, exposure.name)
    exposure = _doubt_scale(exposure, own, instrument)
    if cards["CTYPE1"] != header["CTYPE1"]:
        exposure = exposure.note("CTYPE has no -SIP, but the header has SIP polynomials; they are applied")
    sources = [_header.parse_fits(source, exposure.name) for source in (header, cards)]
    if own.is_whole:
        wcs = _wcs([(_detector(), _to_plane(own, exposure) | own.sky)], own.frame, exposure.shape)
        if _error(wcs, sources) <= _TOLERANCE:
            return exposure.replace(wcs=wcs, fits_wcs=_fits.described(cards, wcs))
    return _from_fit(exposure, own, cards, sources)


def _from_fit(exposure: Exposure, own: HeaderWcs, cards: Header, sources: list[FitsWcs]) -> Exposure:
    """Return the exposure with a polynomial in place of what the models cannot say."""
    name = f"{exposure.name}: the WCS of the header ({cards['CTYPE1']})"
    to_plane = _fitted.fit_plane(sources[0], own, exposure.shape, name)
    wcs = _wcs([(_detector(), to_plane | own.sky)], own.frame, exposure.shape)
    error = _error(wcs, sources)
    if error > _fitted.LIMIT:
        raise InputError(f"{name} cannot be represented: off by {error:.2g} pixel from astropy.wcs")
    fits_wcs = _fits.described(cards, wcs)
    fits_wcs["WCSERR"] = (float(f"{error:.3g}"), "[pixel] largest error of this WCS")
    note = f"the gWCS is a fit to the {cards['CTYPE1'][5:]} of the header, true to {error:.2g} pixel"
    return exposure.note(note).replace(wcs=wcs, fits_wcs=fits_wcs)


def from_distortion(
    exposure: Exposure,
    reference: Reference,
    instrument: InstrumentMode,
    position_angle: float | None,
    sip_max_error: float,
) -> Exposure:
    """Return the exposure with the geometry of a distortion reference and the pointing of its header.

    Parameters
    ----------
    exposure, reference, instrument, position_angle
        See `pointed`.
    sip_max_error
        At which a lower degree of the FITS approximation suffices [pixel].
    """
    exposure, wcs = pointed(exposure, reference, instrument, position_angle)
    fits_wcs = _fits.fit_sip(wcs, sip_max_error, exposure.name)
    if fits_wcs["WCSERR"] > sip_max_error:
        exposure = exposure.note(f"the FITS WCS is off by up to {fits_wcs['WCSERR']:.3g} pixel; the gWCS is not")
    return exposure.replace(wcs=wcs, fits_wcs=fits_wcs)


def pointed(
    exposure: Exposure, reference: Reference, instrument: InstrumentMode, position_angle: float | None
) -> tuple[Exposure, WCS]:
    """Return the exposure, with notes, and the gWCS of a distortion reference and the pointing of its header.

    Parameters
    ----------
    exposure
        One whose header has a WCS, or RA and DEC.
    reference
        A model from full-frame, 0-based pixel to arcsec along columns and rows, with its origin at the pointing: where
        the header has that at another pixel, CRPIX counts.
    instrument
        Its pixel scale, or that of the header where it has none, is what the model's is checked against.
    position_angle
        Of the y axis, from north through east [deg], where the header has no WCS; None for the keyword PA.

    Raises
    ------
    InputError
        When the pointing is not known, or the reference is no invertible map of this detector.
    """
    instrument = _with_scale(instrument, exposure)
    exposure, pointing = _pointing.find(exposure, position_angle)
    exposure, optics = _optics.find(exposure, reference, instrument)
    exposure, optics = _optics.at_reference_pixel(exposure, optics, pointing.crpix, instrument)
    rotate = models.AffineTransformation2D(matrix=pointing.matrix * _ARCSEC)
    focal = Frame2D(name="focal", axes_order=(0, 1), axes_names=("x", "y"), unit=(u.arcsec, u.arcsec))
    return exposure, _wcs([(_detector(), optics), (focal, rotate | pointing.sky)], pointing.frame, exposure.shape)


def _with_scale(instrument: InstrumentMode, exposure: Exposure) -> InstrumentMode:
    """Return the mode with a pixel scale: its own, or that of the header."""
    if instrument.pixel_scale:
        return instrument
    header = _header.find_header(exposure)
    if header is None:
        raise InputError(
            f"{_pointing.no_wcs(exposure)}; the mode {instrument.name} has no pixel scale to check the distortion with"
        )
    own = _header.read_header(_header.wcs_cards(header, exposure.name), exposure.name)
    return replace(instrument, pixel_scale=3600 * own.scale)


def _detector() -> Frame2D:
    return Frame2D(name="detector", axes_order=(0, 1), axes_names=("x", "y"), unit=(u.pix, u.pix))


def _wcs(steps: list[tuple[Frame2D, Model]], frame: BaseCoordinateFrame, shape: tuple[int, int]) -> WCS:
    sky = CelestialFrame(name="sky", reference_frame=frame, unit=(u.deg, u.deg))
    wcs = WCS([*steps, (sky, None)])
    rows, columns = shape
    wcs.bounding_box = ((-0.5, columns - 0.5), (-0.5, rows - 0.5))
    wcs.pixel_shape = (columns, rows)
    return wcs


def _to_plane(own: HeaderWcs, exposure: Exposure) -> Model:
    """Return pixel to projection plane: from the reference pixel, through SIP, by the matrix."""
    x, y = own.crpix
    to_plane = models.Shift(-x) & models.Shift(-y)
    if own.sip is not None:
        rows, columns = exposure.shape
        ranges = ((-0.5 - x, columns - 0.5 - x), (-0.5 - y, rows - 0.5 - y))
        to_plane |= with_inverse(_sip(own.sip), *ranges, f"{exposure.name}: the SIP polynomial")
    return to_plane | models.AffineTransformation2D(matrix=own.matrix)


def _sip(sip: Sip) -> Model:
    """Return (u + f(u, v), v + g(u, v)), Shupe et al. (2005), equation 1."""
    first, second = (_polynomial(coefficients) for coefficients in (sip.a, sip.b))
    first.c1_0 += 1
    second.c0_1 += 1
    return models.Mapping((0, 1, 0, 1)) | first & second


def _polynomial(coefficients: Doubles) -> Model:
    degree = len(coefficients) - 1
    terms = {f"c{i}_{j}": coefficients[i, j] for i in range(degree + 1) for j in range(degree + 1 - i)}
    return models.Polynomial2D(degree, **terms)


def _error(wcs: WCS, sources: list[FitsWcs]) -> float:
    """Return the largest error [pixel] against astropy's reading of the whole header and of the cards to be written."""
    return max(_fits.largest_difference(wcs, source) for source in sources)


def _doubt_scale(exposure: Exposure, own: HeaderWcs, instrument: InstrumentMode) -> Exposure:
    """Return the exposure with a note, and a warning in the log, where the scale is not that of the camera."""
    scale, expected = 3600 * own.scale, instrument.pixel_scale
    if not expected or expected / 2 < scale < expected * 2:
        return exposure
    words = (
        f"the WCS of the header has a scale of {scale:.4g} arcsec per pixel, but {instrument.name} has "
        f"{expected:.4g}: it is of another camera, or its scale is not in degrees per pixel"
    )
    log.warning("%s: %s", exposure.name, words)
    return exposure.note(words)
