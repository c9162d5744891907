"""What is said of a catalogue: notes of the stage, and the header of the table."""

from __future__ import annotations

from typing import Any

import numpy as np

from iris_catalog._measure import Measurement
from iris_catalog._quality import Cards
from iris_catalog._scene import Scene

__all__ = ["notes_of", "table_meta"]


def notes_of(scene: Scene, found: Measurement, vega: float, vega_origin: str) -> list[str]:
    """Return the notes for the user; that Vega magnitudes are not known is said in the header of the table alone."""
    correction = found.correction
    notes = [*found.detection.notes]
    if not len(found):
        return [*notes, "the catalogue is empty: no source stands out of the noise"]
    extended = int(np.count_nonzero(found.is_extended()))
    notes.append(f"{len(found)} sources, {extended} of them extended; FWHM of a star {found.detection.fwhm:.2f} pixels")
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
    meta: dict[str, Any] = {"image": scene.name, "correction": correction.origin, "ab_vega": vega_origin}
    for name, radius, factor, error in zip(
        ("30", "50", "70"), correction.radii, correction.factor, correction.error, strict=True
    ):
        meta[f"aper{name}_radius_arcsec"] = radius * scale
        meta[f"aper{name}_correction"] = float(factor)
        meta[f"aper{name}_correction_err"] = float(error)
    return meta | {key: value for key, (value, _) in cards.items()}
