"""The zero point in the product: keywords and notes."""

from __future__ import annotations

from typing import Any

from iris_photom_stars._area import SQUARE_ARCSEC
from iris_photom_stars._catalog import Catalog
from iris_photom_stars._result import STATUSES, ZeroPoint

__all__ = ["comparison_of", "keywords_of", "notes_of", "shift_of", "unused"]


def keywords_of(zero: ZeroPoint, unit: str, band: str) -> dict[str, tuple[Any, str]]:
    """Return the FITS cards; `unit` is that of the exposure as it was measured, `band` that of the catalogue."""
    return {
        "PHOTMJSR": (zero.photmjsr, f"MJy/sr per {unit}"),
        "PHOTUJA2": (zero.photmjsr * 1e12 * SQUARE_ARCSEC, f"uJy/arcsec2 per {unit}"),
        "PHOTUNC": (zero.relative_error, "relative uncertainty of PHOTMJSR"),
        "PIXAR_SR": (zero.pixel_area, "mean area of a pixel, sr"),
        "PIXAR_A2": (zero.pixel_area / SQUARE_ARCSEC, "mean area of a pixel, arcsec2"),
        "ZP_AB": (zero.value, f"[mag] AB magnitude of 1 {unit}"),
        "ZP_ERR": (zero.error, "[mag] standard deviation of ZP_AB"),
        "ZP_NSTAR": (zero.number, "stars in ZP_AB"),
        "ZP_SCAT": (zero.mean.scatter, "[mag] scatter of the stars"),
        "ZP_INTR": (zero.mean.intrinsic, "[mag] scatter beyond the stars' errors"),
        "ZP_APER": (zero.apertures.star * zero.pixel_scale, "[arcsec] radius of the aperture"),
        "ZP_APCOR": (zero.correction, "[mag] aperture correction"),
        "ZP_BAND": (band, "band of the catalogue"),
    }


def notes_of(zero: ZeroPoint, catalog: Catalog, unit: str, origin: str = "as given") -> list[str]:
    """Return the notes for the user, a sentence each; `origin` is that of a correction from no star of the image."""
    counts, scale = zero.counts(), zero.pixel_scale
    notes = [
        f"zero point {zero.value:.4f} +- {zero.error:.4f} mag (AB magnitude of 1 {unit}) from "
        f"{zero.number} of {sum(counts.values())} stars of {catalog.name}, band {catalog.band}; their scatter is "
        f"{zero.mean.scatter:.4f} mag, {zero.mean.intrinsic:.4f} beyond their errors",
        f"not used: {unused(zero)}",
        f"aperture of {zero.apertures.star:.2f} pixels ({zero.apertures.star * scale:.3g} arcsec, FWHM {zero.fwhm:.2f} "
        f"pixels), correction {zero.correction:.4f} mag {_origin(zero, origin)}",
        f"the exposure lies {shift_of(zero)} pixels from the catalogue; the stars scatter by {zero.offset_rms:.3f} "
        f"pixels around that",
    ]
    if catalog.incomplete:
        notes.append(f"{catalog.incomplete} stars of {catalog.name} lack a place, a magnitude or its error; not used")
    if zero.growth.wings:
        notes.append(
            f"the curve of growth still rises at its end: {zero.growth.wings:.2%} of the light may be missing, which "
            f"is in the error"
        )
    return notes


def _origin(zero: ZeroPoint, origin: str) -> str:
    number = int(zero.growth.used.sum())
    return f"from {number} stars, all light within {zero.apertures.total:.1f} pixels" if number else origin


def unused(zero: ZeroPoint) -> str:
    """Return how many stars were not used, by reason."""
    counts = zero.counts()
    return ", ".join(f"{counts[reason]} {reason}" for reason in STATUSES[:-1] if counts[reason]) or "none"


def comparison_of(zero: ZeroPoint, stated: float | None) -> list[str]:
    """Return a comparison with the zero point of the product's calibration, a sentence or none."""
    if stated is None:
        return []
    difference = zero.value - stated
    return [
        f"the product was calibrated with {stated:.4f} mag; measured minus that is {difference:+.4f} mag "
        f"({difference / zero.error:+.1f} standard deviations; above 0 its stars come out too bright)"
    ]


def shift_of(zero: ZeroPoint) -> str:
    """Return the common shift in words, without a zero that has a sign."""
    return "({:+.2f}, {:+.2f})".format(*(round(axis, 2) + 0.0 for axis in zero.shift))
