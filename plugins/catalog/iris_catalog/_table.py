"""The catalogue as a table, with the column names of jwst, its header, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from iris_photom_stars import on_sky

from iris_catalog._magnitudes import ab_magnitudes
from iris_catalog._measure import Measurement
from iris_catalog._quality import Cards
from iris_catalog._scene import Scene

if TYPE_CHECKING:
    from iris_core import Array, Doubles

__all__ = ["notes_of", "table_meta", "table_of"]

_NAMES = ("30", "50", "70")
_CORNERS = {"ll": (0, 2), "ul": (0, 3), "lr": (1, 2), "ur": (1, 3)}
_HALF = 0.5


def table_of(scene: Scene, found: Measurement, vega: float) -> QTable:
    """Return the catalogue.

    Parameters
    ----------
    scene, found
        The image, and what was measured in it.
    vega
        AB - Vega; NaN where it is not known.

    Returns
    -------
    QTable
        A row for each source. Fluxes are in Jy, magnitudes NaN where there is none; of an image in another unit than
        MJy/sr fluxes are in its own and all magnitudes NaN.
    """
    x, y = found.places.T
    total, total_error = found.total()
    columns: dict[str, Any] = {
        "label": np.arange(1, len(found) + 1),
        "xcentroid": x * u.pix,
        "ycentroid": y * u.pix,
        "sky_centroid": _sky(scene, x, y),
        "aper_bkg_flux": found.background.level * scene.factor * scene.flux_unit,
        "aper_bkg_flux_err": found.background.error * scene.factor * scene.flux_unit,
    }
    for name, sums in zip(_NAMES, found.sums, strict=True):
        columns |= _light(scene, f"aper{name}", sums.flux, sums.error, vega)
    columns |= _light(scene, "aper_total", total, total_error, vega)
    columns |= _indices(found)
    columns |= {"is_extended": found.is_extended(), "is_sharp": found.is_sharp()}
    columns |= {"sharpness": found.shapes.sharpness, "roundness": found.shapes.roundness}
    columns |= _neighbours(found.places)
    columns |= _isophotes(scene, found, vega)
    columns |= {"flags": found.flags, "edge": found.edge, "exposures": _exposures(scene, found.places)}
    return QTable(columns)


def _light(scene: Scene, name: str, flux: Doubles, error: Doubles, vega: float) -> dict[str, Any]:
    """Return the columns of fluxes and their magnitudes."""
    flux, error = flux * scene.factor, error * scene.factor
    ab, ab_error = ab_magnitudes(flux, error) if scene.is_janskys else (np.full(len(flux), np.nan),) * 2
    return {
        f"{name}_flux": flux * scene.flux_unit,
        f"{name}_flux_err": error * scene.flux_unit,
        f"{name}_abmag": ab * u.mag,
        f"{name}_abmag_err": ab_error * u.mag,
        f"{name}_vegamag": (ab - vega) * u.mag,
        f"{name}_vegamag_err": np.where(np.isfinite(vega), ab_error, np.nan) * u.mag,
    }


def _indices(found: Measurement) -> dict[str, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        small, middle, large = (one.flux for one in found.sums)
        return {"CI_50_30": middle / small, "CI_70_50": large / middle, "CI_70_30": large / small}


def _neighbours(places: Doubles) -> dict[str, Any]:
    """Return the label of the nearest source, 0 where there is no other, and its distance."""
    from scipy.spatial import cKDTree

    if len(places) < 2:
        nobody = np.zeros(len(places), dtype=int)
        return {"nn_label": nobody, "nn_dist": np.full(len(places), np.nan) * u.pix}
    distance, index = cKDTree(places).query(places, k=2)
    return {"nn_label": index[:, 1] + 1, "nn_dist": distance[:, 1] * u.pix}


def _isophotes(scene: Scene, found: Measurement, vega: float) -> dict[str, Any]:
    outlines, (x, y) = found.outlines, found.places.T
    boxes = outlines.boxes + np.array([-_HALF, _HALF, -_HALF, _HALF])
    columns = _light(scene, "isophotal", outlines.flux, outlines.error, vega)
    columns |= {
        "isophotal_area": outlines.area * u.pix**2,
        "semimajor_sigma": outlines.major * u.pix,
        "semiminor_sigma": outlines.minor * u.pix,
        "ellipticity": outlines.ellipticity,
        "orientation": outlines.angle * u.deg,
        "sky_orientation": _position_angle(scene, x, y, outlines.angle) * u.deg,
    }
    return columns | {
        f"sky_bbox_{name}": _sky(scene, boxes[:, column], boxes[:, row]) for name, (column, row) in _CORNERS.items()
    }


def _exposures(scene: Scene, places: Doubles) -> Array:
    """Return how many exposures there are at some places."""
    if scene.context is None:
        return np.ones(len(places), dtype=int)
    height, width = scene.frame.bad.shape
    column, row = np.clip(np.rint(places).astype(int).T, 0, [[width - 1], [height - 1]])
    bits = np.ascontiguousarray(scene.context[:, row, column]).view(np.uint32)
    return np.asarray(np.bitwise_count(bits).sum(axis=0, dtype=int))


def _sky(scene: Scene, x: Doubles, y: Doubles) -> SkyCoord:
    """Return ICRS coordinates, whatever frame the image has."""
    if not len(x):
        return SkyCoord(np.empty(0), np.empty(0), unit="deg")
    found = on_sky(scene.wcs, x, y).icrs
    return SkyCoord(found.ra, found.dec)


def _position_angle(scene: Scene, x: Doubles, y: Doubles, angle: Doubles) -> Doubles:
    """Return the angle of the longer axis from north through east, 0 to 180 degrees."""
    if not len(x):
        return np.empty(0)
    step = np.deg2rad(angle)
    here, there = _sky(scene, x, y), _sky(scene, x + np.cos(step), y + np.sin(step))
    return np.asarray(here.position_angle(there).deg % 180)


def notes_of(scene: Scene, found: Measurement, vega: float, vega_origin: str) -> list[str]:
    """Return the notes for the user; that Vega magnitudes are not known is said in the header of the table alone."""
    correction = found.correction
    notes = [*found.detection.notes]
    if not len(found):
        return [*notes, "the catalogue is empty: no source stands out of the noise"]
    extended = int(np.count_nonzero(found.is_extended()))
    notes.append(f"{len(found)} sources, {extended} of them extended; FWHM of a star {found.detection.fwhm:.2f} pixels")
    if (sharp := found.is_sharp()).any():
        alone = _exposures(scene, found.places[sharp]) == 1
        notes.append(
            f"sharper than a star (is_sharp), as cosmic rays and bad pixels are: {alone.size}, "
            f"{np.count_nonzero(alone)} of them where there is one exposure"
        )
    if correction.is_known:
        factor, error = correction.factor[-1], correction.error[-1]
        notes.append(
            f"aperture correction {factor:.4f} +- {error:.4f} ({error / factor:.1%}) of the radius "
            f"{correction.radii[-1]:.2f} pixels, {correction.origin}"
        )
    else:
        notes.append(correction.origin)
    if not scene.knows_errors:
        notes.append(
            "the errors of the image are unknown: the scatter of the sky stands for them, without photon noise"
        )
    if not scene.is_janskys:
        notes.append(f"fluxes are in {scene.flux_unit}: without photom there are no magnitudes")
    elif np.isfinite(vega):
        notes.append(f"AB - Vega {vega_origin}")
    return notes


def table_meta(scene: Scene, found: Measurement, cards: Cards, vega_origin: str) -> dict[str, Any]:
    """Return what the header of the table has: apertures, their corrections, AB - Vega, the quality of the image."""
    scale, correction = scene.pixel_scale, found.correction
    # What was just made of many exposures has no file yet, and the name of the first of them.
    meta: dict[str, Any] = {"image": scene.name} if scene.header.get("NEXP", 1) == 1 else {}
    meta |= {"correction": correction.origin, "ab_vega": vega_origin}
    for name, radius, factor, error in zip(_NAMES, correction.radii, correction.factor, correction.error, strict=True):
        meta[f"aper{name}_radius_arcsec"] = radius * scale
        meta[f"aper{name}_correction"] = float(factor)
        meta[f"aper{name}_correction_err"] = float(error)
    return meta | {key: value for key, (value, _) in cards.items()}
