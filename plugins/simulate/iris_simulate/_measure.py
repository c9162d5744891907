"""Measure the stars of a calibrated exposure, and compare them with the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from iris_core import Doubles, Exposure, Image, InputError
from iris_simulate._fit import fit_stars

if TYPE_CHECKING:
    from astropy.table import Table

    from iris_simulate._psf import PSF

__all__ = ["compare", "measure_stars"]

_MAS = 3.6e6  # per degree


def measure_stars(exposure: Exposure, psf: PSF, ra: ArrayLike, dec: ArrayLike, *, broaden: bool = False) -> Table:
    """Return flux and position of the stars near given places, by fits of the known PSF.

    Parameters
    ----------
    exposure
        ``(ny, nx)`` in MJy / sr, with errors, a gWCS, the same as FITS keywords, and PIXAR_SR. Where it has CORRFAC
        its errors are multiplied by it.
    psf
        On its pixels.
    ra, dec
        Where to look, degrees, good to half a pixel.
    broaden
        Fit the width as well: resampling has widened the stars.

    Returns
    -------
    Table
        A row for each star: ``flux``, ``flux_err`` [Jy]; ``x``, ``y``, ``x_err``, ``y_err`` [pixel, 0-based]; ``ra``
        and ``dec`` through the gWCS, ``ra_fits`` and ``dec_fits`` through the FITS keywords [deg]. NaN where it failed.

    Raises
    ------
    InputError
        When the exposure is a cube, or lacks what is needed.
    """
    from astropy import units as u
    from astropy.table import QTable, Table

    _check(exposure)
    assert exposure.wcs is not None
    assert exposure.err is not None
    jy = _jansky_per_pixel(exposure)
    # Neighbours of a resampled image share their noise, so that a sum over a star is less certain than its ERR.
    err = exposure.err * np.float32(exposure.sci_header.get("CORRFAC", 1.0))
    x, y = exposure.wcs.world_to_pixel_values(ra, dec)
    fitted = fit_stars(exposure.data * jy, err * jy, psf, np.rint(x), np.rint(y), broaden=broaden)
    sky = exposure.wcs.pixel_to_world_values(fitted.x, fitted.y)
    fits_sky = _fits_wcs(exposure).all_pix2world(fitted.x, fitted.y, 0)
    columns: dict[str, Any] = {name: getattr(fitted, name) * u.Jy for name in ("flux", "flux_err")}
    columns |= {name: getattr(fitted, name) * u.pix for name in ("x", "y", "x_err", "y_err")}
    columns |= {"ra": sky[0] * u.deg, "dec": sky[1] * u.deg}
    columns |= {"ra_fits": fits_sky[0] * u.deg, "dec_fits": fits_sky[1] * u.deg}
    return Table(QTable(columns))


def _check(exposure: Exposure) -> None:
    if exposure.is_integrations:
        raise InputError(f"{exposure.name}: stars are measured in one image, not in {exposure.data.shape}")
    lacking = {
        "errors": exposure.err is None,
        "a gWCS (run assign_wcs)": exposure.wcs is None,
        "PIXAR_SR (run photom)": "PIXAR_SR" not in exposure.sci_header,
    }
    if any(lacking.values()):
        raise InputError(f"{exposure.name} lacks {', '.join(name for name, lacks in lacking.items() if lacks)}")


def _jansky_per_pixel(exposure: Exposure) -> Image:
    """Return Jy per MJy / sr of each pixel, or one number for all where they are equal."""
    scale = np.float32(exposure.sci_header["PIXAR_SR"] * 1e6)
    return np.asarray(scale) if exposure.area is None else exposure.area * scale


def _fits_wcs(exposure: Exposure) -> Any:
    from astropy.wcs import WCS

    return WCS(exposure.sci_header if exposure.fits_wcs is None else exposure.fits_wcs)


def compare(measured: Table, truth: Table) -> Table:
    """Return how far measured stars are from the truth, row by row.

    Parameters
    ----------
    measured
        From `measure_stars`.
    truth
        With ``id``, ``ra``, ``dec`` [deg] and ``flux`` [Jy].

    Returns
    -------
    Table
        ``id``, ``flux`` (true) and ``measured`` [Jy], ``error`` of the flux relative to the truth, its ``pull`` (in
        units of the error that the image claims, CORRFAC included), and ``offset`` and ``offset_fits`` [mas] from
        the true place through the gWCS and through the FITS keywords.
    """
    from astropy import units as u
    from astropy.table import QTable, Table

    difference = np.asarray(measured["flux"]) - np.asarray(truth["flux"])
    columns = {
        "id": truth["id"],
        "flux": np.asarray(truth["flux"]) * u.Jy,
        "measured": np.asarray(measured["flux"]) * u.Jy,
        "error": difference / np.asarray(truth["flux"]),
        "pull": difference / np.asarray(measured["flux_err"]),
        "offset": _offset(measured, truth, "") * u.mas,
        "offset_fits": _offset(measured, truth, "_fits") * u.mas,
    }
    return Table(QTable(columns))


def _offset(measured: Table, truth: Table, suffix: str) -> Doubles:
    """Return the distance on the sky in mas; the angles are so small that the sky is flat."""
    ra, dec = np.asarray(truth["ra"]), np.asarray(truth["dec"])
    east = (np.asarray(measured[f"ra{suffix}"]) - ra + 180) % 360 - 180
    north = np.asarray(measured[f"dec{suffix}"]) - dec
    distance: Doubles = np.hypot(east * np.cos(np.deg2rad(dec)), north) * _MAS
    return distance
